"""One line of a VCF file as columns, and the line written back with further INFO fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from palindra.data.variants.header import FIXED
from palindra.data.variants.problems import SCORED, Kind, Problem
from palindra.data.variants.variant import Variant

_CHROM, _POS, _ID, _REF, _ALT, _INFO = 0, 1, 2, 3, 4, 7
_NEEDED = 5  # columns without which nothing can be scored


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one record as text, at least the eight fixed ones.

    Args:
        line: of the file, from 1.
        fixed: the first eight, ``.`` for those that are missing.
        rest: FORMAT and samples with the tabs between them, or nothing.
        present: how many columns the line has.
    """

    line: int
    fixed: tuple[str, ...]
    rest: str
    present: int

    @property
    def chrom(self) -> str:
        """The contig in the words of the file."""
        return self.fixed[_CHROM]

    @property
    def position(self) -> int:
        """From 1, as it is written."""
        return int(self.fixed[_POS])

    @property
    def id(self) -> str:
        """The identifier, or a dot."""
        return self.fixed[_ID]

    @property
    def ref(self) -> str:
        """The reference allele, as it is written."""
        return self.fixed[_REF]

    @property
    def alternates(self) -> tuple[str, ...]:
        """All alternates, none where the column is a dot."""
        text = self.fixed[_ALT]
        return () if text in (".", "") else tuple(text.split(","))

    def with_info(self, fields: Mapping[str, str], *, width: int) -> str:
        r"""The line with fields put behind its other INFO fields; earlier values of the same names are left out.

        Args:
            fields: name -> value, in order.
            width: how many columns the header names; missing ones are filled with dots, superfluous ones left out.

        Examples:
            >>> columns = parse_columns("chr1\t5\t.\tA\tG\t.\t.\tDP=3;S=1", 2)
            >>> columns.with_info({"S": "0.5"}, width=8).split("\t")[-1]
            'DP=3;S=0.5'
        """
        kept = [part for part in self.fixed[_INFO].split(";") if part not in ("", ".")]
        kept = [part for part in kept if part.partition("=")[0] not in fields]
        info = ";".join([*kept, *(f"{name}={value}" for name, value in fields.items())]) or "."
        rest = self.rest.split("\t") if self.rest and self.present != width else [self.rest] if self.rest else []
        if self.present != width:
            extra = max(width - len(FIXED), 0)
            rest = [*rest, *["."] * extra][:extra]
        return "\t".join([*self.fixed[:_INFO], info, *rest])


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its columns, a variant for each alternate that can be scored, and what is wrong with it.

    Args:
        number: of the record, from 0.
        columns: its text.
        variants: for each alternate the variant, or None.
        problems: of the record and its alternates.
    """

    number: int
    columns: Columns
    variants: tuple[Variant | None, ...]
    problems: tuple[Problem, ...]

    @property
    def statuses(self) -> tuple[str, ...]:
        """For each alternate ``scored`` or why it is not, one word for a record without alternates."""
        found = [SCORED if variant is not None else "" for variant in self.variants] or [SCORED]
        for problem in self.problems:
            for place in range(len(found)) if problem.allele == 0 else [problem.allele - 1]:
                if not problem.kind.scored or problem.kind is Kind.DUPLICATE:
                    found[place] = str(problem.kind)
        return tuple(found)


def parse_columns(text: str, line: int) -> Columns | Problem:
    """The columns of a line, or what keeps it from being a record."""
    parts = text.split("\t", len(FIXED))
    present = len(parts) if len(parts) <= len(FIXED) else len(FIXED) + 1 + parts[-1].count("\t")
    if len(parts) < _NEEDED:
        how = "divided by blanks" if len(text.split()) >= _NEEDED else f"{len(parts)}"
        return Problem(
            line,
            Kind.NOT_A_RECORD,
            f"columns are {how}; at least CHROM, POS, ID, REF and ALT, divided by tabs, are needed.",
        )
    fixed = tuple([part.strip() or "." for part in parts[: len(FIXED)]] + ["."] * (len(FIXED) - len(parts)))
    if text.startswith("#"):
        return Problem(line, Kind.NOT_A_RECORD, "a header line stands among the records. Remove it.")
    if not (fixed[_POS].isascii() and fixed[_POS].isdigit()) or len(fixed[_POS]) > 10:
        return Problem(line, Kind.NOT_A_RECORD, f"the position {fixed[_POS]!r} is not a whole number.")
    return Columns(line, fixed, parts[len(FIXED)] if len(parts) > len(FIXED) else "", present)
