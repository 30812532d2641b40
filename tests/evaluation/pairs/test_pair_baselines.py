"""Baselines give legal structures, and copies of known ones are found."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.rna import Structure, crossing_pairs, is_canonical
from palindra.evaluation.pairs import most_bonds, nearest_structures, rnafold, rnafold_mea


@pytest.mark.parametrize("seed", range(5))
def test_most_bonds_is_a_nested_canonical_structure(seed):
    sequence = "".join(np.random.default_rng(seed).choice(list("ACGUX"), 60))
    pairs = most_bonds(sequence)
    assert pairs
    assert not crossing_pairs(pairs)
    assert len({base for pair in pairs for base in pair}) == 2 * len(pairs)
    assert all(j - i > 3 and is_canonical(sequence[i], sequence[j]) for i, j in pairs)


def test_most_bonds_prefers_three_to_two_to_one():
    assert most_bonds("GAAAUC") == ((0, 5),)  # GC rather than GU
    assert most_bonds("AGAAAUC") == ((1, 6),)  # GC rather than AU, which crosses it
    assert most_bonds("AAAA") == ()


def test_copies_are_remembered_and_strangers_are_not():
    rng = np.random.default_rng(1)
    one, two, stranger = ("".join(rng.choice(list("ACGU"), 50)) for _ in range(3))
    pairs = [(i, j) for i, j in ((0, 40), (2, 30), (5, 20)) if is_canonical(one[i], one[j])]
    known = [Structure("two", two), Structure("one", one, pairs)]
    assert nearest_structures([one, stranger, one[:10]], known)[:2] == [tuple(pairs), ()]
    assert all(j < 10 for _, j in nearest_structures([one[:10]], known)[0])
    close = Structure("close", "GGGCAAGCUUUACCA", [(0, 8), (3, 6)])
    assert nearest_structures(["GGGCAAGCCUUACCA"], [close]) == [()]  # shares no ten letters
    assert nearest_structures([close.sequence], [close]) == [((0, 8),)]  # a loop of two bases is too short


def test_folding_by_energy():
    pytest.importorskip("RNA")
    stem = tuple((i, 13 - i) for i in range(5))
    assert rnafold("GGGGCGAAAGCCCC") == rnafold_mea("GGGGCGAAAGCCCC") == stem
