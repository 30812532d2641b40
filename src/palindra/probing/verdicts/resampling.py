"""Scores on resampled test rows: computed once for each set of predictions, so that any two can be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 400
_MISSING = 0.05  # share of resamples that may have no score (one class only)


def row_scores(
    statistic: Callable[[NDArray[Any], NDArray[Any]], float],
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    groups: ArrayLike | None = None,
) -> NDArray[np.float64] | None:
    """A score on test rows drawn with replacement, ``(resamples,)``.

    The draws depend on the number of rows (or groups) and the seed alone. So two models are scored on the same draws,
    and the spread of the difference is that of a paired bootstrap (Efron & Tibshirani, 1993).

    Args:
        statistic: of predictions and labels.
        predictions: ``(rows, ...)``.
        labels: ``(rows, ...)``.
        seed: of the draws.
        resamples: how many.
        groups: rows with the same entry are drawn together.

    Returns:
        None where more than 5 % of the draws have no score: too few rows of one class.

    Examples:
        >>> labels = np.arange(50.)
        >>> scores = row_scores(lambda p, y: float((p - y).mean()), labels + 1, labels, resamples=3)
        >>> scores.tolist()
        [1.0, 1.0, 1.0]
    """
    given, truth = np.asarray(predictions), np.asarray(labels)
    if len(given) != len(truth):
        raise ValueError(f"predictions of {len(given)} rows do not fit {len(truth)} labels.")
    members = _members(len(truth), groups)
    random = np.random.default_rng([seed, len(members)])
    found = np.empty(resamples)
    for draw in range(resamples):
        drawn = random.integers(len(members), size=len(members))
        rows = drawn if groups is None else np.concatenate([members[group] for group in drawn])
        found[draw] = statistic(given[rows], truth[rows])
    return None if np.isnan(found).mean() > _MISSING else found


def _members(rows: int, groups: ArrayLike | None) -> list[NDArray[np.intp]] | range:
    if groups is None:
        return range(rows)
    inverse = np.unique(np.asarray(groups), return_inverse=True)[1]
    return np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
