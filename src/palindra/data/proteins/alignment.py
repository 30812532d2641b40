"""Multiple sequence alignments of proteins as one array of codes that knows the lines it came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.sequences import PROTEIN

Codes = NDArray[np.uint8]

LETTERS = PROTEIN.letters
GAP, UNKNOWN = 20, 21
SIGNS = LETTERS + "-X"
"""What a code stands for: the twenty amino acids, then the gap, then a residue that is not known (X B Z J U O)."""


@dataclass(frozen=True)
class Alignment:
    """Rows of one length over the twenty amino acids, the gap and the unknown residue.

    Args:
        source: the file, named in errors.
        names: one per row.
        codes: of shape (rows, columns); 0 to 19 for the letters in alphabetical order, ``GAP``, ``UNKNOWN``.
        lines: the line of the file on which each row begins.

    Examples:
        >>> rows = Alignment("msa.fa", ("query", "other"), np.array([[0, 20, 1], [0, 3, 20]], np.uint8), (1, 3))
        >>> rows.row(0), rows.row(1), rows.on_first_row().row(1)
        ('A-C', 'AE-', 'A-')
    """

    source: str
    names: tuple[str, ...]
    codes: Codes
    lines: tuple[int, ...]

    def row(self, number: int) -> str:
        """A row as text."""
        return "".join(SIGNS[code] for code in self.codes[number])

    def place(self, number: int) -> str:
        """Where a row stands in its file."""
        return f"{self.source} line {self.lines[number]}"

    def on_first_row(self) -> Alignment:
        """The columns in which the first row, the query, has a residue."""
        return Alignment(self.source, self.names, self.codes[:, self.codes[0] != GAP], self.lines)

    def require_query(self, sequence: str, structure: str) -> Alignment:
        """The columns of the first row, which must be the sequence of a structure.

        Args:
            sequence: the residues of the structure; an X on either side agrees with every letter.
            structure: where the sequence came from, for the message.

        Raises:
            InputError: if the first row is another sequence.
        """
        found = self.on_first_row()
        query, given = found.row(0), sequence.upper()
        agree = [a == b or "X" in (a, b) for a, b in zip(query, given, strict=False)]
        if len(query) == len(given) and all(agree):
            return found
        first = agree.index(False) if False in agree else len(agree)
        raise InputError(
            f"{self.place(0)}: the first row ({self.names[0]!r}, {len(query)} residues) is not the sequence of "
            f"{structure} ({len(given)} residues); they differ from residue {first + 1} on "
            f"({query[first : first + 5] or 'end'!r} and {given[first : first + 5] or 'end'!r}). Make the sequence of "
            "the structure the first row, or let it be aligned with palindra.data.proteins.place_sequence."
        )
