"""Tables in text or Parquet files as named columns of text fields, with the line of every row."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import hash_file, read_text
from palindra.errors import InputError

_SEPARATOR_OF_SUFFIX = {".tsv": "\t", ".csv": ","}
_SEPARATORS = ("\t", ",", ";")


@dataclass(frozen=True)
class Table:
    """Columns of text fields; a missing field is an empty string."""

    name: str
    sha256: str
    columns: dict[str, list[str]]
    lines: NDArray[np.int64]
    unit: str

    def where(self, row: int) -> str:
        """The place of a row, for messages."""
        return f"{self.name} {self.unit} {self.lines[row]}"


def read_delimited(path: str | Path) -> Table:
    """Read a TSV or CSV file whose first line names its columns.

    The separator follows from the suffix; otherwise it is the one that the first line has. Blank lines are skipped and
    counted, so that line numbers are those an editor shows.

    Raises:
        InputError: for a header alone, column names that repeat, a row with too few or too many fields, or an
            open quote.
    """
    text = read_text(path)
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() != ".gz"]
    separator = _SEPARATOR_OF_SUFFIX.get(suffixes[-1] if suffixes else "")
    header = next(n for n, line in enumerate(text.lines) if line.strip())
    if separator is None or separator not in text.lines[header]:
        separator = next((mark for mark in _SEPARATORS if mark in text.lines[header]), separator or "\t")
    place = f"{text.name} line {header + 1}"
    names = [name.strip() for name in _fields(text.lines[header], separator, place)]
    _check_names(names, place)
    rows, lines = [], []
    for number, line in enumerate(text.lines[header + 1 :], start=header + 2):
        if not line.strip():
            continue
        fields = _fields(line, separator, f"{text.name} line {number}")
        if len(fields) != len(names):
            raise InputError(
                f"{text.name} line {number}: {len(fields)} fields, but the header names {len(names)} columns "
                f"({', '.join(names[:6])}{', ...' if len(names) > 6 else ''}; separated by {_shown(separator)})."
            )
        rows.append(fields)
        lines.append(number)
    if not rows:
        raise InputError(f"{text.name}: holds a header line and no rows.")
    columns = {
        name: [field.strip() for field in column] for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    return Table(text.name, text.sha256, columns, np.array(lines, dtype=np.int64), "line")


def read_parquet(path: str | Path) -> Table:
    """Read a Parquet file; its rows are numbered from 1.

    Raises:
        InputError: if it is not a Parquet file, has no rows, or repeats a column name.
    """
    import polars

    digest = hash_file(path)
    try:
        frame = polars.read_parquet(path, glob=False)
    except Exception as error:  # polars has no one kind of error for damaged files
        raise InputError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from error
    if not frame.height:
        raise InputError(f"{path}: holds columns ({', '.join(frame.columns)}) and no rows.")
    columns = {}
    for column in frame.iter_columns():
        if column.dtype.is_nested() or column.dtype == polars.Binary:
            continue
        columns[column.name] = column.cast(polars.String).fill_null("").str.strip_chars().to_list()
    lines = np.arange(1, frame.height + 1)
    return Table(str(path), digest, columns, lines, "row")


def _fields(line: str, separator: str, place: str) -> list[str]:
    if '"' not in line:
        return line.split(separator)
    try:  # one line at a time: a stray quote must not swallow the lines after it
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(f"{place}: a quoted field is not closed or not well formed ({error}).") from None


def _check_names(names: list[str], place: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(
            f"{place}: column {repeated[0]!r} occurs {names.count(repeated[0])} times; rename or remove one."
        )


def _shown(separator: str) -> str:
    return {"\t": "tabs", ",": "commas", ";": "semicolons"}[separator]
