"""Labelled sequences as one immutable value: what was read, and from which line of which file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.task import Task, check_labels, infer_task
from palindra.errors import InputError
from palindra.sequences import DNA, Alphabet

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class LabelledSequences:
    """Sequences of one length with their labels, their split and the place each came from.

    Args:
        sequences: letters in upper case, one string per row.
        labels: float32 (rows, targets), NaN where missing; for multiclass (rows, 1) of class numbers.
        splits: 'train', 'valid' or 'test' for each row.
        task: what the labels are.
        target_names: one per label column.
        class_names: of a multiclass task, in the order of the class numbers; of a binary one (negative, positive).
        chromosomes: name for each row, or None where not known.
        source: the file as the user named it.
        lines: 1-based line (or row) of the file, 0 where there is none.
        sha256: of the file as it lies on disk (two joined by '+' for a pair of files).
        alphabet: of the sequences.
        unit: what ``lines`` counts: 'line' of a text file, 'row' of a binary one.
        parts: where a source has several parts (two files, several arrays of one file), their names.
        part_of_row: which of ``parts`` each row came from.

    Examples:
        >>> data = LabelledSequences.from_arrays(["ACGT", "AACC", "GGGT"], [1, 0, 1], splits=["train", "train", "test"])
        >>> print(data)
        3 sequences of 4 letters, binary (label), train 2, test 1
        >>> data.rows("test").sequences, data.outputs, data.where(2)
        (['GGGT'], 1, 'sequences row 3')
    """

    sequences: list[str]
    labels: NDArray[np.float32]
    splits: NDArray[np.str_]
    task: Task
    target_names: tuple[str, ...]
    class_names: tuple[str, ...]
    chromosomes: NDArray[np.str_] | None
    source: str
    lines: NDArray[np.int64]
    sha256: str
    alphabet: Alphabet = DNA
    unit: str = "line"
    parts: tuple[str, ...] = ()
    part_of_row: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        rows = len(self.sequences)
        columns = {"labels": self.labels, "splits": self.splits, "lines": self.lines}
        optional = {"chromosomes": self.chromosomes, "part_of_row": self.part_of_row}
        for name, column in (columns | {k: v for k, v in optional.items() if v is not None}).items():
            if len(column) != rows:
                raise ValueError(f"{rows} sequences but {len(column)} {name}: one per sequence is needed.")
        if self.labels.ndim != 2 or self.labels.shape[1] != len(self.target_names):
            raise ValueError(f"labels of shape {self.labels.shape} for {len(self.target_names)} target names.")
        if rows and len(set(map(len, self.sequences))) > 1:
            raise ValueError("sequences of different lengths: pad them first.")
        unknown = set(np.unique(self.splits).tolist()) - set(SPLITS)
        if unknown:
            raise ValueError(f"splits {sorted(unknown)} are not among {', '.join(SPLITS)}.")

    @classmethod
    def from_arrays(
        cls,
        sequences: Sequence[str],
        labels: ArrayLike,
        *,
        splits: Sequence[str] | None = None,
        task: Task | str | None = None,
        target_names: Sequence[str] | None = None,
        class_names: Sequence[str] = (),
        chromosomes: Sequence[str] | None = None,
        source: str = "sequences",
        alphabet: Alphabet = DNA,
    ) -> LabelledSequences:
        """Labelled sequences from what is already in memory; the task is inferred when not given.

        Raises:
            InputError: if the labels do not fit the task.
        """
        columns = np.asarray(labels, dtype=np.float32).reshape(len(sequences), -1)
        names = tuple(target_names or (f"label_{n + 1}" for n in range(columns.shape[1])))
        if target_names is None and len(names) == 1:
            names = ("label",)
        found = infer_task(columns) if task is None else Task(task)
        if found is Task.MULTICLASS and not len(class_names):
            class_names = [str(n) for n in range(int(np.nanmax(columns)) + 1)]
        data = cls(
            sequences=[s.upper() for s in sequences],
            labels=columns,
            splits=np.asarray(splits if splits is not None else ["train"] * len(sequences), dtype=np.str_),
            task=found,
            target_names=names,
            class_names=tuple(class_names),
            chromosomes=None if chromosomes is None else np.asarray(chromosomes, dtype=np.str_),
            source=source,
            lines=np.arange(1, len(sequences) + 1),
            sha256="",
            alphabet=alphabet,
            unit="row",
        )
        check_labels(found, columns, where=data.where, target_names=names, class_names=data.class_names)
        return data

    @property
    def length(self) -> int:
        """Letters per sequence, the same for all."""
        if not self.sequences:
            raise ValueError(f"{self.source}: no sequences, so no length.")
        return len(self.sequences[0])

    @property
    def outputs(self) -> int:
        """Number of outputs a model for these labels has."""
        return self.task.outputs(columns=self.labels.shape[1], classes=len(self.class_names))

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, indices: ArrayLike) -> LabelledSequences:
        """The rows with these numbers, in this order."""
        chosen = np.asarray(indices, dtype=np.int64).reshape(-1)
        return replace(
            self,
            sequences=[self.sequences[row] for row in chosen],
            labels=self.labels[chosen],
            splits=self.splits[chosen],
            chromosomes=None if self.chromosomes is None else self.chromosomes[chosen],
            lines=self.lines[chosen],
            part_of_row=None if self.part_of_row is None else self.part_of_row[chosen],
        )

    def rows(self, split: str) -> LabelledSequences:
        """The rows of one split.

        Raises:
            InputError: if there are none.
        """
        if split not in SPLITS:
            raise ValueError(f"split {split!r}: {', '.join(SPLITS)} are the names.")
        chosen = np.flatnonzero(self.splits == split)
        if not len(chosen):
            raise InputError(f"{self.source}: no row is in split {split!r} (there are {self._counts()}).")
        return self.take(chosen)

    def with_splits(self, splits: Sequence[str] | NDArray[np.str_]) -> LabelledSequences:
        """The same rows in other splits."""
        return replace(self, splits=np.asarray(splits, dtype=np.str_))

    def where(self, row: int) -> str:
        """The place of a row, for messages: ``peaks.tsv line 17``."""
        part = self.source if self.part_of_row is None else self.parts[self.part_of_row[row]]
        return f"{part} {self.unit} {self.lines[row]}" if self.lines[row] else f"{part}, sequence {row + 1}"

    def _counts(self) -> str:
        counts = ((name, int((self.splits == name).sum())) for name in SPLITS)
        return ", ".join(f"{name} {count}" for name, count in counts if count) or "no rows"

    def __str__(self) -> str:
        targets = self.target_names if len(self.target_names) <= 4 else (*self.target_names[:3], "...")
        length = f" of {self.length} letters" if self.sequences else ""
        return f"{len(self)} sequences{length}, {self.task} ({', '.join(targets)}), {self._counts()}"

    __repr__ = __str__
