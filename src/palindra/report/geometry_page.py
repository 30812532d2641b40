"""The page of a geometry: are points nearer to a tree than points alike that have none?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from palindra.report.axes import BOTTOM, TOP, Axis, panel
from palindra.report.document import draw, write_page
from palindra.report.numbers import finite, interval, number
from palindra.report.palette import Style, styles
from palindra.report.records import from_json, to_json
from palindra.report.svg import tag

BINS = 24
POINTS = "the points"


@dataclass(frozen=True)
class NullDraws:
    """Relative deltas of random points that are alike."""

    name: str
    values: list[float]
    low: float  # of the middle 95 % of the draws
    high: float
    standing: str  # of the points: below, within or above
    average_standing: str  # by the average over quadruples


@dataclass(frozen=True)
class Measured:
    """Relative delta of one set of points."""

    name: str
    metric: str
    points: int
    size: int  # of the subsets
    subsets: int
    relative: float
    low: float  # over the choice of subsets, NaN where all points were taken
    high: float
    delta: float  # the largest of the subsets
    diameter: float
    average: float  # twice the mean delta of quadruples over the mean distance
    nulls: list[NullDraws]


@dataclass(frozen=True)
class Geometry:
    """What was found, in words and numbers.

    Examples:
        >>> geometry = Geometry("Embeddings", ["No sign of a tree."], [], {})
        >>> Geometry.from_json(geometry.to_json()) == geometry
        True
    """

    title: str
    verdict: list[str]  # plain sentences, the main one first
    measured: list[Measured]
    provenance: dict[str, str]

    def to_json(self) -> str:
        """The geometry as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Geometry:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(geometry: Geometry) -> str:
    """Draw one self-contained HTML page."""
    names = list(dict.fromkeys(null.name for item in geometry.measured for null in item.nulls))
    look = styles([POINTS, *names])
    panels = [(item.name, null_panel(item, look)) for item in geometry.measured if item.nulls]
    return draw("geometry.html.jinja", it=geometry, panels=panels, look=look, interval=interval)


def write(geometry: Geometry, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(geometry), path)


def null_panel(item: Measured, look: dict[str, Style]) -> Markup:
    """Shares of the draws of each null by their delta, with the delta of the points as an upright line."""
    known = finite([item.relative, *(value for null in item.nulls for value in null.values)])
    x = Axis.over([0.0, *known], padding=0.02)
    shares = {null.name: _shares(finite(null.values), x) for null in item.nulls}
    y = Axis.over([0.0, *(1.05 * share for part in shares.values() for share in part)])
    width = (x.high - x.low) / BINS
    drawn = []
    for name, part in shares.items():
        steps = "".join(f"V{y.y(share):.1f}H{x.x(x.low + (place + 1) * width):.1f}" for place, share in enumerate(part))
        said = f"{name}: {number(_middle(item, name))} on average"
        drawn.append(
            tag(
                "path",
                tag("title", said),
                d=f"M{x.x(x.low):.1f} {y.y(0):.1f}{steps}V{y.y(0):.1f}",
                stroke=look[name].colour,
                stroke_dasharray=look[name].dash,
                class_="curve",
            )
        )
    here = x.x(item.relative)
    said = f"{item.name}: relative delta {number(item.relative)}"
    drawn.append(tag("path", d=f"M{here:.1f} {TOP}V{BOTTOM}", stroke=look[POINTS].colour, class_="curve"))
    drawn.append(look[POINTS].draw(here, TOP + 6, 5, tag("title", said)))
    return panel(f"Relative delta of {item.name} and of its nulls", x, y, "relative delta", "% of draws", *drawn)


def _shares(values: Sequence[float], x: Axis) -> list[float]:
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int((value - x.low) / (x.high - x.low) * BINS))] += 1
    return [100 * count / max(1, len(values)) for count in counts]


def _middle(item: Measured, name: str) -> float:
    values = finite(next(null.values for null in item.nulls if null.name == name))
    return sum(values) / len(values) if values else float("nan")
