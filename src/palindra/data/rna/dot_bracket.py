"""Structures as brackets: ( ) [ ] { } < > and then A a to Z z for pairs that cross, in the lines of a FASTA file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

from palindra.data.files import read_text
from palindra.data.rna.letters import check_rna
from palindra.data.rna.nesting import nested_levels
from palindra.data.rna.structure import Pairs, Structure
from palindra.errors import InputError

OPENING, CLOSING = "([{<" + ascii_uppercase, ")]}>" + ascii_lowercase
_MARKS = frozenset(".()[]{}<>")  # no letter of a sequence, so a line with one of them is of a structure
_Line = tuple[int, str]


def parse_dot_bracket(text: str, place: str | Callable[[int], str] = "structure") -> Pairs:
    """The pairs that brackets stand for; each kind of bracket closes for itself, so kinds may cross.

    Args:
        text: one sign for each base.
        place: where it stands, for messages; or the place of each position.

    Raises:
        InputError: for other signs, and brackets that do not balance.

    Examples:
        >>> parse_dot_bracket("((..[[.)).]]")
        ((0, 8), (1, 7), (4, 11), (5, 10))
        >>> parse_dot_bracket("((..)", "rna.dbn line 3")
        Traceback (most recent call last):
        palindra.errors.InputError: rna.dbn line 3: '(' at position 1 is never closed: the brackets do not balance (1...
    """
    pairs: list[tuple[int, int]] = []
    opened: dict[str, list[int]] = {sign: [] for sign in CLOSING}
    partner_of = dict(zip(OPENING, CLOSING, strict=True))

    def at(position: int) -> str:
        return place if isinstance(place, str) else place(position)

    for position, sign in enumerate(text):
        if sign in partner_of:
            opened[partner_of[sign]].append(position)
        elif sign in opened:
            if not opened[sign]:
                raise InputError(
                    f"{at(position)}: {sign!r} at position {position + 1} closes nothing: the brackets do not balance. "
                    "Is a part of the structure missing?"
                )
            pairs.append((opened[sign].pop(), position))
        elif sign != ".":
            raise InputError(
                f"{at(position)}: {sign!r} at position {position + 1} is no sign of a structure. Needed are '.' for "
                "unpaired bases and the brackets ( ) [ ] { } < >, or A a to Z z for more crossing pairs."
            )
    unclosed = sorted((positions[-1], closing) for closing, positions in opened.items() if positions)
    if unclosed:
        position, closing = unclosed[0]
        count = sum(map(len, opened.values()))
        raise InputError(
            f"{at(position)}: {OPENING[CLOSING.index(closing)]!r} at position {position + 1} is never closed: the "
            f"brackets do not balance ({count} more {'is' if count == 1 else 'are'} opened than closed)."
        )
    return tuple(sorted(pairs))


def format_pairs(pairs: Pairs, length: int) -> str:
    """Pairs as brackets: a largest set without crossings in ( ), a largest of the rest in [ ], and so on.

    Raises:
        InputError: if pairs cross so often that 30 kinds of brackets are too few.

    Examples:
        >>> format_pairs(((0, 8), (1, 7), (4, 11), (5, 10)), 12)
        '((..[[.)).]]'
    """
    levels = nested_levels(pairs)
    if len(levels) > len(OPENING):
        raise InputError(
            f"pairs cross at {len(levels)} levels and there are {len(OPENING)} kinds of brackets: write bpseq or ct."
        )
    signs = ["."] * length
    for level, opening, closing in zip(levels, OPENING, CLOSING, strict=False):
        for i, j in level:
            signs[i], signs[j] = opening, closing
    return "".join(signs)


def read_dot_bracket(path: str | Path, *, family: str | None = None) -> list[Structure]:
    """The structures of a file of records: a line '>name', lines of letters, then lines of brackets.

    Sequence and brackets may go over several lines; what stands behind white space in a line of brackets (an energy)
    is left out.

    Raises:
        InputError: with file and line, for a record without sequence or structure, or of two lengths, letters that are
            not RNA, and brackets that do not balance.
    """
    text = read_text(path)
    records: list[tuple[str, int, list[_Line], list[_Line]]] = []
    for number, raw in enumerate(text.lines, start=1):
        line = raw.strip()
        if line.startswith(">") and not _MARKS.intersection(line[1:2]):
            records.append((line[1:].strip(), number, [], []))
        elif line and not records:
            raise InputError(f"{text.name} line {number}: needed is a line '>name' before each sequence.")
        elif line:
            _, _, letters, brackets = records[-1]
            of_structure = bool(brackets) or bool(_MARKS.intersection(line.split()[0]))
            (brackets if of_structure else letters).append((number, line.split()[0] if of_structure else line))
    return [_structure(text.name, *record, family) for record in records]


def format_dot_bracket(structure: Structure) -> str:
    """One structure as three lines: name, letters and brackets.

    Examples:
        >>> print(format_dot_bracket(Structure("short", "GACC", [(0, 3)])), end="")
        >short
        GACC
        (..)
    """
    brackets = format_pairs(structure.pairs, len(structure))
    return f">{structure.name}\n{structure.sequence}\n{brackets}\n"


def _structure(
    file: str, name: str, header: int, letters: list[_Line], brackets: list[_Line], family: str | None
) -> Structure:
    for lines, missing in ((letters, "sequence"), (brackets, "structure")):
        if not lines:
            raise InputError(
                f"{file} line {header}: record {name!r} has no {missing}. Needed are both, one below the other."
            )
    sequence = "".join("".join(line.split()) for _, line in letters)
    for number, line in letters:
        check_rna("".join(line.split()), f"{file} line {number}")
    structure = "".join(line for _, line in brackets)
    line_of = [number for number, line in brackets for _ in line]
    if len(structure) != len(sequence):
        raise InputError(
            f"{file} line {brackets[0][0]}: the structure of {name!r} has {len(structure)} signs, but its sequence has "
            f"{len(sequence)} letters: one sign for each letter is needed."
        )
    pairs = parse_dot_bracket(structure, lambda position: f"{file} line {line_of[position]}")
    return Structure(name or f"line {header}", sequence, pairs, family)
