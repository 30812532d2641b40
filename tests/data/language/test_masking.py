"""One draw decides what is hidden: shares, subsets, N, stretches."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.language import NOT_SCORED, corrupt
from palindra.sequences.vocabulary import VOCABULARY

MASK, PAD, N = VOCABULARY.mask, VOCABULARY.padding, VOCABULARY.unknown


@pytest.fixture(scope="module")
def tokens():
    found = np.random.default_rng(1).integers(0, 5, (20, 5000)).astype(np.uint8)
    found[:, :7] = PAD
    return found


def test_fifteen_per_cent_are_scored_in_one_draw(tokens):
    seen = corrupt(tokens, np.random.default_rng(0))
    known, scored = tokens < 4, seen.targets != NOT_SCORED
    assert abs(scored[known].mean() - 0.15) < 0.005  # 80,000 letters: four standard errors
    changed = seen.tokens != tokens
    assert not (changed & ~scored).any()  # corrupted is a subset of scored
    assert abs(changed[known].mean() - 0.15 * 0.875) < 0.005  # not the 24 % of two draws
    assert not (scored & ~known).any()  # neither N nor padding
    assert (seen.tokens[~known] == tokens[~known]).all()
    assert (seen.targets[scored] == tokens[scored]).all()


def test_eighty_ten_ten(tokens):
    seen = corrupt(tokens, np.random.default_rng(0))
    scored = seen.targets != NOT_SCORED
    masked = seen.tokens[scored] == MASK
    assert abs(masked.mean() - 0.8) < 0.02
    others, was = seen.tokens[scored][~masked], tokens[scored][~masked]
    assert abs((others == was).mean() - (0.1 + 0.1 / 4) / 0.2) < 0.04  # a random base is the old one in a quarter
    assert set(np.unique(others)) == {0, 1, 2, 3}
    assert N != MASK


def test_the_second_strand_hides_the_same_base_pairs(tokens):
    seen = corrupt(tokens, np.random.default_rng(0))
    other = VOCABULARY.reverse_complement(seen.tokens)
    assert ((other == MASK) == (seen.tokens == MASK)[:, ::-1]).all()
    assert (VOCABULARY.reverse_complement(other) == seen.tokens).all()


@pytest.mark.parametrize("span", [2, 7])
def test_stretches_hide_the_same_share_together(tokens, span: int):
    seen = corrupt(tokens % 4, np.random.default_rng(0), spans=span)
    scored = seen.targets != NOT_SCORED
    assert abs(scored.mean() - 0.15) < 0.01
    ends = corrupt(np.zeros((6000, 3), np.uint8), np.random.default_rng(0), spans=span).targets != NOT_SCORED
    assert np.allclose(ends.mean(0), 0.15, atol=0.02)  # the first and last positions too
    inner = scored[:, 1:] & scored[:, :-1]
    assert inner.sum() / scored.sum() > 1 - 1.2 / span
    edges = np.diff(np.pad(scored[0].astype(int), 1))
    runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    assert (runs[1:-1] >= span).all()


def test_a_stretch_is_hidden_in_one_way():
    seen = corrupt(np.zeros((1, 4000), np.uint8), np.random.default_rng(3), rate=0.05, spans=5, masked=0.5, random=0.0)
    hidden = seen.tokens[0] == MASK
    scored = seen.targets[0] != NOT_SCORED
    starts = np.flatnonzero(np.diff(scored.astype(int)) == 1) + 1
    alone = [s for s in starts if not scored[s + 5 : s + 6].any() and s + 5 < 4000]
    assert len(alone) > 10
    assert all(len(set(hidden[s : s + 5])) == 1 for s in alone)


def test_weights_leave_out_or_lower():
    tokens = np.zeros((1, 60000), np.uint8)
    weights = np.repeat([1.0, 0.5, 0.0], 20000)[None]
    scored = corrupt(tokens, np.random.default_rng(0), weights=weights).targets[0] != NOT_SCORED
    shares = scored.reshape(3, -1).mean(1)
    assert np.allclose(shares, [0.15, 0.075, 0.0], atol=0.01)


def test_the_same_generator_gives_the_same_masks(tokens):
    first, second = (corrupt(tokens, np.random.default_rng(5)) for _ in range(2))
    assert (first.tokens == second.tokens).all()
    third = corrupt(tokens, np.random.default_rng(6))
    assert (first.tokens != third.tokens).any()


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"masked": 0.8, "random": 0.3}, {"spans": 0}, {"weights": [2.0]}])
def test_impossible_settings_are_refused(options):
    with pytest.raises(ValueError, match=r"between|least"):
        corrupt([[0]], np.random.default_rng(0), **options)
