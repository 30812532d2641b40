"""Outputs of trained runs by their names: before the link, as both strands are read, and what cannot be asked for."""

from __future__ import annotations

import pytest
import torch

from palindra.data.task import Task
from palindra.errors import InputError
from palindra.interpretation.attribution import (
    CORRECTED_GRADIENT,
    INPUT_TIMES_GRADIENT,
    SALIENCY,
    DeepLiftShap,
    DinucleotideShuffles,
    InSilicoMutagenesis,
    IntegratedGradients,
    SmoothGrad,
    attribute,
    labelled_output,
    positive_rows,
    profile_shape,
    total,
    track_output,
    value,
)
from palindra.models import Predictor, StrandCNN, StrandCNNConfig
from palindra.models.mean_variance import SPREADS, MeanVariance, parameter_target
from palindra.models.saving import load, load_run, save_run, seal
from palindra.models.track_models import TRACK_MODELS
from palindra.models.track_saving import load_track_run, save_track_run
from palindra.symmetry import DNA_STRAND, Position, Target

LENGTH = 60
METHODS = [
    SALIENCY,
    INPUT_TIMES_GRADIENT,
    CORRECTED_GRADIENT,
    SmoothGrad(samples=2),
    IntegratedGradients(steps=2),
    InSilicoMutagenesis(),
    DeepLiftShap(DinucleotideShuffles(3)),
]


def labelled_run(folder, task=Task.BINARY, outputs=1, members=1, both=False, target=None, involution=Position.REVERSE):
    torch.manual_seed(0)
    target = target or Target.invariant(outputs)
    config = StrandCNNConfig(length=LENGTH, target=target, outputs=outputs, involution=involution)
    units = {"offset": [3.0] * outputs, "scale": [2.0] * outputs} if task is Task.REGRESSION else {}
    predictor = Predictor(
        [StrandCNN(config) for _ in range(members)], both_strands=[both] * members, task=task, target=target, **units
    ).eval()
    names = ["bound", "open", "active"][:outputs]
    data = {"length": LENGTH, "alphabet": "dna", "targets": names, "classes": names}
    save_run(folder, predictor, models=[{"model": "strand_cnn"}] * members, config={"data": data})
    seal(folder)
    return load_run(folder)


PAIR = Target.paired([1, 0, 2], Position.REVERSE)
TRACKS = ("plus", "minus", "atac")


def track_run(folder, loss="poisson", name="track_resnet", both=False, **options):
    torch.manual_seed(0)
    build, kind = TRACK_MODELS[name]
    sizes = {"track_resnet": {"width": 6, "dilations": (1,)}, "bpnet-original": {"width": 6, "layers": 2}}[name]
    target = Target.paired([1, 0, 2]) if options.get("binary") else PAIR
    settings = {"bin_size": 5, "target": target, "outputs": 3, **sizes, **options}
    model = build(kind(length=LENGTH, **settings)).eval()
    save_track_run(
        folder, model, model=name, strategy="regular", loss=loss, tracks=TRACKS, target=PAIR, both_strands=both,
        config={},
    )  # fmt: skip
    seal(folder)
    return load_track_run(folder)


def test_a_label_is_explained_by_its_logit(tmp_path, make_sequences):
    run, x = labelled_run(tmp_path, members=2), make_sequences(3, LENGTH)
    chosen = labelled_output(run)
    found = chosen.attribute(x)
    assert (chosen.name, chosen.unit, chosen.length, chosen.above) == ("bound", "logit", LENGTH, 0.0)
    assert torch.allclose(found.outputs, run.predictor.logits(x)[:, 0], atol=1e-6)
    assert found.delta.max() < 1e-5


def test_a_value_is_explained_in_the_units_of_the_labels(tmp_path, make_sequences):
    run, x = labelled_run(tmp_path, Task.REGRESSION, 2), make_sequences(3, LENGTH)
    found = labelled_output(run, "open").attribute(x)
    assert torch.allclose(found.outputs, run.predictor(x)[:, 1], atol=1e-5)
    assert labelled_output(run, "open").above is None


def test_a_class_is_explained_beside_the_mean_of_all(tmp_path, make_sequences):
    run, x = labelled_run(tmp_path, Task.MULTICLASS, 3), make_sequences(3, LENGTH)
    found = [labelled_output(run, name).attribute(x) for name in ("bound", "open", "active")]
    assert torch.allclose(sum(one.values for one in found), torch.zeros(3, 4, LENGTH), atol=1e-5)
    logits = torch.stack([one.outputs for one in found], 1)
    assert torch.allclose(logits.softmax(1), run.predictor(x), atol=1e-6)


def test_a_value_with_a_spread_is_explained_without_it(make_sequences):
    target = Target.paired([1, 0])
    config = StrandCNNConfig(length=LENGTH, target=parameter_target(target, 2), outputs=4)
    torch.manual_seed(0)
    network = MeanVariance(StrandCNN(config), SPREADS["gaussian"])
    predictor = Predictor([network], both_strands=[False], task=Task.REGRESSION, target=target).eval()
    x = make_sequences(2, LENGTH)
    found = attribute(predictor, x, output=value(1))
    assert torch.allclose(found.outputs, network(x)[:, 1, 0], atol=1e-6)
    assert found.delta.max() < 1e-5


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{METHODS.index(method)} {type(method).__name__}")
@pytest.mark.parametrize("both", [False, True], ids=["equivariant", "both strands"])
def test_maps_of_runs_agree_with_their_own_reverse_complement(method, both, tmp_path, make_sequences):
    involution = None if both else Position.REVERSE
    paired = labelled_run(
        tmp_path / "labels", Task.MULTILABEL, 2, both=both, target=Target.paired([1, 0]), involution=involution
    )
    strands = track_run(tmp_path / "tracks", both=both, involution=involution)
    chosen = [
        labelled_output(paired, "open"),
        track_output(strands, "plus", start=1, end=5),
        track_output(strands, "minus", part="shape"),
    ]
    x = make_sequences(2, LENGTH)
    for one in chosen:
        given, turned = one.attribute(x, method=method), one.turned.attribute(DNA_STRAND.act(x), method=method)
        assert (DNA_STRAND.act(turned.values) - given.values).abs().max() < 1e-5 * given.values.abs().max().clamp(min=1)
        assert given.values.abs().max() > 1e-6
        assert torch.allclose(given.outputs, turned.outputs, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "part", "output"),
    [
        ({}, "total", total(0)),
        ({}, "shape", profile_shape(0, logits=False)),
        ({"loss": "multinomial", "output": "linear"}, "shape", profile_shape(0)),
        ({"loss": "mse", "output": "linear"}, "total", total(0)),
        ({"loss": "bpnet", "name": "bpnet-original"}, "total", value(0, field="log_counts")),
        ({"loss": "bpnet", "name": "bpnet-original"}, "shape", profile_shape(0, field="profile")),
        ({"loss": "bce", "output": "linear", "binary": True}, "total", value(0)),
    ],
    ids=["poisson total", "poisson shape", "multinomial", "mse", "bpnet total", "bpnet shape", "bce"],
)
def test_parts_of_tracks_are_those_of_the_loss(options, part, output, tmp_path, make_sequences):
    run, x = track_run(tmp_path, **options), make_sequences(2, LENGTH)
    chosen = track_output(run, "plus", part=part)
    found, expected = chosen.attribute(x), attribute(run.network, x, output=output)
    assert torch.equal(found.values, expected.values)
    assert found.delta.max() < 1e-4
    turned = chosen.turned.attribute(DNA_STRAND.act(x))
    assert torch.allclose(turned.outputs, found.outputs, atol=1e-4)


def test_whatever_load_gives_can_be_explained(tmp_path, make_sequences):
    labelled_run(tmp_path / "labels")
    track_run(tmp_path / "tracks")
    track_run(tmp_path / "counts", "bpnet", "bpnet-original")
    x = make_sequences(2, LENGTH)
    for folder, output in (("labels", None), ("tracks", total(2)), ("counts", total(0))):
        model = load(tmp_path / folder)
        for method in METHODS:
            found = attribute(model, x, method=method, output=output)
            assert found.values.shape == (2, 4, LENGTH)
            if isinstance(method, DeepLiftShap):
                assert found.delta.max() < 1e-4


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({}, {}, r"say which track is explained \(plus, minus, atac\)"),
        ({}, {"name": "Plus"}, "no track 'Plus', only plus, minus, atac. Did you mean plus"),
        ({}, {"name": "plus", "part": "height"}, "part 'height'"),
        ({"loss": "multinomial", "output": "linear"}, {"name": "plus"}, "shares of each window"),
        ({"loss": "mse", "output": "linear"}, {"name": "plus", "part": "shape"}, "any sign"),
        ({"loss": "bce", "output": "linear", "binary": True}, {"name": "plus", "part": "shape"}, "no positions"),
        ({"loss": "bpnet", "name": "bpnet-original"}, {"name": "plus", "end": 3}, "leave out start and end"),
        ({}, {"name": "plus", "part": "shape", "start": 3}, "leave out start and end"),
    ],
    ids=str,
)
def test_what_a_track_run_does_not_give_is_named(options, arguments, message, tmp_path):
    with pytest.raises(InputError, match=message):
        track_output(track_run(tmp_path, **options), **arguments)


def test_what_a_labelled_run_does_not_give_is_named(tmp_path, make_sequences):
    run = labelled_run(tmp_path, Task.MULTILABEL, 2)
    with pytest.raises(InputError, match=r"say which label is explained \(bound, open\)"):
        labelled_output(run)
    with pytest.raises(InputError, match="no label 'closed'"):
        labelled_output(run, "closed")
    with pytest.raises(InputError, match="reads 60 letters, and sequences of 50"):
        labelled_output(run, "open").attribute(make_sequences(1, 50))


def test_a_strand_specific_output_has_no_other_strand(tmp_path, make_sequences):
    run = labelled_run(tmp_path, target=Target.strand_specific(), involution=None)
    chosen = labelled_output(run)
    assert chosen.attribute(make_sequences(1, LENGTH)).values.abs().max() > 0
    with pytest.raises(InputError, match="strand-specific"):
        _ = chosen.turned


def test_positive_rows_come_highest_first():
    outputs = torch.tensor([1.0, -3.0, 0.0, 7.0, 2.0])
    assert positive_rows(outputs).tolist() == [3, 4, 0]
    assert positive_rows(outputs, above=1.5, most=1).tolist() == [3]
    for nothing in (outputs - 10, outputs[:0]):
        with pytest.raises(InputError, match="no positive prediction to explain: bound exceeds 0 for no sequence"):
            positive_rows(nothing, name="bound")
