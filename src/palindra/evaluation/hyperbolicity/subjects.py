"""What delta is measured of (embeddings, sequences, trees, given distances), each with its nulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.phylogenies import Alignment, Tree
from palindra.evaluation.hyperbolicity.distances import (
    METRICS,
    check_distances,
    euclidean_distances,
    hyperbolic_distances,
)
from palindra.evaluation.hyperbolicity.nulls import (
    Draw,
    gaussian_of_distances,
    gaussian_points,
    permuted_alignment,
    permuted_columns,
    shuffled_distances,
)
from palindra.evaluation.hyperbolicity.sequence_distances import (
    SiteDistances,
    complete_rows,
    jc69_distances,
    kmer_spectra,
    p_distances,
)

Distances = NDArray[np.float64]
Rows = NDArray[np.int64]

UNCERTAIN = 0.25  # standard error of a distance that is worth mentioning

SITES: dict[str, Callable[[Alignment], SiteDistances]] = {"p": p_distances, "jc69": jc69_distances}
"""Distances of aligned sequences by name."""


@dataclass(frozen=True)
class Subject:
    """Points with their distances, and the draws that they are compared with.

    Args:
        name: for tables.
        metric: in words.
        count: of points.
        measure: distances between the points of some rows.
        nulls: by name, draws of random points.
        notes: what was left out on the way, in sentences.
    """

    name: str
    metric: str
    count: int
    measure: Callable[[Rows], Distances]
    nulls: Mapping[str, Draw]
    notes: tuple[str, ...] = ()


def of_embeddings(points: ArrayLike, *, name: str = "embeddings", metric: str = "euclidean", k: float = 1.0) -> Subject:
    """Embeddings ``(points, dimensions)`` with a metric of ``METRICS``.

    The nulls are Gaussian points of equal mean, covariance and dimension, and the embeddings with each coordinate
    shuffled among the points. Where the metric is hyperbolic, both are drawn in space coordinates.

    Raises:
        ValueError: for an unknown metric.

    Examples:
        >>> print(list(of_embeddings([[0.0, 1], [2, 3]]).nulls))
        ['Gaussian', 'permuted']
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r}: choose from {', '.join(METRICS)}.")
    x = np.asarray(points, dtype=np.float64)
    measure = partial(hyperbolic_distances, k=k) if metric == "hyperbolic" else METRICS[metric]
    measure(x[:2])
    gaussian, permuted = gaussian_points(x), permuted_columns(x)
    return Subject(
        name=name,
        metric=f"hyperbolic, curvature {-1 / k:.4g}" if metric == "hyperbolic" else metric,
        count=len(x),
        measure=lambda rows: measure(x[rows]),
        nulls={
            "Gaussian": lambda rng, count: measure(gaussian(rng, count)),
            "permuted": lambda rng, count: measure(permuted(rng, count)),
        },
    )


def of_distances(
    distances: ArrayLike, *, name: str = "distances", metric: str = "given", notes: Sequence[str] = ()
) -> Subject:
    """Given distances ``(points, points)``.

    The nulls are a Gaussian that spreads like the principal coordinates of the distances, and the same distances
    between random pairs, made a metric again.

    Raises:
        ValueError: for a matrix that holds no distances.
    """
    d = check_distances(distances)
    return Subject(
        name=name,
        metric=metric,
        count=len(d),
        measure=lambda rows: d[np.ix_(rows, rows)],
        nulls={"Gaussian": gaussian_of_distances(d), "permuted": shuffled_distances(d)},
        notes=tuple(notes),
    )


def of_tree(tree: Tree, *, name: str = "tree") -> Subject:
    """Path lengths between the leaves of a tree; delta is 0 up to rounding."""
    return of_distances(tree.leaf_distances(), name=name, metric="path lengths of the tree")


def of_alignment(alignment: Alignment, *, name: str = "alignment", metric: str = "jc69") -> Subject:
    """Aligned sequences with a metric of ``SITES``.

    Sequences without a distance to others are left out and said so in the notes. The nulls are a Gaussian that spreads
    like the principal coordinates of the distances, and the alignment with each column shuffled among the sequences,
    which keeps the letters of every site and ends every relationship. The latter are equally far from each other up to
    noise: a star, which is a tree too. With long sequences its delta is as low as that of any tree.

    Raises:
        ValueError: for an unknown metric.
    """
    if metric not in SITES:
        raise ValueError(f"metric {metric!r}: choose from {', '.join(SITES)}.")
    measure = SITES[metric]
    found = measure(alignment)
    kept = complete_rows(found)
    d = found.values[np.ix_(kept, kept)]
    permuted = permuted_alignment(alignment.take(kept))
    names = {"p": "share of sites that differ", "jc69": "JC69"}
    return Subject(
        name=name,
        metric=names[metric],
        count=len(kept),
        measure=lambda rows: d[np.ix_(rows, rows)],
        nulls={
            "Gaussian": gaussian_of_distances(d),
            "permuted": lambda rng, count: measure(permuted(rng, count)).values,
        },
        notes=_left_out(alignment, found, kept),
    )


def of_sequences(sequences: Sequence[str], *, name: str = "sequences", k: int = 4, canonical: bool = True) -> Subject:
    """Sequences of any lengths by the Hellinger distance of their k-mers.

    The nulls are Gaussian points like the spectra (square roots of frequencies), and the spectra with each k-mer
    shuffled among the sequences.

    Raises:
        ValueError: for sequences without k-mers.
    """
    x = kmer_spectra(sequences, k, canonical=canonical) / np.sqrt(2)
    gaussian, permuted = gaussian_points(x), permuted_columns(x)
    return Subject(
        name=name,
        metric=f"Hellinger distance of {k}-mers",
        count=len(x),
        measure=lambda rows: euclidean_distances(x[rows]),
        nulls={
            "Gaussian": lambda rng, count: euclidean_distances(gaussian(rng, count)),
            "permuted": lambda rng, count: euclidean_distances(permuted(rng, count)),
        },
    )


def _left_out(alignment: Alignment, found: SiteDistances, kept: Rows) -> tuple[str, ...]:
    notes = []
    pairs_of_all = len(alignment.names) * (len(alignment.names) - 1) // 2
    for pairs, why in (
        (found.saturated, "are saturated: they differ in three quarters of their sites or more"),
        (found.apart, "have no column in common"),
    ):
        if count := int(pairs.sum()) // 2:
            notes.append(f"{count:,} of {pairs_of_all:,} pairs {why}, so that they have no finite distance.")
    if count := int((np.nan_to_num(found.errors) > UNCERTAIN).sum()) // 2:
        notes.append(
            f"{count:,} of {pairs_of_all:,} pairs are near saturation (standard errors above {UNCERTAIN:g} "
            "substitutions per site). Delta is decided by the worst quadruple, so such noise raises it."
        )
    if len(kept) < len(alignment.names):
        gone = [name for row, name in enumerate(alignment.names) if row not in set(kept.tolist())]
        shown = ", ".join(gone[:5]) + (", ..." if len(gone) > 5 else "")
        notes.append(f"{len(gone)} of {len(alignment.names)} sequences were left out for it: {shown}.")
    return tuple(notes)
