"""Correlations of stored predictions with the truth: over everything, by rank, and inside each window.

``whole`` and ``per sequence`` are different numbers with different baselines and never share a name: the first rewards
getting the level of a window right, the second only the shape inside it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.evaluation.tracks.moments import Moments
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]

_PAIRS_AT_ONCE = 1 << 20


def whole_moments(predictions: Predictions) -> Moments:
    """Moments over all windows and bins, one entry per track; one pass."""
    total = Moments.nothing(len(predictions.tracks))
    for _, prediction, truth in predictions.chunks():
        total = total.add(prediction, truth)
    return total


def window_moments(predictions: Predictions) -> Moments:
    """Moments of each window, ``(windows, tracks)``: whatever is pooled over groups of windows starts here."""
    return grouped_moments(predictions, np.arange(len(predictions)), len(predictions))


def grouped_moments(predictions: Predictions, groups: ArrayLike, size: int) -> Moments:
    """Moments of groups of windows, ``(groups, tracks)``; one pass, memory for one entry per group.

    Args:
        predictions: what to score.
        groups: ``(windows,)`` the number of each window's group.
        size: how many groups.
    """
    index = np.asarray(groups, dtype=np.intp)
    total = Moments.nothing((size, len(predictions.tracks)))
    for rows, prediction, truth in predictions.chunks():
        here, place = np.unique(index[rows], return_inverse=True)
        chunk = Moments.of(prediction, truth, axis=2).pool(place, len(here))
        merged = total.at(here).merge(chunk)
        for part in fields(Moments):  # in place, so that a pass over many groups stays linear
            getattr(total, part.name)[here] = getattr(merged, part.name)
    return total


def whole_pearson(predictions: Predictions) -> Array:
    """Pearson correlation over all windows and bins together, per track; NaN for constant tracks.

    Examples:
        >>> whole_pearson(Predictions.of([[[1., 2.]], [[3., 5.]]], [[[2., 3.]], [[4., 6.]]])).round(6)
        array([1.])
    """
    return whole_moments(predictions).finish().pearson


def whole_spearman(predictions: Predictions) -> Array:
    """Spearman correlation over all windows and bins together, per track, exact: ties share their mean rank.

    Ranks need a whole track at once, so one track after the other is held in memory (about 50 bytes per known bin);
    tracks together never are.
    """
    return np.array([_spearman(predictions, slice(c, c + 1)) for c in range(len(predictions.tracks))])


def _spearman(predictions: Predictions, track: slice) -> float:
    from scipy.stats import rankdata

    known = [np.stack([p[~np.isnan(t)], t[~np.isnan(t)]]) for _, p, t in predictions.chunks(track)]
    pairs = np.concatenate(known, axis=1)
    del known
    if np.isnan(_correlation(pairs)):
        return float("nan")  # a constant, whose rounding must not be ranked
    for side in pairs:
        side[:] = rankdata(side)
    return _correlation(pairs)


def _correlation(pairs: Array) -> float:
    total = Moments.nothing(())
    for first in range(0, pairs.shape[1], _PAIRS_AT_ONCE):
        total = total.add(*pairs[:, first : first + _PAIRS_AT_ONCE], axis=0)
    return float(total.finish().pearson)


@dataclass(frozen=True)
class PerSequence:
    """Correlation inside each window: per track the mean, and how many windows have none."""

    values: Array  # (windows, tracks), NaN where truth or prediction is constant
    mean: Array  # (tracks,) over the windows that have one
    dropped: Array  # (tracks,) windows without: constant, or fewer than two known bins

    @property
    def overall(self) -> float:
        """Mean over windows, then over tracks."""
        return mean_of_defined(self.mean)


def per_sequence_pearson(predictions: Predictions) -> PerSequence:
    """Pearson correlation over the bins of each window and track; constant windows are dropped and counted.

    Examples:
        >>> p = Predictions.of([[[1., 2., 3.]], [[1., 2., 1.]]], [[[1., 2., 3.]], [[0., 0., 0.]]])
        >>> result = per_sequence_pearson(p)
        >>> result.mean.round(6).tolist(), result.dropped.tolist()
        ([1.0], [1])
    """
    values = np.concatenate([Moments.of(p, t, axis=2).finish().pearson for _, p, t in predictions.chunks()])
    mean = np.array([mean_of_defined(column) for column in values.T])
    return PerSequence(values, mean, np.isnan(values).sum(0))


def mean_of_defined(values: Array) -> float:
    """Mean of the numbers that are not NaN; NaN when there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "mean of empty slice" is the NaN that is wanted
        return float(np.nanmean(values))
