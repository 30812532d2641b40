"""What can be wrong with a VCF file, its records and their alternates: one word for each, and where it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SCORED = "scored"


class Kind(StrEnum):
    """One word for each problem; those words stand in the files that are written."""

    NO_HEADER = "no_header"
    NO_CONTIGS = "no_contigs"
    CONTIG_LENGTH = "contig_length"
    UNSORTED = "unsorted"
    NOT_A_RECORD = "not_a_record"
    COLUMNS = "columns"
    UNKNOWN_CONTIG = "unknown_contig"
    OUTSIDE_CONTIG = "outside_contig"
    REFERENCE_MISMATCH = "reference_mismatch"
    UNKNOWN_REFERENCE = "unknown_reference"
    NOT_DNA = "not_dna"
    NO_ALTERNATE = "no_alternate"
    SYMBOLIC = "symbolic"
    OVERLAPPING_DELETION = "overlapping_deletion"
    UNKNOWN_ALTERNATE = "unknown_alternate"
    SAME_AS_REFERENCE = "same_as_reference"
    LONGER_THAN_WINDOW = "longer_than_window"
    DUPLICATE = "duplicate"

    @property
    def scored(self) -> bool:
        """Whether a record with this problem (and no other) is scored all the same."""
        return self in _HARMLESS

    @property
    def meaning(self) -> str:
        """What it says, for a table of them."""
        return MEANINGS[self]


_HARMLESS = frozenset(
    {Kind.NO_HEADER, Kind.NO_CONTIGS, Kind.CONTIG_LENGTH, Kind.UNSORTED, Kind.COLUMNS, Kind.DUPLICATE}
)
MEANINGS: Mapping[Kind, str] = {
    Kind.NO_HEADER: "the file has no line #CHROM",
    Kind.NO_CONTIGS: "the header declares no contigs",
    Kind.CONTIG_LENGTH: "the header gives a contig another length than the FASTA has",
    Kind.UNSORTED: "the record stands before the one above it, or its contig comes a second time",
    Kind.NOT_A_RECORD: "the line is no record, and is left out of the VCF that is written",
    Kind.COLUMNS: "the line has another number of columns than the header",
    Kind.UNKNOWN_CONTIG: "the FASTA has no such contig",
    Kind.OUTSIDE_CONTIG: "the reference allele is not, or not wholly, on the contig",
    Kind.REFERENCE_MISMATCH: "the genome has other letters than the reference allele",
    Kind.UNKNOWN_REFERENCE: "the reference allele, or the genome there, has N or another ambiguity code",
    Kind.NOT_DNA: "an allele has a sign that is no letter of DNA",
    Kind.NO_ALTERNATE: "the record has no alternate",
    Kind.SYMBOLIC: "the alternate is symbolic or a breakend, without letters",
    Kind.OVERLAPPING_DELETION: "the alternate is *, missing because of a deletion in another record",
    Kind.UNKNOWN_ALTERNATE: "the alternate has N or another ambiguity code",
    Kind.SAME_AS_REFERENCE: "the alternate equals the reference allele",
    Kind.LONGER_THAN_WINDOW: "the change is longer than the window that the model reads",
    Kind.DUPLICATE: "the same variant stands in a line above; it is scored again",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one line, in words.

    Args:
        line: of the file, from 1.
        kind: which of the known problems.
        message: what was given, what is needed and what to do.
        allele: which alternate, from 1; 0 for the whole record.

    Examples:
        >>> print(Problem(7, Kind.SYMBOLIC, "alternate <DEL> has no letters.", allele=1))
        line 7 alternate 1: alternate <DEL> has no letters.
    """

    line: int
    kind: Kind
    message: str
    allele: int = 0

    def __str__(self) -> str:
        return f"line {self.line}{f' alternate {self.allele}' if self.allele else ''}: {self.message}"


def summary(counts: Counter[Kind]) -> list[str]:
    """How many problems of each kind, one line each, in the order of the kinds.

    Examples:
        >>> for line in summary(Counter({Kind.DUPLICATE: 2, Kind.SYMBOLIC: 1300})):
        ...     print(line)
             1,300  symbolic: the alternate is symbolic or a breakend, without letters
                 2  duplicate: the same variant stands in a line above; it is scored again
    """
    return [f"{counts[kind]:>10,}  {kind}: {kind.meaning}" for kind in Kind if counts[kind]]
