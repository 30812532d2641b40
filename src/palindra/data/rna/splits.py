"""Divide structures for training and test: a family held out, clusters of similar ones, or at random."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import uniform
from palindra.data.rna.dataset import StructureSet
from palindra.data.rna.overlap import K, kmer_clusters
from palindra.data.table import SPLITS
from palindra.errors import InputError

Fractions = tuple[float, float, float]
_STREAM = 211


def family_folds(data: StructureSet, *, all_rows: bool = False, seed: int = 0) -> Iterator[tuple[str, StructureSet]]:
    """Each family once as the test set, unseen in training: what a score on new kinds of RNA needs, and the default.

    Yields:
        The family that is held out, and the set as :func:`hold_out_family` makes it.
    """
    for family in data.families:
        yield family, hold_out_family(data, family, all_rows=all_rows, seed=seed)


def hold_out_family(data: StructureSet, family: str, *, all_rows: bool = False, seed: int = 0) -> StructureSet:
    """One family for test and all others for training, so that no homologue of a test molecule was seen.

    Rows of the other families keep split valid if they have it, and are trained on if they were test rows; if none is
    in valid, a tenth of them is drawn. Rows whose family is not known are left out: they may be of this one.

    Args:
        data: structures with their families.
        family: which one is held out.
        all_rows: test on all of its rows and not only on those that are in split test, as published scores of it do.
        seed: of the draw.

    Raises:
        InputError: if there is no such family, no other one, or none of its rows is in split test.

    Examples:
        >>> from palindra.data.rna import Structure
        >>> families = ["5S", "5S", "tRNA", "tRNA"]
        >>> rows = [Structure(str(n), "GAAAC", [(0, 4)], family) for n, family in enumerate(families)]
        >>> data = StructureSet.of(rows, ["train", "test", "valid", "test"])
        >>> print(hold_out_family(data, "5S"))
        3 structures of 5 bases (5S 1, tRNA 2), train 1, valid 1, test 1
    """
    families = data.family_of
    if family not in data.families:
        known = ", ".join(data.families) or "none: give a column family"
        raise InputError(f"{data.source}: no structure is of family {family!r}; the families are {known}.")
    mine, others = families == family, (families != family) & (families != "")
    if not others.any():
        raise InputError(f"{data.source}: {family!r} is the only family, none is left to train on.")
    tested = mine if all_rows else mine & (data.splits == "test")
    if not tested.any():
        raise InputError(f"{data.source}: no row of {family!r} is in split test. Test on all of its rows (all_rows).")
    splits = np.where(others & (data.splits == "valid"), "valid", "train")
    if not (splits == "valid").any() and others.sum() > 1:
        rows = np.flatnonzero(others)
        draws = np.argsort(uniform(seed, 0, rows, _STREAM), kind="stable")
        splits[rows[draws[: max(1, len(rows) // 10)]]] = "valid"
    return data.with_splits(np.where(tested, "test", splits)).select(tested | others)


def split_clusters(
    data: StructureSet,
    *,
    identity: float = 0.8,
    fractions: Fractions = (0.8, 0.1, 0.1),
    k: int = K,
    seed: int,
) -> StructureSet:
    """Whole clusters of similar sequences into training, validation and test; a function of the seed.

    Args:
        data: structures.
        identity: estimated from shared k-mers, see :func:`palindra.data.rna.kmer_clusters`.
        fractions: of train, valid and test.
        k: letters of a k-mer.
        seed: of the order of clusters of one size.

    Raises:
        InputError: if the fractions do not fit, or the clusters leave a split without rows.
    """
    clusters = kmer_clusters([structure.letters for structure in data.structures], identity=identity, k=k)
    return _divide(data, clusters, fractions, seed)


def split_structures_at_random(
    data: StructureSet, *, fractions: Fractions = (0.8, 0.1, 0.1), seed: int
) -> StructureSet:
    """Rows at random, as most published scores have it: homologues of test rows are trained on, so scores are high.

    Raises:
        InputError: if the fractions do not fit, or leave a split without rows.

    Examples:
        >>> from palindra.data.rna import Structure
        >>> data = StructureSet.of([Structure(str(n), "GAAAC") for n in range(20)])
        >>> print(split_structures_at_random(data, seed=1))
        20 structures of 5 bases, train 16, valid 2, test 2
    """
    return _divide(data, np.arange(len(data)), fractions, seed)


def _divide(data: StructureSet, clusters: NDArray[np.int64], fractions: Fractions, seed: int) -> StructureSet:
    """Give clusters, the largest first and equal ones at random, to the split with most space left."""
    if len(fractions) != 3 or min(fractions) < 0 or fractions[0] <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(f"fractions {fractions}: three numbers for train, valid and test that add up to 1 are needed.")
    sizes = np.bincount(clusters)
    wanted = np.array(fractions) * len(data)
    space, split_of = wanted.copy(), np.zeros(len(sizes), dtype=np.int64)
    for cluster in np.lexsort((uniform(seed, 0, np.arange(len(sizes)), _STREAM), -sizes)):
        split_of[cluster] = int(np.argmax(np.where(wanted > 0, space, -np.inf)))
        space[split_of[cluster]] -= sizes[cluster]
    splits = np.array(SPLITS)[split_of[clusters]]
    empty = next(
        (name for name, share in zip(SPLITS, fractions, strict=True) if share > 0 and name not in splits), None
    )
    if empty:
        raise InputError(
            f"{data.source}: split {empty!r} stays empty: the largest of {len(sizes)} clusters holds {sizes.max()} of "
            f"{len(data)} structures. Raise the identity, or hold out a family."
        )
    return data.with_splits(splits)
