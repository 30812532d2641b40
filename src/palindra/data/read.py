"""Read labelled sequences from a table, a pair of FASTA files or an HDF5 file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.columns import Columns, pick_columns
from palindra.data.fasta import read_fasta_pair
from palindra.data.hdf5 import read_hdf5
from palindra.data.labels import understand_labels
from palindra.data.padding import Pad, pad_sequences
from palindra.data.records import Records
from palindra.data.table import LabelledSequences
from palindra.data.tabular import read_delimited, read_parquet
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.sequences import DNA, Alphabet, decode_codes, encode

FASTA_SUFFIXES = (".fa", ".fasta", ".fna")
PARQUET_SUFFIXES = (".parquet", ".pq")
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}


def read_labelled(
    path: str | Path,
    *,
    task: Task | str | None = None,
    sequence_column: str | None = None,
    label_columns: Sequence[str] | str | None = None,
    split_column: str | None = None,
    chromosome_column: str | None = None,
    negatives: str | Path | None = None,
    pad: Pad = None,
    class_names: Sequence[str] = (),
    alphabet: Alphabet = DNA,
) -> LabelledSequences:
    r"""Read labelled sequences of one length.

    The suffix says what the file is: ``.fa .fasta .fna`` (positives, with ``negatives`` a second file), ``.parquet``,
    ``.h5 .hdf5``, and otherwise a text table with a header. Text may be gzipped. Without a split column all rows are
    'train'.

    Args:
        path: the file.
        task: what the labels are; inferred when not given (see ``infer_task``).
        sequence_column: of a table; by default the one named sequence or seq.
        label_columns: of a table; by default the one named label, labels, target or y, or the numeric ones left over.
        split_column: of a table; by default the one named split, fold or set; an empty name reads none.
        chromosome_column: of a table; by default the one named chrom, chr or chromosome; an empty name reads none.
        negatives: FASTA file of negative sequences.
        pad: length to which sequences are padded with N on both sides alike, or "longest".
        class_names: the classes in the order of their numbers, to read further data for a model that has its classes.
        alphabet: of the sequences.

    Raises:
        InputError: for everything in a file that cannot be used, with file and line.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "peaks.tsv")
        ...     _ = table.write_text("sequence\tlabel\tsplit\nACGT\t1\ttrain\nAACC\t0\tdev\n")
        ...     print(read_labelled(table))
        2 sequences of 4 letters, binary (label), train 1, valid 1
    """
    chosen = _task(task)
    suffix = next((s.lower() for s in reversed(Path(path).suffixes) if s.lower() != ".gz"), "")
    if negatives is not None and suffix not in FASTA_SUFFIXES:
        raise InputError(
            f"{path}: negatives {negatives} are given, so the positives must be FASTA ({' '.join(FASTA_SUFFIXES)}) too."
        )
    if suffix in FASTA_SUFFIXES:
        records = read_fasta_pair(path, negatives)
    elif suffix in HDF5_SUFFIXES:
        records = read_hdf5(path, alphabet)
    else:
        table = read_parquet(path) if suffix in PARQUET_SUFFIXES else read_delimited(path)
        records = pick_columns(table, Columns(sequence_column, label_columns, split_column, chromosome_column))
    sequences = _legal(records, pad, alphabet)
    labels = understand_labels(records, chosen, class_names)
    return LabelledSequences(
        sequences=sequences,
        labels=labels.values,
        splits=_splits(records),
        task=labels.task,
        target_names=labels.target_names,
        class_names=labels.class_names,
        chromosomes=None if records.chromosomes is None else np.array(records.chromosomes, dtype=np.str_),
        source=records.source,
        lines=records.lines,
        sha256=records.sha256,
        alphabet=alphabet,
        unit=records.unit,
        parts=records.parts,
        part_of_row=records.part_of_row,
    )


def _task(task: Task | str | None) -> Task | None:
    try:
        return None if task is None else Task(task)
    except ValueError:
        raise InputError(f"task {task!r} is not known: {', '.join(Task)} are.") from None


def _legal(records: Records, pad: Pad, alphabet: Alphabet) -> list[str]:
    """Sequences of one length in the capital letters of the alphabet."""
    empty = next((row for row, text in enumerate(records.sequences) if not text), None)
    if empty is not None:
        raise InputError(f"{records.where(empty)}: the sequence is missing. Remove the row.")
    padded = pad_sequences(records.sequences, pad, alphabet.ambiguous[0][0], records.where)
    names = [records.where(row) for row in range(len(padded))]
    return decode_codes(encode(padded, alphabet, names=names), alphabet)


def _splits(records: Records) -> NDArray[np.str_]:
    if records.splits is None:
        return np.full(len(records.sequences), "train")
    for row, name in enumerate(records.splits):
        if name.lower() not in SPLIT_NAMES:
            raise InputError(
                f"{records.where(row)}: split {name!r} is not one of train, valid (validation, val, dev) and test. "
                "Rename it, or choose another split_column (--split-column; an empty name reads none)."
            )
    return np.array([SPLIT_NAMES[name.lower()] for name in records.splits], dtype=np.str_)
