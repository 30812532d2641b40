"""Structures as one line for each base: bpseq files and ct (connect) files."""

from __future__ import annotations

from pathlib import Path

from palindra.data.files import TextFile, read_text
from palindra.data.rna.letters import check_rna
from palindra.data.rna.structure import Structure, pairs_from_partners
from palindra.errors import InputError

_NAME_LINE = "# name: "


def read_bpseq(path: str | Path, *, family: str | None = None) -> list[Structure]:
    """The structure of a bpseq file: per base its number from 1, its letter, and the number of its partner or 0.

    Lines that begin with # are a header; one ``# name: ...`` names the molecule, otherwise the file does.

    Raises:
        InputError: with file and line, for other lines, gaps in the numbering, letters that are not RNA, and partners
            that are out of range or not mutual.
    """
    text = read_text(path)
    name, rows = Path(path).name.removesuffix(".gz").removesuffix(".bpseq"), []
    for number, line in enumerate(text.lines, start=1):
        if line.startswith("#"):
            name = line[len(_NAME_LINE) :].strip() if line.startswith(_NAME_LINE) else name
        elif line.strip():
            rows.append((number, line.split()))
    return [_structure(text, name, rows, 2, family, "number, letter, partner (0 for none)")]


def read_ct(path: str | Path, *, family: str | None = None) -> list[Structure]:
    """The structures of a ct file, one after the other.

    Each begins with a line of its length and title; per base follow its number, its letter, the numbers before and
    after it, its partner or 0, and a number that is not read. Lines that begin with # are left out.

    Raises:
        InputError: with file and line, also if a structure has fewer bases than its first line says.
    """
    text = read_text(path)
    lines = [(n, s.split()) for n, s in enumerate(text.lines, start=1) if s.strip() and not s.startswith("#")]
    found: list[Structure] = []
    at = 0
    while at < len(lines):
        number, fields = lines[at]
        length = _whole(fields[0])
        if length is None or length < 1:
            raise InputError(
                f"{text.name} line {number}: {fields[0]!r} is not a number of bases. A structure of a ct file begins "
                "with its length and title, e.g. '76 tRNA-Ala'."
            )
        rows = lines[at + 1 : at + 1 + length]
        if len(rows) < length:
            raise InputError(
                f"{text.name} line {number}: {length} bases are announced, but {len(rows)} lines follow to the end of "
                "the file: structure and sequence have different lengths, or the file is cut off."
            )
        title = " ".join(fields[1:]) or f"{Path(path).stem} {len(found) + 1}"
        layout = f"number, letter, number before, number after, partner (0 for none), number ({length} lines)"
        found.append(_structure(text, title, rows, 4, family, layout))
        at += 1 + length
    return found


def format_bpseq(structure: Structure) -> str:
    """One structure as the text of a bpseq file, its name in a header line.

    Examples:
        >>> print(format_bpseq(Structure("short", "GACC", [(0, 3)])), end="")
        # name: short
        1 G 4
        2 A 0
        3 C 0
        4 C 1
    """
    rows = zip(structure.sequence, (structure.partners + 1).tolist(), strict=True)
    lines = [f"{number} {letter} {partner}" for number, (letter, partner) in enumerate(rows, start=1)]
    return "\n".join([f"{_NAME_LINE}{structure.name}", *lines]) + "\n"


def format_ct(structure: Structure) -> str:
    """One structure as text of a ct file; several can follow each other.

    Examples:
        >>> print(format_ct(Structure("short", "GACC", [(0, 3)])).replace(chr(9), " "), end="")
        4 short
        1 G 0 2 4 1
        2 A 1 3 0 2
        3 C 2 4 0 3
        4 C 3 0 1 4
    """
    length = len(structure)
    lines = [f"{length}\t{structure.name}"]
    for number, (letter, partner) in enumerate(zip(structure.sequence, structure.partners.tolist(), strict=True), 1):
        lines.append(f"{number}\t{letter}\t{number - 1}\t{(number + 1) % (length + 1)}\t{partner + 1}\t{number}")
    return "\n".join(lines) + "\n"


def _structure(
    text: TextFile, name: str, rows: list[tuple[int, list[str]]], column: int, family: str | None, layout: str
) -> Structure:
    """Check numbers, letters and partners of the lines of one structure."""
    letters, partners = [], []
    if not rows:
        raise InputError(f"{text.name}: no bases. Needed is one line for each: {layout}.")
    for base, (number, fields) in enumerate(rows, start=1):
        index = _whole(fields[0])
        partner = _whole(fields[column]) if len(fields) > column else None
        if index is None or partner is None or len(fields[1]) != 1:
            raise InputError(
                f"{text.name} line {number}: {' '.join(fields)[:60]!r} is not a base. Needed is: {layout}."
            )
        if index != base:
            raise InputError(
                f"{text.name} line {number}: base {index} stands where base {base} should: the numbering has a gap or "
                f"a repeat, or the structure has another length than announced. Needed is: {layout}."
            )
        check_rna(fields[1], f"{text.name} line {number}")
        letters.append(fields[1])
        partners.append(partner)
    pairs = pairs_from_partners(partners, lambda base: f"{text.name} line {rows[base][0]}")
    return Structure(name, "".join(letters), pairs, family)


def _whole(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() else None
