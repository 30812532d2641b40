"""Folding by energy: known hairpins, probabilities that add up, and a clear word where ViennaRNA is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from palindra.data.rna import maximum_expected_accuracy, minimum_free_energy, pairing_probabilities
from palindra.errors import InputError

HAIRPIN = "GGGGCGAAAGCCCC"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "RNA", None)
    with pytest.raises(InputError, match=r"ViennaRNA, which is not installed: pip install 'palindra\[rna\]'"):
        minimum_free_energy(HAIRPIN)


def test_a_hairpin_folds():
    pytest.importorskip("RNA")
    stem = tuple((i, 13 - i) for i in range(5))
    for fold in (minimum_free_energy, maximum_expected_accuracy):
        found = fold(HAIRPIN)
        assert found.pairs == stem
        assert found.energy < -5
        assert fold(HAIRPIN.lower().replace("u", "t")).pairs == stem


def test_probabilities_are_symmetric_and_rows_add_up_to_one():
    pytest.importorskip("RNA")
    found = pairing_probabilities("GGGAUCCGAAAGGAUCACCNUUACG")
    assert (found.pairs == found.pairs.T).all()
    assert not found.pairs.diagonal().any()
    assert found.with_unpaired.sum(axis=1) == pytest.approx(np.ones(25))
    assert found.pairs[19].max() == 0  # N pairs with nothing
    assert (found.pairs >= 0).all()


def test_probabilities_agree_with_the_energies_of_all_structures():
    """Exact for four bases' loops: the chance of a pair is its Boltzmann share over all structures of a short RNA."""
    RNA = pytest.importorskip("RNA")
    sequence = "GGAAACC"
    details = RNA.md()
    compound = RNA.fold_compound(sequence, details)
    structures = [".......", "(.....)", "((...))", ".(...).", "(....).", ".(....)"]
    energies = np.array([compound.eval_structure(text) for text in structures])
    shares = np.exp(-energies / (1.98717e-3 * 310.15))
    shares /= shares.sum()
    found = pairing_probabilities(sequence)
    expected = sum(share for share, text in zip(shares, structures, strict=True) if text[0] == "(" and text[-1] == ")")
    assert found.pairs[0, 6] == pytest.approx(expected, rel=1e-3)


def test_other_letters_are_refused():
    with pytest.raises(InputError, match="letter 'E'"):
        pairing_probabilities("GGE")
