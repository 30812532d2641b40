"""Rows of a released task before they are made one length: what was read, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from palindra.data.table import SPLITS, LabelledSequences
from palindra.data.task import Task, check_labels
from palindra.errors import InputError
from palindra.probing.suites.declared import SuiteTask
from palindra.sequences import DNA
from palindra.sequences.codes import check_letters


@dataclass
class Raw:
    """Rows in the order in which they were read.

    Args:
        sequences: letters, of any lengths.
        labels: class numbers.
        splits: 'train', 'valid' or 'test' of each row.
        parts: files or folders.
        part_of_row: which of them each row came from.
        lines: line, row or number of the file of each row.
        unit: what ``lines`` counts.
        hashes: SHA-256 of the parts.
    """

    unit: str = "line"
    sequences: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    part_of_row: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)

    def add(
        self,
        part: str,
        sha256: str,
        sequences: Sequence[str],
        labels: Sequence[int],
        splits: Sequence[str],
        lines: Sequence[int],
    ) -> None:
        """Append the rows of one file."""
        self.part_of_row += [len(self.parts)] * len(sequences)
        self.parts.append(part)
        self.hashes.append(sha256)
        self.sequences += sequences
        self.labels += labels
        self.splits += splits
        self.lines += lines

    def where(self, row: int) -> str:
        """The place of a row, for messages."""
        return f"{self.parts[self.part_of_row[row]]} {self.unit} {self.lines[row]}"

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each split that has some."""
        return {split: count for split in SPLITS if (count := self.splits.count(split))}

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Letters of each row."""
        return np.fromiter(map(len, self.sequences), dtype=np.int64, count=len(self.sequences))

    def check(self) -> None:
        """Make sure that every row has a sequence of DNA.

        Raises:
            InputError: at the first that has none, or another letter.
        """
        empty = next((row for row, text in enumerate(self.sequences) if not text), None)
        if empty is not None:
            raise InputError(f"{self.where(empty)}: the sequence is missing. Remove the row.")
        check_letters(self.sequences, DNA, names=_Places(self))

    def take(self, rows: Sequence[int]) -> Raw:
        """The rows with these numbers."""
        chosen = {
            name: [getattr(self, name)[row] for row in rows]
            for name in ("sequences", "labels", "splits", "part_of_row", "lines")
        }
        return Raw(unit=self.unit, parts=self.parts, hashes=self.hashes, **chosen)

    def labelled(self, task: SuiteTask) -> LabelledSequences:
        """The rows as one value, padded with N where lengths differ.

        Raises:
            InputError: for labels that are no classes of the task.
        """
        kind = Task.MULTICLASS if task.kind == "multiclass" else Task.BINARY
        labels = np.asarray(self.labels, dtype=np.float32).reshape(-1, 1)
        classes = task.classes or (() if kind is Task.BINARY else tuple(map(str, range(int(labels.max()) + 1))))
        check_labels(kind, labels, where=self.where, target_names=("label",), class_names=classes)
        return LabelledSequences(
            sequences=pad_all(self.sequences),
            labels=labels,
            splits=np.asarray(self.splits, dtype=np.str_),
            task=kind,
            target_names=("label",),
            class_names=classes,
            chromosomes=None,
            source=task.name,
            lines=np.asarray(self.lines, dtype=np.int64),
            sha256="+".join(self.hashes),
            unit=self.unit,
            parts=tuple(self.parts),
            part_of_row=np.asarray(self.part_of_row, dtype=np.int64),
        )


class _Places(Sequence[str]):
    """Names of rows, made only where a message needs one."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw

    def __len__(self) -> int:
        return len(self._raw.sequences)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        return self._raw.where(row)


def pad_all(sequences: Sequence[str]) -> list[str]:
    """Bring sequences to the longest with N on both sides, one more on the right where the number is odd.

    Examples:
        >>> pad_all(["ACGTA", "AC", "ACG"])
        ['ACGTA', 'NACNN', 'NACGN']
    """
    longest = max(map(len, sequences), default=0)
    missing = [longest - len(sequence) for sequence in sequences]
    return ["N" * (n // 2) + s + "N" * (n - n // 2) for s, n in zip(sequences, missing, strict=True)]
