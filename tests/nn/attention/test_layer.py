"""Attention commutes with reverse complementation for every type; what would break that cannot be built."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor

from palindra.nn.attention import Attention, default_head
from palindra.nn.attention.heads import plane_order
from palindra.symmetry import Involution, Position, Rep, assert_equivariant, equivariance_error

TYPES = [Rep(4), Rep(regular=3), Rep(even=5), Rep(odd=3), Rep(4, 3, 2), Rep(even=4, odd=4), Rep(2, 2, 2), Rep(1)]
LENGTHS = (1, 2, 16, 33)


def built(rep: Rep, heads: int = 2, **options) -> Attention:
    torch.manual_seed(0)
    return Attention(rep, heads, **options).double()


def features(rep: Rep, length: int, dtype=torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(2, rep.channels, length, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("window", [None, 1, 5, 20])
@pytest.mark.parametrize("positions", ["rotary", "alibi", None])
@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_it_commutes_with_the_other_strand(rep, positions, window):
    layer = built(rep, positions=positions, window=window)
    assert_equivariant(layer, lengths=LENGTHS, tolerance=1e-10)
    assert_equivariant(layer, lengths=(25,), dtype=torch.float32, tolerance=1e-5)


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("positions", ["rotary", "alibi", None])
def test_so_it_does_across_strands(positions, window):
    layer = built(Rep(8), positions=positions, window=window, cross_strand=True)
    assert_equivariant(layer, lengths=LENGTHS, tolerance=1e-10)
    assert_equivariant(layer, lengths=(25,), dtype=torch.float32, tolerance=1e-5)


@pytest.mark.parametrize("head", [Rep(2), Rep(even=2, odd=2), Rep(1, 2, 2), Rep(even=1, odd=1)], ids=str)
def test_planes_are_pairs_or_an_even_and_an_odd_channel(head):
    for rep in (Rep(3), Rep(even=3, odd=1), Rep(2, 1, 3)):
        assert_equivariant(built(rep, heads=3, head=head), lengths=LENGTHS, tolerance=1e-10)


def test_without_rotation_heads_may_have_any_type():
    for head in (Rep(even=3), Rep(odd=2), Rep(1, 3, 2)):
        for positions in ("alibi", None):
            layer = built(Rep(2, 1, 3), head=head, positions=positions)
            assert_equivariant(layer, lengths=LENGTHS, tolerance=1e-10)


@pytest.mark.parametrize("options", [{}, {"window": 5}, {"window": 5, "cross_strand": True}, {"positions": "alibi"}])
def test_padding_is_reflected_with_the_sequence(options):
    rep, layer = Rep(4), built(Rep(4), **options)
    act = Involution(rep, Position.REVERSE).act
    x, mask = features(rep, 21), torch.arange(21) < torch.tensor([[21], [12]])
    y = layer(x, mask)
    torch.testing.assert_close(layer(act(x), mask.flip(1)), act(y), rtol=0, atol=1e-12)
    torch.testing.assert_close(layer(x[1:, :, :12]), y[1:, :, :12], rtol=0, atol=1e-12)
    assert y[1, :, 12:].abs().max() == 0
    assert (layer(act(x), mask) - act(y)).abs().max() > 0.05  # left in its place, it is another sequence


def test_gradients_turn_with_the_strand():
    rep, layer = Rep(2, 1, 1), built(Rep(2, 1, 1), window=4)
    act = Involution(rep, Position.REVERSE).act
    x, toward = features(rep, 19), features(rep, 18)[..., :1].cos()
    given, turned = x.requires_grad_(), act(x).detach().requires_grad_()
    one = torch.autograd.grad((layer(given) * toward).sum(), (given, *layer.parameters()))
    two = torch.autograd.grad((layer(turned) * act(toward)).sum(), (turned, *layer.parameters()))
    for straight, other in zip((act(one[0]), *one[1:]), two, strict=True):
        torch.testing.assert_close(straight, other, rtol=0, atol=1e-12)


def test_it_mixes_positions_strands_and_types():
    for options in ({}, {"cross_strand": True}):
        layer, x = built(Rep(4), **options), features(Rep(4), 9).requires_grad_()
        (given,) = torch.autograd.grad(layer(x)[0, 0, 2], x)  # one channel of strand 1
        assert (given[0].abs() > 1e-9).all()  # every channel of both strands, at every position
        windowed = built(Rep(4), window=3, **options)
        (given,) = torch.autograd.grad(windowed(x)[0, 0, 4], x)
        assert (given[0].abs().sum(0) > 0).tolist() == [False, False, *[True] * 5, False, False]


def test_across_strands_the_first_half_of_the_weights_reads_one_strand():
    layer, x = built(Rep(4), cross_strand=True), features(Rep(4), 9).requires_grad_()
    with torch.no_grad():
        layer.parts.out.weight[:, 4:] = 0  # what comes from across
    (given,) = torch.autograd.grad(layer(x)[0, :4].sum(), x)
    assert (given[0, :4].abs().amax(1) > 0).all()
    assert given[0, 4:].abs().max() == 0


def test_one_head_by_hand():
    """Scores are the sums over pairs, even and odd channels: invariants of the strand."""
    rep = Rep(regular=1, even=1, odd=1)
    layer, x = built(rep, heads=1, positions=None), features(rep, 6)
    typed = layer.parts.query_key_value(x)  # 3 pairs, 3 even, 3 odd
    q, k, v = (typed[:, [n, 5 - n, 6 + n, 9 + n]] for n in range(3))
    weights = (torch.einsum("bci,bcj->bij", q, k) / 2).softmax(-1)  # 4 channels in a head
    expected = layer.parts.out(torch.einsum("bij,bcj->bci", weights, v))
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)


def test_far_positions_weigh_less_by_their_slope():
    layer = built(Rep(even=2), heads=1, positions="alibi")
    with torch.no_grad():
        for part in (layer.parts.query_key_value, layer.parts.out):
            part.weight.copy_(torch.eye(2).repeat(part.weight.shape[0] // 2, 1)[..., None])
            part.weight[:4] *= 0.0 if part is layer.parts.query_key_value else 1.0  # queries and keys
    x = torch.zeros(1, 2, 5, dtype=torch.float64)
    x[0, 0, 1] = 1.0
    weights = torch.exp(-(2.0**-8) * (torch.arange(5.0)[:, None] - torch.arange(5.0)).abs().double())
    expected = (weights / weights.sum(1, keepdim=True))[:, 1]
    torch.testing.assert_close(layer(x)[0, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_the_baseline_has_as_many_heads_and_ties_nothing(rep):
    baseline = built(Rep(even=rep.channels), position=Position.IDENTITY)
    x = features(rep, 12)
    assert baseline(x).shape == x.shape
    assert equivariance_error(baseline, *[Involution(rep, Position.REVERSE)] * 2, x) > 1e-2


def test_types_of_heads():
    assert default_head(Rep(8), 4) == Rep(2)
    assert default_head(Rep(8, 4, 4), 4) == Rep(2, 1, 1)
    assert default_head(Rep(even=8, odd=4), 4) == Rep(2)  # as many channels, in planes
    assert default_head(Rep(even=8, odd=4), 4, rotary=False) == Rep(even=2, odd=1)
    assert default_head(Rep(3), 2) == Rep(2)
    assert default_head(Rep(even=10), 2, position=Position.IDENTITY) == Rep(even=6)
    for head, heads in ((Rep(3, 2, 2), 5), (Rep(1), 7), (Rep(even=2, odd=2), 3)):
        order, half = plane_order(head, heads), head.channels // 2
        rep = head * heads
        assert sorted(order) == list(range(rep.channels))
        for number in range(heads):
            own = order[number * head.channels : (number + 1) * head.channels]
            for one, other in zip(own[:half], own[half:], strict=True):
                signs = (rep.signs[one], rep.signs[other])
                assert rep.permutation[one] == other or signs == (1, -1)


@pytest.mark.parametrize(
    ("rep", "options", "message"),
    [
        (Rep(4), {"head": Rep(even=2)}, "planes of 2 even channels alone"),
        (Rep(4), {"head": Rep(odd=4)}, "planes of 4 odd channels alone"),
        (Rep(4), {"head": Rep(1, 3, 1)}, "one regular pair, or one even and one odd channel"),
        (Rep(4), {"positions": "relative"}, "positions are 'rotary', 'alibi' or None, not 'relative'"),
        (Rep(4), {"window": 0}, "a window of 0 sees no position"),
        (Rep(4), {"position": Position.IDENTITY}, "takes even channels"),
        (Rep(4), {"position": Position.TRANSPOSE}, "PairAttention"),
        (Rep(even=4), {"position": Position.IDENTITY, "head": Rep(even=3)}, "an even number of even channels"),
        (Rep(even=4), {"cross_strand": True}, r"use Rep\(regular=2\)"),
        (Rep(3), {"cross_strand": True}, "use a multiple of 4 pairs"),
        (Rep(4), {"cross_strand": True, "head": Rep(1)}, "leave out head or cross_strand"),
    ],
)
def test_what_breaks_the_symmetry_is_refused(rep, options, message):
    with pytest.raises(ValueError, match=message):
        Attention(rep, 2, **options)


def test_no_heads_and_no_causal_masks():
    for cross_strand in (False, True):
        with pytest.raises(ValueError, match="0"):
            Attention(Rep(4), 0, cross_strand=cross_strand)
    assert "causal" not in inspect.signature(Attention).parameters
