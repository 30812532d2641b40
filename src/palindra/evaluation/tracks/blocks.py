"""Intervals of track scores by resampling stretches of the genome instead of positions.

Neighbouring positions are alike, so resampling them one by one gives intervals that are far too narrow. Here contiguous
blocks along the chromosomes are drawn with replacement, and each draw is scored exactly from the blocks' moments:
no prediction is read twice. This covers the sampling of the test region for these trained models, not their seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.evaluation.statistics import Interval, PairedBootstrap
from palindra.evaluation.tracks.correlation import grouped_moments, mean_of_defined
from palindra.evaluation.tracks.moments import Moments
from palindra.evaluation.tracks.predictions import Places, Predictions

Array = NDArray[Any]
Statistic = Callable[[Moments], Array]
"""From moments ``(..., tracks)`` to one number each, e.g. :func:`pearson` or :func:`mean_squared_error`."""

_FEWEST = 5  # blocks: with fewer the percentiles are those of a handful of draws
_WANTED = 50


def pearson(moments: Moments) -> Array:
    """Whole Pearson correlation."""
    return moments.finish().pearson


def mean_squared_error(moments: Moments) -> Array:
    """Mean squared error of unscaled predictions."""
    return moments.finish().mse


@dataclass(frozen=True)
class TrackIntervals:
    """A score with its interval: of each track and of their mean."""

    tracks: tuple[Interval, ...]
    mean: Interval
    blocks: int
    block_bp: int


@dataclass(frozen=True)
class TrackDifferences:
    """Two models on the same blocks: of each track and of their mean, first minus second."""

    tracks: tuple[PairedBootstrap, ...]
    mean: PairedBootstrap
    blocks: int
    block_bp: int


def genome_blocks(places: Places, block_bp: int | None = None) -> tuple[NDArray[np.intp], int]:
    """The block of each window, by where its centre lies, and the length of the blocks.

    Args:
        places: the windows.
        block_bp: bases per block; by default so many that all windows together make about 50 blocks, and at least one
            window's length. Choose it longer than the reach of correlations along the genome.

    Raises:
        InputError: when fewer than 5 blocks hold windows.

    Examples:
        >>> places = Places(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 100, 200, 0, 500, 900]), 100)
        >>> genome_blocks(places, 200)[0].tolist()
        [0, 0, 1, 2, 3, 4]
        >>> genome_blocks(places, 1000)
        Traceback (most recent call last):
        ...
        palindra.errors.InputError: 6 windows fall into 2 blocks of 1000 bp, ...
    """
    chrom, start, length = places
    size = block_bp or max(length, -(-len(start) * length // _WANTED))
    numbers = np.stack([chrom.astype(np.int64), (start + length // 2) // size], axis=1)
    found, block = np.unique(numbers, axis=0, return_inverse=True)
    if len(found) < _FEWEST:
        raise InputError(
            f"{len(start)} windows fall into {len(found)} blocks of {size} bp, and an interval needs at least "
            f"{_FEWEST}: take shorter blocks, or a larger test set."
        )
    return block.reshape(-1).astype(np.intp), size


def block_interval(
    predictions: Predictions,
    seed: int,
    *,
    statistic: Statistic = pearson,
    block_bp: int | None = None,
    resamples: int = 1000,
    level: float = 0.95,
) -> TrackIntervals:
    """A score of each track and of their mean, with percentile intervals over blocks of the genome.

    Args:
        predictions: what to score.
        seed: the same seed and blocks give the same draws.
        statistic: of moments.
        block_bp: see :func:`genome_blocks`.
        resamples: how many draws.
        level: coverage of the interval.

    Raises:
        InputError: when there are fewer than 5 blocks.
    """
    blocks, size = genome_blocks(predictions.places, block_bp)
    drawn, value = _draws(predictions, blocks, seed, statistic, resamples)
    tracks = tuple(Interval(float(v), *_bounds(column, level)) for v, column in zip(value, drawn.T, strict=True))
    mean = Interval(mean_of_defined(value), *_bounds(_means(drawn), level))
    return TrackIntervals(tracks, mean, int(blocks.max()) + 1, size)


def block_difference(
    first: Predictions,
    second: Predictions,
    seed: int,
    *,
    statistic: Statistic = pearson,
    block_bp: int | None = None,
    resamples: int = 1000,
    level: float = 0.95,
) -> TrackDifferences:
    """The difference of two models' scores with its interval, both scored on the same drawn blocks.

    Args:
        first: predictions of one model.
        second: those of the other, for the same windows and tracks (bins may differ; a fair comparison has them equal).
        seed: the same seed and blocks give the same draws.
        statistic: of moments.
        block_bp: see :func:`genome_blocks`.
        resamples: how many draws.
        level: coverage of the interval.

    Raises:
        InputError: when windows or tracks differ, or there are fewer than 5 blocks.
    """
    same = first.places.length == second.places.length
    same &= np.array_equal(first.places.chrom, second.places.chrom)
    same &= np.array_equal(first.places.start, second.places.start)
    if not same or first.tracks != second.tracks:
        raise InputError(
            f"a paired comparison needs the same windows and tracks; got {len(first)} windows of {list(first.tracks)} "
            f"and {len(second)} of {list(second.tracks)}{'' if same else ', whose places differ'}."
        )
    blocks, size = genome_blocks(first.places, block_bp)
    one, value_one = _draws(first, blocks, seed, statistic, resamples)
    two, value_two = _draws(second, blocks, seed, statistic, resamples)
    tracks = tuple(
        PairedBootstrap(float(a), float(b), float(a - b), *_bounds(column, level))
        for a, b, column in zip(value_one, value_two, (one - two).T, strict=True)
    )
    a, b = mean_of_defined(value_one), mean_of_defined(value_two)
    mean = PairedBootstrap(a, b, mean_of_defined(value_one - value_two), *_bounds(_means(one - two), level))
    return TrackDifferences(tracks, mean, int(blocks.max()) + 1, size)


def _draws(
    predictions: Predictions, blocks: NDArray[np.intp], seed: int, statistic: Statistic, resamples: int
) -> tuple[Array, Array]:
    """The statistic of every draw ``(resamples, tracks)`` and of the data ``(tracks,)``."""
    size = int(blocks.max()) + 1
    moments = grouped_moments(predictions, blocks, size)
    weights = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=resamples)
    return statistic(moments.resampled(weights)), statistic(moments.resampled(np.ones((1, size))))[0]


def _means(drawn: Array) -> Array:
    return np.array([mean_of_defined(row) for row in drawn])


def _bounds(drawn: Array, level: float) -> tuple[float, float]:
    """Percentiles of the draws; NaN when the score is undefined in more than one of twenty."""
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < 0.95 * len(drawn):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
