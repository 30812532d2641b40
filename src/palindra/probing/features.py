"""Features of all rows of a task from one source, computed once for each kind and taken from the cache."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from palindra.errors import InputError
from palindra.probing.cells import FULL
from palindra.probing.readouts.examples import Array, Features
from palindra.probing.source import Source
from palindra.probing.tasks import ProbeTask

SUMMARIES = ("mean", "max", "cls")
_IN_MEMORY = 2**27  # numbers of all tokens of an input: what has more is read from disk whenever it is needed
_TIMED = 64  # sequences on which the speed of a source is measured


class Embeddings(Protocol):
    """What :class:`palindra.probing.cache.Cache` gives."""

    def embeddings(self, source: Source, sequences: Sequence[str], *, kind: Any) -> Any:
        """Features of the sequences: ``(rows, width)``, or for "full" the rows of ``(tokens, width)``."""
        ...


class TaskFeatures:
    """Features of one source on one task.

    Args:
        source: that embeds.
        task: whose sequences are read.
        cache: of embeddings.
    """

    def __init__(self, source: Source, task: ProbeTask, cache: Embeddings) -> None:
        self.source, self.task, self.cache = source, task, cache
        self._kept: dict[str, tuple[Any, ...]] = {}
        self._seconds: float | None = None
        self._tokens: int | None = None

    def of(self, kind: str, rows: Array) -> Features:
        """Features of some rows, for a task of one input as they are, otherwise as a tuple."""
        if kind not in self._kept:
            self._kept[kind] = tuple(self._read(part, kind) for part in self.task.inputs)
        parts = self._kept[kind]
        chosen = tuple(RowsOf(part, rows) if kind == FULL else part[rows] for part in parts)
        return chosen if len(chosen) > 1 else chosen[0]

    def of_others(self, texts: Sequence[str], kind: str, *, key: str) -> Any:
        """Features of sequences that are no rows of the task, kept under a key of their own."""
        place = f"{key} {kind}"
        if place not in self._kept:
            self._kept[place] = (self._read(texts, kind),)
        return self._kept[place][0]

    def _read(self, texts: Sequence[str], kind: str) -> Any:
        given = self.cache.embeddings(self.source, texts, kind=kind)
        return (_in_memory if kind == FULL else _table)(given, self.source)

    @property
    def tokens(self) -> int:
        """The most tokens of any row."""
        if self._tokens is None:
            self.of(FULL, np.arange(0))
            self._tokens = max(longest(part) for part in self._kept[FULL])
        return self._tokens

    @property
    def has_tokens(self) -> bool:
        """Whether the source gives more than one vector a sequence."""
        return max(self.source.embed([part[0]]).features.shape[1] for part in self.task.inputs) > 1

    @property
    def seconds(self) -> float:
        """Seconds to embed one row, without the cache, on some of the test rows."""
        if self._seconds is None:
            rows = self.task.split("test")[:_TIMED]
            self.source.embed([self.task.inputs[0][rows[0]]])  # what the first call alone needs does not count
            start = time.perf_counter()
            for part in self.task.inputs:
                self.source.embed([part[row] for row in rows])
            self._seconds = (time.perf_counter() - start) / len(rows)
        return self._seconds


def longest(part: Any) -> int:
    """The most tokens of a row of all tokens."""
    return int(part.tokens.max()) if hasattr(part, "tokens") else max(len(part[row]) for row in range(len(part)))


class RowsOf:
    """Some rows of a collection that may lie on disk; nothing is read before it is asked for."""

    def __init__(self, part: Any, rows: Array) -> None:
        self.part, self.rows = part, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Any:
        return self.part[int(self.rows[row])]


def _in_memory(given: Any, source: Source) -> Any:
    tokens = given.tokens if hasattr(given, "tokens") else np.array([len(given[row]) for row in range(len(given))])
    small = int(tokens.sum()) * source.width <= _IN_MEMORY
    return [given[row] for row in range(len(given))] if small else given


def _table(given: Any, source: Source) -> Array:
    table = np.asarray(given, dtype=np.float32)
    bad = ~np.isfinite(table).all(axis=1)
    if bad.any():
        raise InputError(
            f"{source.name}: the features of {int(bad.sum())} of {len(table)} rows are no numbers (NaN or infinite), "
            f"the first in row {int(bad.argmax()) + 1}. Look for half precision that overflows, or damaged weights."
        )
    return table
