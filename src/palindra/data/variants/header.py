"""The header of a VCF file: what it declares, and the same header with more declarations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_CONTIG = re.compile(r"##contig=<(?P<fields>.*)>")
_LENGTH = re.compile(r"(?:^|,)length=(\d+)(?:,|$)")
_ID = re.compile(r"(?:^|,)ID=([^,]+)")


@dataclass(frozen=True)
class InfoField:
    """A declaration of an INFO field.

    Args:
        name: letters, digits, ``_`` and ``.``, not beginning with a digit.
        number: of values, ``A`` for one of each alternate.
        kind: Float, String, Integer or Flag.
        description: for people.

    Examples:
        >>> print(InfoField("SCORE", "A", "Float", "log2 ratio"))
        ##INFO=<ID=SCORE,Number=A,Type=Float,Description="log2 ratio">
    """

    name: str
    number: str
    kind: str
    description: str

    def __str__(self) -> str:
        text = self.description.replace("\\", "\\\\").replace('"', '\\"')
        return f'##INFO=<ID={self.name},Number={self.number},Type={self.kind},Description="{text}">'


@dataclass(frozen=True)
class Header:
    """Lines that begin with ``##``, and the names of the columns (none where there is no line ``#CHROM``)."""

    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()  # of the lines in the file

    @property
    def width(self) -> int:
        """Columns that every record has to have."""
        return max(len(self.columns), len(FIXED))

    @property
    def contigs(self) -> dict[str, tuple[int | None, int]]:
        """For each declared contig its length, where it is given, and the line that declares it."""
        found: dict[str, tuple[int | None, int]] = {}
        for number, line in zip(self.numbers, self.lines, strict=True):
            if (declared := _CONTIG.fullmatch(line.strip())) and (name := _ID.search(declared["fields"])):
                length = _LENGTH.search(declared["fields"])
                found[name[1]] = (int(length[1]) if length else None, number)
        return found

    def text(self, fields: Sequence[InfoField], contigs: Mapping[str, int | None], *, width: int = len(FIXED)) -> str:
        """The header of a file with further INFO fields.

        Args:
            fields: replace declarations of the same names.
            contigs: names of the file with their lengths where they are known; those not declared are added.
            width: columns of the records, for a file without names of columns.

        Examples:
            >>> print(Header().text([], {"chr1": 9}), end="")
            ##fileformat=VCFv4.2
            ##contig=<ID=chr1,length=9>
            #CHROM  POS ID  REF ALT QUAL    FILTER  INFO
        """
        own = tuple(f"##INFO=<ID={field.name}," for field in fields)
        first = [] if any(line.startswith("##fileformat=") for line in self.lines) else ["##fileformat=VCFv4.2"]
        kept = [line for line in self.lines if not own or not line.startswith(own)]
        declared = self.contigs
        added = [
            f"##contig=<ID={name}{'' if length is None else f',length={length}'}>"
            for name, length in contigs.items()
            if name not in declared
        ]
        columns = self.columns or _columns(width)
        return "\n".join([*first, *kept, *added, *map(str, fields), "\t".join(columns)]) + "\n"


def read_header(lines: Iterable[tuple[int, str]]) -> Header:
    """The header at the beginning of numbered lines; it ends with ``#CHROM``, or with the first line without ``#``."""
    kept: list[tuple[int, str]] = []
    for number, line in lines:
        if line.startswith("##"):
            kept.append((number, line))
            continue
        is_columns = line.startswith("#CHROM")
        names = tuple(line.split("\t")) if is_columns else ()
        return Header(tuple(text for _, text in kept), names, tuple(number for number, _ in kept))
    return Header(tuple(text for _, text in kept), (), tuple(number for number, _ in kept))


def _columns(width: int) -> tuple[str, ...]:
    """Names of columns where the file has none; samples are numbered."""
    samples = width - len(FIXED) - 1
    return FIXED if samples < 0 else (*FIXED, "FORMAT", *(f"sample{number + 1}" for number in range(samples)))
