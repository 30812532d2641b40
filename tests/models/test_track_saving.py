"""Run folders of tracks come back as they were saved, whatever the loss, and damage is told."""

from __future__ import annotations

import pytest
import torch

import palindra
from palindra.errors import InputError
from palindra.models.saving import load_run, seal
from palindra.models.track_models import TRACK_MODELS
from palindra.models.track_saving import Coverage, ScaledTracks, load_track_run, save_track_run
from palindra.symmetry import DNA_STRAND, Position, Rep, Target

PAIR = Target.paired([1, 0, 2], Position.REVERSE)
NAMES = ("plus", "minus", "atac")


def network(name="track_resnet", **options):
    torch.manual_seed(0)
    build, kind = TRACK_MODELS[name]
    sizes = {"track_resnet": {"width": 6, "dilations": (1,)}, "bpnet-original": {"width": 6, "layers": 2}}[name]
    return build(kind(length=60, bin_size=5, target=PAIR, outputs=3, **sizes | options)).eval()


def saved(folder, model, name="track_resnet", loss="poisson", **options):
    common = {"strategy": "regular", "tracks": NAMES, "target": PAIR, "both_strands": False, "config": {}}
    save_track_run(folder, model, model=name, loss=loss, **common | options)
    seal(folder)
    return folder


@pytest.fixture
def x():
    codes = torch.randint(4, (3, 60), generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.one_hot(codes, 4).mT.float()


@pytest.mark.parametrize("scale", [None, [2.0, 2.0, 50.0]])
def test_a_network_comes_back_with_everything_said_of_it(tmp_path, x, scale):
    inner = network(channel_type=Rep(even=3, odd=1))
    model = inner if scale is None else ScaledTracks(inner, scale)
    run = load_track_run(saved(tmp_path, model, config={"run": {"seed": 7}}))
    assert torch.equal(run.network(x), model(x))
    assert not run.network.training
    assert (run.tracks, run.target, run.loss, run.length, run.bin_size) == (NAMES, PAIR, "poisson", 60, 5)
    assert (run.both_strands, run.table["run"]["seed"]) == (False, 7)
    if scale is not None:
        assert torch.allclose(run.network(x), inner(x) * torch.tensor(scale)[:, None])
        assert torch.allclose(run.network(DNA_STRAND.act(x)), PAIR.act(run.network(x)), atol=1e-4)


def test_load_gives_coverage_whatever_the_loss_reads(tmp_path, x):
    linear = network(output="linear")
    assert torch.equal(palindra.load(saved(tmp_path / "poisson", network()))(x), network()(x))
    shares = palindra.load(saved(tmp_path / "multinomial", linear, loss="multinomial"))(x)
    assert torch.allclose(shares.sum(-1), torch.ones(3, 3))
    counts = network("bpnet-original")
    given = palindra.load(saved(tmp_path / "bpnet", counts, "bpnet-original", "bpnet"))(x)
    profile, log_counts = counts(x)
    assert torch.allclose(given.sum(-1), (log_counts.exp() - 1).clamp(min=0), atol=1e-4)
    assert torch.allclose(given, profile.softmax(-1) * given.sum(-1, keepdim=True), atol=1e-5)


def test_a_binary_model_gives_probabilities_and_one_bin(tmp_path, x):
    labels = Target.paired([1, 0, 2])
    build, kind = TRACK_MODELS["track_resnet"]
    model = build(kind(length=60, target=labels, outputs=3, width=6, dilations=(1,), output="linear", binary=True))
    folder = saved(tmp_path, model.eval(), loss="bce")
    assert load_track_run(folder).bin_size == 60
    assert torch.allclose(palindra.load(folder)(x), model(x).sigmoid())


def test_both_strands_are_averaged_by_the_targets_action(tmp_path, x):
    model = network(involution=None)
    both = palindra.load(saved(tmp_path, model, both_strands=True))
    assert not torch.allclose(PAIR.act(model(DNA_STRAND.act(x))), model(x), atol=1e-3)
    assert torch.allclose(both(DNA_STRAND.act(x)), PAIR.act(both(x)), atol=1e-6)
    assert torch.allclose(both(x), (model(x) + PAIR.act(model(DNA_STRAND.act(x)))) / 2)


def test_averaged_log_counts_swap_and_do_not_reverse(x):
    model = network("bpnet-original", involution=None)
    both = Coverage(model, "bpnet", PAIR)
    assert torch.allclose(both(DNA_STRAND.act(x)), PAIR.act(both(x)), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "config.toml").write_text((f / "config.toml").read_text() + "\n"), "checksum differs"),
        (lambda f: (f / "weights.safetensors").unlink(), "is missing"),
        (lambda f: (f / "checksums.json").unlink(), "was not finished"),
    ],
)
def test_damage_is_told(tmp_path, change, message):
    folder = saved(tmp_path, network())
    change(folder)
    for read in (load_track_run, palindra.load):
        with pytest.raises(InputError, match=message):
            read(folder)


def test_the_two_kinds_of_runs_are_told_apart(tmp_path):
    folder = saved(tmp_path, network())
    with pytest.raises(InputError, match="holds a model of tracks"):
        load_run(folder)
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('kind = "tracks"', 'kind = "labels"'))
    seal(folder)
    with pytest.raises(InputError, match="holds a model of labelled sequences"):
        load_track_run(folder)


def test_a_missing_entry_is_named(tmp_path):
    folder = saved(tmp_path, network())
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("both_strands", "both"))
    seal(folder)
    with pytest.raises(InputError, match="has no entry 'both_strands'"):
        load_track_run(folder)
