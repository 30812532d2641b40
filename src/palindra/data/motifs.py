"""Motifs, and their files in the MEME format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import read_text
from palindra.errors import InputError

_TOLERANCE = 0.02  # of the sum of a row, which files round
_NSITES = re.compile(r"\bnsites\s*=\s*(\d+)")


@dataclass(frozen=True, eq=False)
class Motif:
    """Chances of letters at each position of a motif ``(width, 4)`` in the order ACGT.

    Args:
        name: in JASPAR files the identifier and the name of the factor, ``"MA0050.2 IRF1"``.
        chances: each row adds up to 1.
        sites: how many sub-sequences the chances were counted on; None where that is not known.
    """

    name: str
    chances: NDArray[np.float64]
    sites: int | None = None

    @property
    def width(self) -> int:
        """Positions."""
        return len(self.chances)

    def reverse_complement(self) -> Motif:
        """The same motif read on the other strand."""
        return Motif(self.name, self.chances[::-1, ::-1], self.sites)


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
            sites = _NSITES.search(line)
            found.append(Motif(name, np.array(rows), int(sites[1]) if sites else None))
            name, number = "", number + len(rows)
    if not found:
        raise InputError(f"{text.name}: holds no motif with a 'letter-probability matrix'.")
    return found


def write_meme(path: str | Path, motifs: Sequence[Motif]) -> None:
    """Write motifs in the minimal MEME format, whole or not at all; ``nsites`` is the number of their sites.

    Raises:
        ValueError: for no motif, or a name that is empty or has a line break.

    Source: Bailey et al. (2009), https://meme-suite.org/meme/doc/meme-format.html.
    """
    if not motifs:
        raise ValueError("there is no motif to write, and a MEME file needs at least one.")
    parts = ["MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n"]
    parts.append("A 0.25 C 0.25 G 0.25 T 0.25\n")
    for motif in motifs:
        if not motif.name.strip() or len(motif.name.splitlines()) > 1:
            raise ValueError(f"a motif cannot be called {motif.name!r}: its name is one line of text.")
        sites = "" if motif.sites is None else f" nsites= {motif.sites}"
        parts.append(f"\nMOTIF {motif.name}\nletter-probability matrix: alength= 4 w= {motif.width}{sites}\n")
        parts += [" ".join(f"{chance:.6f}" for chance in row) + "\n" for row in motif.chances]
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    partial.write_text("".join(parts), encoding="utf-8")
    partial.replace(path)


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
