"""Divide rows into training, validation and test: at random, by chromosome, or by similarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import uniform
from palindra.data.similarity import similarity_clusters
from palindra.data.table import SPLITS, LabelledSequences
from palindra.data.task import check_labels
from palindra.errors import InputError

Fractions = tuple[float, float, float]
_CLUSTER_STREAM, _ROW_STREAM = 101, 102


def require_splits(data: LabelledSequences, needed: Sequence[str] = SPLITS) -> None:
    """Make sure that every split has rows, and both classes where the task has classes.

    Raises:
        InputError: names the missing split and the ways to make one.

    Examples:
        >>> require_splits(LabelledSequences.from_arrays(["ACGT", "AACC"], [1, 0]))
        Traceback (most recent call last):
        palindra.errors.InputError: sequences: no row is in split 'valid' (there are train 2). Add a split column ...
    """
    for name in needed:
        if not (data.splits == name).any():
            counts = ", ".join(f"{s} {(data.splits == s).sum()}" for s in SPLITS if (data.splits == s).any())
            raise InputError(
                f"{data.source}: no row is in split {name!r} (there are {counts or 'no rows'}). Add a split column "
                "that says train, valid or test, or divide the rows with split_by_chromosome, split_by_similarity or "
                "split_random (--split chromosome, similarity or random)."
            )
    try:
        check_labels(data.task, data.labels, where=data.where, splits=data.splits, class_names=data.class_names)
    except InputError as error:
        raise InputError(f"{data.source}: {error}") from None


def split_by_chromosome(data: LabelledSequences, *, valid: Sequence[str], test: Sequence[str]) -> LabelledSequences:
    """Whole chromosomes for validation and test, all others for training.

    Raises:
        InputError: if the rows have no chromosomes, a name does not occur or occurs twice, or nothing is left to train.

    Examples:
        >>> data = LabelledSequences.from_arrays(["AC", "AG", "TC"], [1, 0, 1], chromosomes=["chr1", "chr8", "chr9"])
        >>> split_by_chromosome(data, valid=["chr8"], test=["chr9"]).splits.tolist()
        ['train', 'valid', 'test']
    """
    if data.chromosomes is None:
        raise InputError(
            f"{data.source}: the chromosomes of the rows are not known. Add a column chrom (or name it with "
            "chromosome_column, --chromosome-column), or divide by similarity (split_by_similarity, --split "
            "similarity)."
        )
    known = np.unique(data.chromosomes).tolist()
    splits = np.full(len(data), "train")
    for split, names in (("valid", valid), ("test", test)):
        for name in [names] if isinstance(names, str) else names:
            if name not in known:
                raise InputError(f"{data.source}: no row is on {name!r}; the chromosomes are {', '.join(known[:40])}.")
            rows = data.chromosomes == name
            if (splits[rows] != "train").any():
                raise InputError(f"chromosome {name!r} is named twice for valid and test: name it once.")
            splits[rows] = split
    if not (splits == "train").any():
        raise InputError(f"{data.source}: all chromosomes are named for valid and test, none is left to train on.")
    return data.with_splits(splits)


def split_random(data: LabelledSequences, *, fractions: Fractions = (0.8, 0.1, 0.1), seed: int) -> LabelledSequences:
    """Rows at random, every class in the same proportions; a function of the seed.

    Related sequences may fall on both sides; ``split_by_similarity`` keeps them together.

    Raises:
        InputError: if the fractions do not fit, or a split would stay empty.

    Examples:
        >>> data = LabelledSequences.from_arrays(["AC"] * 20, [0, 1] * 10)
        >>> print(split_random(data, seed=1))
        20 sequences of 2 letters, binary (label), train 16, valid 2, test 2
    """
    _check_fractions(fractions)
    shuffled = np.argsort(uniform(seed, 0, np.arange(len(data)), _ROW_STREAM), kind="stable")
    classes = data.labels[:, 0] if data.task.has_classes else np.zeros(len(data))
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]  # class after class, each shuffled
    splits = np.empty(len(data), dtype="<U5")
    for value in np.unique(classes):
        rows = order[classes[order] == value]
        ends = np.rint(np.cumsum(fractions) / sum(fractions) * len(rows)).astype(int)
        for name, part in zip(SPLITS, np.split(rows, ends[:-1]), strict=True):
            splits[part] = name
    return _checked(data, splits, fractions, "Give more rows or larger fractions.")


def split_by_similarity(
    data: LabelledSequences,
    *,
    fractions: Fractions = (0.8, 0.1, 0.1),
    threshold: float = 0.1,
    k: int = 12,
    seed: int,
) -> LabelledSequences:
    """Clusters of similar sequences, whole ones, into training, validation and test; a function of the seed.

    Sequences are similar if they share k-mers on either strand (see ``similarity_clusters``), so that a sequence, its
    reverse complement, an overlapping window and a mutated copy stay on one side.

    Raises:
        InputError: if the fractions do not fit, or the largest clusters leave too little for a split.

    Examples:
        >>> window = "ATGCGTACCTTGAGGCATCGATTACGGCTAAGCT"
        >>> others = ["CCATTGACCAGTTTCAGGACTACGTGCCAAACTG", "GGTATCTCCGCAAGTTGTACACCCGATGGAATTC"]
        >>> data = LabelledSequences.from_arrays([window, window, *others], [1.5, 2.5, 0.2, 3.1])
        >>> split_by_similarity(data, fractions=(0.5, 0.25, 0.25), seed=0).splits[:2].tolist()
        ['train', 'train']
    """
    _check_fractions(fractions)
    clusters = similarity_clusters(data.sequences, threshold=threshold, k=k, alphabet=data.alphabet)
    sizes = np.bincount(clusters)
    draws = uniform(seed, 0, np.arange(len(sizes)), _CLUSTER_STREAM)
    wanted = np.array(fractions) / sum(fractions) * len(data)
    space, split_of_cluster = wanted.copy(), np.empty(len(sizes), dtype=np.int64)
    for cluster in np.lexsort((draws, -sizes)):  # large ones first, where there is most space; equal ones at random
        chosen = int(np.argmax(np.where(wanted > 0, space, -np.inf)))
        split_of_cluster[cluster] = chosen
        space[chosen] -= sizes[cluster]
    advice = (
        f"The largest of {len(sizes)} clusters holds {sizes.max()} of {len(data)} rows at threshold {threshold:g}: "
        "raise the threshold, or split by chromosome."
    )
    got = wanted - space
    if (got < wanted / 2).any():
        short = SPLITS[int(np.argmin(got / np.maximum(wanted, 1e-9) + (wanted == 0)))]
        raise InputError(f"{data.source}: whole clusters leave split {short!r} less than half of its share. {advice}")
    return _checked(data, np.array(SPLITS)[split_of_cluster[clusters]], fractions, advice)


def _check_fractions(fractions: Fractions) -> None:
    if len(fractions) != 3 or min(fractions) < 0 or fractions[0] <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(
            f"fractions {fractions}: three numbers for train, valid and test are needed, not negative, train above 0, "
            "which add up to 1, e.g. (0.8, 0.1, 0.1)."
        )


def _checked(data: LabelledSequences, splits: NDArray[np.str_], fractions: Fractions, advice: str) -> LabelledSequences:
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction > 0 and not (splits == name).any():
            raise InputError(f"{data.source}: {len(data)} rows leave split {name!r} empty at {fraction:g}. {advice}")
    return data.with_splits(splits)
