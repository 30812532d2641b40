"""Ranks of sources on each task, and their mean over tasks."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from palindra.probing.verdicts.entries import Entry


def ranks(entries: Iterable[Entry]) -> dict[tuple[str, str, str], float]:
    """Rank of each source among all that were read alike, by (label, task, reading); 1 is best, ties share a rank.

    Examples:
        >>> from palindra.probing.verdicts.entries import Kind
        >>> entries = [
        ...     Entry(name, Kind.COUNTS, "tf", "mlp", "AUROC", {0: score})
        ...     for name, score in (("a", .7), ("b", .9), ("c", .7))
        ... ]
        >>> [ranks(entries)[name, "tf", "mlp"] for name in "abc"]
        [2.5, 1.0, 2.5]
    """
    from scipy.stats import rankdata

    together: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.is_main and math.isfinite(entry.mean):
            together.setdefault((entry.task, entry.reading), []).append(entry)
    found: dict[tuple[str, str, str], float] = {}
    for (task, reading), group in together.items():
        sign = -1 if group[0].higher_is_better else 1
        placed = rankdata(np.array([sign * entry.mean for entry in group]))
        found |= {(entry.label, task, reading): float(rank) for entry, rank in zip(group, placed, strict=True)}
    return found


def mean_ranks(entries: Iterable[Entry]) -> dict[tuple[str, str], float]:
    """Mean rank over tasks by (label, reading), among the sources that have a score on every task.

    A source that was scored on fewer tasks than the others is left out: its ranks would be among other rivals.
    """
    shown = [entry for entry in entries if entry.is_main and math.isfinite(entry.mean)]
    means: dict[tuple[str, str], float] = {}
    for reading in dict.fromkeys(entry.reading for entry in shown):
        own = [entry for entry in shown if entry.reading == reading]
        tasks = {entry.task for entry in own}
        labels = [
            label
            for label in dict.fromkeys(entry.label for entry in own)
            if {entry.task for entry in own if entry.label == label} == tasks
        ]
        found = ranks(entry for entry in own if entry.label in labels)
        means |= {
            (label, reading): math.fsum(found[label, task, reading] for task in tasks) / len(tasks) for label in labels
        }
    return means
