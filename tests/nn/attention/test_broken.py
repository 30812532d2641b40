"""The configurations of attention that are not equivariant, each shown to fail beside the exact one next to it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from palindra.nn.attention import Attention, alibi_bias, full_attention, local_attention, rotary
from palindra.symmetry import Involution, Position, Rep, equivariance_error

LENGTH = 11
PLACES = torch.arange(LENGTH)
BROKEN = 0.05  # an exact one is below 1e-12


def error(attend, rep: Rep, heads: int = 1) -> float:
    """How far ``attend`` of typed heads ``(batch, channels, length)`` is from commuting with the other strand."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, rep.channels, LENGTH, generator=generator, dtype=torch.float64)
    turn = Involution(rep, Position.REVERSE)

    def run(x: Tensor) -> Tensor:
        q = x.unflatten(1, (heads, -1)).mT  # (batch, heads, length, size), equivariant as they are
        return attend(q, q.roll(1, 0), q).mT.flatten(1, 2)

    return equivariance_error(run, turn, turn, x)


def turned(q, k, v, **options):
    return full_attention(rotary(q, PLACES, 100.0), rotary(k, PLACES, 100.0), v, **options)


@pytest.mark.parametrize(
    ("rep", "exact"),
    [(Rep(even=6), False), (Rep(odd=6), False), (Rep(even=3, odd=3), True)],
    ids=["even planes", "odd planes", "even and odd"],
)
def test_planes_of_one_sign_break_rotary_positions(rep, exact):
    found = error(turned, rep)  # plane i holds the channels i and i + 3
    assert found < 1e-12 if exact else found > BROKEN


def interleaved(x: Tensor, speed: Tensor) -> Tensor:
    """Planes (0, 1), (2, 3), ... of each head, each with a speed of its own ``(heads, planes)``."""
    first, second = x[..., 0::2], x[..., 1::2]
    angle = speed[:, None] * PLACES[:, None]
    turned = [first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()]
    return torch.stack(turned, dim=-1).flatten(-2)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_contiguous_heads_with_interleaved_planes_need_symmetric_frequencies(heads):
    """The other strand turns the order of all channels round, so plane p of a head becomes plane 2 - p of another."""
    planes = 3
    usual = 10.0 ** -torch.arange(planes, dtype=torch.float64)

    def with_speeds(speed):
        return lambda q, k, v: full_attention(interleaved(q, speed), interleaved(k, speed), v)

    rep = Rep(regular=heads * planes)
    assert error(with_speeds(usual.expand(heads, -1)), rep, heads) > BROKEN
    assert error(with_speeds(((usual + usual.flip(0)) / 2).expand(heads, -1)), rep, heads) < 1e-12


def test_heads_that_are_exchanged_need_one_frequency_table():
    def with_speeds(*speeds):
        speed = torch.tensor([[a, a] for a in speeds], dtype=torch.float64)
        return lambda q, k, v: full_attention(interleaved(q, speed), interleaved(k, speed), v)

    assert error(with_speeds(0.3, 0.3), Rep(regular=4), heads=2) < 1e-12
    assert error(with_speeds(0.3, 0.9), Rep(regular=4), heads=2) > BROKEN


def pairs(attend):
    """Channels of a head of pairs, brought into planes ``(i, i + size / 2)`` and back."""

    def run(q, k, v):
        order = [0, 1, 2, 5, 4, 3]
        return attend(*(x[..., order] for x in (q, k, v)))[..., order]

    return run


def test_causal_masks_break_it_and_symmetric_windows_do_not():
    rep = Rep(regular=3)
    assert error(pairs(turned), rep) < 1e-12
    assert error(pairs(lambda q, k, v: local_attention(q, k, v, window=4)), rep) < 1e-12
    assert error(pairs(lambda q, k, v: turned(q, k, v, causal=True)), rep) > BROKEN
    assert error(pairs(lambda q, k, v: local_attention(q, k, v, window=4, causal=True)), rep) > BROKEN


@pytest.mark.parametrize("rep", [Rep(regular=3), Rep(even=6), Rep(odd=6), Rep(1, 2, 2)], ids=str)
def test_relative_biases_must_be_even(rep):
    even = alibi_bias(torch.tensor([0.5]), LENGTH)
    signed = even * (torch.arange(2 * LENGTH - 1) > LENGTH)
    assert error(lambda q, k, v: full_attention(q, k, v, bias=even), rep) < 1e-12
    assert error(lambda q, k, v: full_attention(q, k, v, bias=signed), rep) > BROKEN


def test_the_layer_fails_with_its_planes_or_directions_exchanged():
    """What the layer takes care of matters: without it the same layer breaks."""

    def of(layer: Attention) -> float:
        turn = Involution(layer.in_rep, Position.REVERSE)
        x = torch.randn(2, layer.in_rep.channels, LENGTH, generator=torch.Generator().manual_seed(1)).double()
        return equivariance_error(layer, turn, turn, 3 * x)

    torch.manual_seed(0)
    closed = Attention(Rep(8), 2, rotary_base=10.0).double()
    assert of(closed) < 1e-12
    closed.parts.order = torch.arange(48)  # contiguous heads
    closed.parts.back = torch.arange(16)
    assert of(closed) > BROKEN / 5
    strands = Attention(Rep(8), 2, rotary_base=10.0, cross_strand=True).double()
    assert of(strands) < 1e-12
    strands.parts.turns = strands.parts.turns.abs()  # both strands counted from the left
    assert of(strands) > BROKEN / 5
