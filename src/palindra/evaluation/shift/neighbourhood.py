"""How far a vector of features is from a cloud of them: from its mean, and from its nearest members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ENTRIES_AT_ONCE = 1 << 24  # of the matrix of distances

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Cloud:
    """Reference vectors, ready to measure distances to them.

    Args:
        centre: their mean.
        whitening: matrix that turns differences into units of the (shrunken) covariance.
        scale: spread of each feature, 1 for one that never changes.
        scaled: the vectors in units of these spreads.

    Examples:
        >>> cloud = fit_cloud(np.random.default_rng(0).normal(size=(500, 3)))
        >>> cloud.mahalanobis([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]]).round() .tolist()
        [0.0, 5.0]
        >>> bool(np.diff(cloud.nearest([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]])) > 2)
        True
    """

    centre: Vectors
    whitening: Vectors
    scale: Vectors
    scaled: Vectors

    def mahalanobis(self, vectors: ArrayLike) -> Vectors:
        """Distance from the mean in units of the covariance."""
        return np.asarray(np.linalg.norm((self._checked(vectors) - self.centre) @ self.whitening, axis=1))

    def nearest(self, vectors: ArrayLike, *, neighbours: int = 10) -> Vectors:
        """Mean Euclidean distance to the nearest reference vectors, every feature in units of its spread.

        A reference vector itself is its own nearest one: measure vectors that were not used to fit.
        """
        points = self._checked(vectors) / self.scale
        neighbours = min(neighbours, len(self.scaled))
        squares = (self.scaled**2).sum(axis=1)
        found = np.empty(len(points))
        rows = max(1, _ENTRIES_AT_ONCE // len(self.scaled))
        for start in range(0, len(points), rows):
            block = points[start : start + rows]
            gaps = (block**2).sum(axis=1)[:, None] + squares - 2 * block @ self.scaled.T
            closest = np.partition(gaps, neighbours - 1, axis=1)[:, :neighbours]
            found[start : start + rows] = np.sqrt(np.maximum(closest, 0)).mean(axis=1)
        return found

    def _checked(self, vectors: ArrayLike) -> Vectors:
        points = np.asarray(vectors, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != len(self.centre):
            raise ValueError(
                f"vectors of shape {points.shape} are given; the reference has (rows, {len(self.centre)}): "
                "take both from the same model."
            )
        return points


def fit_cloud(vectors: Any) -> Cloud:
    """A cloud of reference vectors ``(rows, features)``.

    The covariance is shrunken towards a multiple of the identity (Ledoit and Wolf, 2004), so that there may be fewer
    rows than features.

    Raises:
        ValueError: for fewer than two rows, or values that are not finite.
    """
    from sklearn.covariance import ledoit_wolf

    points = np.asarray(vectors, dtype=np.float64)
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"vectors of shape {points.shape} are given; (rows, features) with at least two rows needed.")
    if not np.isfinite(points).all():
        raise ValueError("reference vectors hold values that are not finite.")
    centre = points.mean(axis=0)
    spread = points.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    shrunken, _ = ledoit_wolf((points - centre) / scale, assume_centered=True)
    values, directions = np.linalg.eigh(shrunken)
    smallest = max(float(values.max()), 1e-300) * 1e-10
    whitening = directions / np.sqrt(np.maximum(values, smallest)) / scale[:, None]
    return Cloud(centre, whitening, scale, points / scale)
