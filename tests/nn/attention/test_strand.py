"""Attention inside one strand: its direction, its reach, and what makes it equivariant."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from palindra.nn import BothStrands
from palindra.nn.attention import StrandAttention
from palindra.symmetry import Rep, assert_equivariant


def built(width: int = 12, heads: int = 3, **options) -> StrandAttention:
    torch.manual_seed(0)
    return StrandAttention(width, heads, **options).double()


def features(length: int, width: int = 12) -> Tensor:
    return torch.randn(2, length, width, dtype=torch.float64, generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("causal", [True, False])
def test_it_sees_what_it_should(causal, window):
    layer, x = built(causal=causal, window=window), features(20).requires_grad_()
    (given,) = torch.autograd.grad(layer(x)[0, 9].sum(), x)
    reach = window or 20
    seen = [abs(j - 9) < reach and (j <= 9 or not causal) for j in range(20)]
    assert (given[0].abs().sum(1) > 0).tolist() == seen
    assert given[1].abs().max() == 0


def test_what_comes_later_changes_nothing():
    for window in (None, 4):
        layer, x = built(window=window), features(33)
        torch.testing.assert_close(layer(x[:, :20]), layer(x)[:, :20], rtol=0, atol=1e-12)


def test_a_window_of_the_length_is_none():
    x = features(15)
    torch.testing.assert_close(built(window=15)(x), built()(x), rtol=0, atol=1e-12)


def test_padding_changes_nothing_and_gets_zeros():
    for options in ({}, {"window": 4}, {"causal": False}, {"causal": False, "window": 4}):
        layer, x, mask = built(**options), features(20), torch.arange(20) < torch.tensor([[20], [13]])
        y = layer(x, mask)
        torch.testing.assert_close(y[1, :13], layer(x[:, :13])[1], rtol=0, atol=1e-12)
        torch.testing.assert_close(y[0], layer(x)[0], rtol=0, atol=1e-12)
        assert y[1, 13:].abs().max() == 0


class ChannelsFirst(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mT).mT


def test_alone_it_has_a_direction_and_on_both_strands_none():
    for window in (None, 4):
        layer = ChannelsFirst(built(window=window))
        assert_equivariant(BothStrands(layer, Rep(6), 12), lengths=(1, 7, 17, 32), tolerance=1e-10)
        layer.in_rep = layer.out_rep = Rep(6)
        with pytest.raises(AssertionError, match="does not commute"):
            assert_equivariant(layer)


def test_the_published_size():
    assert sum(p.numel() for p in StrandAttention(128, 8, window=512).parameters()) == 4 * 128**2


@pytest.mark.parametrize(
    ("width", "heads", "options", "message"),
    [
        (12, 4, {}, "a multiple of 8"),
        (12, 0, {}, "among 0 heads"),
        (12, 2, {"window": 0}, "a window of 0 sees no position"),
    ],
)
def test_unfit_sizes_are_refused(width, heads, options, message):
    with pytest.raises(ValueError, match=message):
        StrandAttention(width, heads, **options)
