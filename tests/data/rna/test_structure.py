"""A structure checks itself, and does not change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from palindra.data.rna import CANONICAL, Structure, check_pairs, is_canonical, pairs_from_partners, rna_codes
from palindra.errors import InputError


def test_pairs_are_sorted_whichever_way_they_are_given():
    one = Structure("a", "GGGAAACCC", [(7, 1), (0, 8)])
    other = Structure("a", "GGGAAACCC", np.array([[0, 8], [1, 7]]))
    assert one == other
    assert one.pairs == ((0, 8), (1, 7))
    assert hash(one) == hash(other)
    assert one != Structure("a", "GGGAAACCC", one.pairs, family="5S")


def test_a_structure_cannot_be_changed():
    structure = Structure("a", "GGGAAACCC", [(0, 8)])
    with pytest.raises(dataclasses.FrozenInstanceError):
        structure.pairs = ()  # type: ignore[misc]
    for array in (structure.partners, structure.pair_array):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3


def test_partners_and_map_say_the_same():
    structure = Structure("a", "GGGAAACCCA", [(0, 8), (2, 6)])
    assert structure.partners.tolist() == [8, -1, 6, -1, -1, -1, 2, -1, 0, -1]
    table = structure.pair_map()
    assert (table == table.T).all()
    assert np.argwhere(np.triu(table)).tolist() == [[0, 8], [2, 6]]
    assert Structure("none", "ACGU").pair_array.shape == (0, 2)
    assert not Structure("none", "ACGU").pair_map().any()


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(0, 9)], "out of range: the sequence has bases 1 to 9"),
        ([(-1, 4)], "the pair 0-5 is out of range"),
        ([(3, 3)], "base 4 is paired with itself"),
        ([(0, 8), (8, 3)], "base 9 is paired twice, with base 1 and with base 4"),
        ([(0, 8), (0, 8)], "base 1 is paired twice"),
    ],
)
def test_pairs_that_cannot_be_are_refused(pairs, said):
    with pytest.raises(InputError, match=f"^here: .*{said}"):
        check_pairs(pairs, 9, "here")
    with pytest.raises(InputError, match=said):
        Structure("here", "GGGAAACCC", pairs)


@pytest.mark.parametrize(
    ("partners", "said"),
    [
        ([4, 0, 0, 0], "line 10: base 1 names base 4 as its partner, which says that it is unpaired .line 13."),
        ([4, 4, 0, 1], "line 11: base 2 names base 4 as its partner, which is paired with base 1 already"),
        ([5, 0, 0, 0], "line 10: base 1 names base 5 as its partner, which is out of range: there are bases 1 to 4"),
        ([-1, 0, 0, 0], "line 10: base 1 names base -1 .* out of range"),
        ([0, 2, 0, 0], "line 11: base 2 names itself"),
    ],
)
def test_partners_that_are_not_mutual_are_refused(partners, said):
    with pytest.raises(InputError, match=said):
        pairs_from_partners(partners, lambda base: f"line {base + 10}")


def test_letters_are_kept_and_read():
    structure = Structure("a", "ACGTUacgtuNRYKMSWBDHVXnrx")
    assert structure.sequence == "ACGTUacgtuNRYKMSWBDHVXnrx"
    assert structure.letters == "ACGUUACGUU" + "X" * 15
    assert rna_codes("ACGTUN").tolist() == [0, 1, 2, 3, 3, 4]
    assert rna_codes("acgtun", lower_case="X").tolist() == [4] * 6


@pytest.mark.parametrize("letter", ["E", "-", "*", "1", "&", "Ü", " ", "."])
def test_other_letters_are_refused_with_their_position(letter):
    with pytest.raises(InputError, match="at position 3 is not RNA"):
        Structure("a", f"AC{letter}G")
    with pytest.raises(InputError, match="empty"):
        Structure("a", "")


def test_canonical_pairs_are_six():
    letters = "ACGUX"
    found = {a + b for a in letters for b in letters if is_canonical(a, b)}
    assert found == CANONICAL == {"AU", "UA", "GC", "CG", "GU", "UG"}
