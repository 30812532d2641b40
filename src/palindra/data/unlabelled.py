"""Sequences without labels, to predict for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from palindra.data.columns import pick_sequence
from palindra.data.fasta import read_fasta
from palindra.data.read import FASTA_SUFFIXES, PARQUET_SUFFIXES
from palindra.data.tabular import read_delimited, read_parquet
from palindra.errors import InputError
from palindra.sequences import DNA, Alphabet, check_letters


class NamedSequences(NamedTuple):
    """Names, letters in upper case, and the place of each in its file."""

    names: list[str]
    sequences: list[str]
    places: list[str]


def read_sequences(path: str | Path, *, sequence_column: str | None = None, alphabet: Alphabet = DNA) -> NamedSequences:
    """Sequences of a FASTA file, or of a table with a column of sequences (a column ``name`` or ``id`` names them).

    Args:
        path: ``.fa .fasta .fna`` or a table as for :func:`palindra.data.read_labelled`; text may be gzipped.
        sequence_column: of a table; by default the one named sequence or seq.
        alphabet: of the sequences.

    Raises:
        InputError: for a file without sequences, or a letter outside the alphabet, with file and line.
    """
    suffix = next((s.lower() for s in reversed(Path(path).suffixes) if s.lower() != ".gz"), "")
    if suffix in FASTA_SUFFIXES:
        records, _ = read_fasta(path)
        if not records:
            raise InputError(f"{path}: no FASTA records.")
        names = [record.name for record in records]
        sequences = [record.sequence for record in records]
        places = [f"{path} line {record.line}" for record in records]
    else:
        table = read_parquet(path) if suffix in PARQUET_SUFFIXES else read_delimited(path)
        sequences = table.columns[pick_sequence(table, sequence_column)]
        named = next((c for c in table.columns if c.lower() in ("name", "id")), None)
        places = [table.where(row) for row in range(len(sequences))]
        names = table.columns[named] if named else [str(row + 1) for row in range(len(sequences))]
    sequences = [text.upper() for text in sequences]
    check_letters(sequences, alphabet, names=places)
    return NamedSequences(names, sequences, places)
