"""Aligned sequences: rows of one length with gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.fasta import read_fasta
from palindra.errors import InputError

GAP = 4  # code of a gap
UNKNOWN = 5  # code of any letter but A, C, G, T (U)
_CODES = np.full(256, 255, dtype=np.uint8)
for _code, _letters in enumerate(("Aa", "Cc", "Gg", "TtUu", "-.", "NRYSWKMBDHVnryswkmbdhv")):
    _CODES[[ord(letter) for letter in _letters]] = _code


@dataclass(frozen=True, eq=False)
class Alignment:
    """Sequences of which the letters of a column have a common origin.

    Args:
        names: of the sequences.
        codes: uint8 (rows, columns): 0 to 3 for A, C, G, T, 4 for a gap, 5 for an ambiguous letter.
        source: the file, for messages.
        lines: of the headers in that file, 0 where there is none.

    Examples:
        >>> both = Alignment.from_rows(["one", "two"], ["AC-T", "ACGT"])
        >>> both.rows(), both.sequences()
        (['AC-T', 'ACGT'], ['ACT', 'ACGT'])
    """

    names: tuple[str, ...]
    codes: NDArray[np.uint8]
    source: str = "alignment"
    lines: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or len(self.names) != len(self.codes):
            raise ValueError(f"{len(self.names)} names for codes of shape {self.codes.shape}: (rows, columns) needed.")

    @classmethod
    def from_rows(
        cls, names: list[str], rows: list[str], *, source: str = "alignment", lines: tuple[int, ...] = ()
    ) -> Alignment:
        """An alignment from text.

        Raises:
            InputError: for rows of different lengths, or a letter that is not DNA, RNA or a gap.
        """
        place = [f"{source} line {line}" for line in lines] or [f"{source} row {n + 1}" for n in range(len(rows))]
        for name, row, where in zip(names, rows, place, strict=True):
            if len(row) != len(rows[0]):
                raise InputError(
                    f"{where}: {name!r} has {len(row)} columns, but {names[0]!r} ({place[0]}) has {len(rows[0])}. "
                    "Sequences of an alignment have one length: align them, or compare their k-mers."
                )
        if not rows or not rows[0]:
            raise InputError(f"{source}: no columns to compare.")
        text = "".join(rows).encode("ascii", "replace").replace(b"?", b"!")  # one byte for each letter, none legal
        codes = _CODES[np.frombuffer(text, dtype=np.uint8)].reshape(len(rows), -1)
        if (codes == 255).any():
            bad, column = map(int, np.argwhere(codes == 255)[0])
            raise InputError(
                f"{place[bad]}: letter {rows[bad][column]!r} in column {column + 1} of {names[bad]!r} is not DNA or "
                "RNA, nor a gap (-)."
            )
        return cls(tuple(names), codes, source, lines)

    def rows(self) -> list[str]:
        """The rows as text; ambiguous letters are N."""
        symbols = np.frombuffer(b"ACGT-N", dtype=np.uint8)
        return [row.tobytes().decode() for row in symbols[self.codes]]

    def sequences(self) -> list[str]:
        """The sequences without gaps."""
        return [row.replace("-", "") for row in self.rows()]

    def where(self, row: int) -> str:
        """The place of a row, for messages."""
        return f"{self.source} line {self.lines[row]}" if self.lines else f"{self.source} row {row + 1}"

    def take(self, rows: NDArray[np.int64]) -> Alignment:
        """The rows with these numbers."""
        lines = tuple(self.lines[row] for row in rows) if self.lines else ()
        return Alignment(tuple(self.names[row] for row in rows), self.codes[rows], self.source, lines)

    def to_fasta(self) -> str:
        """The alignment as FASTA."""
        return "".join(f">{name}\n{row}\n" for name, row in zip(self.names, self.rows(), strict=True))


def read_alignment(path: str | Path) -> Alignment:
    """An alignment in FASTA, gzipped or not.

    Raises:
        InputError: for rows of different lengths, names that repeat or letters that are not DNA or RNA, with file and
            line.
    """
    records, _ = read_fasta(path)
    seen: dict[str, int] = {}
    for record in records:
        if record.name in seen:
            raise InputError(
                f"{path} line {record.line}: {record.name!r} stands in line {seen[record.name]} already. Rename one."
            )
        seen[record.name] = record.line
    lines = tuple(record.line for record in records)
    return Alignment.from_rows([r.name for r in records], [r.sequence for r in records], source=str(path), lines=lines)
