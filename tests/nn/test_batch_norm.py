"""Batch normalisation beside a plain implementation, orbit by orbit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.func import functional_call
from torch.nn.utils.parametrize import is_parametrized

from palindra.nn import BatchNorm
from palindra.symmetry import Involution, Position, Rep

TYPES = [Rep(regular=2), Rep(even=3), Rep(odd=2), Rep(regular=2, even=3, odd=1)]


def shifted(rep: Rep, *positions: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(5, rep.channels, *positions, generator=generator, dtype=torch.float64)
    channel = torch.arange(1, rep.channels + 1, dtype=torch.float64).view(-1, *[1] * len(positions))
    return x * channel + 2 - channel


def with_affine(rep: Rep) -> BatchNorm:
    layer = BatchNorm(rep).double()
    for name, low, high in (("weight", 0.5, 2), ("bias", -1, 3)):
        values = torch.linspace(low, high, rep.channels, dtype=torch.float64)
        setattr(layer, name, values if is_parametrized(layer, name) else nn.Parameter(values))
    return layer


def plain(x: Tensor, layer: BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, mean and unbiased variance, one orbit at a time."""
    rep = layer.in_rep
    y, means, variances = torch.empty_like(x), [0.0] * rep.channels, [0.0] * rep.channels
    for channel, partner in enumerate(rep.permutation):
        values = torch.cat([x[:, c].flatten() for c in {channel, partner}])
        odd = channel >= rep.channels - rep.odd
        mean = torch.zeros((), dtype=x.dtype) if odd else values.mean()
        biased = (values - mean).square().mean()
        y[:, channel] = (x[:, channel] - mean) / (biased + layer.eps).sqrt()
        means[channel] = mean
        variances[channel] = biased if odd else values.var()  # no mean is estimated of an odd channel
    shape = (-1, *[1] * (x.dim() - 2))
    return y * layer.weight.view(shape) + layer.bias.view(shape), torch.stack(means), torch.stack(variances)


@pytest.mark.parametrize("rep", TYPES, ids=str)
@pytest.mark.parametrize("positions", [(), (7,), (4, 4)], ids=["vectors", "sequences", "maps"])
def test_outputs_gradients_and_running_statistics_are_those_of_the_plain_implementation(rep, positions):
    layer = with_affine(rep)
    x = shifted(rep, *positions).requires_grad_()
    expected, mean, variance = plain(x, layer)
    y = layer(x)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(layer.running_mean, 0.1 * mean.detach(), rtol=0, atol=1e-13)
    torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * variance.detach(), rtol=0, atol=1e-12)
    parameters = [p for p in layer.parameters() if p.numel()]
    loss = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)
    wanted = torch.autograd.grad((expected * loss).sum(), [x, *parameters], retain_graph=True)
    for found, want in zip(torch.autograd.grad((y * loss).sum(), [x, *parameters]), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=0, atol=1e-10)


@pytest.mark.parametrize("rep", TYPES, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_gradients_agree_with_finite_differences(rep, training):
    layer = with_affine(rep).train(training)
    names = [name for name, p in layer.named_parameters() if p.numel()]

    def function(x: Tensor, *parameters: Tensor) -> Tensor:
        return functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    values = [layer.get_parameter(name).detach().clone().requires_grad_() for name in names]
    assert gradcheck(function, (shifted(rep, 3).requires_grad_(), *values))


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_one_member_of_the_batch_read_from_the_other_strand_changes_no_statistic(rep):
    strand = Involution(rep, Position.REVERSE)
    x = shifted(rep, 9)
    turned = torch.cat([x[:2], strand.act(x[2:3]), x[3:]])
    given, other = BatchNorm(rep).double(), BatchNorm(rep).double()
    y, z = given(x), other(turned)
    for name, value in given.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name], rtol=0, atol=1e-12)
    torch.testing.assert_close(z[[0, 1, 3, 4]], y[[0, 1, 3, 4]], rtol=0, atol=1e-12)
    torch.testing.assert_close(z[2:3], strand.act(y[2:3]), rtol=0, atol=1e-12)


def test_stock_batch_norm_fails_the_same_check():
    strand = Involution(Rep(regular=2), Position.REVERSE)
    given, other, x = nn.BatchNorm1d(4).double(), nn.BatchNorm1d(4).double(), shifted(Rep(regular=2), 9)
    given(x), other(strand.act(x))
    assert (given.running_mean - other.running_mean).abs().max() > 0.1


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_evaluation_before_any_training_is_the_identity(rep):
    layer, x = BatchNorm(rep).double().eval(), shifted(rep, 4)
    torch.testing.assert_close(layer(x), x / (1 + layer.eps) ** 0.5)


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_running_statistics_converge_to_the_true_ones(rep):
    layer = BatchNorm(rep).double()
    for seed in range(200):
        layer(shifted(rep, 40, seed=seed))
    x = torch.cat([shifted(rep, 40, seed=seed) for seed in range(200)])
    _, mean, variance = plain(x, layer)
    torch.testing.assert_close(layer.running_mean, mean, rtol=0.1, atol=0.1)
    torch.testing.assert_close(layer.running_var, variance, rtol=0.1, atol=0)


def test_odd_channels_have_a_scale_but_no_shift_and_no_running_mean():
    layer = with_affine(Rep(regular=1, odd=2))
    layer(shifted(layer.in_rep, 6))
    assert torch.equal(layer.bias[-2:], torch.zeros(2, dtype=torch.float64))
    assert torch.equal(layer.running_mean[-2:], torch.zeros(2, dtype=torch.float64))
    assert layer.weight[-2] != layer.weight[-1]


def test_one_value_per_channel_is_refused_where_a_variance_would_be_zero():
    with pytest.raises(ValueError, match="more than one value per channel, got shape \\(1, 5\\)"):
        BatchNorm(Rep(regular=1, even=3))(torch.randn(1, 5))
    assert BatchNorm(Rep(regular=2))(torch.randn(1, 4)).isfinite().all()  # a pair has two values


def test_bfloat16_inputs_keep_float_statistics():
    layer = BatchNorm(Rep(regular=2, odd=1))
    x = torch.randn(8, 5, 50).bfloat16().requires_grad_()
    y = layer(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == torch.bfloat16
    assert layer.running_var.dtype == torch.float32
