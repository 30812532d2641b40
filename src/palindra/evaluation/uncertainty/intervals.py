"""Intervals of values: how far a label lies from its prediction, and back from that distance to an interval."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


class Intervals(NamedTuple):
    """Lower and upper ends, both included."""

    lower: Array
    upper: Array

    def contain(self, labels: ArrayLike) -> Array:
        """Whether each label lies inside."""
        y = np.asarray(labels, dtype=np.float64)
        return (self.lower <= y) & (y <= self.upper)

    @property
    def width(self) -> Array:
        """Upper minus lower ends."""
        return self.upper - self.lower


def residual_scores(labels: ArrayLike, mean: ArrayLike, spread: ArrayLike = 1.0) -> Array:
    """Distances ``|y - mean| / spread``.

    Args:
        labels: ``(rows,)``, NaN where missing.
        mean: predictions.
        spread: 1 for intervals of one width (Lei et al., 2018); predicted standard deviations for wider intervals
            where the model is less sure (Papadopoulos et al., 2008). Positive.

    Raises:
        ValueError: for a spread that is not positive.
    """
    sd = np.asarray(spread, dtype=np.float64)
    if not (sd > 0).all():
        raise ValueError("a spread is not positive, so distances in units of it have no meaning.")
    return np.abs(np.asarray(labels, dtype=np.float64) - np.asarray(mean, dtype=np.float64)) / sd


def around(mean: ArrayLike, threshold: ArrayLike, spread: ArrayLike = 1.0) -> Intervals:
    """All values whose :func:`residual_scores` is at most the threshold.

    Examples:
        >>> around([1.0], 2.0, [0.5])
        Intervals(lower=array([0.]), upper=array([2.]))
    """
    centre, half = np.asarray(mean, dtype=np.float64), np.asarray(threshold) * np.asarray(spread, dtype=np.float64)
    return Intervals(centre - half, centre + half)


def quantile_scores(labels: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Array:
    """How far labels lie outside of predicted quantiles, negative inside (Romano et al., 2019)."""
    y = np.asarray(labels, dtype=np.float64)
    return np.maximum(np.asarray(lower, dtype=np.float64) - y, y - np.asarray(upper, dtype=np.float64))


def widened(lower: ArrayLike, upper: ArrayLike, threshold: ArrayLike) -> Intervals:
    """All values whose :func:`quantile_scores` is at most the threshold; a negative one narrows, to a point at most.

    Examples:
        >>> widened([0.0, 0.0], [4.0, 1.0], -1.0)
        Intervals(lower=array([1. , 0.5]), upper=array([3. , 0.5]))
    """
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    margin = np.asarray(threshold, dtype=np.float64)
    low, high = low - margin, high + margin
    crossed = low > high  # nothing is inside; the point between is shown, and contains hardly any label
    middle = (low + high) / 2
    return Intervals(np.where(crossed, middle, low), np.where(crossed, middle, high))
