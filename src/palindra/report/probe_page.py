"""The page of a probing: is what a pretrained model knows more than the sequence says by itself?"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from palindra.report import numbers
from palindra.report.document import draw, write_page
from palindra.report.numbers import interval, is_number, number, signed
from palindra.report.palette import styles
from palindra.report.probe_curves import CurvePanel, curve
from palindra.report.records import from_json, to_json

SIGNS = {
    "supported": ("ok", "✓"),
    "not supported": ("warning", "✗"),
    "not tested": ("note", "?"),
}
BESIDE = {"better": "▲", "worse": "▼"}


@dataclass(frozen=True)
class ProbeCell:
    """One source on one task by one readout."""

    value: float
    low: float  # 95 % interval
    high: float
    seeds: int
    verdict: str  # better, worse, no difference shown, not tested, the reference
    difference: float = float("nan")  # from the reference
    difference_low: float = float("nan")
    difference_high: float = float("nan")
    warnings: int = 0
    covers: str = "seeds"  # by the interval of the value


@dataclass(frozen=True)
class ProbeRow:
    """One source with its cells in the order of the tasks; None where it was not run."""

    name: str
    kind: str  # "language model", "counts"
    cells: list[ProbeCell | None]
    rank: float  # mean over tasks
    parameters: int
    seconds_per_1000: float


@dataclass(frozen=True)
class ProbeTable:
    """Sources by tasks, all read alike.

    Raises:
        ValueError: if a row has not one cell for each task.
    """

    reading: str  # "cnn", "mlp on mean"
    tasks: list[tuple[str, str, bool]]  # name, metric, whether higher is better
    rows: list[ProbeRow]

    def __post_init__(self) -> None:
        if wrong := next((row for row in self.rows if len(row.cells) != len(self.tasks)), None):
            raise ValueError(f"{wrong.name}: {len(wrong.cells)} cells do not fit {len(self.tasks)} tasks.")


@dataclass(frozen=True)
class ProbeClaim:
    """A published claim and what became of it."""

    id: str
    words: str
    verdict: str  # supported, not supported, not tested
    evidence: list[str]  # with intervals
    p_corrected: float = float("nan")
    reason: str = ""
    tested_on: str = ""


@dataclass(frozen=True)
class ProbeWarning:
    """Something to know before a number is believed, and the cells that it concerns."""

    message: str
    cells: list[str]


@dataclass(frozen=True)
class Probe:
    """A finished probing: everything that its page shows.

    Examples:
        >>> probe = Probe("Probing", "1 task", ["Nothing was run yet."], [], [], {"command": "palindra probe"})
        >>> Probe.from_json(probe.to_json()) == probe
        True
    """

    title: str
    kicker: str
    conclusion: list[str]  # plain sentences, the main one first
    tables: list[ProbeTable]
    claims: list[ProbeClaim]
    provenance: dict[str, str]
    layers: list[CurvePanel] = field(default_factory=list)
    fractions: list[CurvePanel] = field(default_factory=list)
    warnings: list[ProbeWarning] = field(default_factory=list)
    zero_shot: list[tuple[str, str, str]] = field(default_factory=list)  # what, value, meaning
    maps: list[tuple[str, str, str]] = field(default_factory=list)
    patterns: list[tuple[str, str, str]] = field(default_factory=list)
    transplants: list[tuple[str, str, str]] = field(default_factory=list)
    map_sentences: list[str] = field(default_factory=list)  # what maps are worth, in words
    facts: dict[str, str] = field(default_factory=dict)  # of the tasks

    def to_json(self) -> str:
        """The probing as strict JSON, so that its page can be drawn again."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Probe:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(probe: Probe) -> str:
    """Draw one self-contained HTML page; the same probing always gives the same page."""
    panels = [*probe.layers, *probe.fractions]
    look = styles(list(dict.fromkeys(line.row for panel in panels for line in panel.lines)))
    drawn = {
        name: [(panel, curve(panel, look)) for panel in some]
        for name, some in (("layers", probe.layers), ("fractions", probe.fractions))
    }
    names = {
        name: list(dict.fromkeys(line.row for panel in some for line in panel.lines))
        for name, some in (("layers", probe.layers), ("fractions", probe.fractions))
    }
    return draw(
        "probe.html.jinja",
        it=probe,
        tables=[_table(table) for table in probe.tables],
        claims=[_claim(claim) for claim in probe.claims],
        drawn=drawn,
        names=names,
        look=look,
        tally=_tally(probe.claims),
    )


def write(probe: Probe, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(probe), path)


def _table(table: ProbeTable) -> dict[str, Any]:
    columns = []
    for n, (task, metric, higher) in enumerate(table.tasks):
        cells = [row.cells[n] for row in table.rows]
        known = [cell for cell in cells if cell is not None and is_number(cell.value)]
        places = max(3, numbers.decimals([cell.value for cell in known])) if known else 3
        best = (max if higher else min)((cell.value for cell in known), default=None)
        columns.append({
            "task": task,
            "metric": metric,
            "first": "descending" if higher else "ascending",
            "cells": [_cell(cell, min(places, 4), best) for cell in cells],
        })  # fmt: skip
    ranked = any(is_number(row.rank) for row in table.rows) and len(table.tasks) > 1
    return {
        "reading": table.reading,
        "columns": columns,
        "ranked": ranked,
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "rank": number(row.rank, 1),
                "rank_value": row.rank if is_number(row.rank) else "",
                "cost": _cost(row),
            }
            for row in table.rows
        ],
    }


def _cost(row: ProbeRow) -> str:
    parts = [f"{numbers.count(row.parameters)} parameters"] if row.parameters else []
    if is_number(row.seconds_per_1000):
        parts.append(f"{numbers.duration(row.seconds_per_1000)} for 1,000")
    return ", ".join(parts)


def _cell(cell: ProbeCell | None, places: int, best: float | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    beside = "" if not is_number(cell.difference) else signed(cell.difference, places)
    if around := interval(cell.difference_low, cell.difference_high, places):
        beside += f" ({around})"
    return {
        "value": cell.value if is_number(cell.value) else "",
        "text": number(cell.value, places),
        "best": cell.value == best,
        "interval": _around(cell, places),
        "verdict": cell.verdict,
        "sign": BESIDE.get(cell.verdict, ""),
        "tone": cell.verdict if cell.verdict in BESIDE else "same",
        "beside": beside,
        "warnings": cell.warnings,
    }


def _around(cell: ProbeCell, places: int) -> str:
    around = interval(cell.low, cell.high, places)
    if not around:
        return "no interval"
    return around if cell.covers == "seeds" else f"{around}, {cell.covers}"


def _claim(claim: ProbeClaim) -> dict[str, Any]:
    level, icon = SIGNS[claim.verdict]
    return {"it": claim, "level": level, "icon": icon, "p": numbers.p_value(claim.p_corrected)}


def _tally(claims: list[ProbeClaim]) -> str:
    verdicts = [claim.verdict for claim in claims]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in SIGNS if verdict in verdicts)
