"""Motifs from a MEME file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import read_text
from palindra.errors import InputError

_TOLERANCE = 0.02  # of the sum of a row, which files round


@dataclass(frozen=True, eq=False)
class Motif:
    """Chances of letters at each position of a motif ``(width, 4)`` in the order ACGT."""

    name: str
    chances: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Positions."""
        return len(self.chances)


def read_meme(path: str | Path) -> list[Motif]:
    """The motifs of a file in the minimal MEME format, gzipped or not.

    Raises:
        InputError: for another format, another alphabet than DNA, or a matrix that cannot be read, with its line.
    """
    text = read_text(path)
    if not any(line.startswith("MEME version") for line in text.lines[:50]):
        raise InputError(f"{text.name}: not a MEME file, which begins with a line 'MEME version 4'.")
    found: list[Motif] = []
    name, number = "", 0
    while number < len(text.lines):
        line = text.lines[number].strip()
        number += 1
        if line.startswith("ALPHABET") and line.split("=")[-1].strip() not in ("ACGT", "ACGU"):
            raise InputError(f"{text.name} line {number}: {line!r}: motifs of DNA are needed, ALPHABET= ACGT.")
        if line.startswith("MOTIF"):
            words = line.split()[1:]
            if not words:
                raise InputError(f"{text.name} line {number}: a motif without a name.")
            name = " ".join(words)
        elif line.startswith("letter-probability matrix"):
            rows = _matrix(text.lines, number, text.name)
            if not name or not rows:
                raise InputError(f"{text.name} line {number}: a matrix needs a line 'MOTIF name' before it, and rows.")
            found.append(Motif(name, np.array(rows)))
            name, number = "", number + len(rows)
    if not found:
        raise InputError(f"{text.name}: holds no motif with a 'letter-probability matrix'.")
    return found


def _matrix(lines: list[str], start: int, name: str) -> list[list[float]]:
    rows: list[list[float]] = []
    for number, line in enumerate(lines[start:], start=start + 1):
        fields = line.split()
        if not fields or not (fields[0][0].isdigit() or fields[0][0] in ".-+"):
            break
        try:
            values = [float(field) for field in fields]
        except ValueError:
            values = []
        if len(values) != 4 or min(values) < 0 or abs(sum(values) - 1) > _TOLERANCE:
            raise InputError(f"{name} line {number}: {line.strip()!r}: four chances of A, C, G, T that add up to 1.")
        rows.append([value / sum(values) for value in values])
    return rows
