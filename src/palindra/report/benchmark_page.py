"""The page of a benchmark suite: our scores and, beside them, what others published."""

from __future__ import annotations

import os
from dataclasses import dataclass

from palindra.report.document import draw, write_page
from palindra.report.records import from_json, to_json


@dataclass(frozen=True)
class Entry:
    """One cell of a table, ready to be read."""

    text: str
    detail: str
    best: bool  # of our own


@dataclass(frozen=True)
class Row:
    """One task: an entry for each of our columns, then for each published model; None where there is nothing."""

    task: str
    title: str
    metric: str
    entries: list[Entry | None]


@dataclass(frozen=True)
class Table:
    """Ours beside one published table."""

    source: str  # empty where nothing is published
    warning: str
    spread: str  # what stands behind the sign of plus-minus
    ours: list[str]
    models: list[str]
    rows: list[Row]


@dataclass(frozen=True)
class Warned:
    """What must be known before a number is believed."""

    subject: str  # a task or a source
    message: str


@dataclass(frozen=True)
class Benchmark:
    """A run of a suite, in words and numbers.

    Examples:
        >>> page = Benchmark("GUE", "28 tasks", ["One task was run."], [], [], ["emp_H3"], {})
        >>> Benchmark.from_json(page.to_json()) == page
        True
    """

    title: str
    kicker: str
    conclusion: list[str]
    tables: list[Table]
    warnings: list[Warned]
    missing: list[str]
    provenance: dict[str, str]

    def to_json(self) -> str:
        """The run as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Benchmark:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(benchmark: Benchmark) -> str:
    """Draw one self-contained HTML page."""
    warned: dict[str, list[str]] = {}
    for item in benchmark.warnings:
        warned.setdefault(item.subject, []).append(item.message)
    return draw("benchmark.html.jinja", it=benchmark, warned=warned)


def write(benchmark: Benchmark, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(benchmark), path)
