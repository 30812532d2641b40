"""Alignments read from FASTA, A3M and Stockholm files.

The readers of biotite and biopython give rows without the lines they came from, which errors have to name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from palindra.data.files import TextFile, read_text
from palindra.data.proteins.alignment import GAP, LETTERS, UNKNOWN, Alignment
from palindra.errors import InputError
from palindra.sequences import PROTEIN

Format = Literal["auto", "fasta", "a3m", "stockholm"]


class _Row(NamedTuple):
    name: str
    letters: str
    line: int


def read_alignment(path: str | Path, format: Format = "auto") -> Alignment:
    """Read a multiple sequence alignment, gzipped or not.

    Gaps are ``-`` and ``.``; X B Z J U O are unknown residues. In A3M, small letters are insertions and left out,
    as are dots; in the other formats small letters are residues.

    Args:
        path: the file.
        format: "auto" takes a file that begins with ``# STOCKHOLM`` as Stockholm, one named ``.a3m`` (``.a3m.gz``) as
            A3M and any other as FASTA.

    Raises:
        InputError: with file and line, if the format is broken, rows differ in length, or a sign is not protein.
    """
    if format not in get_args(Format):
        raise ValueError(f"format={format!r} is not one of {', '.join(get_args(Format))}.")
    text = read_text(path)
    if format == "auto":
        a3m = Path(path).name.removesuffix(".gz").endswith(".a3m")
        format = "stockholm" if text.lines[0].startswith("# STOCKHOLM") else "a3m" if a3m else "fasta"
    rows = _stockholm_rows(text) if format == "stockholm" else _fasta_rows(text)
    if format == "a3m":
        rows = [row._replace(letters=_without_insertions(row.letters)) for row in rows]
    _require_one_length(rows, text.name, format)
    codes = np.stack([_codes(row, text.name) for row in rows])
    names, _, lines = zip(*rows, strict=True)
    return Alignment(text.name, names, codes, lines)


def _fasta_rows(text: TextFile) -> list[_Row]:
    heads: list[tuple[str, int]] = []
    parts: list[list[str]] = []
    for number, raw in enumerate(text.lines, start=1):
        line = raw.strip()
        if line.startswith(">"):
            heads.append((line[1:].strip(), number))
            parts.append([])
        elif line.startswith("#") and not heads:
            continue  # A3M files may begin with a comment
        elif line and not heads:
            raise InputError(
                f"{text.name} line {number}: not FASTA or A3M, whose rows begin with '>name', and not Stockholm, which "
                "begins with '# STOCKHOLM 1.0'."
            )
        elif line:
            parts[-1].append(line)
    if not heads:
        raise InputError(f"{text.name}: has no row. An alignment has at least one, after a line '>name'.")
    return [_Row(name, "".join(found), line) for (name, line), found in zip(heads, parts, strict=True)]


def _stockholm_rows(text: TextFile) -> list[_Row]:
    rows: dict[str, _Row] = {}
    for number, raw in enumerate(text.lines, start=1):
        line = raw.strip()
        if line == "//":
            break
        if not line or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) != 2:
            raise InputError(
                f"{text.name} line {number}: {len(fields)} words are given; a line of a Stockholm alignment is a name "
                "and its letters."
            )
        name, letters = fields
        before = rows.get(name, _Row(name, "", number))
        rows[name] = before._replace(letters=before.letters + letters)
    else:
        raise InputError(f"{text.name} line {len(text.lines)}: ends without '//', so the file may be cut off.")
    if not rows:
        raise InputError(f"{text.name}: has no row between '# STOCKHOLM' and '//'.")
    return list(rows.values())


def _without_insertions(letters: str) -> str:
    return "".join(letter for letter in letters if not (letter.islower() or letter == "."))


def _require_one_length(rows: list[_Row], source: str, format: str) -> None:
    first = rows[0]
    for row in rows:
        if not row.letters:
            raise InputError(f"{source} line {row.line}: row {row.name!r} has no letters. Remove it.")
        if len(row.letters) != len(first.letters):
            lower = format == "fasta" and any(letter.islower() for letter in row.letters)
            hint = (
                " If small letters are insertions, the file is A3M: name it .a3m or give its format." if lower else ""
            )
            raise InputError(
                f"{source} line {row.line}: row {row.name!r} has {len(row.letters)} columns, but row {first.name!r} "
                f"(line {first.line}) has {len(first.letters)}: rows of an alignment have one length.{hint}"
            )


def _table() -> bytes:
    codes = [code if code < len(LETTERS) or code == 255 else UNKNOWN for code in PROTEIN.byte_table]
    codes[ord("-")] = codes[ord(".")] = GAP
    return bytes(codes)


_TABLE = _table()


def _codes(row: _Row, source: str) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    codes = np.frombuffer(row.letters.encode("ascii", "replace").translate(_TABLE), np.uint8)
    wrong = np.flatnonzero(codes == 255)
    if len(wrong):
        sign = row.letters[wrong[0]]
        raise InputError(
            f"{source} line {row.line}: row {row.name!r} has {sign!r} at column {wrong[0] + 1}, which is not protein. "
            f"{PROTEIN.refusal(sign)}"
        )
    return codes
