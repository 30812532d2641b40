"""Embeddings of sequences as points of a plane, and the training sequences nearest to a new one."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.interpretation.threads import threads_kept

NEIGHBOURS = 15  # of each point in UMAP
_BLOCK = 8_000_000  # distances at a time


class Projection(NamedTuple):
    """Sequences as points of a plane."""

    x: Float[NDArray[np.float64], " points"]
    y: Float[NDArray[np.float64], " points"]
    title: str  # "PCA (61 % of the variance)" or "UMAP (15 neighbours, seed 0)"


def project(embeddings: ArrayLike, method: Literal["pca", "umap"] = "pca", seed: int = 0) -> Projection:
    """Two coordinates for each embedding.

    PCA keeps distances as far as a plane can and says how much of the variance that is; its axes point to the side
    on which their largest loading is positive. UMAP keeps neighbours, so that distances between its groups mean
    nothing. The same embeddings and seed give the same points.

    Args:
        embeddings: ``(points, features)``, e.g. of :func:`palindra.models.embeddings.embeddings`.
        method: ``"pca"`` or ``"umap"``.
        seed: of UMAP; PCA has no chance in it.

    Raises:
        InputError: for fewer than 3 points in PCA or 16 in UMAP, fewer than two features, numbers that are not finite,
            another method, or when umap-learn is not installed.

    Source: McInnes, Healy & Melville (2018) for UMAP.

    Examples:
        >>> found = project([[0, 0, 0], [2, 0, 0], [0, 1, 0], [2, 1, 0]])
        >>> found.title, found.x.round(2).tolist(), found.y.round(2).tolist()
        ('PCA (100 % of the variance)', [-1.0, 1.0, -1.0, 1.0], [-0.5, -0.5, 0.5, 0.5])
    """
    points = _table(embeddings, "embeddings")
    methods = {"pca": (_pca, 3), "umap": (_umap, NEIGHBOURS + 1)}
    if method not in methods:
        raise InputError(f"embeddings are projected by 'pca' or 'umap', not by {method!r}.")
    run, needed = methods[method]
    if len(points) < needed or points.shape[1] < 2:
        raise InputError(
            f"{len(points)} embeddings of {points.shape[1]} features: {method} needs at least {needed} of at least 2."
        )
    return run(points, seed)


def nearest(
    train: ArrayLike, new: ArrayLike, k: int = 5
) -> tuple[Int[NDArray[np.int64], "new k"], Float[NDArray[np.float64], "new k"]]:
    """The rows of ``train`` nearest to each of ``new``, and their Euclidean distances, the nearest first.

    At equal distances the smaller row comes first. A sequence that is in both is its own nearest, at distance 0.

    Args:
        train: embeddings ``(rows, features)``.
        new: embeddings ``(new, features)`` of the same features.
        k: how many.

    Raises:
        InputError: for fewer than one or more than all of ``train``, other features, or numbers that are not finite.

    Examples:
        >>> nearest([[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]], [[0.0, 1.0]], k=2)[0].tolist()
        [[0, 1]]
    """
    from scipy.spatial.distance import cdist

    known, asked = _table(train, "embeddings of training sequences"), _table(new, "embeddings of new sequences")
    if known.shape[1] != asked.shape[1]:
        raise InputError(
            f"embeddings of {known.shape[1]} features in training and {asked.shape[1]} in the new sequences: take both "
            "from the same layer of the same model."
        )
    if not 1 <= k <= len(known):
        raise InputError(f"{k} nearest of {len(known)} training sequences: ask for 1 to {len(known)}.")
    indices = np.empty((len(asked), k), dtype=np.int64)
    distances = np.empty((len(asked), k))
    rows = max(1, _BLOCK // len(known))
    for first in range(0, len(asked), rows):
        block = slice(first, first + rows)
        found = cdist(asked[block], known)
        indices[block] = np.argsort(found, axis=1, kind="stable")[:, :k]
        distances[block] = np.take_along_axis(found, indices[block], axis=1)
    return indices, distances


def _table(values: ArrayLike, name: str) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise InputError(f"{name} of shape {table.shape}: a table (points, features) with at least one of each.")
    if not np.isfinite(table).all():
        row = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise InputError(f"{name}: row {row} holds numbers that are not finite; check the weights of the model.")
    return table


def _pca(points: NDArray[np.float64], seed: int) -> Projection:
    from sklearn.decomposition import PCA

    if not np.ptp(points, axis=0).any():
        return Projection(np.zeros(len(points)), np.zeros(len(points)), "PCA (all points are equal)")
    found = PCA(n_components=2, svd_solver="full").fit(points)
    axes = found.components_
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    x, y = (signs * axes) @ (points - points.mean(axis=0)).T
    return Projection(x, y, f"PCA ({100 * found.explained_variance_ratio_.sum():.0f} % of the variance)")


def _umap(points: NDArray[np.float64], seed: int) -> Projection:
    compiled = _umap_class()
    with threads_kept():
        found = compiled(n_neighbors=NEIGHBOURS, random_state=seed, n_jobs=1).fit_transform(points.astype(np.float32))
    x, y = np.asarray(found, dtype=np.float64).T
    return Projection(x, y, f"UMAP ({NEIGHBOURS} neighbours, seed {seed})")


def _umap_class() -> Any:
    try:
        from umap import UMAP
    except ImportError as error:
        raise InputError(
            "UMAP needs umap-learn, which is not installed: pip install 'palindra[umap]', or choose the method 'pca'."
        ) from error
    return UMAP
