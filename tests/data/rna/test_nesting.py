"""Crossing pairs, largest nested subsets and levels, against all subsets of small structures."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from palindra.data.rna import crossing_pairs, heaviest_nested, nested_levels, split_nested


def cross(one, other):
    (i, j), (k, m) = one, other
    return i < k < j < m or k < i < m < j


def random_pairs(rng, bases, pairs):
    places = rng.permutation(bases)[: 2 * pairs].reshape(-1, 2)
    return tuple(sorted((int(min(p)), int(max(p))) for p in places))


@pytest.mark.parametrize("seed", range(20))
def test_nested_part_is_a_largest_one_without_crossings(seed):
    pairs = random_pairs(np.random.default_rng(seed), 23, 8)
    largest = max(
        size
        for size in range(9)
        for some in combinations(pairs, size)
        if not any(cross(a, b) for a, b in combinations(some, 2))
    )
    nested, crossing = split_nested(pairs)
    assert len(nested) == largest
    assert not crossing_pairs(nested)
    assert sorted(nested + crossing) == list(pairs)


@pytest.mark.parametrize("seed", range(10))
def test_crossing_pairs_follow_the_inequality(seed):
    pairs = random_pairs(np.random.default_rng(seed), 31, 7)
    assert crossing_pairs(pairs) == tuple(a for a in pairs if any(cross(a, b) for b in pairs))


@pytest.mark.parametrize("seed", range(10))
def test_levels_hold_all_pairs_and_no_crossing(seed):
    pairs = random_pairs(np.random.default_rng(seed), 60, 25)
    levels = nested_levels(pairs)
    assert sorted(pair for level in levels for pair in level) == list(pairs)
    assert not any(crossing_pairs(level) for level in levels)
    assert list(map(len, levels)) == sorted(map(len, levels), reverse=True)


@pytest.mark.parametrize("seed", range(20))
def test_heaviest_nested_set_against_all_subsets(seed):
    rng = np.random.default_rng(seed)
    ends = np.sort([rng.choice(9, 2, replace=False) for _ in range(11)], axis=1)
    weight = rng.normal(0.5, 1, 11)
    best = 0.0
    for size in range(1, 5):
        for some in combinations(range(11), size):
            chosen = [tuple(ends[row]) for row in some]
            distinct = len({base for pair in chosen for base in pair}) == 2 * size
            if distinct and not any(cross(a, b) for a, b in combinations(chosen, 2)):
                best = max(best, weight[list(some)].sum())
    kept = heaviest_nested(ends[:, 0], ends[:, 1], weight, 9)
    taken = [tuple(ends[row]) for row in kept]
    assert weight[kept].sum() == pytest.approx(best, abs=1e-12)
    assert len({base for pair in taken for base in pair}) == 2 * len(taken)
    assert not any(cross(a, b) for a, b in combinations(taken, 2))


def test_nothing_is_nested_in_nothing():
    assert split_nested(()) == ((), ())
    assert nested_levels(()) == []
    assert heaviest_nested(np.array([0]), np.array([4]), [-1.0], 5).tolist() == []
