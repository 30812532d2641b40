"""What intervals and variances are worth: measured coverage, and errors in units of the predicted deviation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


class Coverage(NamedTuple):
    """Share of rows whose label lies inside, with its 95 % interval."""

    rate: float
    low: float
    high: float
    rows: int

    def __str__(self) -> str:
        return f"{self.rate:.1%} [{self.low:.1%}, {self.high:.1%}] of {self.rows:,}"


def measured_coverage(inside: ArrayLike, known: ArrayLike | None = None) -> Coverage:
    """Coverage on rows with known labels, with the exact binomial interval (Clopper & Pearson, 1934).

    The interval is for the sampling of these rows, given the thresholds; the draw of ``n`` held-out rows moves
    coverage by about ``sqrt(c (1 - c) / n)`` more.

    Args:
        inside: truth values.
        known: which of them count; all by default.

    Examples:
        >>> print(measured_coverage([True] * 90 + [False] * 10))
        90.0% [82.4%, 95.1%] of 100
    """
    from scipy.stats import binomtest

    values = np.asarray(inside, dtype=bool)
    values = values.ravel() if known is None else values[np.asarray(known, dtype=bool)]
    if not values.size:
        return Coverage(float("nan"), 0.0, 1.0, 0)
    bounds = binomtest(int(values.sum()), values.size).proportion_ci(method="exact")
    return Coverage(float(values.mean()), float(bounds.low), float(bounds.high), values.size)


def coverage_by_group(inside: ArrayLike, groups: ArrayLike) -> dict[str, Coverage]:
    """Coverage within each group, in their order."""
    values, names = np.asarray(inside, dtype=bool), np.asarray(groups)
    return {str(name): measured_coverage(values[names == name]) for name in np.unique(names)}


class StandardErrors(NamedTuple):
    """Errors divided by predicted standard deviations; right ones have mean 0 and variance 1."""

    z: Array
    mean: float
    variance: float
    low: float  # 95 % interval of the variance, over rows
    high: float


def standardised_errors(labels: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> StandardErrors:
    """``z = (y - mean) / sqrt(variance)``: above 1 in variance, the model is too sure.

    With noise measured from replicates as the aleatoric part, give ``epistemic + replicate_variance``.

    The interval needs no normal errors: it is that of a mean of squares.

    Args:
        labels: ``(rows,)``; rows with NaN in any argument are left out.
        mean: predicted.
        variance: predicted, positive.

    Raises:
        ValueError: for a variance that is not positive.
    """
    y, m, v = (np.asarray(a, dtype=np.float64).ravel() for a in (labels, mean, variance))
    known = ~(np.isnan(y) | np.isnan(m) | np.isnan(v))
    if not (v[known] > 0).all():
        raise ValueError("a predicted variance is not positive: errors in units of it have no meaning.")
    z = (y[known] - m[known]) / np.sqrt(v[known])
    squares = (z - z.mean()) ** 2
    half = 1.96 * float(squares.std(ddof=1) / np.sqrt(len(z))) if len(z) > 1 else float("inf")
    found = float(squares.mean())
    return StandardErrors(z, float(z.mean()), found, max(0.0, found - half), found + half)
