"""Which rows hold the same sequence, or the same molecule read from its other strand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from palindra.data.table import LabelledSequences
from palindra.sequences import reverse_complement


@dataclass(frozen=True)
class Relatives:
    """Groups of rows that are related by being equal on one strand or the other.

    Args:
        identical: rows of one sequence, where there are several.
        opposite: rows of a sequence and rows of its reverse complement, where both occur and they differ.
        molecules: rows of one sequence or its reverse complement, where there are several.
        palindromes: rows that are their own reverse complement.
        both_strands: whether the alphabet has complements at all.
    """

    identical: list[list[int]]
    opposite: list[tuple[list[int], list[int]]]
    molecules: list[list[int]]
    palindromes: list[int]
    both_strands: bool


def find_relatives(data: LabelledSequences) -> Relatives:
    """Group rows by sequence and by canonical form, the first in the alphabet of a sequence and its reverse complement.

    Examples:
        >>> found = find_relatives(LabelledSequences.from_arrays(["AACC", "GGTT", "AACC", "ACGT"], [1, 0, 1, 1]))
        >>> found.identical, found.opposite, found.palindromes
        ([[0, 2]], [([0, 2], [1])], [3])
    """
    rows_of: defaultdict[str, list[int]] = defaultdict(list)
    for row, sequence in enumerate(data.sequences):
        rows_of[sequence].append(row)
    identical = [rows for rows in rows_of.values() if len(rows) > 1]
    if data.alphabet.rep.regular == 0:
        return Relatives(identical, [], identical, [], both_strands=False)
    partner = {sequence: reverse_complement(sequence, data.alphabet) for sequence in rows_of}
    # Each pair is met twice; it is kept where its first row comes first, which does not depend on the alphabet.
    opposite = [
        (rows, rows_of[other])
        for sequence, rows in rows_of.items()
        if (other := partner[sequence]) in rows_of and rows[0] < rows_of[other][0]
    ]
    molecules: defaultdict[str, list[int]] = defaultdict(list)
    for row, sequence in enumerate(data.sequences):
        molecules[min(sequence, partner[sequence])].append(row)
    return Relatives(
        identical=identical,
        opposite=opposite,
        molecules=[rows for rows in molecules.values() if len(rows) > 1],
        palindromes=[row for row, sequence in enumerate(data.sequences) if partner[sequence] == sequence],
        both_strands=True,
    )
