"""The small local network: what a bin depends on, windows of any number of bins, and messages of configurations."""

from __future__ import annotations

import pytest
import torch

from palindra.models.track_models import TRACK_MODELS
from palindra.models.track_resnet import TrackResNet, TrackResNetConfig
from palindra.nn import MaxPool1d
from palindra.symmetry import Position, Rep, Target

LOCAL = [
    {"length": 600, "bin_size": 10, "stem_size": 7, "dilations": (1, 3), "bin_dilations": (2,)},
    {"length": 330, "bin_size": 3, "stem_pool": 5, "dilations": (2,), "bin_dilations": (), "block_size": 7},
    {"length": 301, "bin_size": 1, "dilations": (1, 2, 4), "bin_dilations": (1, 2)},
    {"length": 800, "bin_size": 8, "stem_pool": 4, "dilations": (1,), "bin_dilations": (1,), "head": "task"},
]


def built(**options) -> TrackResNet:
    torch.manual_seed(0)
    model = TrackResNet(TrackResNetConfig(**{"width": 6, "head_width": 4, **options})).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("options", LOCAL, ids=["stem pool 5", "bins of 3", "base resolution", "task heads"])
@pytest.mark.parametrize("involution", [None, Position.REVERSE], ids=["standard", "equivariant"])
def test_a_bin_depends_on_its_receptive_field_and_on_all_of_it(options, involution):
    # Average pooling and smooth functions let every letter through that can get through.
    model = built(**options, involution=involution, activation="gelu", channel_type=Rep(regular=1, odd=1))
    x = torch.rand(4, 4, options["length"], dtype=torch.float64, requires_grad=True)
    size = options["bin_size"]
    middle = options["length"] // size // 2
    (gradient,) = torch.autograd.grad(model(x)[:, 0, middle].sum(), x)
    seen = gradient.abs().amax((0, 1)).nonzero().flatten()
    side = (model.receptive_field - size) // 2
    first, last = int(seen.min()), int(seen.max())
    assert first >= middle * size - side
    assert last <= middle * size + size - 1 + side
    # A maximum passes on one letter of its window only, so the outermost ones may be silent.
    slack = max(model.stem_pool - 1, 0)
    assert first <= middle * size - side + slack
    assert last >= middle * size + size - 1 + side - slack


def test_long_windows_agree_with_short_ones_away_from_their_ends():
    model = built(**LOCAL[0])
    x = torch.rand(2, 4, 600, dtype=torch.float64)
    margin = -(-model.receptive_field // 20) * 10  # half a receptive field, in whole bins
    short = model(x[..., 100:500])
    torch.testing.assert_close(
        short[..., margin // 10 : -margin // 10], model(x)[..., 10:50][..., margin // 10 : -margin // 10]
    )
    assert margin < 200


@pytest.mark.parametrize(("bin_size", "pool"), [(75, 5), (32, 4), (1, 1), (7, 1), (10, 5), (6, 3)])
def test_the_first_pooling_divides_the_bin(bin_size, pool):
    model = built(length=12 * bin_size, bin_size=bin_size)
    assert model.stem_pool == pool
    assert sum(layer.size for layer in model.modules() if isinstance(layer, MaxPool1d)) == (pool if pool > 1 else 0)
    assert model(torch.zeros(2, 4, 3 * bin_size, dtype=torch.float64)).shape == (2, 1, 3)


@pytest.mark.parametrize("name", ["track_resnet", "basenji", "bpnet", "residualbind-32"])
@pytest.mark.parametrize("involution", [None, Position.REVERSE], ids=["standard", "equivariant"])
def test_windows_without_whole_bins_name_a_length_that_works(name, involution):
    kind, config = TRACK_MODELS[name]
    sizes = {"width": 4, "last_width": 4, "bottleneck": 4, "layers": 2, "widths": (4, 4, 4), "neck_width": 4}
    options = {key: value for key, value in sizes.items() if hasattr(config(length=64), key)}
    model = kind(config(length=64, bin_size=32, involution=involution, **options)).eval()
    assert model(torch.zeros(1, 4, 96)).shape == (1, 1, 3)
    with pytest.raises(ValueError, match=r"a window of 100 letters has no whole number of bins of 32: .* to 96"):
        model(torch.zeros(1, 4, 100))


@pytest.mark.parametrize("name", ["cnn", "residualbind", "basset", "deepsea", "danq"])
def test_dense_layers_take_one_length(name):
    kind, config = TRACK_MODELS[name]
    sizes = {"width": 4, "widths": (4, 4, 4), "dense_width": 4, "dense_widths": (4,), "recurrent_width": 3}
    options = {key: value for key, value in sizes.items() if hasattr(config(length=256), key)}
    model = kind(config(length=256, **options)).eval()
    with pytest.raises(ValueError, match="built for windows of 256 letters and got 128"):
        model(torch.zeros(1, 4, 128))


TRACK = Target.invariant(1, Position.REVERSE)
BAD = [
    ("track_resnet", {"length": 100, "bin_size": 75}, r"bins of 75 do not fill a window of 100: .* or a length of 75"),
    ("track_resnet", {"length": 10, "bin_size": 0}, r"bins of 0 do not fill"),
    ("track_resnet", {"length": 100, "activation": "rleu"}, r"no activation is called 'rleu'; choose one of relu, exp"),
    ("track_resnet", {"length": 100, "head": "both"}, r"head = 'both' is given and one of single, task needed"),
    ("track_resnet", {"length": 100, "output": "exp"}, r"output = 'exp' is given and one of softplus, linear"),
    ("track_resnet", {"length": 100, "outputs": 2}, r"declares 1 outputs \(1 even\), but 2 are asked"),
    ("track_resnet", {"length": 100, "target": Target.invariant(1)}, r"tracks along the window, .*Position.REVERSE"),
    ("track_resnet", {"length": 100, "involution": Position.TRANSPOSE}, r"'transpose' is not one of DNA windows"),
    ("track_resnet", {"length": 100, "binary": True}, r"one row of values per window, .*Position.IDENTITY"),
    ("basenji-binary", {"length": 100, "head": "task"}, r"task heads belong to tracks"),
    ("basset", {"length": 100, "target": TRACK}, r"one row of values per window, .*Position.IDENTITY"),
    ("bpnet", {"length": 100, "counts": True}, r'profiles next to counts are logits .* output = "linear"'),
    ("bpnet", {"length": 100, "binary": True, "target": Target.invariant(1)}, r"BPNet .* no binary variant"),
    ("cnn", {"length": 100, "pools": (2, 2)}, r"pools has 2 values for 3 convolutions"),
    ("residualbind-32", {"length": 96, "bin_size": 16}, r"pools of 4 x 4 x 2 = 32 do not make bins of 16"),
    ("residualbind-32", {"length": 96, "dropouts": (0.1,)}, r"dropouts needs 3 values"),
]


@pytest.mark.parametrize(("name", "options", "message"), BAD, ids=[message[:30] for _, _, message in BAD])
def test_configurations_that_cannot_be_say_which_field_to_change(name, options, message):
    with pytest.raises(ValueError, match=message):
        TRACK_MODELS[name][1](**options)


@pytest.mark.parametrize("name", ["cnn", "basset", "deepsea", "danq"])
def test_windows_too_short_for_the_pools_say_so(name):
    kind, config = TRACK_MODELS[name]
    with pytest.raises(ValueError, match=r"leaves no position after .* use at least \d+"):
        kind(config(length=24))


@pytest.mark.parametrize(("name", "field"), [("cnn", "tail_size"), ("residualbind-32", "neck_size")])
def test_even_kernels_on_bins_are_refused_with_symmetry(name, field):
    kind, config = TRACK_MODELS[name]
    with pytest.raises(ValueError, match=r"even extent of 4 .* Use an odd kernel \(5\)"):
        kind(config(length=160, bin_size=32, widths=(4, 4, 4), **{field: 4}))
