"""Correlation of maps, sequence by sequence, over the positions that both know."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def correlations(first: ArrayLike, second: ArrayLike, *, ranks: bool = False) -> NDArray[np.float64]:
    """Pearson correlation of each pair of rows, or Spearman's of their ranks.

    Args:
        first: ``(rows, length)``; positions that are NaN in either map are left out.
        second: of the same shape.
        ranks: whether ranks are correlated (equal values share their mean rank).

    Returns:
        ``(rows,)``, NaN where a map is constant or fewer than three positions are known.

    Examples:
        >>> correlations([[1.0, 2.0, 4.0, np.nan]], [[2.0, 4.0, 8.0, 1.0]]).round(3)
        array([1.])
        >>> correlations([[1.0, 2.0, 4.0]], [[1.0, 20.0, 3.0]], ranks=True).round(3)
        array([0.5])
    """
    from scipy.stats import rankdata

    one, two = (np.asarray(maps, dtype=np.float64) for maps in (first, second))
    if one.shape != two.shape or one.ndim != 2:
        raise ValueError(f"maps of shapes {one.shape} and {two.shape}: both are (rows, length).")
    found = np.full(len(one), np.nan)
    for row, (a, b) in enumerate(zip(one, two, strict=True)):
        known = np.isfinite(a) & np.isfinite(b)
        if known.sum() < 3:
            continue
        x, y = (rankdata(part[known]) if ranks else part[known] for part in (a, b))
        if np.ptp(x) <= 1e-12 * np.abs(x).max() or np.ptp(y) <= 1e-12 * np.abs(y).max():
            continue
        x, y = x - x.mean(), y - y.mean()
        found[row] = (x @ y) / (np.linalg.norm(x) * np.linalg.norm(y))
    return found
