"""Intervals over blocks of the genome: exact draws, coverage, pairing."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.tracks import (
    Places,
    Predictions,
    block_difference,
    block_interval,
    genome_blocks,
    grouped_moments,
    mean_squared_error,
    pearson,
    whole_pearson,
)


def genome(rows=200, seed=0, *, noise=1.0, reach=10):
    """Windows whose level and error drift slowly along the genome: neighbours are alike."""
    random = np.random.default_rng(seed)
    drift = np.repeat(random.normal(size=(2, -(-rows // reach), 1, 1)), reach, axis=1)[:, :rows]
    truth = drift[0] + 0.3 * random.normal(size=(rows, 1, 4))
    return truth + noise * (drift[1] + 0.3 * random.normal(size=truth.shape)), truth


def test_a_draw_is_the_correlation_of_the_repeated_blocks(predictions):
    blocks, _ = genome_blocks(predictions.places, 360)
    size = blocks.max() + 1
    moments = grouped_moments(predictions, blocks, size)
    weights = np.random.default_rng(3).multinomial(size, np.full(size, 1 / size), size=20)
    drawn = pearson(moments.resampled(weights))
    for times, values in zip(weights, drawn, strict=True):
        rows = np.concatenate([np.flatnonzero(blocks == b) for b in np.repeat(np.arange(size), times)])
        np.testing.assert_allclose(values, whole_pearson(predictions.where(rows)), rtol=1e-10)


def test_blocks_follow_the_chromosomes():
    places = Places(np.repeat([0, 1], [10, 10]), np.tile(np.arange(10) * 100, 2), 100)
    blocks, size = genome_blocks(places, 300)
    assert size == 300
    assert blocks.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7]
    order = np.random.default_rng(0).permutation(20)
    shuffled, _ = genome_blocks(Places(places.chrom[order], places.start[order], 100), 300)
    np.testing.assert_array_equal(shuffled, blocks[order])
    automatic, size = genome_blocks(Places(np.zeros(1000, int), np.arange(1000) * 100, 100))
    assert (size, automatic.max() + 1) == (2000, 50)


def test_the_interval_holds_the_value_and_repeats_with_its_seed(predictions):
    found = block_interval(predictions, 0, block_bp=240, resamples=300)
    np.testing.assert_allclose([i.value for i in found.tracks], whole_pearson(predictions), rtol=1e-12)
    assert all(i.low < i.value < i.high for i in (*found.tracks, found.mean))
    assert found == block_interval(predictions, 0, block_bp=240, resamples=300)
    assert found != block_interval(predictions, 1, block_bp=240, resamples=300)
    assert found.block_bp == 240
    wide, narrow = (block_interval(predictions, 0, level=level).mean for level in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_longer_blocks_tell_that_neighbours_are_alike():
    view = Predictions.of(*genome())
    single, blocks = (block_interval(view, 0, block_bp=size).mean for size in (4, 40))
    assert blocks.high - blocks.low > 1.5 * (single.high - single.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    everything = Predictions.of(*genome(rows=60_000, seed=99))
    value = whole_pearson(everything)[0]
    hits = 0
    for trial in range(100):
        rows = np.arange(trial * 600, (trial + 1) * 600)
        interval = block_interval(everything.where(rows), 0, block_bp=40, resamples=200).mean
        hits += interval.low <= value <= interval.high
    assert 84 <= hits <= 100


def test_a_paired_difference_is_far_sharper_than_two_intervals():
    prediction, truth = genome()
    random = np.random.default_rng(1)
    better = Predictions.of(prediction, truth)
    worse = Predictions.of(prediction + 0.3 * random.normal(size=truth.shape), truth)
    found = block_difference(better, worse, 0, block_bp=40)
    alone = block_interval(better, 0, block_bp=40).mean
    assert found.mean.first == pytest.approx(whole_pearson(better)[0])
    assert found.mean.second == pytest.approx(whole_pearson(worse)[0])
    assert found.mean.low > 0
    assert found.mean.high - found.mean.low < 0.5 * (alone.high - alone.low)
    back = block_difference(worse, better, 0, block_bp=40).mean
    assert (back.low, back.high) == pytest.approx((-found.mean.high, -found.mean.low))
    nothing = block_difference(better, better, 0, block_bp=40).tracks[0]
    assert (nothing.difference, nothing.low, nothing.high) == (0, 0, 0)


def test_other_statistics_of_moments_have_intervals_too(predictions):
    found = block_interval(predictions, 0, statistic=mean_squared_error)
    for interval, (p, t) in zip(
        found.tracks, zip(*(x.transpose(1, 0, 2) for x in predictions.read_all()), strict=True), strict=True
    ):
        assert interval.value == pytest.approx(np.nanmean((p - t) ** 2))
        assert interval.low < interval.value < interval.high


def test_a_constant_track_has_neither_score_nor_interval_and_the_mean_goes_on():
    prediction, truth = genome()
    both = Predictions.of(np.concatenate([prediction, 0 * prediction + 0.1], 1), np.concatenate([truth, truth], 1))
    found = block_interval(both, 0)
    assert np.isnan(found.tracks[1]).all()
    assert found.mean == found.tracks[0]


def test_too_few_blocks_or_other_windows_are_refused(predictions):
    with pytest.raises(InputError, match="fall into 1 blocks of 100000 bp"):
        block_interval(predictions, 0, block_bp=100_000)
    for other in (predictions.where(np.arange(20)), predictions.where(np.arange(23)[::-1])):
        with pytest.raises(InputError, match="same windows and tracks"):
            block_difference(predictions, other, 0)
