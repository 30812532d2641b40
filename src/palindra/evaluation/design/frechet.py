"""The Frechet distance of two clouds of embeddings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROWS_PER_FEATURE = 2  # fewer rows than this per feature: covariances are shrunken


class Frechet(NamedTuple):
    """How far two clouds are apart as normal distributions."""

    distance: float  # squared, in squared units of the features
    shrinkage: tuple[float, float]  # of each covariance, 0 for none and 1 for a multiple of the identity


def frechet_distance(first: ArrayLike, second: ArrayLike, *, shrink: bool | None = None) -> Frechet:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2) of means and covariances.

    The distance of normal distributions (Dowson and Landau, 1982), of embeddings as Heusel et al. (2017) use it.
    It is biased upwards for small sets: compare with the distance of two halves of the reference. With fewer than two
    rows per feature in either set both covariances are shrunken (Ledoit and Wolf, 2004), and the amount is returned.

    Args:
        first: embeddings ``(rows, features)``.
        second: of the other set.
        shrink: whether to shrink, whatever the numbers.

    Raises:
        ValueError: for fewer than two rows, or other features.

    Examples:
        >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]], shrink=False).distance
        9.0
    """
    one, two = (np.asarray(rows, dtype=np.float64) for rows in (first, second))
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1] or min(len(one), len(two)) < 2:
        raise ValueError(f"embeddings of shapes {one.shape} and {two.shape}: (two rows or more, the same features).")
    if shrink is None:
        shrink = min(len(one), len(two)) < ROWS_PER_FEATURE * one.shape[1]
    a, shrunken_a = _covariance(one, shrink)
    b, shrunken_b = _covariance(two, shrink)
    root = _square_root(a)
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()  # eigenvalues of A B are these
    moved = ((one.mean(axis=0) - two.mean(axis=0)) ** 2).sum()
    distance = float(moved + np.trace(a) + np.trace(b) - 2 * overlap)
    return Frechet(max(0.0, distance), (shrunken_a, shrunken_b))


def _covariance(rows: NDArray[np.float64], shrink: bool) -> tuple[NDArray[np.float64], float]:
    if shrink:
        from sklearn.covariance import ledoit_wolf

        covariance, amount = ledoit_wolf(rows)
        return np.atleast_2d(covariance), float(amount)
    return np.atleast_2d(np.cov(rows, rowvar=False)), 0.0


def _square_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
