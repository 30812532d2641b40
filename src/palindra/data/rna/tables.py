"""Tables of structures: one line each, with columns for letters, pairs or brackets, and split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palindra.data.rna.dataset import StructureSet
from palindra.data.rna.dot_bracket import format_pairs, parse_dot_bracket
from palindra.data.rna.letters import check_rna
from palindra.data.rna.structure import Pairs, Structure, check_pairs
from palindra.data.tabular import Table, read_delimited
from palindra.errors import InputError

NAMES, PAIRS, BRACKETS = ("id", "name"), ("pairs_1based", "pairs"), ("dot_bracket", "structure")
_HEADER = ("split", "id", "family", "length", "sequence", "dot_bracket", "pairs_1based")


def read_structure_table(path: str | Path, *, family: str | None = None) -> StructureSet:
    """The structures of a TSV or CSV file, gzipped or not, by the names of its columns.

    Columns: ``sequence``; ``pairs_1based`` ("1-9,2-8", counted from 1, empty for none) or ``dot_bracket``, or both if
    they say the same; and where present ``id`` (or ``name``), ``family``, ``split`` (all train without it) and
    ``length``, which is checked.

    Args:
        path: of the file.
        family: of the rows, where there is no such column.

    Raises:
        InputError: with file and line, for all that is wrong in a row; lists the columns if a needed one is missing.
    """
    table = read_delimited(path)
    letters = _column(table, ("sequence",))
    names, pairs, brackets, families, lengths, splits = (
        _column(table, names) for names in (NAMES, PAIRS, BRACKETS, ("family",), ("length",), ("split",))
    )
    if letters is None or (pairs is None and brackets is None):
        raise InputError(
            f"{path}: the columns are {', '.join(table.columns)}. Needed are sequence, and pairs_1based (such as "
            "1-9,2-8) or dot_bracket."
        )
    found = []
    for row, sequence in enumerate(letters):
        place = table.where(row)
        check_rna(sequence, place)
        if lengths is not None and lengths[row] != str(len(sequence)):
            raise InputError(f"{place}: length {lengths[row]} is given, but the sequence has {len(sequence)} letters.")
        known = [] if pairs is None else [parse_pairs(pairs[row], len(sequence), place)]
        if brackets is not None:
            known.append(_from_brackets(brackets[row], len(sequence), place))
        if known[0] != known[-1]:
            apart = sorted(set(known[0]) ^ set(known[-1]))[0]
            raise InputError(
                f"{place}: pairs and brackets disagree, first on {apart[0] + 1}-{apart[1] + 1}. Remove one column."
            )
        name = names[row] if names is not None else place
        found.append(Structure(name, sequence, known[0], (families[row] if families is not None else "") or family))
    labels = np.array(splits if splits is not None else ["train"] * len(found), dtype=np.str_)
    return StructureSet(tuple(found), labels, table.name, table.sha256)


def parse_pairs(text: str, length: int, place: str) -> Pairs:
    """Pairs written as "1-9,2-8", counted from 1; an empty text has none.

    Raises:
        InputError: for other text, and what :func:`palindra.data.rna.check_pairs` refuses.

    Examples:
        >>> parse_pairs("1-9,2-8", 9, "line 2")
        ((0, 8), (1, 7))
    """
    pairs = []
    for item in filter(None, text.split(",")):
        first, dash, second = (part.strip() for part in item.partition("-"))
        if not (dash and first.isascii() and first.isdigit() and second.isascii() and second.isdigit()):
            raise InputError(f"{place}: {item!r} is no pair. Needed are pairs such as 1-9,2-8, counted from 1.")
        pairs.append((int(first) - 1, int(second) - 1))
    return check_pairs(pairs, length, place)


def format_table(data: StructureSet) -> str:
    """Structures as the text of a TSV file that :func:`read_structure_table` reads."""
    lines = ["\t".join(_HEADER)]
    for structure, split in zip(data.structures, data.splits.tolist(), strict=True):
        pairs = ",".join(f"{i + 1}-{j + 1}" for i, j in structure.pairs)
        brackets = format_pairs(structure.pairs, len(structure))
        name, family = (" ".join(text.split()) for text in (structure.name, structure.family or ""))
        lines.append("\t".join((split, name, family, str(len(structure)), structure.sequence, brackets, pairs)))
    return "\n".join(lines) + "\n"


def _column(table: Table, names: tuple[str, ...]) -> list[str] | None:
    return next((table.columns[name] for name in names if name in table.columns), None)


def _from_brackets(text: str, length: int, place: str) -> Pairs:
    if len(text) != length:
        raise InputError(
            f"{place}: the structure has {len(text)} signs, but the sequence has {length} letters: one sign for each "
            "letter is needed."
        )
    return parse_dot_bracket(text, place)
