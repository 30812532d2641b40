"""One interval of a chromosome, a value that validates itself and reads back from its own text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from palindra.errors import InputError

STRANDS = ("+", "-", ".")

_TEXT = re.compile(r"(?P<chrom>\S+):(?P<start>\d+)-(?P<end>\d+)(?::(?P<strand>[+.-]))?")


@dataclass(frozen=True, slots=True)
class Interval:
    """Positions ``start`` to ``end`` of a chromosome, 0-based and half-open.

    Args:
        chrom: name of the chromosome.
        start: first position, from 0.
        end: the position after the last one.
        strand: ``+``, ``-``, or ``.`` where there is none.

    Raises:
        InputError: if the name is empty or has white space, a position is negative, ``start >= end`` or the strand is
            another sign.

    Examples:
        >>> peak = Interval("chr1", 100, 205, "+")
        >>> str(peak), len(peak), peak.center
        ('chr1:100-205:+', 105, 152)
        >>> Interval.parse("chr1:100-205:+") == peak
        True
        >>> str(peak.resize(10)), str(peak.shift(-100))
        ('chr1:147-157:+', 'chr1:0-105:+')
    """

    chrom: str
    start: int
    end: int
    strand: str = "."

    def __post_init__(self) -> None:
        problem = interval_problem(self.start, self.end)
        if not self.chrom or re.search(r"\s", self.chrom):
            problem = f"the chromosome is named {self.chrom!r}; a name without white space is needed"
        if self.strand not in STRANDS:
            problem = f"the strand is {self.strand!r}; it is one of + - ."
        if problem:
            raise InputError(f"interval {self.chrom}:{self.start}-{self.end}: {problem}.")

    @classmethod
    def parse(cls, text: str) -> Interval:
        """The interval of a text ``chrom:start-end`` or ``chrom:start-end:strand``, the inverse of ``str``."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InputError(
                f"{text!r} is not an interval: write chrom:start-end or chrom:start-end:strand without commas, "
                "0-based and half-open, e.g. chr1:100-200:+."
            )
        return cls(match["chrom"], int(match["start"]), int(match["end"]), match["strand"] or ".")

    def __str__(self) -> str:
        strand = "" if self.strand == "." else f":{self.strand}"
        return f"{self.chrom}:{self.start}-{self.end}{strand}"

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def center(self) -> int:
        """The middle position, floor((start + end) / 2)."""
        return (self.start + self.end) // 2

    def resize(self, length: int) -> Interval:
        """The interval of another length around the same center, ``[center - length // 2, ...)``.

        Raises:
            InputError: if it would begin before the chromosome.
        """
        start = self.center - length // 2
        return replace(self, start=start, end=start + length)

    def shift(self, positions: int) -> Interval:
        """The interval moved along the chromosome, to the left if ``positions`` is negative.

        Raises:
            InputError: if it would begin before the chromosome.
        """
        return replace(self, start=self.start + positions, end=self.end + positions)

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share a position; strands do not matter."""
        return self.chrom == other.chrom and self.start < other.end and other.start < self.end

    def contains(self, other: Interval) -> bool:
        """Whether every position of the other one is in this one; strands do not matter."""
        return self.chrom == other.chrom and self.start <= other.start and other.end <= self.end


def interval_problem(start: int, end: int) -> str:
    """What is wrong with two positions as an interval, or nothing."""
    if start < 0:
        return f"start {start} is negative; positions are counted from 0"
    if start >= end:
        return f"start {start} is not before end {end}; intervals are 0-based and half-open, so start < end"
    return ""
