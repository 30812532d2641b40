"""The published networks have the published numbers of parameters, to the last one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from palindra.models.residual_block import residual_block
from palindra.models.track_models import TRACK_MODELS
from palindra.nn import BatchNorm, Conv1d, count_parameters
from palindra.symmetry import Position, Rep, Target

TASKS = {"head": "task"}
GOPHER = [  # 15 cell lines, windows of 2,048
    ("basenji", {}, 2_025_231),
    ("basenji", {"bin_size": 32}, 2_025_231),
    ("basenji", {"bin_size": 2048}, 2_025_231),
    ("basenji-binary", {}, 2_025_231),
    ("bpnet", {}, 1_824_527),
    ("bpnet-original", {}, 142_622),
    ("cnn", {}, 7_639_375),
    ("cnn", TASKS, 9_359_695),
    ("cnn-32", {}, 3_528_527),
    ("cnn-32", TASKS, 5_248_847),
    (
        "residualbind",
        {**TASKS, "pools": (8, 4, 4), "residual_layers": (5, 5, 3), "tail_residual_layers": 6, "tail_dropout": 0.2},
        20_742_799,
    ),
    ("residualbind", {}, 23_807_375),
    ("residualbind-32", {}, 19_252_239),
    ("residualbind-32", {**TASKS, "neck_size": 7, "neck_dropout": 0.2}, 22_545_423),
    ("basset", {}, 10_371_115),
    ("cnn-binary", {}, 3_380_815),
    ("residualbind-binary", {}, 14_371_471),
]
LABELS = [  # 919 chromatin features, windows of 1,000
    ("deepsea", {}, 52_843_119),
    ("danq", {}, 46_926_479),
]


@pytest.fixture
def nothing_tied(monkeypatch):
    """Standard variants tie nothing (see test_track_models.py); leaving out the search for it saves minutes."""
    for layer in ("conv", "linear", "norm"):
        monkeypatch.setattr(f"palindra.nn.{layer}.moved_entries", lambda *_: None)
        monkeypatch.setattr(f"palindra.nn.{layer}.tie", lambda *_, **__: None)


def standard(name: str, length: int, outputs: int, **options) -> nn.Module:
    """The standard variant without memory for its weights."""
    kind, config = TRACK_MODELS[name]
    position = Position.REVERSE if config(length=length).gives_tracks else Position.IDENTITY
    with torch.device("meta"):
        return kind(
            config(
                length=length,
                outputs=outputs,
                target=Target.invariant(outputs, position),
                involution=None,
                **options,
            )
        )


@pytest.mark.usefixtures("nothing_tied")
@pytest.mark.parametrize(("name", "options", "parameters"), GOPHER, ids=[f"{n} {p}" for n, _, p in GOPHER])
def test_gopher(name, options, parameters):
    assert count_parameters(standard(name, 2048, 15, **options)) == parameters


@pytest.mark.usefixtures("nothing_tied")
@pytest.mark.parametrize(("name", "options", "parameters"), LABELS, ids=[n for n, _, _ in LABELS])
def test_label_models(name, options, parameters):
    assert count_parameters(standard(name, 1000, 919, **options)) == parameters


@pytest.mark.usefixtures("nothing_tied")
def test_basenji_in_detail():
    model = standard("basenji", 2048, 15)
    norms = [layer for layer in model.modules() if isinstance(layer, BatchNorm)]
    assert sum(2 * norm.num_features for norm in norms) == 13_056  # running means and variances
    assert {norm.momentum for norm in norms} == {0.1}
    dilations = [layer.dilation[0] for layer in model.modules() if isinstance(layer, Conv1d) and layer.extent > 1]
    assert dilations[1:] == [1, 2, 2, 3, 5, 8, 11, 17, 26, 38, 58]


def test_basenji_blocks_start_as_nothing_and_its_weights_are_he_normal():
    kind, config = TRACK_MODELS["basenji"]
    for involution in (None, Position.REVERSE):
        torch.manual_seed(0)
        model = kind(config(length=128, layers=3, last_width=64, involution=involution)).eval()
        layers, features = list(model.trunk), torch.randn(2, 256, 128)
        for block in layers[4:7]:
            torch.testing.assert_close(block(features), features)
        weight = model.trunk[1].weight.detach()
        assert weight.shape == (256, 4, 15)
        assert float(weight.std()) == pytest.approx((2 / 60) ** 0.5, rel=0.03)


def test_a_residual_block_is_what_is_published():
    """Written out with stock functions: normalised convolutions with dilations 1, 2, 4, ReLU between and at the end."""
    torch.manual_seed(0)
    block = residual_block(Rep(even=3), 3, position=Position.IDENTITY).eval()
    convolutions = [layer for layer in block.modules() if isinstance(layer, Conv1d)]
    x = torch.randn(2, 3, 30)
    y = x
    for number, convolution in enumerate(convolutions):
        y = torch.relu(y) if number else y
        y = functional.conv1d(y, convolution.weight, convolution.bias, padding=2**number, dilation=2**number)
        y = y / (1 + 1e-5) ** 0.5  # batch norm before any training
    assert len(convolutions) == 3
    torch.testing.assert_close(block(x), torch.relu(x + y))


def test_bpnet_doubles_its_dilation_from_two():
    kind, config = TRACK_MODELS["bpnet"]
    model = kind(config(length=64, width=4))
    dilations = [layer.dilation[0] for layer in model.trunk.modules() if isinstance(layer, Conv1d)]
    assert dilations == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


@pytest.mark.parametrize("name", ["basenji", "bpnet", "residualbind-32"])
def test_symmetry_halves_what_is_learned(name):
    kind, config = TRACK_MODELS[name]
    sizes = {"width": 16, "last_width": 32, "bottleneck": 8, "widths": (16, 24, 32), "neck_width": 16}
    options = {key: value for key, value in sizes.items() if hasattr(config(length=256), key)}
    counts = [
        count_parameters(kind(config(length=256, involution=given, **options))) for given in (None, Position.REVERSE)
    ]
    # Biases and batch norms halve too; the last bias of an unstranded track stays one.
    assert 2 * counts[1] == counts[0] + 1


def test_a_recurrent_layer_keeps_one_bias_per_gate():
    kind, config = TRACK_MODELS["danq"]
    model = kind(config(length=110, width=4, recurrent_width=3, dense_width=5))
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert {name.rsplit(".", 1)[1] for name in frozen} == {"bias_hh_l0"}
    assert all(not dict(model.named_parameters())[name].any() for name in frozen)
