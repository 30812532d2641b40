"""Correlations on rows drawn with replacement, all draws at once: a row counts as often as it was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = NDArray[np.float64]


def drawn(groups: Array, resamples: int, seed: int) -> Weights:
    """How often each row is drawn, with all rows of its group ``(resamples, rows)``.

    Examples:
        >>> weights = drawn(np.array([5, 5, 7]), 4, seed=0)
        >>> bool((weights[:, 0] == weights[:, 1]).all()), (weights[:, 0] + weights[:, 2]).tolist()
        (True, [2.0, 2.0, 2.0, 2.0])
    """
    unique, inverse = np.unique(groups, return_inverse=True)
    draws = np.random.default_rng(seed).integers(0, len(unique), (resamples, len(unique)))
    places = draws + len(unique) * np.arange(resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=resamples * len(unique)).reshape(resamples, len(unique))
    return counts[:, inverse].astype(np.float64)


def ranked(values: Array, weights: Weights) -> Weights:
    """Ranks of rows among those that were drawn, equal values sharing their mean rank ``(resamples, rows)``.

    Examples:
        >>> ranked(np.array([3.0, 1.0, 2.0]), np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 0.0]])).tolist()
        [[3.0, 1.0, 2.0], [3.0, 1.5, 2.5]]
    """
    unique, inverse = np.unique(values, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    first = np.searchsorted(inverse[order], np.arange(len(unique)))
    counts = np.add.reduceat(weights[:, order], first, axis=1)
    ranks: Weights = (counts.cumsum(1) - counts / 2 + 0.5)[:, inverse]
    return ranks


def correlated(x: Array, y: Array, weights: Weights) -> Weights:
    """Pearson correlations of the rows that were drawn ``(resamples,)``; NaN where one side is constant.

    Args:
        x: ``(rows,)``, or ``(resamples, rows)`` where it differs between draws.
        y: the same.
        weights: how often each row counts ``(resamples, rows)``.

    Examples:
        >>> x, y = np.array([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 0.0])
        >>> correlated(x, y, np.ones((1, 3))).round(3).tolist() == [np.corrcoef(x, y)[0, 1].round(3)]
        True
    """
    total = weights.sum(1, keepdims=True)
    sides = []
    for side in (x, y):
        values = np.broadcast_to(np.asarray(side, dtype=np.float64), weights.shape)
        sides.append(values - (weights * values).sum(1, keepdims=True) / total)
    spreads = [(weights * side**2).sum(1) for side in sides]
    known = (spreads[0] > _nothing(x)) & (spreads[1] > _nothing(y))
    found = np.full(len(weights), np.nan)
    shared = (weights * sides[0] * sides[1]).sum(1)
    found[known] = shared[known] / np.sqrt(spreads[0][known] * spreads[1][known])
    return found


def _nothing(side: Array) -> float:
    """A sum of squares that is rounding alone."""
    rounding = 1e-13 * float(np.abs(side).max(initial=0))
    return np.shape(side)[-1] * (1e-12 * float(np.var(side)) + rounding**2)
