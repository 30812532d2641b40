"""Windows of a genome with and without a variant, of the same length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palindra.data.genome import Genome
from palindra.data.variants.variant import Variant
from palindra.sequences.alphabet import DNA

Codes = NDArray[np.uint8]


def window_start(variant: Variant, length: int) -> int:
    """Where a window of this length begins that has the change in its middle; it may be negative.

    The middle letter of the longer allele stands at ``length // 2``.

    Examples:
        >>> window_start(Variant("chr1", 100, "A", "G"), 20)
        90
    """
    return variant.position + variant.size // 2 - length // 2


def allele_codes(
    genome: Genome, variant: Variant, start: int, length: int, *, keep: Literal["left", "right"] = "left"
) -> tuple[Codes, Codes]:
    r"""The codes of a window of the genome, and of the same window with the variant.

    Both have the same length. With ``keep="left"`` the letters to the left of the variant stay where they are: behind a
    deletion the window reads on in the genome, and an insertion pushes letters out of its right end. ``keep="right"``
    is the mirror image: what a window of the other strand does with ``keep="left"``.

    Args:
        genome: the genome.
        variant: its reference allele is taken to be that of the genome (see `read_vcf`, which checks).
        start: first position of the window, which may be negative; positions outside the contig are 4, as N.
        length: of the window.
        keep: on which side letters stay.

    Returns:
        Codes of the reference and of the alternate, both of shape (length,).

    Raises:
        ValueError: if the variant is not in the window.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> folder = TemporaryDirectory()
        >>> fasta = Path(folder.name, "small.fa")
        >>> _ = fasta.write_text(">one\nAAACGTTT\n")
        >>> genome = Genome.open(fasta)
        >>> deletion = Variant("one", 3, "C", "")
        >>> [codes.tolist() for codes in allele_codes(genome, deletion, 1, 4)]
        [[0, 0, 1, 2], [0, 0, 2, 3]]
        >>> [codes.tolist() for codes in allele_codes(genome, deletion, 1, 4, keep="right")]
        [[0, 0, 1, 2], [0, 0, 0, 2]]
        >>> folder.cleanup()
    """
    end = start + length
    if not start <= variant.position <= variant.end <= end:
        raise ValueError(f"{variant} is not inside the window {variant.chrom}:{start}-{end}.")
    reference = genome.codes(variant.chrom, start, end)
    return reference, _alternate(genome, variant, reference, start, keep)


def allele_windows(genome: Genome, variants: Sequence[Variant], length: int, *, margin: int = 0) -> tuple[Codes, Codes]:
    """Codes of both alleles of many variants, each in the middle of its window.

    Args:
        genome: the genome.
        variants: not longer than the window.
        length: of a window.
        margin: further letters on both sides, for windows that are moved by up to so many.

    Returns:
        Codes of the references and of the alternates, both of shape (variants, length + 2 * margin).
    """
    names = {name: index for index, name in enumerate(genome.chromosomes)}
    starts = [window_start(variant, length) - margin for variant in variants]
    reference = genome.windows([names[variant.chrom] for variant in variants], starts, length + 2 * margin)
    alternate = np.empty_like(reference)
    for row, (variant, start) in enumerate(zip(variants, starts, strict=True)):
        alternate[row] = _alternate(genome, variant, reference[row], start, "left")
    return reference, alternate


def _alternate(genome: Genome, variant: Variant, reference: Codes, start: int, keep: str) -> Codes:
    letters = np.frombuffer(variant.alt.encode().translate(DNA.byte_table), dtype=np.uint8)
    left, right = variant.position - start, start + len(reference) - variant.end  # letters on each side
    found = reference.copy()
    if len(variant.ref) == len(variant.alt):
        found[left : left + len(letters)] = letters
    elif keep == "left":
        behind = genome.codes(variant.chrom, variant.end, variant.end + max(len(reference) - left - len(letters), 0))
        found[left:] = np.concatenate([letters, behind])[: len(reference) - left]
    else:
        before_end = variant.position
        before = genome.codes(variant.chrom, before_end - max(len(reference) - right - len(letters), 0), before_end)
        whole = np.concatenate([before, letters])
        found[: len(reference) - right] = whole[len(whole) - (len(reference) - right) :]
    return found
