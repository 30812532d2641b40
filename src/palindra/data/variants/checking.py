"""Records checked against a genome: which alternates can be scored, and what is wrong with the others."""

from __future__ import annotations

import re

import numpy as np

from palindra.data.genome import Genome, match_names
from palindra.data.genome.fasta_codes import OTHER
from palindra.data.genome.names import listed
from palindra.data.variants.problems import Kind, Problem
from palindra.data.variants.record import Columns, Record
from palindra.data.variants.variant import Variant
from palindra.sequences.alphabet import DNA

_DNA = re.compile(f"[{DNA.symbols}]+", re.IGNORECASE)
_KNOWN = re.compile(f"[{DNA.letters}]+", re.IGNORECASE)
_SHOWN = 20  # letters of an allele that are written in a message


class Checker:
    """Checks the records of one file against one genome; remembers the names of contigs that it has looked up.

    Args:
        genome: the genome.
        map_names: whether contigs that the genome names otherwise (chr1 against 1) are mapped.
        lengths: of the contigs, where the file declares them: two contigs of different lengths are not mapped.
        window: letters that the model reads, None for no limit.
    """

    def __init__(
        self,
        genome: Genome,
        *,
        map_names: bool = False,
        lengths: dict[str, int] | None = None,
        window: int | None = None,
    ) -> None:
        self.genome, self.map_names, self.window = genome, map_names, window
        self._lengths = lengths or {}
        self._names: dict[str, tuple[str, str]] = {}

    def contig(self, name: str) -> tuple[str, str]:
        """The name in the genome and nothing, or nothing and what is wrong."""
        if name not in self._names:
            self._names[name] = self._matched(name)
        return self._names[name]

    def record(self, number: int, columns: Columns, width: int) -> Record:
        """A record with a variant for each alternate that can be scored.

        Args:
            number: of the record.
            columns: its text.
            width: how many columns the header names.
        """
        problems: list[Problem] = []
        if columns.present != width:
            problems.append(Problem(columns.line, Kind.COLUMNS, _other_width(columns, width)))
        alternates = columns.alternates
        whole = self._whole(columns)
        if whole is not None:
            return Record(number, columns, (None,) * len(alternates), (*problems, whole))
        chrom, _ = self.contig(columns.chrom)
        variants: list[Variant | None] = []
        for allele, alternate in enumerate(alternates, start=1):
            wrong = self._alternate(columns, alternate)
            if wrong is not None:
                problems.append(Problem(columns.line, *wrong, allele=allele))
                variants.append(None)
                continue
            variants.append(
                Variant(
                    chrom,
                    columns.position - 1,
                    columns.ref.upper(),
                    alternate.upper(),
                    record=number,
                    allele=allele,
                    id=columns.id,
                    line=columns.line,
                )
            )
        return Record(number, columns, tuple(variants), tuple(problems))

    def _whole(self, columns: Columns) -> Problem | None:
        """What keeps every alternate of a record from being scored."""
        chrom, wrong = self.contig(columns.chrom)
        if not chrom:
            return Problem(columns.line, Kind.UNKNOWN_CONTIG, wrong)
        if not columns.alternates:
            return Problem(columns.line, Kind.NO_ALTERNATE, "there is no alternate (.), so nothing to score.")
        ref, start = columns.ref, columns.position - 1
        if not _DNA.fullmatch(ref):
            return Problem(columns.line, Kind.NOT_DNA, f"the reference allele {_cut(ref)} is not DNA.")
        length = self.genome.chromosomes[chrom]
        if start < 0 or start + len(ref) > length:
            return Problem(
                columns.line,
                Kind.OUTSIDE_CONTIG,
                f"reference allele {_cut(ref)} at {columns.chrom}:{columns.position} is not wholly on the contig, "
                f"which has {length:,} bp. Is the FASTA of the version that the file was made with?",
            )
        if all(map(_without_letters, columns.alternates)):
            return None  # symbolic alternates are named as such, whatever stands as reference allele
        given = np.frombuffer(ref.encode().translate(DNA.byte_table), dtype=np.uint8)
        there = self.genome.codes(chrom, start, start + len(ref))
        wrong_at = (given != there) & (given < OTHER) & (there < OTHER)
        if wrong_at.any():
            letters = "".join((DNA.letters + "N")[code] for code in there[:_SHOWN])
            return Problem(
                columns.line,
                Kind.REFERENCE_MISMATCH,
                f"reference allele {_cut(ref)} at {columns.chrom}:{columns.position}, but the genome has "
                f"{letters}{'...' if len(ref) > _SHOWN else ''}. Is the FASTA of the version that the file was made "
                "with?",
            )
        if (given >= OTHER).any() or (there >= OTHER).any():
            return Problem(
                columns.line,
                Kind.UNKNOWN_REFERENCE,
                f"reference allele {_cut(ref)} at {columns.chrom}:{columns.position} has N or another ambiguity code, "
                "in the file or in the genome.",
            )
        return None

    def _alternate(self, columns: Columns, alternate: str) -> tuple[Kind, str] | None:
        if alternate == "*":
            return Kind.OVERLAPPING_DELETION, "alternate * is a deletion of another record."
        if _without_letters(alternate):
            return Kind.SYMBOLIC, f"alternate {_cut(alternate)} is symbolic or a breakend; letters are needed."
        if not _DNA.fullmatch(alternate):
            return Kind.NOT_DNA, f"alternate {_cut(alternate)} is not DNA."
        if not _KNOWN.fullmatch(alternate):
            return Kind.UNKNOWN_ALTERNATE, f"alternate {_cut(alternate)} has N or another ambiguity code."
        if alternate.upper() == columns.ref.upper():
            return Kind.SAME_AS_REFERENCE, f"alternate {_cut(alternate)} is the reference allele."
        if self.window is not None:
            size = Variant("x", 0, columns.ref.upper(), alternate.upper()).trimmed().size
            if size > self.window:
                return Kind.LONGER_THAN_WINDOW, f"a change of {size:,} bp; the model reads {self.window:,} bp."
        return None

    def _matched(self, name: str) -> tuple[str, str]:
        known = self.genome.chromosomes
        if name in known:
            return name, ""
        here = {name: self._lengths[name]} if name in self._lengths else [name]
        other = match_names(here, known).renamed.get(name, "")
        if other and self.map_names:
            return other, ""
        if other:
            return "", f"{self.genome.fasta.name} names contig {name!r} otherwise: {other!r}. Use --map-names."
        return "", f"{self.genome.fasta.name} has no contig {name!r}; it has {listed(known)}."


def _without_letters(alternate: str) -> bool:
    return (
        alternate == "*"
        or alternate.startswith(("<", "."))
        or alternate.endswith(".")
        or any(sign in alternate for sign in "[]<>")
    )


def _cut(allele: str) -> str:
    return allele if len(allele) <= _SHOWN else f"{allele[:_SHOWN]}... ({len(allele):,} letters)"


def _other_width(columns: Columns, width: int) -> str:
    more = "those behind are left out" if columns.present > width else "the missing ones are written as dots"
    return f"{columns.present} columns, but the header names {width}; {more}."
