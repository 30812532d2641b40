"""The page of an audit: does a model treat both strands alike?"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from markupsafe import Markup

from palindra.report import figures
from palindra.report.axes import Axis, panel
from palindra.report.comparison import Strands
from palindra.report.document import draw, write_page
from palindra.report.numbers import finite, is_number, number
from palindra.report.palette import Style, styles
from palindra.report.records import from_json, to_json
from palindra.report.svg import points, tag


@dataclass(frozen=True)
class Table:
    """Measurements side by side: a row for each thing that was read, a column for each way of reading it."""

    title: str
    columns: list[str]  # the first one names the rows
    rows: list[list[tuple[str, str]]]  # of cells, each a value and a detail below it
    reading: str  # how to read it


@dataclass(frozen=True)
class Shifted:
    """How far one source moves with a shift."""

    name: str
    points: list[tuple[float, float, float, float]]  # letters, relative distance, low, high


@dataclass(frozen=True)
class Audit:
    """What an audit found, in words and in a table.

    Examples:
        >>> audit = Audit("Audit of model.onnx", ["Both strands agree."], [("mean difference", "0", "")], None, {})
        >>> Audit.from_json(audit.to_json()) == audit
        True
    """

    title: str
    verdict: list[str]  # plain sentences, the verdict first
    table: list[tuple[str, str, str]]  # measure, value, meaning
    strands: Strands | None
    provenance: dict[str, str]
    tables: list[Table] = field(default_factory=list)
    shifts: list[Shifted] = field(default_factory=list)
    cure: str = ""  # what to write to get the cure

    def to_json(self) -> str:
        """The audit as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Audit:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(audit: Audit) -> str:
    """Draw one self-contained HTML page."""
    strands = [audit.strands] if audit.strands else []
    look = styles([item.row for item in strands])
    names = styles([item.name for item in audit.shifts])
    return draw(
        "audit.html.jinja",
        it=audit,
        strands=figures.strands_panels(strands, look),
        shifts=shift_panel(audit.shifts, names) if audit.shifts else None,
        look=names,
    )


def write(audit: Audit, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(audit), path)


def shift_panel(items: list[Shifted], look: dict[str, Style]) -> Markup:
    """Relative distances against the size of the shift, a line for each source."""
    x = Axis.of_sizes(int(letters) for item in items for letters, *_ in item.points)
    y = Axis.over([0.0, *finite(value for item in items for _, *part in item.points for value in part)], padding=0.03)
    drawn = []
    for item in items:
        style = look[item.name]
        known = [point for point in item.points if is_number(point[1])]
        line = points([x.x(letters) for letters, *_ in known], [y.y(value) for _, value, *_ in known])
        drawn.append(tag("path", d=line, stroke=style.colour, stroke_dasharray=style.dash, class_="curve"))
        for letters, value, low, high in known:
            if is_number(low) and is_number(high):
                bar = f"M{x.x(letters):.2f} {y.y(low):.2f}V{y.y(high):.2f}"
                drawn.append(tag("path", d=bar, stroke=style.colour, class_="curve"))
            told = f"{item.name}, {letters:.0f} letters: {number(value)}"
            drawn.append(style.draw(x.x(letters), y.y(value), 4.5, tag("title", told)))
    return panel("Mean embedding against the size of a shift", x, y, "letters", "distance / spread", *drawn)
