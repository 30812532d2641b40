"""What every reader returns: fields as they were written, before they are understood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Records:
    """Rows of one source, with where each came from.

    Args:
        source: the file or files as the user named them.
        sha256: of the file or files.
        sequences: as written.
        labels: one list of fields per label column, or an array (rows, targets) where they are numbers already.
        target_names: names of the label columns.
        lines: 1-based line or row number of each sequence.
        splits: as written, or None where the source has none.
        chromosomes: as written, or None.
        unit: 'line' or 'row'.
        parts: names of the parts of the source, where it has several.
        part_of_row: the part of each row.
    """

    source: str
    sha256: str
    sequences: list[str]
    labels: Sequence[list[str]] | NDArray[np.floating]
    target_names: tuple[str, ...]
    lines: NDArray[np.int64]
    splits: list[str] | None = None
    chromosomes: list[str] | None = None
    unit: str = "line"
    parts: tuple[str, ...] = ()
    part_of_row: NDArray[np.int64] | None = None

    def where(self, row: int) -> str:
        """The place of a row, for messages."""
        part = self.source if self.part_of_row is None else self.parts[self.part_of_row[row]]
        return f"{part} {self.unit} {self.lines[row]}"


Where = Callable[[int], str]
