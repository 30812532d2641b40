"""The small table that ships is what its README says."""

from __future__ import annotations

from pathlib import Path

import pytest

from palindra.data.rna import audit_copies, crossing_pairs, family_folds, is_canonical, read_structures
from palindra.evaluation.pairs import molecule_scores, most_bonds

FOLDER = Path(__file__).parents[3] / "examples" / "rna"


@pytest.fixture(scope="module")
def data():
    return read_structures(FOLDER / "5S_tRNA.tsv.gz")


def test_counts_and_hash(data):
    assert str(data) == ("1,563 structures of 54 to 135 bases (5S 1,117, tRNA 446), train 1,087, valid 158, test 318")
    assert data.sha256 in (FOLDER / "README.md").read_text()
    assert not any(crossing_pairs(structure.pairs) for structure in data.structures)
    canonical = [is_canonical(one.letters[i], one.letters[j]) for one in data.structures for i, j in one.pairs]
    assert sum(canonical) / len(canonical) > 0.9


def test_no_copies_but_relatives_across_splits(data):
    audit = audit_copies(data)
    assert not any(copies for copies, _ in audit.within.values())
    assert next((one.rows, one.exact, one.near) for one in audit.across[""]) == (318, 0, 195)


def test_every_family_can_be_held_out(data):
    assert {family: str(fold).split("), ")[1] for family, fold in family_folds(data)} == {
        "5S": "train 389, valid 57, test 229",
        "tRNA": "train 1,016, valid 101, test 89",
    }


def test_the_trivial_baseline_of_the_readme(data):
    rows = [one for one in data.rows("test").structures if one.family == "tRNA"]
    scores = molecule_scores([most_bonds(one.sequence) for one in rows], rows)
    assert round(sum(score.f1 for score in scores if score) / len(rows), 3) == 0.320


def test_reference_figures_of_minimum_free_energy(data):
    """Strict F1 of all 89 tRNAs of the test rows is .688 with ViennaRNA 2.7.2."""
    pytest.importorskip("RNA")
    from palindra.evaluation.pairs import rnafold

    rows = [one for one in data.rows("test").structures if one.family == "tRNA"]
    scores = molecule_scores([rnafold(one.sequence) for one in rows], rows)
    assert round(sum(score.f1 for score in scores if score) / len(rows), 3) == 0.688
