"""Read and write structures in the format that the name of a file says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from palindra.data.fasta import FastaRecord, read_fasta
from palindra.data.rna.dataset import StructureSet
from palindra.data.rna.dot_bracket import format_dot_bracket, read_dot_bracket
from palindra.data.rna.five_lines import format_five_lines, read_five_lines
from palindra.data.rna.letters import check_rna
from palindra.data.rna.partner_tables import format_bpseq, format_ct, read_bpseq, read_ct
from palindra.data.rna.structure import Structure
from palindra.data.rna.tables import format_table, read_structure_table
from palindra.errors import InputError

_DOT_BRACKET = (".dbn", ".db", ".dot", ".vienna", ".fa", ".fasta")
_FORMATS: dict[str, tuple[Callable[..., list[Structure]], Callable[[Structure], str]]] = {
    ".bpseq": (read_bpseq, format_bpseq),
    ".ct": (read_ct, format_ct),
    ".txt": (read_five_lines, format_five_lines),
    **dict.fromkeys(_DOT_BRACKET, (read_dot_bracket, format_dot_bracket)),
}
_TABLES = (".tsv", ".csv")


def read_structures(path: str | Path, *, family: str | None = None) -> StructureSet:
    """The structures of a file, gzipped or not, of a format that its suffix says.

    ``.bpseq`` and ``.ct``; ``.dbn .db .dot .vienna .fa .fasta`` for records of name, letters and brackets; ``.txt`` for
    records of five lines; ``.tsv .csv`` for tables. All are in split train unless a table says otherwise.

    Args:
        path: of the file.
        family: of the molecules, where the file does not say.

    Raises:
        InputError: for another suffix, and what is wrong in the file, with the line.
    """
    suffix = _suffix(path)
    if suffix in _TABLES:
        return read_structure_table(path, family=family)
    if suffix not in _FORMATS:
        raise _unknown(path, suffix)
    return StructureSet.of(_FORMATS[suffix][0](path, family=family), source=str(path))


def write_structures(path: str | Path, structures: Iterable[Structure] | StructureSet) -> Path:
    """Write structures in the format that the suffix of the file says; the file is complete or not there.

    Raises:
        InputError: for another suffix, or several structures for bpseq, which holds one.
    """
    path, suffix = Path(path), _suffix(path)
    data = structures if isinstance(structures, StructureSet) else StructureSet.of(structures)
    if suffix not in _FORMATS and suffix != ".tsv":
        raise _unknown(path, suffix)
    if suffix == ".bpseq" and len(data) != 1:
        raise InputError(f"{path}: a bpseq file holds one structure, not {len(data)}. Write several files, or a .ct.")
    if path.suffix.lower() == ".gz":
        raise InputError(f"{path}: structures are written as plain text. Leave .gz away.")
    text = format_table(data) if suffix == ".tsv" else "".join(map(_FORMATS[suffix][1], data.structures))
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


def read_rna_fasta(path: str | Path) -> list[FastaRecord]:
    """The sequences of a FASTA file whose structure is to be predicted, letters as written.

    Raises:
        InputError: with file and line, for a file without records and letters that are not RNA.
    """
    records, _ = read_fasta(path)
    if not records:
        raise InputError(f"{path}: no FASTA records.")
    for record in records:
        check_rna(record.sequence, f"{path} line {record.line} ({record.name})")
    return records


def _suffix(path: str | Path) -> str:
    return next((suffix.lower() for suffix in reversed(Path(path).suffixes) if suffix.lower() != ".gz"), "")


def _unknown(path: str | Path, suffix: str) -> InputError:
    known = " ".join([*_FORMATS, *_TABLES])
    return InputError(f"{path}: {suffix or 'no suffix'} says no format of structures. Needed is one of {known}.")
