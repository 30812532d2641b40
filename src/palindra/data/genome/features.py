"""The intervals of a file as columns, which remember the lines that they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.genome.interval import STRANDS, Interval
from palindra.data.genome.names import require_match
from palindra.errors import InputError

_SHOWN = 5  # lines named in one error


@dataclass(frozen=True)
class Features:
    """Intervals of a genome as columns of equal length.

    Args:
        chrom: name of the chromosome of each.
        start: int64, from 0.
        end: int64, half-open.
        strand: one sign for each: ``+``, ``-`` or ``.``.
        name: of each, or None.
        score: float64 (NaN where a file has ``.``), or None.
        summit: int64 position of the summit on the chromosome, or None; a peak without one has its center.
        source: what to name in errors, usually the path of the file.
        lines: the line of each in that file, from 1; by default the rows themselves.

    Raises:
        ValueError: if columns differ in length.

    Examples:
        >>> peaks = Features(["chr1", "chr2"], np.array([5, 0]), np.array([9, 4]), np.array(["+", "."]))
        >>> len(peaks), [str(interval) for interval in peaks]
        (2, ['chr1:5-9:+', 'chr2:0-4'])
    """

    chrom: list[str]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[np.str_]
    name: list[str] | None = None
    score: NDArray[np.float64] | None = None
    summit: NDArray[np.int64] | None = None
    source: str = "intervals"
    lines: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        columns = (self.start, self.end, self.strand, self.name, self.score, self.summit, self.lines)
        lengths = {len(column) for column in columns if column is not None} | {len(self.chrom)}
        if len(lengths) != 1:
            raise ValueError(f"{self.source}: columns of different lengths {sorted(lengths)}.")

    @classmethod
    def of(cls, intervals: Sequence[Interval], *, source: str = "intervals") -> Features:
        """The columns of some intervals."""
        return cls(
            [interval.chrom for interval in intervals],
            np.array([interval.start for interval in intervals], dtype=np.int64),
            np.array([interval.end for interval in intervals], dtype=np.int64),
            np.array([interval.strand for interval in intervals], dtype="U1"),
            source=source,
        )

    def __len__(self) -> int:
        return len(self.chrom)

    def __iter__(self) -> Iterator[Interval]:
        for chrom, start, end, strand in zip(
            self.chrom, self.start.tolist(), self.end.tolist(), self.strand.tolist(), strict=True
        ):
            yield Interval(chrom, start, end, strand)

    @property
    def center(self) -> NDArray[np.int64]:
        """The summit of each where the file has summits, else the middle floor((start + end) / 2)."""
        return (self.start + self.end) // 2 if self.summit is None else self.summit

    def where(self, row: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.source} row {row}" if self.lines is None else f"{self.source} line {self.lines[row]}"

    def take(self, rows: ArrayLike) -> Features:
        """Some of the rows, by number or by a mask, in the order given."""
        which = np.arange(len(self))[np.asarray(rows)]
        listed = which.tolist()
        return replace(
            self,
            chrom=[self.chrom[row] for row in listed],
            start=self.start[which],
            end=self.end[which],
            strand=self.strand[which],
            name=None if self.name is None else [self.name[row] for row in listed],
            score=None if self.score is None else self.score[which],
            summit=None if self.summit is None else self.summit[which],
            lines=which if self.lines is None else self.lines[which],
        )

    def on(self, chromosomes: Mapping[str, int], *, genome: str = "the genome", map_names: bool = False) -> Features:
        """The same features under the names of a genome, once all of them are known to lie on it.

        Args:
            chromosomes: name and length of each chromosome.
            genome: what to call it in errors, usually the path of the FASTA.
            map_names: whether chromosomes that the genome names otherwise (chr1 against 1) are renamed.

        Raises:
            InputError: if a chromosome is unknown, or an interval ends beyond its chromosome; the message names lines.
        """
        names = require_match(self.source, list(dict.fromkeys(self.chrom)), genome, chromosomes, map_names=map_names)
        found = replace(self, chrom=[names[chrom] for chrom in self.chrom])
        problems = found.problems(chromosomes)
        if problems:
            raise InputError(some_of(problems))
        return found

    def problems(self, chromosomes: Mapping[str, int] | None = None) -> list[str]:
        """What is wrong with each interval that cannot be used, with its line; chromosomes give lengths."""
        rows = [(self.start < 0) | (self.start >= self.end), ~np.isin(self.strand, STRANDS)]
        says = [
            "{interval}: start is not before end, or is negative; intervals are 0-based and half-open",
            "{interval}: the strand is '{strand}'; it is one of + - .",
        ]
        if self.summit is not None:
            rows.append((self.summit < self.start) | (self.summit >= self.end))
            says.append("{interval}: the summit at {summit} is not in the interval")
        if chromosomes is not None:
            lengths = np.array([chromosomes.get(chrom, -1) for chrom in self.chrom], dtype=np.int64)
            rows += [lengths < 0, (lengths >= 0) & (self.end > lengths)]
            says += [
                "{interval}: the genome has no chromosome {chrom}",
                "{interval}: ends beyond the chromosome, which has {length} positions",
            ]
        found = [(row, text) for bad, text in zip(rows, says, strict=True) for row in np.flatnonzero(bad).tolist()]
        return [self._said(row, text, chromosomes or {}) for row, text in sorted(found)]

    def _said(self, row: int, text: str, chromosomes: Mapping[str, int]) -> str:
        chrom = self.chrom[row]
        filled = text.format(
            interval=f"{chrom}:{self.start[row]}-{self.end[row]}",
            strand=self.strand[row],
            summit="" if self.summit is None else self.summit[row],
            chrom=chrom,
            length=chromosomes.get(chrom, 0),
        )
        return f"{self.where(row)}: {filled}."


def some_of(problems: Sequence[str]) -> str:
    """The first few problems of a list and how many more there are, as one message."""
    more = len(problems) - _SHOWN
    return "\n".join([*problems[:_SHOWN], *([f"... and {more:,} more."] if more > 0 else [])])
