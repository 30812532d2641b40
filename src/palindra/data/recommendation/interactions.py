"""Interactions of users with items, read from a table with the line of every row."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.tabular import Table, read_delimited, read_parquet
from palindra.errors import InputError

USUAL_NAMES = {
    "user": ("user", "userid", "user_id", "uid"),
    "item": ("item", "itemid", "item_id", "iid", "movieid", "movie_id", "product_id", "productid"),
    "timestamp": ("timestamp", "time", "date", "datetime", "unix_timestamp"),
}


@dataclass(frozen=True)
class Interactions:
    """Rows ``(user, item, time)`` sorted by user and time; rows of equal time keep the order of the file.

    Examples:
        >>> rows = Interactions.from_rows([("ann", "tea", 2), ("ann", "jam", 1), ("bob", "tea", 5)])
        >>> [rows.items[i] for i in rows.item[rows.user == 0]]
        ['jam', 'tea']
    """

    users: tuple[str, ...]  # names in the order of first appearance
    items: tuple[str, ...]
    user: NDArray[np.int64]  # (rows,), from 0
    item: NDArray[np.int64]  # (rows,), from 0
    time: NDArray[np.float64]  # (rows,), seconds
    lines: NDArray[np.int64]
    source: str
    sha256: str = ""
    unit: str = "line"

    @classmethod
    def from_rows(cls, rows: Sequence[tuple[str, str, float]], source: str = "rows") -> Interactions:
        """Interactions given as ``(user, item, seconds)``.

        Raises:
            InputError: if there are none, or one occurs twice.
        """
        if not rows:
            raise InputError(f"{source}: no interactions. Give rows of user, item and time.")
        users, items, times = zip(*rows, strict=True)
        lines = np.arange(1, len(rows) + 1)
        return _sorted(users, items, np.array(times, dtype=np.float64), lines, source, "", "row")

    def __len__(self) -> int:
        return len(self.user)

    def where(self, row: int) -> str:
        """The place of a row, for messages."""
        return f"{self.source} {self.unit} {self.lines[row]}"


def read_interactions(
    path: str | Path,
    *,
    user_column: str | None = None,
    item_column: str | None = None,
    timestamp_column: str | None = None,
) -> Interactions:
    """Read interactions from a CSV, TSV (either may be gzipped) or Parquet file with a header.

    Other columns (a rating, say) are not read: taking an item is what counts. Times are numbers (seconds) or dates as
    ``2016-10-17`` and ``2016-10-17T12:30:00+00:00``, one kind in a file; dates without a zone are read as UTC.

    Args:
        path: the file.
        user_column: name of the column of users; by default one of the usual names (userId, user, ...).
        item_column: of items (itemId, movieId, item, ...).
        timestamp_column: of times (timestamp, time, date, ...).

    Raises:
        InputError: with file and line, for columns that are not there or could be several, an empty field, a time
            that is none, and the same user, item and time twice.
    """
    table = read_parquet(path) if Path(path).suffix.lower() == ".parquet" else read_delimited(path)
    given = {"user": user_column, "item": item_column, "timestamp": timestamp_column}
    names = {role: _column(table, role, name) for role, name in given.items()}
    fields = {role: table.columns[name] for role, name in names.items()}
    for role, column in fields.items():
        if "" in column:
            raise InputError(
                f"{table.where(column.index(''))}: the field of column {names[role]!r} is empty; every row needs a "
                "user, an item and a time. Fill it or remove the row."
            )
    times = _times(table, names["timestamp"])
    return _sorted(fields["user"], fields["item"], times, table.lines, table.name, table.sha256, table.unit)


def _column(table: Table, role: str, given: str | None) -> str:
    option = f"{role}_column (--{role}-column)"
    shown = ", ".join(table.columns)
    if given is not None:
        if given not in table.columns:
            raise InputError(f"{table.name}: no column is named {given!r}; the columns are {shown}. Correct {option}.")
        return given
    found = [name for name in table.columns if name.lower() in USUAL_NAMES[role]]
    if len(found) != 1:
        why = f"{' and '.join(map(repr, found))} could each be" if found else "none has a usual name of"
        raise InputError(f"{table.name}: the columns are {shown}; {why} the {role}. Say which with {option}.")
    return found[0]


def _times(table: Table, name: str) -> NDArray[np.float64]:
    column = table.columns[name]
    read = _number if _number(column[0]) is not None else _date
    found = np.empty(len(column))
    for row, text in enumerate(column):
        value = read(text)
        if value is None:
            needed = "a number of seconds" if read is _number else "a number of seconds, or a date as 2016-10-17"
            other = ", as in the first row" if row else ""
            raise InputError(f"{table.where(row)}: {name} {text!r} is no time; needed is {needed}{other}.")
        found[row] = value
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(text: str) -> float | None:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _sorted(
    users: Sequence[str],
    items: Sequence[str],
    times: NDArray[np.float64],
    lines: NDArray[np.int64],
    source: str,
    digest: str,
    unit: str,
) -> Interactions:
    first: dict[tuple[str, str, float], int] = {}
    for row, key in enumerate(zip(users, items, times.tolist(), strict=True)):
        earlier = first.setdefault(key, row)
        if earlier != row:
            raise InputError(
                f"{source} {unit} {lines[row]}: user {key[0]!r} takes item {key[1]!r} at the same time as in {unit} "
                f"{lines[earlier]}. A row that occurs twice would count twice: remove one."
            )
    user_of = {name: number for number, name in enumerate(dict.fromkeys(users))}
    item_of = {name: number for number, name in enumerate(dict.fromkeys(items))}
    user = np.array([user_of[name] for name in users], dtype=np.int64)
    item = np.array([item_of[name] for name in items], dtype=np.int64)
    order = np.lexsort((times, user))  # stable: rows of equal time stay in the order of the file
    return Interactions(
        tuple(user_of), tuple(item_of), user[order], item[order], times[order], lines[order], source, digest, unit
    )
