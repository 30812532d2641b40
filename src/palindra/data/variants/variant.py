"""One alternate of one record of a VCF file, a value that validates itself and reads back from its own text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from palindra.errors import InputError
from palindra.sequences.edits import reverse_complement

_LETTERS = re.compile("[ACGT]*")


@dataclass(frozen=True, slots=True)
class Variant:
    """Letters of a genome and what stands in their place: substitutions, insertions, deletions and all between.

    Args:
        chrom: name of the chromosome in the genome.
        position: of the first letter of ``ref`` in the genome, from 0.
        ref: letters of the genome, capitals ACGT; empty for an insertion before ``position``.
        alt: letters in their place; empty for a deletion.
        record: number of the VCF record that it came from, from 0.
        allele: which alternate of that record, from 1.
        id: of the record.
        line: of the file, from 1; 0 where there is none.

    Raises:
        InputError: for letters other than ACGT, two equal alleles or a negative position.

    Examples:
        >>> variant = Variant("chr1", 99, "A", "AT")
        >>> str(variant), variant == Variant.parse("chr1:100:A:AT")      # text is 1-based, as VCF
        ('chr1:100:A:AT', True)
        >>> variant.trimmed()
        Variant(chrom='chr1', position=100, ref='', alt='T')
    """

    chrom: str
    position: int
    ref: str
    alt: str
    record: int = field(default=0, compare=False, repr=False)
    allele: int = field(default=1, compare=False, repr=False)
    id: str = field(default=".", compare=False, repr=False)
    line: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.position < 0 or self.ref == self.alt or not all(map(_LETTERS.fullmatch, (self.ref, self.alt))):
            raise InputError(
                f"{self}: is not a variant, which has a position from 1 and two different alleles of the capitals ACGT."
            )

    @classmethod
    def parse(cls, text: str) -> Variant:
        """The variant of a text ``chrom:position:ref:alt`` with positions from 1, the inverse of ``str``."""
        parts = text.rsplit(":", 3)  # from the right: names such as HLA*01:01 have colons
        if len(parts) != 4 or not parts[0] or not (parts[1].isascii() and parts[1].isdigit()):
            raise InputError(f"{text!r} is not a variant: write chrom:position:ref:alt, e.g. chr1:100:A:AT.")
        return cls(parts[0], int(parts[1]) - 1, parts[2].upper(), parts[3].upper())

    def __str__(self) -> str:
        return f"{self.chrom}:{self.position + 1}:{self.ref}:{self.alt}"

    @property
    def end(self) -> int:
        """The position after the last letter of ``ref``."""
        return self.position + len(self.ref)

    @property
    def size(self) -> int:
        """Letters of the longer allele."""
        return max(len(self.ref), len(self.alt))

    def trimmed(self) -> Variant:
        """The same change without the letters that both alleles end or begin with; one of them may become empty.

        The end is trimmed first, so of two places in a repeat the left one stays.
        """
        same = 0
        while same < min(len(self.ref), len(self.alt)) and self.ref[-1 - same] == self.alt[-1 - same]:
            same += 1
        ref, alt = self.ref[: len(self.ref) - same], self.alt[: len(self.alt) - same]
        first = 0
        while first < min(len(ref), len(alt)) and ref[first] == alt[first]:
            first += 1
        return replace(self, position=self.position + first, ref=ref[first:], alt=alt[first:])

    def on_other_strand(self, length: int) -> Variant:
        """The same change of the reverse complement of a chromosome of this length.

        Examples:
            >>> Variant("one", 2, "AC", "G").on_other_strand(10)
            Variant(chrom='one', position=6, ref='GT', alt='C')
        """
        return replace(
            self,
            position=length - self.end,
            ref=reverse_complement(self.ref) if self.ref else "",
            alt=reverse_complement(self.alt) if self.alt else "",
        )
