"""The three counts: the action they stand for, their printed form, joining and laying out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from palindra.symmetry import Rep, concat, lay_out

REPS = st.tuples(*[st.integers(0, 5)] * 3).filter(any).map(lambda counts: Rep(*counts))


@given(REPS)
def test_the_action_undoes_itself_and_is_the_signed_permutation_that_the_type_tells(rep):
    x = torch.arange(1.0, 1 + 3 * rep.channels).view(3, rep.channels)
    image = rep.act(x)
    assert torch.equal(rep.act(image), x)
    assert torch.equal(image, torch.tensor(rep.signs) * x[:, rep.permutation])
    assert rep.channels == 2 * rep.regular + rep.even + rep.odd
    matrix = rep.act(torch.eye(rep.channels), dim=0)
    assert int(matrix.trace()) == rep.trace
    assert torch.equal(rep.act(x.T, dim=0), image.T)
    assert torch.equal(rep.act(x, dim=-1), image)


@given(REPS)
def test_orbits_are_numbered_in_order_of_their_first_channel(rep):
    orbits = rep.orbits
    assert [orbits[c] for c in rep.permutation] == orbits
    assert sorted(set(orbits)) == list(range(rep.regular + rep.even + rep.odd))
    assert list(dict.fromkeys(orbits)) == sorted(set(orbits))


@given(REPS, st.integers(1, 4))
def test_printed_forms_are_read_back(rep, copies):
    assert Rep.parse(str(rep)) == rep
    assert (rep * copies).channels == copies * rep.channels


@pytest.mark.parametrize("text", ["", "8", "regular", "-1 even", "2 regular, 1 odd", "1 even + 2 even", "1.5 odd"])
def test_other_texts_are_not_types(text):
    with pytest.raises(ValueError, match=r"as a type; write for example '8 regular \+ 4 even \+ 4 odd'"):
        Rep.parse(text)


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 2, 3), (2, -1, 0)])
def test_counts_that_are_no_type(counts):
    with pytest.raises(
        ValueError, match=rf"Rep\(regular={counts[0]}, even={counts[1]}, odd={counts[2]}\) is not a type"
    ):
        Rep(*counts)
    with pytest.raises(ValueError, match="is not a type"):
        Rep.parse("0 regular")


def test_tensors_of_another_width_are_refused():
    with pytest.raises(
        ValueError, match=r"shape \(2, 5\) has 5 channels along dimension 1, but its type \(2 regular\) has 4"
    ):
        Rep(regular=2).act(torch.zeros(2, 5))


def test_one_hot_dna_is_two_pairs_complemented_by_reversal():
    x = torch.eye(4)
    assert torch.equal(Rep(regular=2).act(x, dim=0), x.flip(0))  # A to T, C to G


@given(st.lists(REPS, min_size=1, max_size=4))
@settings(deadline=None)
def test_joining_commutes_with_the_action(reps):
    tensors = [
        torch.randn(2, rep.channels, 3, generator=torch.Generator().manual_seed(i)) for i, rep in enumerate(reps)
    ]
    joined, rep = concat(tensors, reps)
    turned, same = concat([r.act(x) for r, x in zip(reps, tensors, strict=True)], reps)
    assert rep == same
    assert torch.equal(turned, rep.act(joined))
    assert rep.channels == sum(r.channels for r in reps)
    assert torch.equal(joined.sort(dim=1).values, torch.cat(tensors, dim=1).sort(dim=1).values)  # nothing lost


def test_joining_needs_one_type_per_tensor():
    with pytest.raises(ValueError, match="one type per tensor, got 2 tensors and 1 types"):
        concat([torch.zeros(1, 2), torch.zeros(1, 2)], [Rep(regular=1)])
    with pytest.raises(ValueError, match="got 0 tensors and 0 types"):
        concat([], [])


@st.composite
def pairings(draw):
    channels = draw(st.permutations(range(draw(st.integers(1, 9)))))
    pairs = draw(st.integers(0, len(channels) // 2))
    partner = list(range(len(channels)))
    for first, second in zip(channels[: 2 * pairs : 2], channels[1 : 2 * pairs : 2], strict=True):
        partner[first], partner[second] = second, first
    return partner


@given(pairings())
def test_laying_out_turns_the_users_pairing_into_the_action_of_a_type(partner):
    rep, order = lay_out(partner)
    assert sorted(order) == list(range(len(partner)))
    assert rep.odd == 0
    x = torch.arange(float(len(partner)))[None]
    assert torch.equal(rep.act(x[:, order]), x[:, partner][:, order])


@pytest.mark.parametrize(("partner", "channel"), [([1, 2, 0], 0), ([0, 5], 1), ([-1], 0), ([1, 1], 0)])
def test_pairings_must_undo_themselves(partner, channel):
    with pytest.raises(
        ValueError, match=rf"channel {channel} is paired with {partner[channel]}, but .* must undo itself"
    ):
        lay_out(partner)
