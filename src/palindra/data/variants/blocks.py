"""A VCF file cut into blocks of lines, each of which can be read and checked without those before it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from palindra.data.variants.lines import LastLine, Place
from palindra.data.variants.problems import Kind, Problem
from palindra.data.variants.record import Record
from palindra.data.variants.seeking import places


@dataclass(frozen=True)
class Full:
    """When a block ends: with the line that reaches one of two numbers.

    Args:
        variants: that can be scored.
        lines: records, and lines that are none.
    """

    variants: int
    lines: int

    def __call__(self, variants: int, lines: int) -> bool:
        return variants >= self.variants or lines >= self.lines


@dataclass(frozen=True)
class Block:
    """Lines of a VCF file, where they lie, and what has to be known of the lines before them.

    Args:
        place: where its first line begins.
        first: number of its first line that is not blank.
        last: number of its last.
        lines: that are not blank.
        checksum: CRC-32 of their text.
        variants: that can be scored.
        region: contig and position of its first and last record, for people.
        record: number of its first record.
        before: contig and position of the record before it.
        passed: contigs of the block that stood in the file before it.
        repeats: line, alternate and message of each variant that stood in the file before.
    """

    place: Place
    first: int
    last: int
    lines: int
    checksum: int
    variants: int
    region: str
    record: int
    before: tuple[str, int]
    passed: tuple[str, ...]
    repeats: tuple[tuple[int, int, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, which :meth:`from_dict` takes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Block:
        """The block that was made plain."""
        given = dict(values)
        given["place"] = Place(**given["place"])
        chrom, position = given["before"]
        given["before"] = (str(chrom), int(position))
        given["passed"] = tuple(given["passed"])
        given["repeats"] = tuple((line, allele, message) for line, allele, message in given["repeats"])
        return cls(**given)


@dataclass
class _Begun:
    """What is known so far of the block that grows."""

    record: int
    before: tuple[str, int]
    start: int = 0  # unpacked bytes before it
    first: int = 0
    lines: int = 0
    checksum: int = 0
    variants: int = 0
    ends: list[str] = field(default_factory=list)  # first and last place
    passed: set[str] = field(default_factory=set)
    repeats: list[tuple[int, int, str]] = field(default_factory=list)


class Cutter:
    """Cuts a file into blocks while it is read from its first record on.

    Args:
        full: says when a block ends.
        last: the line that was read last.
    """

    def __init__(self, full: Full, last: LastLine) -> None:
        self.full, self.last = full, last
        self.contigs: set[str] = set()  # of all blocks that are finished
        self.here: set[str] = set()  # of the block that grows
        self.position = ("", -1)
        self.records = 0
        self.begun = _Begun(0, self.position)
        self.starts: list[tuple[int, int]] = []
        self.blocks: list[Block] = []

    def add(self, record: Record | Problem) -> None:
        """The next line."""
        begun, line = self.begun, record.line if isinstance(record, Problem) else record.columns.line
        if not begun.lines:
            begun.first, begun.start = line, self.last.start
        begun.lines += 1
        begun.checksum = crc(self.last.text, begun.checksum)
        if isinstance(record, Record):
            self._add(record)
        if self.full(begun.variants, begun.lines):
            self._end(line)
        self._line = line

    def finished(self, path: str | Path) -> tuple[Block, ...]:
        """All blocks of the file that was read, once, at its end."""
        if self.begun.lines:
            self._end(self._line)
        found = places(path, self.starts)
        return tuple(replace(block, place=place) for block, place in zip(self.blocks, found, strict=True))

    def _add(self, record: Record) -> None:
        begun, chrom = self.begun, record.columns.chrom
        begun.variants += sum(variant is not None for variant in record.variants)
        begun.repeats += [
            (problem.line, problem.allele, problem.message)
            for problem in record.problems
            if problem.kind is Kind.DUPLICATE
        ]
        self.here.add(chrom)
        if chrom in self.contigs:
            begun.passed.add(chrom)
        self.position = chrom, record.columns.position
        begun.ends = [*begun.ends[:1], f"{chrom}:{record.columns.position}"]
        self.records += 1

    def _end(self, line: int) -> None:
        begun = self.begun
        self.starts.append((begun.first - 1, begun.start))
        self.blocks.append(
            Block(
                Place(),
                begun.first,
                line,
                begun.lines,
                begun.checksum,
                begun.variants,
                " to ".join(begun.ends),
                begun.record,
                begun.before,
                tuple(sorted(begun.passed)),
                tuple(begun.repeats),
            )
        )
        self.contigs |= self.here
        self.here = set()
        self.begun = _Begun(self.records, self.position)


def crc(text: str, before: int = 0) -> int:
    """The checksum of lines, one added to those before it."""
    return zlib.crc32(text.encode("utf-8", "surrogateescape"), before)
