"""Structures of 16S rRNA as five lines each: name, codes of the letters, partners, paired or not, and a blank line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palindra.data.files import TextFile, read_text
from palindra.data.rna.letters import LETTERS, rna_codes
from palindra.data.rna.structure import Structure, pairs_from_partners
from palindra.errors import InputError


def read_five_lines(path: str | Path, *, family: str | None = None) -> list[Structure]:
    """The records of a file as released with Maduranga, Zadorozhnyy and Ye (2023).

    Numbers are separated by blanks: codes 0 to 4 for A, C, G, U, X; partners from 1, or 0; flags 0 or 1.

    Raises:
        InputError: with file and line, for other numbers, lines of different lengths, partners that are out of range
            or not mutual, and flags that say otherwise.
    """
    text = read_text(path)
    lines = [*text.lines, ""]
    found = []
    for start in range(0, len(lines) - 1, 5):
        block = lines[start : start + 5]
        if len(block) < 5 or block[4].strip() or not all(line.strip() for line in block[:4]):
            raise InputError(
                f"{text.name} line {start + 1}: not a record of five lines. Needed are a name, codes, partners, flags "
                "and a blank line, all on lines of their own."
            )
        codes, partners, flags = (_numbers(text, start + 1 + at, block[at]) for at in (1, 2, 3))
        place = f"{text.name} line {start + 2}"
        for at, row, what in ((3, partners, "partners"), (4, flags, "flags")):
            if len(row) != len(codes):
                raise InputError(
                    f"{text.name} line {start + at}: {len(row)} {what}, but the sequence has {len(codes)} bases (line "
                    f"{start + 2}): one for each base is needed."
                )
        if not set(codes) <= set(range(5)):
            raise InputError(f"{place}: a base has a code that is none of 0 to 4 (A, C, G, U, X).")
        pairs = pairs_from_partners(partners, lambda base, at=start + 3: f"{text.name} line {at}")
        wrong = next((n for n, (p, f) in enumerate(zip(partners, flags, strict=True)) if f != (p > 0)), None)
        if wrong is not None:
            raise InputError(
                f"{text.name} line {start + 4}: base {wrong + 1} has the flag {flags[wrong]} and the partner "
                f"{partners[wrong]} (line {start + 3}): 1 is needed for paired bases and 0 for others."
            )
        found.append(Structure(block[0].strip(), "".join(LETTERS[code] for code in codes), pairs, family))
    return found


def format_five_lines(structure: Structure) -> str:
    """One structure as five lines; ambiguity codes are written as X, which is all that the format has.

    Examples:
        >>> print(format_five_lines(Structure("short", "GACC", [(0, 3)])), end="")
        short
        2 0 1 1
        4 0 0 1
        1 0 0 1
        <BLANKLINE>
    """
    partners = structure.partners + 1
    rows = (rna_codes(structure.sequence), partners, (partners > 0).astype(np.int64))
    return "\n".join([structure.name, *(" ".join(map(str, row.tolist())) for row in rows), ""]) + "\n"


def _numbers(text: TextFile, number: int, line: str) -> list[int]:
    fields = line.split()
    wrong = next((field for field in fields if not (field.isascii() and field.isdigit())), None)
    if wrong is not None:
        raise InputError(
            f"{text.name} line {number}: {wrong[:20]!r} is not a whole number from 0. Needed are numbers separated by "
            "blanks; records have five lines each (name, codes, partners, flags, blank)."
        )
    return [int(field) for field in fields]
