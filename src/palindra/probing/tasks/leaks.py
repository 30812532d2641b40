"""The same sequence, or its reverse complement, in two splits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data import SPLITS
from palindra.probing.tasks.task import ProbeTask

_COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN")


@dataclass(frozen=True)
class Leaks:
    """Rows of one split that are also in another.

    Args:
        same: for pairs of splits, how many rows of the second hold a sequence of the first.
        opposite: and how many hold none, but the reverse complement of one.
        groups: and how many share their group (gene, locus) with the first, where the task has groups that may leak.
        test_rows: of those, the numbers of test rows that are in the training or validation split, sequences only.
        tested: how many test rows there are.
    """

    same: dict[tuple[str, str], int]
    opposite: dict[tuple[str, str], int]
    groups: dict[tuple[str, str], int]
    test_rows: NDArray[np.int64]
    tested: int

    @property
    def warning(self) -> str | None:
        """One sentence, or None without a leak."""
        parts = [
            f"{count} {kind} in {second} and {first}"
            for kind, found in (
                ("rows with the same sequence", self.same),
                ("rows with the reverse complement", self.opposite),
                ("rows of one group", self.groups),
            )
            for (first, second), count in found.items()
            if count
        ]
        if not parts:
            return None
        affected = f"; {len(self.test_rows)} of {self.tested} test rows are affected" if len(self.test_rows) else ""
        return f"leak between splits: {', '.join(parts)}{affected}."


def canonical(sequence: str) -> str:
    """The same text for a sequence and its reverse complement, for DNA and RNA letters.

    Examples:
        >>> canonical("GGTT"), canonical("aacc"), canonical("AACC")
        ('AACC', 'AACC', 'AACC')
    """
    given = sequence.upper().replace("U", "T")
    return min(given, other_strand(given))


def other_strand(sequence: str) -> str:
    """The reverse complement, with T for U."""
    return sequence.upper().translate(_COMPLEMENT)[::-1].replace("U", "T")


def leaks(task: ProbeTask) -> Leaks:
    """Look for sequences that occur in two splits, on either strand, in any input of a row.

    A row of two inputs (exon ends) leaks when one of them is found elsewhere.

    Examples:
        >>> from palindra.probing.tasks.rows import Rows
        >>> splits = ["train", "train", "test", "test", "test"]
        >>> rows = Rows.from_arrays([["AACC", "AGGG", "AACC", "GGTT", "ATAC"]], [0, 1, 0, 1, 0], splits=splits)
        >>> found = leaks(ProbeTask("toy", "binary", rows))
        >>> found.same["train", "test"], found.opposite["train", "test"], found.test_rows.tolist()
        (1, 1, [2, 3])
    """
    exact: dict[str, set[str]] = {split: set() for split in SPLITS}
    either: dict[str, set[str]] = {split: set() for split in SPLITS}
    keys: list[list[tuple[str, str]]] = [[] for _ in range(len(task.rows))]
    for part in task.inputs:
        for row, sequence in enumerate(part):
            given = sequence.upper().replace("U", "T")
            keys[row].append((given, canonical(given)))
            exact[task.rows.splits[row]].add(given)
            either[task.rows.splits[row]].add(keys[row][-1][1])
    same: defaultdict[tuple[str, str], int] = defaultdict(int)
    opposite: defaultdict[tuple[str, str], int] = defaultdict(int)
    affected = []
    for first, second in combinations(SPLITS, 2):
        same[first, second], opposite[first, second] = 0, 0
        for row in task.split(second):
            if any(given in exact[first] for given, _ in keys[row]):
                same[first, second] += 1
            elif any(key in either[first] for _, key in keys[row]):
                opposite[first, second] += 1
            else:
                continue
            if second == "test":
                affected.append(int(row))
    return Leaks(
        dict(same),
        dict(opposite),
        _groups(task),
        np.unique(np.array(affected, dtype=np.int64)),
        len(task.split("test")),
    )


def _groups(task: ProbeTask) -> dict[tuple[str, str], int]:
    groups: NDArray[Any] | None = task.groups
    if groups is None or not task.grouped:
        return {}
    return {
        (first, second): int(np.isin(groups[task.split(second)], groups[task.split(first)]).sum())
        for first, second in combinations(SPLITS, 2)
    }
