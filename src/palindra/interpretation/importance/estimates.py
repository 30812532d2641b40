"""Means with their intervals and tests, for tables of many statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-9  # of the largest effect: differences below it are rounding of the model


class Estimate(NamedTuple):
    """A mean over independent backgrounds (or sequences) with its interval and a paired test against 0."""

    name: str
    mean: float
    low: float
    high: float
    p: float
    q: float  # p corrected for all estimates of the same table (Benjamini & Hochberg, 1995)
    observations: int


def estimates(names: Sequence[str], values: NDArray[np.float64], *, level: float = 0.95) -> list[Estimate]:
    """One estimate for each row of differences ``(rows, observations)``, by Student's t.

    Differences that are equal have no spread: p is 1 where they are 0, and 0 elsewhere. One observation has no
    interval (NaN).

    Args:
        names: of the rows.
        values: independent observations of each, e.g. one for each background.
        level: coverage of the intervals.
    """
    from scipy.stats import false_discovery_control, t

    count = values.shape[1]
    mean = values.mean(1)
    if count > 1:
        error = values.std(1, ddof=1) / count**0.5
        steady = np.ptp(values, axis=1) <= _ROUNDING * np.abs(values).max(initial=0)
        error = np.where(steady, 0, error)
        half = t.ppf((1 + level) / 2, count - 1) * error
        size = np.abs(mean) / np.where(steady, 1, error)
        zero = np.abs(mean) <= _ROUNDING * np.abs(values).max(initial=0)
        p = np.where(steady, zero.astype(float), 2 * t.sf(size, count - 1))
        q = false_discovery_control(p)
    else:
        half = p = q = np.full(len(mean), np.nan)
    low, high = mean - half, mean + half
    return [
        Estimate(name, float(mean[row]), float(low[row]), float(high[row]), float(p[row]), float(q[row]), count)
        for row, name in enumerate(names)
    ]
