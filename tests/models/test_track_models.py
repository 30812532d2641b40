"""Every model of tracks and windows: declared outputs on both strands, heads, the standard variant, first outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from palindra.models.plain import from_plain, to_plain
from palindra.models.track_heads import ProfileAndCounts
from palindra.models.track_models import TRACK_MODELS
from palindra.nn import count_parameters
from palindra.symmetry import DNA_STRAND, Position, Rep, Target, equivariance_error

SMALL: dict[str, dict[str, Any]] = {
    "track_resnet": {"length": 120, "bin_size": 15, "width": 7, "dilations": (1, 2), "bin_dilations": (1,)},
    "basenji": {"length": 96, "bin_size": 8, "width": 7, "bottleneck": 5, "layers": 3, "last_width": 9},
    "bpnet": {"length": 90, "bin_size": 5, "width": 7, "layers": 3},
    "bpnet-original": {"length": 91, "width": 7, "layers": 2},
    "cnn": {"length": 135, "bin_size": 5, "widths": (7, 6, 9), "dense_width": 11, "bin_width": 5, "tail_width": 7},
    "cnn-32": {"length": 160, "widths": (5, 6, 7), "dense_width": 10, "bin_width": 3, "tail_width": 6},
    "residualbind": {
        "length": 101,
        "widths": (5, 6, 7),
        "residual_layers": (2, 0, 3),
        "dense_width": 9,
        "tail_width": 6,
        "tail_residual_layers": 2,
    },
    "residualbind-32": {"length": 192, "widths": (5, 6, 7), "residual_layers": (2, 1, 2), "neck_width": 9},
    "basenji-binary": {"length": 90, "width": 7, "bottleneck": 5, "layers": 2, "last_width": 9},
    "cnn-binary": {"length": 131, "widths": (7, 6, 9), "dense_width": 11},
    "residualbind-binary": {"length": 70, "widths": (5, 6, 7), "residual_layers": (2, 1, 1), "dense_width": 9},
    "basset": {"length": 101, "widths": (7, 6, 9), "dense_widths": (11, 8)},
    "deepsea": {"length": 185, "widths": (7, 6, 9), "dense_width": 11},
    "danq": {"length": 110, "width": 7, "recurrent_width": 5, "dense_width": 11},
}
TRACKS = [name for name, (_, config) in TRACK_MODELS.items() if config(length=256).gives_tracks]
TYPES = {"regular": Rep(regular=1), "irreps": Rep(even=2, odd=1), "mixed": Rep(regular=1, even=1, odd=1)}
PARTNERS = {"invariant": [0, 1], "pair": [1, 0], "pairs and one": [3, 1, 4, 0, 2]}


def sequences(rows: int, length: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.eye(5, 4, dtype=torch.float64)[torch.randint(5, (rows, length), generator=generator)]
    return x.mT.contiguous()  # the fifth letter is N


def built(name: str, partners: list[int] | None = None, **options: Any) -> nn.Module:
    """A small model whose every parameter was moved from where it started (some start at 0)."""
    kind, config = TRACK_MODELS[name]
    options = {**SMALL[name], **options}
    if partners is not None:
        position = Position.REVERSE if config(length=256).gives_tracks else Position.IDENTITY
        options = {"target": Target.paired(partners, position), "outputs": len(partners), **options}
    torch.manual_seed(0)
    model = kind(config(**options)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def parts(output: Tensor | ProfileAndCounts) -> list[Tensor]:
    return list(output) if isinstance(output, ProfileAndCounts) else [output]


def strand_error(model: nn.Module, x: Tensor) -> float:
    """The largest deviation over the outputs of a model, totals moved as vectors."""
    target = model.config.target

    def output(part: int) -> Callable[[Tensor], Tensor]:
        def run(x: Tensor) -> Tensor:
            torch.manual_seed(1)  # the same dropout for a sequence and its reverse complement
            return parts(model(x))[part]

        return run

    totals = Target(target.rep, Position.IDENTITY, target.order)
    kinds = [target, totals][: len(parts(model(x)))]
    return max(equivariance_error(output(part), DNA_STRAND, kind, x) for part, kind in enumerate(kinds))


def test_every_model_has_a_small_case():
    assert SMALL.keys() == TRACK_MODELS.keys()


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("partners", PARTNERS.values(), ids=PARTNERS)
@pytest.mark.parametrize("name", SMALL)
def test_outputs_move_as_the_target_declares(name, partners, kind):
    model = built(name, partners, channel_type=kind)
    x = sequences(3, model.config.length)
    for training in (True, False):  # the first pass also moves the running statistics away from 0 and 1
        assert strand_error(model.train(training), x) <= 1e-10
    for y in parts(model(x)):
        assert y.shape[:2] == (3, len(partners))
        assert y.std(0).reshape(len(partners), -1).amax(1).min() > 1e-7  # no output ignores its input
        assert (y[:, 0] - y[:, 1]).abs().max() > 1e-7


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("name", TRACKS)
def test_task_heads_stand_on_the_same_trunk_and_move_as_declared(name, kind):
    options = {"partners": PARTNERS["pairs and one"], "channel_type": kind}
    single, tasks = built(name, **options), built(name, **options, head="task", head_width=4)
    trunks = [
        [(key, value.shape) for key, value in model.named_parameters() if not key.startswith(("head.", "profile."))]
        for model in (single, tasks)
    ]
    assert trunks[0] == trunks[1]
    assert strand_error(tasks.train(), x := sequences(3, tasks.config.length)) <= 1e-10
    assert strand_error(tasks.eval(), x) <= 1e-10
    networks = tasks.profile.head.heads if hasattr(tasks, "profile") else tasks.head.head.heads
    assert [str(network.out_rep) for network in networks] == ["1 regular", "1 regular", "1 even"]


@pytest.mark.parametrize("name", TRACKS)
def test_tracks_that_change_sign_are_exact_and_need_linear_outputs(name):
    target = Target(Rep(regular=1, odd=1), Position.REVERSE)
    model = built(name, outputs=3, target=target, output="linear", channel_type=TYPES["mixed"]).eval()
    assert strand_error(model, sequences(3, model.config.length)) <= 1e-10
    with pytest.raises(ValueError, match=r'1 of the declared tracks change sign.*use output = "linear"'):
        TRACK_MODELS["track_resnet"][1](length=100, outputs=3, target=target)


@pytest.mark.parametrize("head", ["single", "task"])
@pytest.mark.parametrize("name", TRACKS)
def test_strand_specific_tracks_see_the_strand(name, head):
    model = built(name, target=Target.strand_specific(), outputs=2, head=head, head_width=4).eval()
    x = sequences(3, model.config.length)
    straight, turned = parts(model(x))[0], parts(model(DNA_STRAND.act(x)))[0].flip(-1)
    assert straight.shape[1] == 2
    assert (straight - turned).abs().max() > 1e-6
    assert (straight - turned.flip(1)).abs().max() > 1e-6
    output = model.profile if hasattr(model, "profile") else model.head
    assert not any(is_parametrized(part) for part in output.modules())


@pytest.mark.parametrize("name", SMALL)
def test_the_standard_variant_ties_nothing_and_knows_no_strand(name):
    symmetric = built(name, PARTNERS["pairs and one"])
    standard = built(name, PARTNERS["pairs and one"], involution=None)
    assert not any(is_parametrized(part) for part in standard.modules())
    assert count_parameters(standard) > 1.7 * count_parameters(symmetric)
    standard.train()(x := sequences(4, standard.config.length))
    assert strand_error(standard.eval(), x) > 1e-3
    assert [y.shape for y in parts(standard(x))] == [y.shape for y in parts(symmetric(x))]


@pytest.mark.parametrize("name", SMALL)
def test_first_outputs_have_a_sane_spread_with_and_without_symmetry(name):
    kind, config = TRACK_MODELS[name]
    given = config(length=256)
    options = {"output": "linear"} if given.gives_tracks else {}
    sizes = {"width": 48, "widths": (48, 48, 48), "dense_width": 48, "dense_widths": (48, 48), "last_width": 96}
    options |= {key: value for key, value in sizes.items() if hasattr(given, key)}
    spreads = []
    for involution in (None, Position.REVERSE):
        torch.manual_seed(0)
        model = kind(config(length=512, involution=involution, **options))
        with torch.no_grad():
            outputs = parts(model(sequences(8, 512).float()))
        assert max(float(y.abs().max()) for y in outputs) < 20
        spreads.append(torch.stack([y.std() for y in outputs]))
    # Means over 512 positions of random letters differ little, so totals spread least.
    assert min(spread.min() for spread in spreads) > 3e-4
    assert max(spread.max() for spread in spreads) < 3
    assert ((spreads[0] / spreads[1]).log().abs() < 1.5).all()


@pytest.mark.parametrize("name", SMALL)
def test_an_exponential_first_layer_is_one_word(name):
    model = built(name, first_activation="exponential").eval()
    functions = [part.function for part in model.modules() if hasattr(part, "function")]
    assert functions.count(torch.exp) == 1
    assert strand_error(model, sequences(3, model.config.length)) <= 1e-10


@pytest.mark.parametrize("name", SMALL)
def test_configurations_survive_text(name):
    config = TRACK_MODELS[name][1]
    given = config(**SMALL[name], channel_type=TYPES["mixed"])
    assert from_plain(config, to_plain(given)) == given
    assert to_plain(given)["channel_type"] == "1 regular + 1 even + 1 odd"


def test_softplus_makes_coverage_positive_and_keeps_the_logits():
    linear, positive = (built("track_resnet", output=output).eval() for output in ("linear", "softplus"))
    x = sequences(3, 120)
    torch.testing.assert_close(nn.functional.softplus(linear(x)), positive(x))
    assert linear(x).min() < 0 < positive(x).min()


def test_bins_of_a_profile_are_means_of_base_resolution():
    fine, coarse = built("bpnet", bin_size=1, output="linear").eval(), built("bpnet", output="linear").eval()
    x = sequences(3, 90)
    torch.testing.assert_close(coarse(x), fine(x).unflatten(-1, (18, 5)).mean(-1))


@pytest.mark.filterwarnings("ignore:The tensor attribute:UserWarning")  # PyTorch's own list of recurrent weights
@pytest.mark.parametrize(
    ("name", "involution"),
    [("track_resnet", Position.REVERSE), ("cnn", Position.REVERSE), ("basset", None), ("danq", Position.REVERSE)],
)
def test_models_can_be_exported_for_any_batch(name, involution):
    model = built(name, PARTNERS["pair"], involution=involution).eval()
    x = sequences(3, model.config.length)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for rows in (2, 5):
        x = sequences(rows, model.config.length, seed=1)
        torch.testing.assert_close(program.module()(x), model(x))
