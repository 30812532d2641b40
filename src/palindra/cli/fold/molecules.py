"""The molecules of files: sequences alone, or with the structure that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from palindra.data.files import hash_file, read_text
from palindra.data.rna import Pairs, StructureSet, check_rna, read_rna_fasta, read_structures
from palindra.data.tabular import read_delimited
from palindra.errors import InputError

_FASTA, _TABLES = (".fa", ".fasta", ".fna", ".ffn", ".frn"), (".tsv", ".csv")
_STRUCTURE_COLUMNS = {"pairs_1based", "pairs", "dot_bracket", "structure"}
_BRACKETS = frozenset(".()[]{}<>")


@dataclass(frozen=True)
class Molecule:
    """An RNA to be folded.

    Args:
        name: one line, unlike that of any other molecule.
        sequence: letters as written.
        place: file, and line where there is one, for messages.
        family: None where not known.
        known: its structure, None where not known.
    """

    name: str
    sequence: str
    place: str
    family: str | None = None
    known: Pairs | None = None


def read_molecules(paths: Sequence[Path], *, family: str | None = None, split: str | None = None) -> list[Molecule]:
    """The molecules of FASTA files, tables and files of structures, in their order.

    Args:
        paths: ``.fa .fasta``, with or without lines of brackets; ``.tsv .csv`` with a column sequence; and every format
            of :func:`palindra.data.rna.read_structures`.
        family: of molecules whose file does not say.
        split: only rows of this split (train, valid or test), of tables that have the column.

    Raises:
        InputError: with file and line, for what cannot be read, two molecules of one name, and a split without rows.
    """
    found = [molecule for path in paths for molecule in _read(path, family, split)]
    first: dict[str, Molecule] = {}
    for molecule in found:
        if molecule.name in first:
            raise InputError(_repeated(first[molecule.name], molecule))
        first[molecule.name] = molecule
    return found


def hash_files(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of every file by its name."""
    return {str(path): hash_file(path) for path in paths}


def _read(path: Path, family: str | None, split: str | None) -> list[Molecule]:
    suffix = next((end.lower() for end in reversed(path.suffixes) if end.lower() != ".gz"), "")
    if suffix in _TABLES and not _STRUCTURE_COLUMNS & read_delimited(path).columns.keys():
        return _read_table(path, family, split)
    if suffix in _FASTA and not _has_brackets(path):
        records = read_rna_fasta(path)
        return [Molecule(_one_line(r.name), r.sequence, f"{path} line {r.line}", family) for r in records]
    if suffix in _FASTA[2:]:
        raise InputError(f"{path}: has lines of brackets. Name a file of structures .dbn.")
    data = read_structures(path, family=family)
    return _known(path, data if split is None else data.rows(split))


def _known(path: Path, data: StructureSet) -> list[Molecule]:
    return [
        Molecule(_one_line(one.name), one.sequence, f"{path} ({one.name})", one.family, one.pairs)
        for one in data.structures
    ]


def _read_table(path: Path, family: str | None, split: str | None) -> list[Molecule]:
    table = read_delimited(path)
    columns = table.columns
    if "sequence" not in columns:
        raise InputError(f"{path}: the columns are {', '.join(columns)}. Needed is one with the name sequence.")
    rows = len(columns["sequence"])
    names = columns.get("id", columns.get("name", [f"line {line}" for line in table.lines.tolist()]))
    families = columns.get("family", [""] * rows)
    splits = columns.get("split", ["train"] * rows)
    if split is not None and split not in splits:
        present = ", ".join(dict.fromkeys(splits))
        raise InputError(f"{path}: no molecule is in split {split!r} (there are {present}).")
    found = []
    for row in range(rows):
        if split is None or splits[row] == split:
            check_rna(columns["sequence"][row], table.where(row))
            kind = families[row] or family
            found.append(Molecule(_one_line(names[row]), columns["sequence"][row], table.where(row), kind))
    return found


def _has_brackets(path: Path) -> bool:
    """Whether a FASTA file has lines of structures: signs of brackets and nothing else."""
    lines = (line.strip() for line in read_text(path).lines)
    return any(line and not line.startswith(">") and _BRACKETS.issuperset(line.split()[0]) for line in lines)


def _one_line(name: str) -> str:
    return " ".join(name.split())


def _repeated(first: Molecule, second: Molecule) -> str:
    """Names the lines: files of structures are read as a whole, so they are looked up again."""
    places = [first.place, second.place]
    if "line" not in second.place:
        file = Path(second.place.removesuffix(f" ({second.name})"))
        whole = re.compile(rf"(?:^|[\s>,]){re.escape(second.name)}(?:$|[\s,])")
        lines = [number for number, text in enumerate(read_text(file).lines, start=1) if whole.search(text)]
        same_file = first.place == second.place
        if len(lines) > same_file:
            places[1] = f"{file} line {lines[1] if same_file else lines[0]}"
            places[0] = f"line {lines[0]}" if same_file else first.place
    return (
        f"{places[1]}: the name {second.name!r} is given twice, before in {places[0]}. Results are found by name, so "
        "each molecule needs its own."
    )
