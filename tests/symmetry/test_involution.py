"""Positions, involutions and declared targets undo themselves, and keep the user's own order of channels."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from palindra.symmetry import DNA_STRAND, Involution, Position, Rep, Target

TYPES = [Rep(regular=2), Rep(even=3), Rep(odd=2), Rep(regular=1, even=2, odd=3)]


@pytest.mark.parametrize("position", Position, ids=lambda p: p.name)
@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_an_involution_undoes_itself(rep, position):
    involution = Involution(rep, position)
    x = torch.randn(2, rep.channels, 4, 4)
    assert torch.equal(involution.act(involution.act(x)), x)
    assert torch.equal(involution.act(x), position.act(rep.act(x)))  # the halves commute
    assert involution.act(x).shape == x.shape


def test_positions_move_as_their_names_say():
    x = torch.arange(9).view(1, 1, 3, 3)
    assert Position.REVERSE.act(x)[0, 0].tolist() == [[2, 1, 0], [5, 4, 3], [8, 7, 6]]
    assert Position.TRANSPOSE.act(x)[0, 0].tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert Position.IDENTITY.act(x) is x


def test_reverse_complement_of_a_known_sequence():
    letters = "ACGT"
    x = torch.eye(4)[[letters.index(c) for c in "AACGTTTG"]].T[None]
    assert "".join(letters[i] for i in DNA_STRAND.act(x)[0].argmax(0)) == "CAAACGTT"
    unknown = torch.zeros(1, 4, 3)
    assert torch.equal(DNA_STRAND.act(unknown), unknown)
    assert torch.equal(DNA_STRAND.act(unknown + 0.25), unknown + 0.25)


PARTNERS = [[0], [1, 0], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0], [4, 1, 3, 2, 0]]


@pytest.mark.parametrize("position", [Position.IDENTITY, Position.REVERSE], ids=lambda p: p.name)
def test_targets_undo_themselves(position):
    targets = [Target.paired(partner, position) for partner in PARTNERS] + [Target.invariant(3, position)]
    for target in [*targets, Target(Rep(regular=1, even=1, odd=2), position)]:
        y = torch.randn(3, target.rep.channels, *[5] * (position is Position.REVERSE))
        assert torch.equal(target.act(target.act(y)), y)
        assert torch.equal(target.from_layout(target.to_layout(y)), y)
        assert torch.equal(target.to_layout(target.from_layout(y)), y)


@pytest.mark.parametrize("partner", PARTNERS)
def test_each_of_the_users_channels_becomes_its_partner(partner):
    y = torch.arange(float(len(partner)))[None] + 10
    assert Target.paired(partner).act(y).tolist() == [[10.0 + other for other in partner]]
    track = torch.stack([y, y + 0.5], dim=-1)
    image = Target.paired(partner, Position.REVERSE).act(track)
    assert image[0].tolist() == [[10.5 + other, 10.0 + other] for other in partner]


@given(st.permutations(range(6)))
def test_any_pairing_is_acted_on_in_the_users_order(channels):
    partner = [0] * 6
    for first, second in zip(channels[::2], channels[1::2], strict=True):
        partner[first], partner[second] = second, first
    y = torch.arange(6.0)[None]
    assert Target.paired(partner).act(y)[0].tolist() == partner


def test_invariant_targets_stay_and_tracks_are_reversed():
    y = torch.randn(2, 3)
    assert torch.equal(Target.invariant(3).act(y), y)
    assert torch.equal(Target.invariant(3, Position.REVERSE).act(y), y.flip(-1))
    assert torch.equal(Target(Rep(odd=3)).act(y), -y)


def test_the_other_strand_of_a_strand_specific_target_is_unknown():
    with pytest.raises(ValueError, match=r"strand-specific: its value on the other strand is unknown"):
        Target.strand_specific().act(torch.zeros(1, 2))


def test_an_order_that_is_the_layout_is_not_kept():
    assert Target.paired([3, 2, 1, 0]).order is None
    assert Target.paired([1, 0, 3, 2]).order == (0, 2, 3, 1)
    assert Target.paired([0, 1]) == Target.invariant(2)


def test_equal_declarations_are_equal_and_hashable():
    declared = {Target.paired([1, 0]), Target.paired([1, 0]), Target(Rep(regular=1))}
    assert len(declared) == 1
    for rep, position in product(TYPES, Position):
        assert hash(Involution(rep, position)) == hash(Involution(Rep(rep.regular, rep.even, rep.odd), position))
