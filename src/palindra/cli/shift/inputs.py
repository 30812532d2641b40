"""Sequences that are compared: read from any file, with the columns that say which are kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from palindra.data.columns import SPLIT_NAMES
from palindra.data.files import hash_file
from palindra.data.read import FASTA_SUFFIXES, PARQUET_SUFFIXES
from palindra.data.read import SPLIT_NAMES as SPLITS
from palindra.data.tabular import Table, read_delimited, read_parquet
from palindra.data.unlabelled import NamedSequences, read_sequences
from palindra.errors import InputError

if TYPE_CHECKING:
    from palindra.sequences import Alphabet
    from palindra.sequences.alphabet import Codes


@dataclass(frozen=True)
class Compared:
    """The sequences of one file."""

    path: Path
    sha256: str
    names: list[str]
    sequences: list[str]
    places: list[str]
    codes: Codes  # shorter sequences are followed by N
    splits: list[str] | None = None  # train, valid, test
    groups: list[str] | None = None  # families


def read_compared(
    path: Path,
    *,
    alphabet: Alphabet | None = None,
    sequence_column: str | None = None,
    group_column: str | None = None,
    length: int | None = None,
    needs: str = "",
) -> Compared:
    """The sequences of a FASTA file or a table; of a table the splits and families too.

    Args:
        path: of the file.
        alphabet: of the sequences, DNA by default.
        sequence_column: of a table.
        group_column: of a table, the family of each sequence.
        length: that every sequence must have.
        needs: what needs this length, for the message.

    Raises:
        InputError: for a file that cannot be used, and sequences of another length.
    """
    from palindra.sequences import DNA, encode

    kind = alphabet or DNA
    named = read_sequences(path, sequence_column=sequence_column, alphabet=kind)
    for text, place in zip(named.sequences, named.places, strict=True):
        if not text:
            raise InputError(f"{place}: the sequence is missing. Remove the row.")
        if length is not None and len(text) != length:
            fit = "cut" if len(text) > length else "extend"
            raise InputError(
                f"{place}: {len(text)} letters, but {needs} reads {length}: {fit} the sequences to that length around "
                "their centres."
            )
    longest = max(map(len, named.sequences))
    codes = encode([text.ljust(longest, kind.ambiguous[0][0]) for text in named.sequences], kind, names=named.places)
    splits, groups = _columns(path, named, group_column)
    return Compared(path, hash_file(path), named.names, named.sequences, named.places, codes, splits, groups)


def _columns(path: Path, named: NamedSequences, group_column: str | None) -> tuple[list[str] | None, list[str] | None]:
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() != ".gz"), "")
    if suffix in FASTA_SUFFIXES:
        if group_column is not None:
            raise InputError(f"{path}: a FASTA file has no column {group_column!r}; give a table.")
        return None, None
    table = read_parquet(path) if suffix in PARQUET_SUFFIXES else read_delimited(path)
    split = next((name for name in table.columns if name.lower() in SPLIT_NAMES), None)
    splits = (
        [_split(text, place) for text, place in zip(table.columns[split], named.places, strict=True)] if split else None
    )
    if group_column is not None and group_column not in table.columns:
        raise InputError(f"{path}: there is no column {group_column!r}; there are {_listed(table)}.")
    return splits, table.columns[group_column] if group_column is not None else None


def _split(text: str, place: str) -> str:
    if text.lower() not in SPLITS:
        raise InputError(f"{place}: split {text!r} is not one of train, valid and test. Rename it, or the column.")
    return SPLITS[text.lower()]


def _listed(table: Table) -> str:
    return ", ".join(list(table.columns)[:20]) + (", ..." if len(table.columns) > 20 else "")
