"""One spelling for every variant: without shared letters, and as far left in a repeat as it goes."""

from __future__ import annotations

from dataclasses import replace

from palindra.data.genome import Genome
from palindra.data.variants.variant import Variant

_STEP = 256  # letters read at a time
_LETTERS = "ACGT"


def normalise(genome: Genome, variant: Variant) -> Variant:
    r"""The variant as every spelling of the same change becomes (Tan, Abecasis & Kang 2015, without an anchor letter).

    Letters that both alleles share are trimmed; an insertion or a deletion moves left while the genome stays the same.
    So two files that write one change differently get one number for it.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> folder = TemporaryDirectory()
        >>> fasta = Path(folder.name, "small.fa")
        >>> _ = fasta.write_text(">one\nGCACACAT\n")
        >>> genome = Genome.open(fasta)
        >>> normalise(genome, Variant("one", 3, "CAC", "C")), normalise(genome, Variant("one", 0, "GCA", "G"))
        (Variant(chrom='one', position=1, ref='CA', alt=''), Variant(chrom='one', position=1, ref='CA', alt=''))
        >>> folder.cleanup()
    """
    found = variant.trimmed()
    if found.ref and found.alt:
        return found
    moving, position = found.ref or found.alt, found.position
    moved = 0
    while position > 0:
        start = max(0, position - _STEP)
        before = genome.codes(found.chrom, start, position)[::-1].tolist()
        steps = 0
        for code in before:
            # The letter that would enter on the left must be the one that leaves on the right; N is no letter.
            if code >= len(_LETTERS) or _LETTERS[code] != moving[-1 - (moved % len(moving))]:
                break
            moved, steps = moved + 1, steps + 1
        position -= steps
        if steps < len(before):
            break
    turn = moved % len(moving)
    rotated = moving[len(moving) - turn :] + moving[: len(moving) - turn]
    return replace(found, position=position, ref=rotated if found.ref else "", alt=rotated if found.alt else "")
