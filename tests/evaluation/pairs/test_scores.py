"""Scores of pairs on examples made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.rna import Structure
from palindra.evaluation.pairs import (
    PairCounts,
    PairScores,
    count_pairs,
    count_parts,
    format_scores,
    molecule_scores,
    score_table,
    summarise,
)

NATIVE = ((0, 20), (1, 19), (2, 18), (5, 12), (8, 25))


def test_a_perfect_prediction_scores_one():
    assert count_pairs(NATIVE, NATIVE).scores == (1, 1, 1, 1)
    assert count_pairs(NATIVE, NATIVE, slip=1).scores == (1, 1, 1, 1)


def test_by_hand():
    predicted = ((0, 20), (1, 19), (2, 17), (6, 13))
    assert count_pairs(predicted, NATIVE) == PairCounts(predicted=4, native=5, right=2, found=2)
    scores = count_pairs(predicted, NATIVE).scores
    assert scores == pytest.approx((0.5, 0.4, 0.45, 2 * 0.5 * 0.4 / 0.9))
    # (2, 17) slips by one; (6, 13) is off at both ends and does not count
    assert count_pairs(predicted, NATIVE, slip=1) == PairCounts(predicted=4, native=5, right=3, found=3)


def test_slips_are_counted_from_both_sides():
    """Two predicted pairs next to one native pair: both are right, and one is found."""
    assert count_pairs(((0, 9), (1, 10)), ((0, 10),), slip=1) == PairCounts(2, 1, 2, 1)


@pytest.mark.parametrize("seed", range(5))
def test_slip_zero_is_the_intersection_and_slips_only_add(seed):
    rng = np.random.default_rng(seed)
    one, two = (
        tuple({(int(i), int(i + d)) for i, d in zip(*rng.integers(1, 12, (2, 9)), strict=True)}) for _ in range(2)
    )
    strict, loose = count_pairs(one, two), count_pairs(one, two, slip=1)
    assert strict.right == strict.found == len(set(one) & set(two))
    assert loose.right >= strict.right
    assert loose.found >= strict.found
    swapped = count_pairs(two, one, slip=1)
    assert (swapped.right, swapped.found) == (loose.found, loose.right)


def test_empty_sets():
    assert count_pairs((), NATIVE).scores == (0, 0, 0, 0)
    assert count_pairs(NATIVE, ()).scores == (0, 0, 0, 0)
    assert count_pairs((), ()).scores is None
    summary = summarise([count_pairs((), ()), count_pairs(NATIVE, NATIVE), count_pairs((), NATIVE)])
    assert (summary.molecules, summary.skipped) == (2, 1)
    assert summary.mean == PairScores(0.5, 0.5, 0.5, 0.5)
    assert summary.pooled == pytest.approx((1, 0.5, 0.75, 2 / 3))
    nothing = summarise([count_pairs((), ())])
    assert nothing == (0, 1, None, None)
    assert summarise([]) == (0, 0, None, None)


def test_nested_and_crossing_pairs_apart():
    """(8, 25) crosses the four others."""
    only_nested, all_of_them = count_parts(NATIVE[:4], NATIVE), count_parts(NATIVE, NATIVE)
    assert only_nested.nested.scores == (1, 1, 1, 1)
    assert only_nested.crossing == PairCounts(predicted=0, native=1, right=0, found=0)
    assert all_of_them.crossing.scores == (1, 1, 1, 1)
    # A crossing native pair that is predicted alone is nested there, and still found.
    alone = count_parts(((8, 25),), NATIVE)
    assert alone.crossing == PairCounts(predicted=0, native=1, right=0, found=1)
    assert alone.nested == PairCounts(predicted=1, native=4, right=1, found=0)


def test_parts_add_up_to_the_whole():
    rng = np.random.default_rng(3)
    one, two = (
        tuple(sorted((int(min(p)), int(max(p))) for p in rng.permutation(40)[:30].reshape(-1, 2))) for _ in range(2)
    )
    two = (*two[:8], *(p for p in one if not {*p} & {b for q in two[:8] for b in q}))
    parts = count_parts(one, two)
    assert parts.nested + parts.crossing == count_pairs(one, two)


def test_table_by_family_and_length():
    known = [
        Structure("a", "G" * 30, NATIVE, "5S"),
        Structure("b", "G" * 100, NATIVE, "5S"),
        Structure("c", "G" * 101, NATIVE, "tRNA"),
        Structure("d", "G" * 2000, (), "tRNA"),
    ]
    rows = score_table([NATIVE, (), NATIVE[:4], ()], known, lengths=(100, 200))
    table = {(row.group, row.name, row.pairs): row.summary for row in rows}
    assert [name for group, name, kind in table if group == "length" and kind == "all"] == [
        "1 to 100",
        "101 to 200",
        "over 200",
    ]
    assert table["all", "all", "all"].molecules == 3
    assert table["all", "all", "all"].skipped == 1
    assert table["family", "5S", "all"].mean.f1 == 0.5
    assert table["family", "tRNA", "all"].mean.sensitivity == 0.8
    assert table["family", "tRNA", "crossing"].mean.sensitivity == 0
    assert table["length", "1 to 100", "all"].molecules == 2
    assert table["length", "101 to 200", "all"].molecules == 1
    assert table["length", "over 200", "all"].mean is None
    assert [one and one.ppv for one in molecule_scores([NATIVE, (), NATIVE[:4], ()], known)] == [1, 0, 1, None]
    text = format_scores(rows)
    assert len(text.splitlines()) == 1 + len(rows)
    assert len({len(line) for line in text.splitlines()}) == 1  # columns line up


def test_predictions_that_do_not_fit_are_refused():
    known = [Structure("a", "G" * 20)]
    with pytest.raises(ValueError, match="2 predictions for 1 structures"):
        score_table([(), ()], known)
    with pytest.raises(ValueError, match="a: a predicted pair is out of range of its 20 bases"):
        score_table([((0, 20),)], known)
    with pytest.raises(ValueError, match="slip=-1"):
        count_pairs((), (), slip=-1)
