"""The page of designed sequences: are they like real ones, and may their predictions be believed?"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from palindra.report.axes import Axis, panel
from palindra.report.document import draw, write_page
from palindra.report.numbers import finite, is_number, number
from palindra.report.palette import Style, styles
from palindra.report.records import from_json, to_json
from palindra.report.svg import points, tag

BINS = 30
NAMES = ("designed", "real")


@dataclass(frozen=True)
class Histogram:
    """One property of all sequences of both sets."""

    name: str
    designed: list[float]
    real: list[float]


@dataclass(frozen=True)
class Designs:
    """What was found, in words, in tables and as distributions.

    Examples:
        >>> designs = Designs("Designs", ["Alike."], [("GC", "50 %", "")], [Histogram("GC", [0.5], [0.4])], [], [], {})
        >>> Designs.from_json(designs.to_json()) == designs
        True
    """

    title: str
    verdict: list[str]  # plain sentences, the verdict first
    table: list[tuple[str, str, str]]  # measure, value, meaning
    histograms: list[Histogram]
    kmers: list[tuple[int, float, float | None]]  # k, distance of the designs, distance of real sequences
    motifs: list[tuple[str, float, float]]  # name, hits per 1,000 letters of designed and of real sequences
    provenance: dict[str, str]

    def to_json(self) -> str:
        """The designs as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Designs:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(designs: Designs) -> str:
    """Draw one self-contained HTML page."""
    look = styles(list(NAMES))
    panels = [(item.name, histogram_panel(item, look)) for item in designs.histograms if finite(item.designed)]
    if designs.kmers:
        panels.append(("k-mers", _kmer_panel(designs.kmers, look)))
    motifs = _motif_panel(designs.motifs, look["designed"]) if designs.motifs else None
    return draw("designs.html.jinja", it=designs, panels=panels, motifs=motifs, look=look)


def write(designs: Designs, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(designs), path)


def histogram_panel(item: Histogram, look: dict[str, Style]) -> Markup:
    """Shares of sequences in equal bins, one line for each set."""
    values = [finite(part) for part in (item.designed, item.real)]
    x = Axis.over([*values[0], *values[1]], padding=0.02)
    width = (x.high - x.low) / BINS
    shares = [_shares(part, x.low, width) for part in values]
    y = Axis.over([0.0, *shares[0], *shares[1]], padding=0.03)
    drawn = []
    for (name, style), part in zip(look.items(), shares, strict=True):
        xs, ys = [x.x(x.low)], [y.y(0)]
        for place, share in enumerate(part):  # steps: a bin is as high over its whole width
            xs += [x.x(x.low + place * width), x.x(x.low + (place + 1) * width)]
            ys += [y.y(share)] * 2
        line = points([*xs, x.x(x.high)], [*ys, y.y(0)])
        drawn.append(
            tag("path", tag("title", name), d=line, stroke=style.colour, stroke_dasharray=style.dash, class_="curve")
        )
    return panel(f"{item.name} of both sets", x, y, item.name, "% of sequences", *drawn)


def _shares(values: Sequence[float], low: float, width: float) -> list[float]:
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, max(0, int((value - low) / width)))] += 1
    return [100 * count / max(1, len(values)) for count in counts]


def _kmer_panel(rows: list[tuple[int, float, float | None]], look: dict[str, Style]) -> Markup:
    x = Axis.over([float(k) for k, _, _ in rows])
    y = Axis.over([0.0, *(value for _, *pair in rows for value in pair)], padding=0.03)
    drawn = []
    for place, (name, style) in enumerate(look.items(), start=1):
        known = [(float(row[0]), row[place]) for row in rows]
        both = [(k, value) for k, value in known if is_number(value)]
        line = points([x.x(k) for k, _ in both], [y.y(value) for _, value in both])
        drawn.append(tag("path", d=line, stroke=style.colour, stroke_dasharray=style.dash, class_="curve"))
        drawn += [
            style.draw(x.x(k), y.y(value), 4.5, tag("title", f"{name}, k = {k:.0f}: {number(value)}"))
            for k, value in both
        ]
    return panel("Jensen-Shannon distance of k-mers", x, y, "k", "Jensen-Shannon distance", *drawn)


def _motif_panel(rows: list[tuple[str, float, float]], style: Style) -> Markup:
    """Hits in designed against hits in real sequences, on a scale of square roots."""
    known = [(name, math.sqrt(a), math.sqrt(b)) for name, a, b in rows if is_number(a) and is_number(b)]
    axis = Axis.over([0.0, *(value for _, *pair in known for value in pair)], padding=0.03)
    drawn = [tag("path", d=f"M{axis.x(axis.low):.1f} {axis.y(axis.low):.1f}L{axis.x(axis.high):.1f} "
                           f"{axis.y(axis.high):.1f}", class_="diagonal")]  # fmt: skip
    for name, designed, real in known:
        said = f"{name}: {number(designed**2)} designed, {number(real**2)} real, hits in 1,000 letters"
        drawn.append(tag("circle", tag("title", said), cx=axis.x(real), cy=axis.y(designed), r=3.5, fill=style.colour,
                         class_="dot"))  # fmt: skip
    return panel("Motifs of both sets", axis, axis, "real (square root)", "designed (square root)", *drawn)
