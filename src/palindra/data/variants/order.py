"""Records that stand in the wrong place of their file, or a second time."""

from __future__ import annotations

from collections.abc import Iterable

from palindra.data.variants.problems import Kind, Problem
from palindra.data.variants.record import Columns

Spelling = tuple[str, str, str, str]  # contig, position, reference, alternate


def spellings(columns: Columns) -> list[Spelling]:
    """Each alternate of a record in the words of its file."""
    chrom, position, _, ref, _, *_ = columns.fixed
    return [(chrom, position, ref.upper(), alternate.upper()) for alternate in columns.alternates]


class Order:
    """Whether each record stands behind the one before it.

    Args:
        chrom: of the record before the first.
        position: of it.
        passed: contigs that stood in the file before.
    """

    def __init__(self, chrom: str = "", position: int = -1, passed: Iterable[str] = ()) -> None:
        self.chrom, self.position, self.passed = chrom, position, set(passed)

    def check(self, columns: Columns) -> list[Problem]:
        """What is wrong with the place of the next record."""
        chrom, position = columns.chrom, columns.position
        wrong = position < self.position if chrom == self.chrom else chrom in self.passed
        if chrom != self.chrom:
            self.passed.add(chrom)
        before, self.chrom, self.position = f"{self.chrom}:{self.position}", chrom, position
        if not wrong:
            return []
        return [Problem(columns.line, Kind.UNSORTED, f"{chrom}:{position} stands behind {before}: not sorted.")]


class Repeats:
    """Alternates that stood in a line above.

    Args:
        among: hashes of the repeated ones of an unsorted file; None looks at the same position only.
    """

    def __init__(self, among: frozenset[int] | None) -> None:
        self.among = among
        self.place = ("", -1)
        self.lines: dict[Spelling, int] = {}

    def check(self, columns: Columns) -> list[Problem]:
        """Which alternates of the next record stood there before."""
        place = columns.chrom, columns.position
        if self.among is None and place != self.place:
            self.place, self.lines = place, {}
        found = []
        for allele, key in enumerate(spellings(columns), start=1):
            if self.among is not None and hash(key) not in self.among:
                continue
            if (line := self.lines.setdefault(key, columns.line)) != columns.line or _again(key, columns, allele):
                found.append(Problem(columns.line, Kind.DUPLICATE, f"the same variant as in line {line}.", allele))
        return found


class KnownRepeats:
    """Alternates that stood in a line above, found when the whole file was read.

    Args:
        repeats: line, alternate and message of each.
    """

    def __init__(self, repeats: Iterable[tuple[int, int, str]]) -> None:
        self.problems: dict[int, list[Problem]] = {}
        for line, allele, message in repeats:
            self.problems.setdefault(line, []).append(Problem(line, Kind.DUPLICATE, message, allele))

    def check(self, columns: Columns) -> list[Problem]:
        """Which alternates of the next record stood there before."""
        return self.problems.get(columns.line, [])


def _again(key: Spelling, columns: Columns, allele: int) -> bool:
    """Whether an alternate stands in its own record before."""
    return key in spellings(columns)[: allele - 1]
