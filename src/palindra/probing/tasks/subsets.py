"""Parts of a task as a function of a seed: splits, nested training subsets, shuffled labels."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from palindra.data import SPLITS, uniform
from palindra.errors import InputError
from palindra.probing.tasks.leaks import canonical
from palindra.probing.tasks.rows import Rows
from palindra.probing.tasks.task import ProbeTask

_SUBSET, _SHUFFLE = 11, 12  # streams of random numbers


def divided(rows: Rows, fractions: tuple[float, float, float] = (0.7, 0.1, 0.2), *, seed: int = 0) -> Rows:
    """Rows at random in train, valid and test; a sequence and its reverse complement always go together.

    The place of a row follows from its sequence and the seed, so it stays when other rows are added or removed, and a
    file that holds every element on both strands does not leak.

    Raises:
        InputError: if a split would stay empty.

    Examples:
        >>> sequences = ["AACCA", "TGGTT", *("A" * n for n in range(1, 40))]
        >>> rows = Rows.from_arrays([sequences], range(41), splits=["train"] * 41)
        >>> splits = divided(rows).splits
        >>> bool(splits[0] == splits[1]), set(splits.tolist()) == {"train", "valid", "test"}
        (True, True)
    """
    draws = np.array([_draw(row, seed) for row in zip(*rows.inputs, strict=True)])
    ends = np.cumsum(fractions) / sum(fractions)
    splits = np.array(SPLITS)[np.minimum(np.searchsorted(ends, draws, side="right"), 2)]
    for split, fraction in zip(SPLITS, fractions, strict=True):
        if fraction > 0 and not (splits == split).any():
            raise InputError(f"{rows.source}: {len(rows)} rows leave split {split!r} empty at {fraction:g}. Give more.")
    return replace(rows, splits=splits)


def with_validation(rows: Rows, fraction: float = 0.1, *, seed: int = 0) -> Rows:
    """The same rows with a part of the training split as validation, where there was none.

    Raises:
        InputError: if no training row would become one.
    """
    if (rows.splits == "valid").any():
        return rows
    draws = np.array([_draw(row, seed) for row in zip(*rows.inputs, strict=True)])
    chosen = (rows.splits == "train") & (draws < fraction)
    if not chosen.any():
        raise InputError(f"{rows.source}: no training row falls into a validation split of {fraction:g}. Give one.")
    return replace(rows, splits=np.where(chosen, "valid", rows.splits))


def _draw(row: tuple[str, ...], seed: int) -> float:
    text = f"{seed} " + " ".join(sorted(canonical(sequence) for sequence in row))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


def downsampled(task: ProbeTask, fraction: float, *, seed: int) -> NDArray[np.int64]:
    """Numbers of the training rows of a smaller training set; validation and test stay whole.

    For one seed the smaller sets are parts of the larger ones. Classes keep their shares, and each keeps a row.

    Raises:
        InputError: for a fraction outside 0 to 1, or one that leaves fewer than two rows.

    Examples:
        >>> splits = ["train"] * 20 + ["test"] * 2
        >>> rows = Rows.from_arrays([["A" * n for n in range(1, 23)]], [0, 1] * 11, splits=splits)
        >>> task = ProbeTask("toy", "binary", rows)
        >>> half, all_rows = downsampled(task, 0.5, seed=3), downsampled(task, 1, seed=3)
        >>> len(half), len(all_rows), set(half) < set(all_rows)
        (10, 20, True)
    """
    if not 0 < fraction <= 1:
        raise InputError(f"fraction {fraction:g} of the training rows: give numbers above 0, up to 1.")
    train = task.split("train")
    draws = uniform(seed, 0, train, _SUBSET)
    classes = task.labels[train, 0] if task.kind in ("binary", "multiclass") else np.zeros(len(train))
    kept = []
    for value in np.unique(classes):
        rows = train[classes == value]
        wanted = max(1, round(fraction * len(rows)))
        kept.append(rows[np.argsort(draws[classes == value], kind="stable")[:wanted]])
    chosen = np.sort(np.concatenate(kept))
    if len(chosen) < 2:
        raise InputError(f"{task.name}: a fraction of {fraction:g} leaves {len(chosen)} of {len(train)} training rows.")
    return chosen


def shuffled_labels(task: ProbeTask, *, seed: int) -> NDArray[np.float32]:
    """Labels dealt out again among training rows, and among validation rows; test rows keep theirs.

    A readout of shuffled labels can know nothing: what it scores beyond chance is a leak or an accident.
    """
    labels = task.labels.copy()
    for split in ("train", "valid"):
        rows = task.split(split)
        labels[rows] = labels[rows[np.argsort(uniform(seed, 0, rows, _SHUFFLE), kind="stable")]]
    return labels
