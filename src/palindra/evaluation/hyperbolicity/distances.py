"""Distances between embeddings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Distances = NDArray[np.float64]
Points = NDArray[np.float64]

_ROUNDING = 1e-9  # of the diameter


def euclidean_distances(points: ArrayLike) -> Distances:
    """Straight-line distances ``(n, n)`` of points ``(n, dimensions)``.

    Examples:
        >>> euclidean_distances([[0, 0], [3, 4]])[0, 1]
        np.float64(5.0)
    """
    from scipy.spatial.distance import pdist, squareform

    return np.asarray(squareform(pdist(_points(points))))


def angle_distances(points: ArrayLike) -> Distances:
    """Angles between points seen from the origin, in radians: the metric behind cosine similarity.

    One minus the cosine breaks the triangle inequality, and delta is defined for metrics.

    Raises:
        ValueError: for a point at the origin, which has no direction.

    Examples:
        >>> angle_distances([[1, 0], [0, 2], [-3, 0]]).round(3)[0].tolist()
        [0.0, 1.571, 3.142]
    """
    from scipy.spatial.distance import pdist, squareform

    x = _points(points)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    if not norms.all():
        raise ValueError(f"point {int(np.flatnonzero(norms == 0)[0])} is at the origin and has no angle: leave it out.")
    chords = pdist(x / norms)  # exact for near points, where the arc cosine is not
    return np.asarray(squareform(2 * np.arcsin(np.minimum(chords / 2, 1.0))))


def hyperbolic_distances(space: ArrayLike, k: float = 1.0) -> Distances:
    """Distances in the Lorentz model of curvature -1/k, from space coordinates (time follows from them).

    Args:
        space: (n, dimensions), the coordinates without time.
        k: above 0; the time coordinate is sqrt(k + |space|^2).

    Raises:
        ValueError: for a k that is not positive.

    Examples:
        >>> round(float(hyperbolic_distances([[0.0], [np.sinh(2.0)]])[0, 1]), 12)
        2.0
    """
    from scipy.spatial.distance import pdist, squareform

    if not 0 < k < np.inf:
        raise ValueError(f"k = {k:g}: a positive number is needed; the curvature is -1/k.")
    x = _points(space)
    norms = np.linalg.norm(x, axis=1)
    radii = np.arcsinh(norms / np.sqrt(k))
    turns = pdist(x / np.where(norms > 0, norms, 1.0)[:, None], "sqeuclidean") / 4  # squared sines of half the angles
    one, other = np.triu_indices(len(x), 1)
    # The law of cosines by halves: nothing cancels, neither near nor far from the origin.
    half = np.sinh((radii[one] - radii[other]) / 2) ** 2 + norms[one] * norms[other] / k * turns
    return np.asarray(squareform(2 * np.sqrt(k) * np.arcsinh(np.sqrt(half))))


METRICS: dict[str, Callable[[ArrayLike], Distances]] = {
    "euclidean": euclidean_distances,
    "cosine": angle_distances,
    "hyperbolic": hyperbolic_distances,
}
"""Distances of embeddings by name; hyperbolic ones take their k besides."""


def check_distances(distances: ArrayLike) -> Distances:
    """A matrix of distances as float64.

    Raises:
        ValueError: unless it is square, finite, not negative, symmetric and zero on its diagonal; names the entry.

    Examples:
        >>> check_distances([[0, 1], [2, 0]])
        Traceback (most recent call last):
        ValueError: the distance from point 0 to point 1 is 1, back it is 2: a symmetric matrix is needed.
    """
    d = np.asarray(distances, dtype=np.float64)
    if d.ndim != 2 or d.shape[0] != d.shape[1]:
        raise ValueError(f"distances of shape {d.shape}: a square matrix is needed.")
    for wrong, why in ((~np.isfinite(d), "is not a finite number"), (d < 0, "is negative")):
        if wrong.any():
            row, column = map(int, np.argwhere(wrong)[0])
            raise ValueError(
                f"the distance from point {row} to point {column} is {d[row, column]:g}, which {why}"
                f"{_more(int(wrong.sum()))}."
            )
    rounding = _ROUNDING * max(float(d.max(initial=0.0)), 1e-300)
    if np.abs(np.diag(d)).max(initial=0.0) > rounding:
        raise ValueError("a point has a distance from itself: the diagonal must be 0.")
    if np.abs(d - d.T).max(initial=0.0) > rounding:
        row, column = map(int, np.argwhere(np.abs(d - d.T) > rounding)[0])
        raise ValueError(
            f"the distance from point {row} to point {column} is {d[row, column]:g}, back it is {d[column, row]:g}: a "
            "symmetric matrix is needed."
        )
    return d


def obeys_triangles(distances: Distances) -> bool:
    """Whether no way over a third point is shorter than the direct one.

    Examples:
        >>> obeys_triangles(np.array([[0, 1, 3], [1, 0, 1], [3, 1, 0.0]]))
        False
    """
    slack = _ROUNDING * max(float(distances.max(initial=0.0)), 1e-300)
    return not any(bool((distances > row[:, None] + row[None, :] + slack).any()) for row in distances)


def _more(count: int) -> str:
    return f" (and {count - 1} others)" if count > 1 else ""


def _points(points: ArrayLike) -> Points:
    x = np.asarray(points, dtype=np.float64)
    if x.ndim != 2:
        raise ValueError(f"points of shape {x.shape}: (points, dimensions) is needed.")
    if not np.isfinite(x).all():
        row, column = map(int, np.argwhere(~np.isfinite(x))[0])
        raise ValueError(f"coordinate {column} of point {row} is {x[row, column]}: finite numbers are needed.")
    return x
