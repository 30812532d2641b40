"""Delta of many points, from random subsets and random quadruples, with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.evaluation.hyperbolicity.distances import check_distances
from palindra.evaluation.hyperbolicity.four_point import Delta, delta
from palindra.evaluation.statistics import Interval, mean_interval

Distances = NDArray[np.float64]


class SampledDelta(NamedTuple):
    """Relative delta of random subsets.

    ``relative`` is the mean over subsets with its interval, which covers the choice of the subsets. It depends on their
    size, for larger sets have larger deltas: compare equal sizes only. ``at_least`` is the largest delta of a
    subset, below which that of all points cannot be.
    """

    relative: Interval
    at_least: float
    subsets: list[Delta]
    size: int


def sampled_delta(distances: ArrayLike, *, size: int = 100, subsets: int = 20, seed: int) -> SampledDelta:
    """Exact deltas of random subsets of ``size`` points; of all points, once, where there are no more.

    Args:
        distances: (n, n).
        size: of a subset, 4 or more.
        subsets: how many.
        seed: the same seed gives the same subsets.

    Raises:
        ValueError: for sizes that do not fit.

    Examples:
        >>> points = np.random.default_rng(0).normal(size=(60, 2))
        >>> from palindra.evaluation.hyperbolicity.distances import euclidean_distances
        >>> found = sampled_delta(euclidean_distances(points), size=20, subsets=10, seed=0)
        >>> found.relative.low < found.relative.value < found.relative.high
        True
    """
    d = check_distances(distances)
    if size < 4 or subsets < 1:
        raise ValueError(f"{subsets} subsets of {size} points: one of four points is the least.")
    rng = np.random.default_rng(seed)
    if len(d) <= size:
        chosen = [np.arange(len(d))]
    else:
        chosen = [np.sort(rng.choice(len(d), size, replace=False)) for _ in range(subsets)]
    found = [delta(d[np.ix_(rows, rows)]) for rows in chosen]
    return SampledDelta(
        relative=mean_interval([item.relative for item in found]),
        at_least=max(item.delta for item in found),
        subsets=found,
        size=min(size, len(d)),
    )


def average_delta(distances: ArrayLike, *, quadruples: int = 10_000, seed: int) -> Interval:
    """Mean delta of random quadruples, with its interval: what is typical, where delta is the worst case.

    One outlying quadruple decides delta; the average hardly sees it (Albert, DasGupta & Mobasheri, 2014).

    Args:
        distances: (n, n) of four points or more.
        quadruples: how many are drawn.
        seed: the same seed gives the same ones.

    Examples:
        >>> average_delta([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]], quadruples=10, seed=0).value
        1.0
    """
    d = check_distances(distances)
    if len(d) < 4 or quadruples < 2:
        raise ValueError(f"{quadruples} quadruples of {len(d)} points: two of four points are the least.")
    draws = np.random.default_rng(seed).random((quadruples, len(d))) if len(d) <= 16 else None
    if draws is None:
        a, b, c, e = _distinct(len(d), quadruples, np.random.default_rng(seed))
    else:
        a, b, c, e = np.argsort(draws, axis=1)[:, :4].T
    sums = np.sort([d[a, b] + d[c, e], d[a, c] + d[b, e], d[a, e] + d[b, c]], axis=0)
    return mean_interval((sums[2] - sums[1]) / 2)


def _distinct(points: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Quadruples of different points ``(4, rows)``, all alike: a draw among those left, moved past those taken."""
    taken = np.empty((0, rows), dtype=np.int64)
    for step in range(4):
        new = rng.integers(points - step, size=rows)
        for place in np.sort(taken, axis=0):
            new += new >= place
        taken = np.concatenate([taken, new[None]])
    return taken
