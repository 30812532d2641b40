"""Every model of the zoo: contributions add up, and those of the other strand are the reversed ones."""

from __future__ import annotations

import pytest
import torch

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
    full_passes,
    on_simplex,
    profile_shape,
    total,
    uniform,
    value,
    zeros,
)
from palindra.models import MODELS
from palindra.models.track_heads import ProfileAndCounts
from palindra.models.track_models import TRACK_MODELS
from palindra.symmetry import DNA_STRAND, Position, Target

METHODS = {
    "saliency": SALIENCY,
    "input x gradient": INPUT_TIMES_GRADIENT,
    "corrected": CORRECTED_GRADIENT,
    "integrated": IntegratedGradients(DinucleotideShuffles(2), steps=2, path=on_simplex),
    "smooth": SmoothGrad(samples=2),
    "mutagenesis": InSilicoMutagenesis(full_passes),
    "deeplift": DeepLiftShap(DinucleotideShuffles(4)),
}
FURTHER = {
    "local mutagenesis": InSilicoMutagenesis(),
    "integrated from uniform": IntegratedGradients(steps=4),
    "integrated from zeros": IntegratedGradients(zeros, steps=3),
    "deeplift from uniform": DeepLiftShap(uniform),
}


def explained_outputs(model, x):
    """Outputs to explain, each with how it moves."""
    y = model(x)
    target = model.config.target
    if isinstance(y, ProfileAndCounts):
        totals = Target(target.rep, Position.IDENTITY, target.order)
        return [(profile_shape(1, field="profile"), target), (value(0, field="log_counts"), totals)]
    return [(total(1, start=1), target)] if y.dim() == 3 else [(value(y.shape[1] - 1), target)]


def test_contributions_add_up_to_the_change_of_the_output(zoo_model, make_sequences):
    x = make_sequences(2, zoo_model.config.length)
    for output, _ in explained_outputs(zoo_model, x):
        found = attribute(zoo_model, x, output=output)  # 20 dinucleotide shuffles
        assert found.delta.max() < 1e-3 * (found.outputs - found.baseline).abs().max().clamp(max=1)
        assert torch.allclose(found.values.sum((1, 2)), found.outputs - found.baseline, atol=1e-4)
        assert found.values.abs().max() > 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_the_other_strand_has_the_reversed_attributions(method, symmetric_model, make_sequences):
    assert_reversed(METHODS[method], symmetric_model.double(), make_sequences)


@pytest.mark.parametrize("method", FURTHER)
@pytest.mark.parametrize("name", ["bpnet-original", "danq"])
def test_so_have_they_with_every_baseline_and_local_mutants(method, name, make_track_model, make_sequences):
    assert_reversed(FURTHER[method], make_track_model(name, "mixed").double(), make_sequences)


def assert_reversed(method, model, make_sequences):
    x = make_sequences(2, model.config.length).double()
    for output, target in explained_outputs(model, x):
        given = attribute(model, x, method=method, output=output)
        turned = attribute(model, DNA_STRAND.act(x), method=method, output=output.turned(target))
        largest = given.values.abs().max()
        assert largest > 1e-6
        assert (DNA_STRAND.act(turned.values) - given.values).abs().max() < 1e-8 * largest
        assert (DNA_STRAND.act(turned.hypothetical) - given.hypothetical).abs().max() < 1e-7 * largest
        assert (turned.positions.flip(1) - given.positions).abs().max() < 1e-7 * largest
        if isinstance(method, DeepLiftShap):
            assert max(given.delta.max(), turned.delta.max()) < 1e-9


@pytest.mark.parametrize("method", ["saliency", "deeplift"])
def test_in_single_precision_they_are_so_but_for_rounding(method, symmetric_model, make_sequences):
    """Where a number lies on the kink of a function but for rounding, it does not; these sequences have none."""
    x = make_sequences(2, symmetric_model.config.length)
    for output, target in explained_outputs(symmetric_model, x):
        given = attribute(symmetric_model, x, method=METHODS[method], output=output)
        turned = attribute(symmetric_model, DNA_STRAND.act(x), method=METHODS[method], output=output.turned(target))
        apart = (DNA_STRAND.act(turned.values) - given.values).abs().max()
        assert apart < 1e-5 * given.values.abs().max().clamp(min=1)


@pytest.mark.parametrize("name", ["basset", "cnn-32", "residualbind-32", "track_resnet", "danq"])
@pytest.mark.parametrize("method", [SALIENCY, DeepLiftShap(DinucleotideShuffles(4))], ids=["saliency", "deeplift"])
def test_runs_of_letters_have_no_preferred_end(name, method, make_track_model):
    """Their pooling windows are all ties, of which the stock backward pass takes the first."""
    model = make_track_model(name)
    length = model.config.length
    letters = ("A" * 21 + "CG" * 5 + "AT" * 4 + "T" * 31 + "GCA" * 5) * 4
    x = torch.eye(4)[["ACGT".index(letter) for letter in letters[:length]]].mT[None]
    output, target = explained_outputs(model, x)[0]
    given = attribute(model, x, method=method, output=output)
    turned = attribute(model, DNA_STRAND.act(x), method=method, output=output.turned(target))
    assert (DNA_STRAND.act(turned.values) - given.values).abs().max() < 1e-5 * given.values.abs().max()


def test_a_model_without_symmetry_is_explained_on_both_strands_where_asked(make_sequences):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv1d(4, 5, 7), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(70, 1))
    x = make_sequences(3, 20)
    alone = [attribute(model, sequence).values for sequence in (x, DNA_STRAND.act(x))]
    assert (DNA_STRAND.act(alone[1]) - alone[0]).abs().max() > 1e-3
    both = [attribute(model, sequence, reading=Target.invariant(1)).values for sequence in (x, DNA_STRAND.act(x))]
    assert torch.allclose(DNA_STRAND.act(both[1]), both[0], atol=1e-6)


@pytest.mark.parametrize("draw", [DinucleotideShuffles(4), uniform, zeros], ids=["shuffles", "uniform", "zeros"])
def test_references_of_the_other_strand_are_the_reversed_ones(draw, make_sequences):
    x = make_sequences(5, 31)
    given = draw(x, 2)
    assert torch.equal(draw(DNA_STRAND.act(x), 2), given.flip(-1, -2))


def test_references_of_a_sequence_that_is_its_own_reverse_complement_are_closed():
    x = torch.eye(4)[[0, 1, 3, 0, 2, 1, 3, 0, 2, 3]].mT[None]
    assert torch.equal(DNA_STRAND.act(x), x)
    drawn = DinucleotideShuffles(6)(x)[0]
    assert sorted(drawn.flatten(1).tolist()) == sorted(drawn.flip(-1, -2).flatten(1).tolist())


def test_references_do_not_depend_on_the_batches(make_track_model, make_sequences):
    model = make_track_model("bpnet")
    x, method = make_sequences(5, 90), DeepLiftShap(DinucleotideShuffles(6))
    found = [attribute(model, x, output=total(0), method=method, batch_size=size) for size in (1, 2, 7, 64)]
    for other in found[1:]:
        assert torch.allclose(other.values, found[0].values, atol=1e-6)


def test_every_model_of_the_zoo_is_here(zoo_entries):
    names = {name.split()[0] for name, _ in zoo_entries}
    tokens = {"language_model"}  # letters become tokens, which have no gradient: refused, see its own tests
    assert names >= {*MODELS, *TRACK_MODELS} - tokens


@pytest.mark.parametrize(
    "options",
    [
        {"first_activation": "exponential"},
        {"first_activation": "exponential", "involution": None},
        {"activation": "silu"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", TRACK_MODELS)
def test_so_they_do_with_other_activations_and_without_symmetry(name, options, make_track_model, make_sequences):
    model = make_track_model(name, **options)
    x = make_sequences(2, model.config.length)
    for output, _ in explained_outputs(model, x):
        found = attribute(model, x, output=output, method=DeepLiftShap(DinucleotideShuffles(5)))
        assert found.delta.max() < 1e-3 * (found.outputs - found.baseline).abs().max().clamp(max=1)


@pytest.mark.parametrize("name", ["track_resnet", "basenji", "bpnet"])
def test_so_they_do_with_a_head_for_each_task(name, make_track_model, make_sequences):
    model = make_track_model(name, "mixed", head="task", head_width=3)
    x = make_sequences(2, model.config.length)
    assert attribute(model, x, output=total(1)).delta.max() < 1e-4
    assert_reversed(METHODS["deeplift"], model.double(), make_sequences)
