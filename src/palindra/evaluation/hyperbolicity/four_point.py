"""Gromov's delta of a finite metric space, exactly: how far it is from a tree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.evaluation.hyperbolicity.distances import check_distances, obeys_triangles

Distances = NDArray[np.float64]

_BLOCK = 1 << 22  # numbers of a temporary array: 32 MiB


class Delta(NamedTuple):
    """Delta, the largest distance, and twice their ratio: 0 for a tree, at most 1 for any metric."""

    delta: float
    diameter: float
    relative: float


def delta(distances: ArrayLike) -> Delta:
    """Exact delta over all quadruples of points.

    Of the three ways to pair four points, delta is half of what the largest sum of two distances exceeds the second
    largest by, at worst (Gromov, 1987). Pairs are visited from the farthest on, each against all before it: O(n^4)
    steps and O(n^2) memory. In a metric a quadruple exceeds by no more than the smaller of its two distances, so the
    search ends when no pair left can do better (Cohen, Coudert & Lancin, 2015); a tree has to be searched whole.

    Args:
        distances: (n, n), symmetric, of four points or more.

    Raises:
        ValueError: if it is no matrix of distances, has fewer than four points, or all points coincide.

    Examples:
        >>> square = [[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]]     # a ring of four points
        >>> delta(square)
        Delta(delta=1.0, diameter=2.0, relative=1.0)
    """
    d = _checked(distances)
    first, second = np.triu_indices(len(d), 1)
    lengths = d[first, second]
    order = np.argsort(-lengths, kind="stable")
    first, second, lengths = first[order], second[order], lengths[order]
    metric = obeys_triangles(d)
    best = 0.0  # of the excess, twice delta
    for pair in range(1, len(lengths)):
        if metric and lengths[pair] <= best:
            break
        one, other = d[first[pair]], d[second[pair]]
        c, e = first[:pair], second[:pair]
        crossed = np.maximum(one[c] + other[e], one[e] + other[c])
        best = max(best, float((lengths[:pair] - crossed).max()) + float(lengths[pair]))
    return _result(best / 2, d)


def delta_at(distances: ArrayLike, base: int) -> float:
    """Delta with one base point, by a (max, min) product of matrices: O(n^3) steps, memory in blocks of fixed size.

    The largest over x, y of max_z min((x|z), (z|y)) - (x|y), where (x|y) is the Gromov product at the base. The
    delta of all points is at least this and at most twice this.

    Args:
        distances: (n, n).
        base: number of the base point.

    Raises:
        ValueError: if it is no matrix of distances, or has no such point.

    Examples:
        >>> delta_at([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]], 0)
        1.0
    """
    d = _checked(distances)
    if not 0 <= base < len(d):
        raise ValueError(f"base point {base} of {len(d)} points: give 0 to {len(d) - 1}.")
    return _delta_at(d, base)


def base_deltas(distances: ArrayLike) -> NDArray[np.float64]:
    """Delta at each base point ``(n,)``; the largest of them is delta itself. O(n^4) steps.

    Examples:
        >>> base_deltas([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]])
        array([1., 1., 1., 1.])
    """
    d = _checked(distances)
    return np.array([_delta_at(d, base) for base in range(len(d))])


def gromov_products(distances: ArrayLike, base: int) -> Distances:
    """(x|y) = (d(x, p) + d(y, p) - d(x, y)) / 2 of all pairs at a base point p: in a tree, how long paths run together.

    Examples:
        >>> gromov_products([[0, 3, 3], [3, 0, 2], [3, 2, 0]], 0)[1, 2]
        np.float64(2.0)
    """
    d = np.asarray(distances, dtype=np.float64)
    return np.asarray((d[:, base, None] + d[None, base] - d) / 2)


def _delta_at(d: Distances, base: int) -> float:
    product = gromov_products(d, base)
    points = len(product)
    rows, columns = max(1, _BLOCK // points**2), max(1, _BLOCK // points)
    best = 0.0
    for top in range(0, points, rows):
        for left in range(0, points, columns):
            upper, right = product[top : top + rows], product[left : left + columns]
            through = np.minimum(upper[:, None, :], right[None, :, :]).max(axis=2)
            best = max(best, float((through - upper[:, left : left + columns]).max()))
    return best


def _checked(distances: ArrayLike) -> Distances:
    d = check_distances(distances)
    if len(d) < 4:
        raise ValueError(f"{len(d)} points: delta compares four.")
    return d


def _result(value: float, d: Distances) -> Delta:
    diameter = float(d.max())
    if diameter <= 0:
        raise ValueError(f"all {len(d)} points coincide, so that there is no diameter to compare delta with.")
    return Delta(value, diameter, 2 * value / diameter)
