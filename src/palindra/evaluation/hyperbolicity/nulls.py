"""Points without a tree that are otherwise alike: what delta has to be compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.phylogenies import Alignment
from palindra.evaluation.hyperbolicity.distances import check_distances

Distances = NDArray[np.float64]
Points = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Distances]
"""Distances of so many random points."""


def gaussian_points(points: ArrayLike) -> Callable[[np.random.Generator, int], Points]:
    """Draws of a Gaussian cloud with exactly the sample mean and covariance of random ones of the points.

    With X = U S V^T the singular values of centred points, a draw is Q S V^T with random orthonormal Q. For Gaussian
    points, U is such a Q and independent of S and V, so the null is exact for any number of points and dimensions. (A
    Gaussian with an estimated covariance is not: with few points it has fewer effective dimensions than the points,
    a higher delta, and every cloud of many dimensions would look like a tree.)

    Examples:
        >>> points = np.random.default_rng(0).normal(size=(50, 3)) * [9, 1, 0]
        >>> drawn = gaussian_points(points)(np.random.default_rng(1), 50)
        >>> bool(np.allclose(np.cov(drawn.T), np.cov(points.T)))
        True
    """
    x = np.asarray(points, dtype=np.float64)

    def draw(rng: np.random.Generator, count: int) -> Points:
        return rotated(x[rng.choice(len(x), count, replace=False)], rng)

    return draw


def rotated(points: Points, rng: np.random.Generator) -> Points:
    """Points with the same mean and covariance, the rest random: see :func:`gaussian_points`."""
    centre = points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(points - centre, full_matrices=False)
    rank = min(len(sizes), len(points) - 1)
    drawn = rng.normal(size=(len(points), rank))
    basis, triangle = np.linalg.qr(drawn - drawn.mean(axis=0))
    return np.asarray(centre + basis * np.sign(np.diag(triangle)) * sizes[:rank] @ axes[:rank])


def permuted_columns(points: ArrayLike) -> Callable[[np.random.Generator, int], Points]:
    """Draws in which each coordinate is taken from another random row: the same values, independent of each other.

    Examples:
        >>> draw = permuted_columns([[1, 10], [2, 20], [3, 30]])
        >>> np.sort(draw(np.random.default_rng(0), 3), axis=0).tolist()
        [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
    """
    x = np.asarray(points, dtype=np.float64)

    def draw(rng: np.random.Generator, count: int) -> Points:
        return np.take_along_axis(x, _rows(rng, x.shape, count), axis=0)

    return draw


def permuted_alignment(alignment: Alignment) -> Callable[[np.random.Generator, int], Alignment]:
    """Draws in which each column of an alignment is shuffled among the sequences: every site keeps its letters.

    Examples:
        >>> draw = permuted_alignment(Alignment.from_rows(["a", "b"], ["AC", "AG"]))
        >>> sorted(draw(np.random.default_rng(0), 2).rows())
        ['AC', 'AG']
    """

    def draw(rng: np.random.Generator, count: int) -> Alignment:
        rows = _rows(rng, alignment.codes.shape, count)
        codes = np.take_along_axis(alignment.codes, rows, axis=0)
        return Alignment(tuple(f"shuffled{n}" for n in range(count)), codes)

    return draw


def principal_coordinates(distances: ArrayLike) -> Points:
    """Points whose Euclidean distances are nearest to given ones (classical scaling; Torgerson, 1952, Gower, 1966).

    All dimensions with a positive share are kept; what no Euclidean space can hold is left out.

    Examples:
        >>> from palindra.evaluation.hyperbolicity.distances import euclidean_distances
        >>> d = euclidean_distances([[0, 0], [3, 4], [6, 0]])
        >>> bool(np.allclose(euclidean_distances(principal_coordinates(d)), d))
        True
    """
    d = check_distances(distances)
    inner = -(d**2) / 2
    inner = inner - inner.mean(axis=0) - inner.mean(axis=1, keepdims=True) + inner.mean()
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    kept = values > 1e-12 * max(float(values.max(initial=0.0)), 1e-300)
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def gaussian_of_distances(distances: ArrayLike) -> Draw:
    """Draws of a Gaussian cloud that spreads like the principal coordinates of given distances; Euclidean distances."""
    from palindra.evaluation.hyperbolicity.distances import euclidean_distances

    d = check_distances(distances)

    def draw(rng: np.random.Generator, count: int) -> Distances:
        rows = rng.choice(len(d), count, replace=False)
        return euclidean_distances(rotated(principal_coordinates(d[np.ix_(rows, rows)]), rng))

    return draw


def shuffled_distances(distances: ArrayLike) -> Draw:
    """Draws of the given distances in random places, each then shortened to the shortest way between its points.

    Without the second step they would be no metric, and delta would mean nothing.

    Examples:
        >>> shuffled_distances([[0, 1, 5], [1, 0, 1], [5, 1, 0]])(np.random.default_rng(0), 3).max()
        np.float64(2.0)
    """
    d = check_distances(distances)

    def draw(rng: np.random.Generator, count: int) -> Distances:
        from scipy.sparse.csgraph import floyd_warshall

        rows = rng.choice(len(d), count, replace=False)
        upper = np.triu_indices(count, 1)
        found = np.zeros((count, count))
        found[upper] = rng.permutation(d[np.ix_(rows, rows)][upper])
        found += found.T
        absent = np.where(found > 0, found, 1e-300)  # a zero would mean that there is no way
        np.fill_diagonal(absent, 0.0)
        return np.asarray(floyd_warshall(absent, directed=False))

    return draw


def _rows(rng: np.random.Generator, shape: tuple[int, ...], count: int) -> NDArray[np.int64]:
    """Of each column ``count`` different rows (all that there are, where there are fewer than asked for)."""
    if count > shape[0]:
        raise ValueError(f"{count} rows of {shape[0]}: ask for fewer.")
    return np.argsort(rng.random(shape), axis=0)[:count]
