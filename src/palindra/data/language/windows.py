"""Windows over regions of a genome: no letter of another contig or region inside, every position once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.data.language.packing import pack
from palindra.data.language.regions import LanguageData
from palindra.errors import InputError
from palindra.sequences.vocabulary import VOCABULARY

Integers = NDArray[np.int64]
Piece = tuple[str, int, int]

GAP = 16  # letters N between two pieces in one window, as assemblies write what they do not know


@dataclass(frozen=True)
class Windows:
    """Windows of one length, each of one piece of the genome, or of several with N between them; padding ends them.

    Args:
        data: where the letters come from.
        length: positions of a window.
        contig: for each piece the number of its contig.
        start: its first position on the contig.
        size: its positions.
        fresh: how many of its first positions were in another window already and are not to be scored again.
        row: number of the window that it lies in; pieces are sorted by it.
        offset: where it begins in the window.
    """

    data: LanguageData
    length: int
    contig: Integers
    start: Integers
    size: Integers
    fresh: Integers
    row: Integers
    offset: Integers

    def __len__(self) -> int:
        return int(self.row[-1]) + 1 if len(self.row) else 0

    @property
    def positions(self) -> int:
        """Letters in all windows."""
        return int((self.size - self.fresh).sum())

    def pieces(self, row: int) -> list[tuple[Piece, int, int]]:
        """The pieces of one window: contig and ends, where it begins in the window, positions not to be scored."""
        names = list(self.data.genome.chromosomes)
        first, last = np.searchsorted(self.row, [row, row + 1]).tolist()
        return [
            (
                (names[self.contig[n]], int(self.start[n]), int(self.start[n] + self.size[n])),
                int(self.offset[n]),
                int(self.fresh[n]),
            )
            for n in range(first, last)
        ]

    def where(self, row: int) -> str:
        """The places of a window for people: ``chr1:0-1024``."""
        return " and ".join(f"{name}:{start}-{end}" for (name, start, end), _, _ in self.pieces(row))

    def tokens(self, rows: Integers) -> NDArray[np.uint8]:
        """Ids ``(rows, length)``: A 0, C 1, G 2, T 3, every other letter 4, padding 6."""
        genome = self.data.genome
        names = list(genome.chromosomes)
        found = np.full((len(rows), self.length), VOCABULARY.padding, dtype=np.uint8)
        first, last = np.searchsorted(self.row, [rows, rows + 1])
        whole = (last - first == 1) & (self.size[np.minimum(first, len(self.row) - 1)] == self.length)
        which = first[whole]
        found[whole] = genome.windows(self.contig[which], self.start[which], self.length)
        for at in np.flatnonzero(~whole).tolist():
            end = int(last[at]) - 1
            found[at, : int(self.offset[end] + self.size[end])] = VOCABULARY.unknown
            for n in range(int(first[at]), int(last[at])):
                start, size, offset = int(self.start[n]), int(self.size[n]), int(self.offset[n])
                found[at, offset : offset + size] = genome.codes(names[self.contig[n]], start, start + size)
        return found

    def weights(self, row: int, soft_masked: float) -> NDArray[np.float64]:
        """How much each position of a window counts: 1, or ``soft_masked`` in lower case; 0 for padding.

        Positions that another window scores have 0 as well.
        """
        found = np.zeros(self.length)
        for (name, start, end), offset, fresh in self.pieces(row):
            lower = self.data.soft_masked.inside(name, start, end)
            here = np.where(lower, soft_masked, 1.0)
            here[:fresh] = 0.0
            found[offset : offset + end - start] = here
        return found


def training_windows(
    data: LanguageData, length: int, *, phase: float, packed: bool = False, shortest: int = 32
) -> Windows:
    """Cut the training regions into windows, with what is left over at the ends of regions packed together.

    Every region is cut at the same phase of its own grid; with another phase in every pass over the data no position is
    always at an edge. Every position is in exactly one window, except pieces shorter than ``shortest``.

    Args:
        data: genome and splits.
        length: positions of a window.
        phase: from 0 to 1 (excluded): where in the first window of a region its first cut lies.
        packed: put several short pieces into one window with ``GAP`` letters N between two; otherwise each has a window
            of its own. A model whose reach is longer than the gap then sees letters of another piece beyond it.
        shortest: pieces with fewer positions are left out.

    Raises:
        InputError: if the window is longer than every training region.
    """
    _check_length(data, length)
    names = {name: number for number, name in enumerate(data.genome.chromosomes)}
    parts = []
    for name, first, last in data.pieces("train"):
        # A region that is no longer than a window is never cut.
        begin = first + (int(phase * length) if last - first > length else 0)
        edges = np.unique(np.concatenate([[first], np.arange(begin, last, length), [last]]))
        parts.append(np.stack([np.full(len(edges) - 1, names[name]), edges[:-1], np.diff(edges)]))
    contig, start, size = np.concatenate(parts, axis=1).astype(np.int64)
    kept = size >= min(shortest, length)
    return _laid_out(data, length, contig[kept], start[kept], size[kept], np.zeros(int(kept.sum()), np.int64), packed)


def scored_windows(data: LanguageData, split: str, length: int) -> Windows:
    """Windows over a split that score every position once, each piece in a window of its own.

    A region is cut into windows; the last one reaches back so that it is whole too, and only its new positions count.
    Regions shorter than a window are padded.

    Raises:
        InputError: if there is no such split.
    """
    if split not in data.splits:
        raise InputError(f"there are no regions for {split}; there are {', '.join(data.splits)}.")
    names = {name: number for number, name in enumerate(data.genome.chromosomes)}
    rows = []
    for name, first, last in data.pieces(split):
        for start in range(first, last, length):
            moved = max(first, min(start, last - length))
            rows.append((names[name], moved, min(length, last - moved), start - moved))
    contig, start, size, fresh = np.array(rows, dtype=np.int64).T
    return _laid_out(data, length, contig, start, size, fresh, packed=False)


def _laid_out(
    data: LanguageData, length: int, contig: Integers, start: Integers, size: Integers, fresh: Integers, packed: bool
) -> Windows:
    alone = (size == length) | (not packed)
    row, offset = np.cumsum(alone) - 1, np.zeros(len(size), dtype=np.int64)
    laid = pack(size[~alone], length, GAP)
    row[~alone] = laid.window + int(alone.sum())
    offset[~alone] = laid.offset
    order = np.lexsort([offset, row])
    return Windows(data, length, *(column[order] for column in (contig, start, size, fresh, row, offset)))


def _check_length(data: LanguageData, length: int) -> None:
    longest = max(data.pieces("train"), key=lambda piece: piece[2] - piece[1])
    if longest[2] - longest[1] < length:
        name, start, end = longest
        raise InputError(
            f"windows of {length:,} positions are longer than every training region of {data.genome.fasta}: the "
            f"longest is {name}:{start}-{end} with {end - start:,}. Choose a length of at most {end - start:,}."
        )
