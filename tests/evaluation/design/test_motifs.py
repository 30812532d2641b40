"""Motifs: exact thresholds, both strands, spacings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from palindra.evaluation.design import Motif, find_motifs, spacings
from palindra.evaluation.design.motifs import _scores, _threshold
from palindra.sequences import encode, reverse_complement

RNG = np.random.default_rng(0)
WEAK = Motif("weak", RNG.dirichlet(np.ones(4) / 4, 6))
WORD = Motif("word", np.eye(4)[encode(["TGACGTAA"])[0]])
PALINDROME = Motif("palindrome", np.eye(4)[encode(["ACGTACGT"])[0]])


@pytest.mark.parametrize("p_value", [1e-3, 0.02])
def test_the_threshold_is_exact(p_value):
    background = np.array([0.3, 0.2, 0.2, 0.3])
    scores = _scores(WEAK, background)
    threshold = _threshold(scores, background, p_value)
    words = np.array(list(itertools.product(range(4), repeat=6)))
    totals = scores[np.arange(6), words].sum(axis=1)
    chance = background[words].prod(axis=1)
    assert threshold is not None
    assert chance[totals >= threshold].sum() <= p_value * (1 + 1e-9)
    below = totals[totals < threshold].max()
    assert chance[totals >= below].sum() > p_value


def test_a_motif_too_weak_for_the_threshold_has_no_hits():
    assert find_motifs(encode(["ACGTACGT"]), [Motif("short", np.eye(4)[[0, 1]])]).counts.tolist() == [[0]]


def test_hits_lie_where_they_lie_on_the_other_strand():
    x = RNG.integers(0, 4, (40, 90)).astype(np.uint8)
    motifs = [WEAK, WORD, PALINDROME]
    one, two = find_motifs(x, motifs, p_value=0.01), find_motifs(reverse_complement(x), motifs, p_value=0.01)
    assert one.counts.sum() > 50
    assert np.array_equal(one.counts, two.counts)
    mirrored = sorted(zip(two.row, two.motif, 89 - two.centre, -two.direction, strict=True))
    assert sorted(zip(one.row, one.motif, one.centre, one.direction, strict=True)) == mirrored
    for first, second in itertools.combinations_with_replacement(range(3), 2):
        there, back = spacings(one, first, second), spacings(two, first, second)
        assert sorted(zip(*there, strict=True)) == sorted(zip(*back, strict=True))


def test_a_place_that_fits_both_ways_is_one_hit_without_direction():
    found = find_motifs(encode(["CCACGTACGTCC"]), [PALINDROME])
    assert found.counts.tolist() == [[1]]
    assert found.direction.tolist() == [0]


def test_letters_that_are_not_certain_are_no_hits():
    assert find_motifs(encode(["CCTGACNTAACC"]), [WORD], p_value=0.2).counts.sum() == 0


def test_spacings_by_hand():
    hits = find_motifs(encode(["TGACGTAACCTGACGTAAGTTACGTCA", "TGACGTAACCCCCCCCCCCCCCCCCCC"]), [WORD])
    gaps, directions = spacings(hits, 0, 0)
    assert sorted(zip(gaps, directions, strict=True)) == [(9, -1), (10, 1), (19, -1)]
    assert spacings(hits, 0, 0)[0].dtype == np.float64
