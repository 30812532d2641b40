"""Scores on windows whose signal exceeds a rising threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.correlation import mean_of_defined, window_moments
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]


@dataclass(frozen=True)
class ThresholdCurve:
    """One entry per threshold along the first axis; NaN where nothing is left or defined."""

    thresholds: Array
    windows: Array  # how many exceed it
    per_sequence: Array  # (thresholds, tracks) Pearson inside the windows, mean of those that have one
    whole: Array  # (thresholds, tracks) Pearson over the windows together
    dropped: Array  # (thresholds, tracks) windows without a correlation inside

    @property
    def mean_per_sequence(self) -> Array:
        """Mean over tracks."""
        return np.array([mean_of_defined(row) for row in self.per_sequence])

    @property
    def mean_whole(self) -> Array:
        """Mean over tracks."""
        return np.array([mean_of_defined(row) for row in self.whole])


def threshold_curve(
    predictions: Predictions, thresholds: Sequence[float] = tuple(range(25)), *, maxima: ArrayLike | None = None
) -> ThresholdCurve:
    """Correlations on the windows whose largest truth, over positions and tracks, is above each threshold; one pass.

    Args:
        predictions: what to score.
        thresholds: rising or not; "above" is strict.
        maxima: ``(windows,)`` the largest truth at base resolution. By default that of the stored bins, which is
            smaller the larger the bins are: give it when models of different bin sizes are compared.

    Raises:
        InputError: when ``maxima`` has another length.

    Examples:
        >>> p = Predictions.of([[[1., 2., 3.]], [[1., 0., 3.]]], [[[0., 1., 9.]], [[1., 0., 1.]]])
        >>> curve = threshold_curve(p, [0, 5, 10])
        >>> curve.windows.tolist(), curve.per_sequence.round(3).ravel().tolist()
        ([2, 1, 0], [0.834, 0.912, nan])
    """
    largest = _maxima(predictions) if maxima is None else np.asarray(maxima, dtype=float)
    if largest.shape != (len(predictions),):
        raise InputError(f"maxima of shape {largest.shape} do not fit {len(predictions)} windows: one each is needed.")
    moments = window_moments(predictions)
    inside = moments.finish().pearson
    kept = np.array([largest > threshold for threshold in thresholds])
    whole = [moments.at(rows).pool(np.zeros(rows.sum(), np.intp), 1).finish().pearson[0] for rows in kept]
    return ThresholdCurve(
        np.asarray(thresholds, dtype=float),
        kept.sum(1),
        np.array([[mean_of_defined(column) for column in inside[rows].T] for rows in kept]),
        np.array(whole),
        np.array([np.isnan(inside[rows]).sum(0) for rows in kept]),
    )


def _maxima(predictions: Predictions) -> Array:
    parts = [np.where(np.isnan(truth), -np.inf, truth).max((1, 2)) for _, _, truth in predictions.chunks()]
    return np.concatenate(parts)
