"""The involution moves an index tensor; orbits of entries are the parameters."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from palindra.symmetry import Position, Rep, Tied, moved_entries, null_space_dimension, tie

REPS = st.tuples(*[st.integers(0, 2)] * 3).filter(any).map(lambda counts: Rep(*counts))
TAPS = st.sampled_from([((), Position.IDENTITY), ((1,), Position.REVERSE), ((4,), Position.REVERSE)]) | st.sampled_from(
    [((5,), Position.REVERSE), ((2, 2), Position.TRANSPOSE), ((3, 3), Position.TRANSPOSE), ((3,), Position.IDENTITY)]
)


@given(REPS, REPS, TAPS)
@settings(deadline=None, max_examples=60)
def test_moving_entries_twice_brings_them_back(made, into, taps):
    moved = moved_entries([made, into], *taps).flatten()
    partner, sign = moved.abs() - 1, moved.sign()
    assert torch.equal(partner[partner], torch.arange(len(moved)))
    assert torch.equal(sign * sign[partner], torch.ones_like(sign))


@given(REPS, REPS, TAPS)
@settings(deadline=None, max_examples=60)
def test_tied_weights_are_the_fixed_points(made, into, taps):
    moved = moved_entries([made, into], *taps)
    tied = Tied(moved)
    weight = tied(torch.arange(1.0, tied.free + 1, dtype=torch.float64))
    turned = weight.flatten()[moved.abs() - 1] * moved.sign()
    assert torch.equal(turned, weight)
    assert torch.equal(tied.right_inverse(weight), torch.arange(1.0, tied.free + 1, dtype=torch.float64))
    trace = int((moved.flatten() == torch.arange(1, moved.numel() + 1)).sum())
    trace -= int((moved.flatten() == -torch.arange(1, moved.numel() + 1)).sum())
    assert tied.free == (moved.numel() + trace) / 2
    if moved.numel() <= 200:
        assert tied.free == null_space_dimension([made, into], *taps)


@given(REPS, REPS)
@settings(deadline=None, max_examples=30)
def test_any_weight_is_projected_onto_the_nearest_tied_one(made, into):
    moved = moved_entries([made, into], [3], Position.REVERSE)
    tied = Tied(moved)
    weight = torch.randn(moved.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    nearest = tied(tied.right_inverse(weight))
    torch.testing.assert_close(nearest, (weight + weight.flatten()[moved.abs() - 1] * moved.sign()) / 2)
    residue = (weight - nearest).flatten()
    for free in torch.eye(tied.free, dtype=torch.float64):
        assert abs(float(residue @ tied(free).flatten())) < 1e-12  # orthogonal to the whole space


@pytest.mark.parametrize(
    ("made", "into", "taps", "expected"),
    [
        # regular to regular, two taps: W[O, I, j] = W[o, i, k]
        (Rep(regular=1), Rep(regular=1), 2, [[[1, 2], [3, 4]], [[4, 3], [2, 1]]]),
        # even to odd, three taps: antisymmetric, with nothing in the middle
        (Rep(odd=1), Rep(even=1), 3, [[[1, 0, -1]]]),
        # odd to odd: symmetric
        (Rep(odd=1), Rep(odd=1), 3, [[[1, 2, 1]]]),
        # odd to a pair: the second member sees minus the reversed first
        (Rep(regular=1), Rep(odd=1), 2, [[[1, 2]], [[-2, -1]]]),
    ],
)
def test_small_kernels_written_by_hand(made, into, taps, expected):
    tied = Tied(moved_entries([made, into], [taps], Position.REVERSE))
    assert tied(torch.arange(1, tied.free + 1)).tolist() == expected


@pytest.mark.parametrize(
    ("made", "into", "groups"),
    [(Rep(regular=3), Rep(regular=6), 3), (Rep(regular=2), Rep(regular=2), 4), (Rep(even=2, odd=4), Rep(even=3), 3)],
)
def test_grouped_entries_stay_in_their_groups(made, into, groups):
    moved = moved_entries([made, into], [3], Position.REVERSE, groups)
    assert moved.shape == (made.channels, into.channels // groups, 3)
    partner = moved.flatten().abs() - 1
    assert torch.equal(partner[partner], torch.arange(moved.numel()))


def test_groups_that_would_read_other_groups_are_refused():
    with pytest.raises(
        ValueError, match="2 groups are not moved onto groups by the involution on 2 regular -> 1 regular"
    ):
        moved_entries([Rep(regular=1, even=2), Rep(regular=2)], [3], Position.REVERSE, 2)


def test_a_weight_without_ties_is_left_as_it_is():
    layer = nn.Linear(3, 2)
    tie(layer, "weight", moved_entries([Rep(even=2), Rep(even=3)], [], Position.IDENTITY))
    assert type(layer) is nn.Linear


def test_a_weight_that_must_vanish_has_no_parameters():
    layer = nn.Linear(3, 2)
    tie(layer, "weight", moved_entries([Rep(odd=2), Rep(even=3)], [], Position.IDENTITY))
    assert layer.parametrizations.weight.original.shape == (0,)
    assert torch.equal(layer(torch.randn(4, 3)), layer.bias.expand(4, 2))


def test_untying_a_copy_leaves_the_original_tied():
    layer = nn.Linear(4, 2)
    tie(layer, "weight", moved_entries([Rep(regular=1), Rep(regular=2)], [], Position.IDENTITY))
    for made in (copy.deepcopy(layer), copy.deepcopy(copy.deepcopy(layer))):
        parametrize.remove_parametrizations(made, "weight")
        assert type(made) is nn.Linear
        assert torch.equal(made.weight, layer.weight)
    shared = nn.ModuleList([layer, layer])
    first, second = copy.deepcopy(shared)
    assert first is second  # a layer used twice stays one layer


def test_indices_follow_the_layer_and_are_not_saved():
    layer = nn.Linear(4, 2)
    tie(layer, "weight", moved_entries([Rep(regular=1), Rep(regular=2)], [], Position.IDENTITY))
    assert set(layer.state_dict()) == {"bias", "parametrizations.weight.original"}
    assert all(buffer.device.type == "meta" for buffer in copy.deepcopy(layer).to("meta").buffers())
