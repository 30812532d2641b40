"""Rows of a probing task: one or more sequences of any length each, labels, a split, and where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data import SPLITS, LabelledSequences

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """What :class:`palindra.data.LabelledSequences` holds, for sequences of different lengths or two inputs a row.

    Args:
        inputs: for each input of a row all its sequences, in capital letters.
        labels: float32 ``(rows, targets)``, NaN where missing.
        splits: 'train', 'valid' or 'test' for each row.
        target_names: one per label column.
        class_names: of classes, in the order of their numbers.
        groups: rows with the same entry belong together (gene, locus, chromosome), or None.
        source: the file as the user named it.
        lines: 1-based line of each row, 0 where there is none.

    Examples:
        >>> rows = Rows.from_arrays([["ACGT", "AC"]], [0.5, 1.5], splits=["train", "test"])
        >>> len(rows), rows.sequences, rows.take([1]).labels.tolist()
        (2, ['ACGT', 'AC'], [[1.5]])
    """

    inputs: tuple[list[str], ...]
    labels: NDArray[np.float32]
    splits: NDArray[np.str_]
    target_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    groups: NDArray[np.str_] | None = None
    source: str = "rows"
    lines: NDArray[np.int64] | None = None
    unit: str = "line"

    def __post_init__(self) -> None:
        rows = len(self.inputs[0]) if self.inputs else 0
        optional = {"groups": self.groups, "lines": self.lines}
        columns = {"labels": self.labels, "splits": self.splits} | {k: v for k, v in optional.items() if v is not None}
        for name, column in columns.items():
            if len(column) != rows:
                raise ValueError(f"{rows} rows of sequences but {len(column)} {name}: one for each is needed.")
        if any(len(part) != rows for part in self.inputs):
            raise ValueError(f"inputs of {', '.join(str(len(part)) for part in self.inputs)} rows: as many are needed.")
        if self.labels.ndim != 2 or self.labels.shape[1] != len(self.target_names):
            raise ValueError(f"labels of shape {self.labels.shape} for {len(self.target_names)} target names.")
        unknown = set(np.unique(self.splits).tolist()) - set(SPLITS)
        if unknown:
            raise ValueError(f"splits {sorted(unknown)} are not among {', '.join(SPLITS)}.")

    @classmethod
    def from_arrays(
        cls,
        inputs: Sequence[Sequence[str]],
        labels: ArrayLike,
        *,
        splits: Sequence[str],
        target_names: Sequence[str] = (),
        class_names: Sequence[str] = (),
        groups: Sequence[str] | None = None,
        source: str = "rows",
    ) -> Rows:
        """Rows from what is already in memory."""
        parts = tuple([sequence.upper() for sequence in part] for part in inputs)
        columns = np.asarray(labels, dtype=np.float32).reshape(len(parts[0]), -1)
        names = tuple(target_names) or (
            ("label",) if columns.shape[1] == 1 else tuple(f"label_{n + 1}" for n in range(columns.shape[1]))
        )
        return cls(
            inputs=parts,
            labels=columns,
            splits=np.asarray(splits, dtype=np.str_),
            target_names=names,
            class_names=tuple(class_names),
            groups=None if groups is None else np.asarray(groups, dtype=np.str_),
            source=source,
        )

    @classmethod
    def of(cls, data: LabelledSequences) -> Rows:
        """The same rows as read by :func:`palindra.data.read_labelled`."""
        return cls(
            inputs=(data.sequences,),
            labels=data.labels,
            splits=data.splits,
            target_names=data.target_names,
            class_names=data.class_names,
            groups=data.chromosomes,
            source=data.source,
            lines=data.lines,
            unit=data.unit,
        )

    @property
    def sequences(self) -> list[str]:
        """Of the first input."""
        return self.inputs[0]

    def __len__(self) -> int:
        return len(self.inputs[0])

    def take(self, indices: ArrayLike) -> Rows:
        """The rows with these numbers, in this order."""
        chosen = np.asarray(indices, dtype=np.int64).reshape(-1)
        return replace(
            self,
            inputs=tuple([part[row] for row in chosen] for part in self.inputs),
            labels=self.labels[chosen],
            splits=self.splits[chosen],
            groups=None if self.groups is None else self.groups[chosen],
            lines=None if self.lines is None else self.lines[chosen],
        )

    def where(self, row: int) -> str:
        """The place of a row, for messages."""
        if self.lines is None or not self.lines[row]:
            return f"{self.source} row {row + 1}"
        return f"{self.source} {self.unit} {self.lines[row]}"
