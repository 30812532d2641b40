"""The page of a distribution shift: how far are new sequences from what a model was trained on?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from palindra.report.axes import Axis, panel
from palindra.report.document import draw, write_page
from palindra.report.numbers import finite, is_number, number
from palindra.report.palette import Style, styles
from palindra.report.records import from_json, to_json
from palindra.report.svg import points, tag

BINS = 20  # of percentiles


@dataclass(frozen=True)
class Distances:
    """One kind of distance between sets for several k."""

    name: str
    k: list[int]
    new: list[float]
    usual: list[float]  # of held-out training sequences, as many


@dataclass(frozen=True)
class Shift:
    """What was found, in words, in tables and as percentiles of every sequence.

    Examples:
        >>> shift = Shift("New sequences", "synthetic", ["Strange."], [("above", "9 %", "")], [99.0, 10.0], [], {})
        >>> Shift.from_json(shift.to_json()) == shift
        True
    """

    title: str
    level: str  # of the shift, as declared
    verdict: list[str]  # plain sentences, the verdict first
    table: list[tuple[str, str, str]]  # measure, value, meaning
    percentiles: list[float]  # one per sequence, 0 to 100
    distances: list[Distances]
    provenance: dict[str, str]
    groups: list[tuple[str, list[float]]] = field(default_factory=list)  # further percentiles by the name of a score

    def to_json(self) -> str:
        """The shift as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Shift:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(shift: Shift) -> str:
    """Draw one self-contained HTML page."""
    look = styles(["new sequences", "held-out training sequences"])
    panels = [
        (name, percentile_panel(name, values, look["new sequences"]))
        for name, values in [("all together", shift.percentiles), *shift.groups]
        if finite(values)
    ]
    curves = [(item.name, distance_panel(item, look)) for item in shift.distances]
    return draw("shift.html.jinja", it=shift, panels=panels, curves=curves, look=look)


def write(shift: Shift, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(shift), path)


def percentile_panel(name: str, values: Sequence[float], style: Style) -> Markup:
    """Shares of sequences in equal bins of percentiles; a dashed line where all would be equally full."""
    known = finite(values)
    counts = [0] * BINS
    for value in known:
        counts[min(BINS - 1, int(value * BINS / 100))] += 1
    shares = [100 * count / max(1, len(known)) for count in counts]
    x, y = Axis.over([0.0, 100.0]), Axis.over([0.0, *shares, 100 / BINS * 1.2])
    bars = []
    for place, share in enumerate(shares):
        left, right = x.x(100 * place / BINS) + 1, x.x(100 * (place + 1) / BINS) - 1
        said = f"percentile {100 * place // BINS} to {100 * (place + 1) // BINS}: {number(share, 1)} % of sequences"
        bars.append(
            tag("path", tag("title", said), d=f"M{left:.1f} {y.y(0):.1f}V{y.y(share):.1f}H{right:.1f}V{y.y(0):.1f}z",
                fill=style.colour)
        )  # fmt: skip
    even = y.y(100 / BINS)
    dashed = tag("path", d=f"M{x.x(0):.1f} {even:.1f}H{x.x(100):.1f}", class_="diagonal")
    return panel(f"Percentiles by {name}", x, y, "percentile among training sequences", "% of sequences", *bars, dashed)


def distance_panel(item: Distances, look: dict[str, Style]) -> Markup:
    """A distance against k, of the new sequences and of held-out training sequences."""
    x = Axis.over([float(k) for k in item.k])
    y = Axis.over([0.0, *item.new, *item.usual], padding=0.03)
    drawn = []
    for (name, style), values in zip(look.items(), (item.new, item.usual), strict=True):
        known = [(k, value) for k, value in zip(item.k, values, strict=True) if is_number(value)]
        line = points([x.x(k) for k, _ in known], [y.y(value) for _, value in known])
        drawn.append(tag("path", d=line, stroke=style.colour, stroke_dasharray=style.dash, class_="curve"))
        drawn += [
            style.draw(x.x(k), y.y(value), 4.5, tag("title", f"{name}, k = {k}: {number(value)}")) for k, value in known
        ]
    return panel(f"{item.name} against k", x, y, "k", item.name, *drawn)
