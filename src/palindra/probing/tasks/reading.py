"""Columns of user tables as rows of a probing task, with file and line in every message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.labels import MISSING, numbers
from palindra.data.read import PARQUET_SUFFIXES, SPLIT_NAMES
from palindra.data.tabular import Table, read_delimited, read_parquet
from palindra.errors import InputError
from palindra.probing.tasks.rows import Rows
from palindra.sequences import DNA, check_letters

Array = NDArray[Any]


def read_table(path: str | Path) -> Table:
    """A TSV, CSV (gzipped or not) or Parquet file as columns of text."""
    return (read_parquet if Path(path).suffix.lower() in PARQUET_SUFFIXES else read_delimited)(path)


def column(table: Table, name: str) -> list[str]:
    """One column.

    Raises:
        InputError: if the table has none of that name.
    """
    if name not in table.columns:
        raise InputError(f"{table.name}: no column {name!r}; it has {', '.join(list(table.columns)[:12])}.")
    return table.columns[name]


def number_column(table: Table, name: str) -> NDArray[np.float64]:
    """One column as numbers, NaN where a field is empty or NA.

    Raises:
        InputError: with the line of the first field that is no number.
    """
    fields = column(table, name)
    values = numbers(fields)
    if values is None:
        row = next(row for row, field in enumerate(fields) if numbers([field]) is None)
        raise InputError(f"{table.where(row)}: {fields[row]!r} in column {name!r} is not a number. Correct it.")
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise InputError(f"{table.where(int(infinite[0]))}: column {name!r} is infinite. Correct it.")
    return values


def sequence_column(table: Table, name: str, length: int | None = None) -> list[str]:
    """One column of DNA (U is read as T) in capital letters.

    Args:
        table: the table.
        name: of the column.
        length: that every sequence must have, where it matters.

    Raises:
        InputError: for an empty field, a letter that is none of DNA, or another length.
    """
    given = [text.upper().replace("U", "T") for text in column(table, name)]
    for row, text in enumerate(given):
        if not text or text.lower() in MISSING:
            raise InputError(f"{table.where(row)}: the sequence in column {name!r} is missing. Remove the row.")
        if length is not None and len(text) != length:
            raise InputError(f"{table.where(row)}: {name} has {len(text)} letters, but {length} are needed.")
    check_letters(given, DNA, names=[table.where(row) for row in range(len(given))])
    return given


def split_column(table: Table, name: str = "split") -> NDArray[np.str_] | None:
    """The split of each row, or None where the table has no such column.

    Raises:
        InputError: for a name that is none.
    """
    if name not in table.columns:
        return None
    fields = table.columns[name]
    for row, field in enumerate(fields):
        if field.lower() not in SPLIT_NAMES:
            raise InputError(f"{table.where(row)}: split {field!r} is not one of train, valid and test. Rename it.")
    return np.array([SPLIT_NAMES[field.lower()] for field in fields], dtype=np.str_)


def read_rows(
    path: str | Path,
    *,
    sequences: Sequence[str] = ("sequence",),
    labels: Sequence[str],
    group: str | Callable[[Table], list[str]] | None = None,
    keep: Callable[[Table], Array] | None = None,
    length: int | None = None,
) -> Rows:
    """Rows of a table with chosen columns; rows without a split are all 'train'.

    Args:
        path: of the table.
        sequences: names of the columns of sequences, one for each input.
        labels: names of the columns of numbers.
        group: column of what belongs together, or a function of the table.
        keep: True for the rows that are used.
        length: of every sequence, where it matters.

    Raises:
        InputError: for everything that cannot be used, with file and line.
    """
    table = read_table(path)
    values = np.stack([number_column(table, name) for name in labels], axis=1).astype(np.float32)
    inputs = tuple(sequence_column(table, name, length) for name in sequences)
    splits = split_column(table)
    groups = group(table) if callable(group) else None if group is None else column(table, group)
    rows = Rows(
        inputs=inputs,
        labels=values,
        splits=np.full(len(values), "train") if splits is None else splits,
        target_names=tuple(labels),
        groups=None if groups is None else np.array(groups, dtype=np.str_),
        source=table.name,
        lines=table.lines,
        unit=table.unit,
    )
    if keep is None:
        return rows
    kept = np.flatnonzero(keep(table))
    if not len(kept):
        raise InputError(f"{table.name}: none of its {len(rows)} rows passes the filter of this task.")
    return rows.take(kept)
