"""The sequence around a position: of a genome, or of FASTA records whose headers say where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from palindra.data.fasta import read_fasta
from palindra.data.genome import Genome
from palindra.data.genome.names import match_names
from palindra.sequences import DNA, decode_codes

_REGION = re.compile(r"(?:chr)?(\w+):(\d+)-(\d+)")


class Context(Protocol):
    """Something that knows the sequence around positions."""

    def window(self, chrom: str, start: int, end: int) -> str | None:
        """Letters of a stretch (from 0, half-open), N outside; None where nothing of it is known."""
        ...


class Placed(NamedTuple):
    """A piece of a genome."""

    chrom: str
    start: int
    sequence: str


class Pieces:
    """Pieces of a genome, e.g. an element with what is around it.

    Examples:
        >>> pieces = Pieces([Placed("X", 100, "ACGTA")])
        >>> pieces.window("chrX", 99, 103), pieces.window("2", 0, 3)
        ('NACG', None)
    """

    def __init__(self, pieces: Iterable[Placed]) -> None:
        self._pieces = list(pieces)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Pieces:
        """Records of FASTA files whose headers hold ``chr:first-last``, counted from 1; others are passed over."""
        found = []
        for path in paths:
            for record in read_fasta(path)[0]:
                match = _REGION.search(record.name)
                if match and int(match[3]) - int(match[2]) + 1 == len(record.sequence):
                    found.append(Placed(match[1], int(match[2]) - 1, record.sequence.upper()))
        return cls(found)

    def __len__(self) -> int:
        return len(self._pieces)

    def window(self, chrom: str, start: int, end: int) -> str | None:
        """Letters of the piece that covers most of a stretch."""
        name = chrom.removeprefix("chr")
        middle = (start + end) // 2
        fits = [p for p in self._pieces if p.chrom == name and p.start <= middle < p.start + len(p.sequence)]
        if not fits:
            return None
        piece = max(fits, key=lambda p: min(end, p.start + len(p.sequence)) - max(start, p.start))
        first, last = max(start, piece.start), min(end, piece.start + len(piece.sequence))
        inside = piece.sequence[first - piece.start : last - piece.start]
        return "N" * (first - start) + inside + "N" * (end - last)


class WholeGenome:
    """A genome whose chromosomes may be named with or without ``chr``."""

    def __init__(self, genome: Genome) -> None:
        self._genome = genome

    def window(self, chrom: str, start: int, end: int) -> str | None:
        """Letters of a stretch of a chromosome."""
        name = match_names([chrom], self._genome.chromosomes).mapping.get(chrom)
        if name is None:
            return None
        return decode_codes(self._genome.codes(name, start, end)[None], DNA)[0]
