"""Curves of a probing: the score over the layers of a model, and over the size of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from palindra.report.axes import LEFT, RIGHT, Axis, panel
from palindra.report.numbers import is_number, number
from palindra.report.palette import Style
from palindra.report.svg import points, tag


@dataclass(frozen=True)
class CurveLine:
    """One source over what varies, with every seed."""

    row: str
    x: list[float]
    mean: list[float]
    seeds: list[list[float]]  # at each x


@dataclass(frozen=True)
class CurvePanel:
    """All sources on one task by one readout.

    Raises:
        ValueError: if a line has not one mean and one list of seeds for each place.
    """

    name: str
    x_title: str  # "layer", "training rows"
    y_title: str
    lines: list[CurveLine]
    sizes: bool = False  # whether x is a number of rows, on a logarithmic axis
    level: tuple[str, float] | None = None  # what a dashed line stands for, and its score

    def __post_init__(self) -> None:
        for line in self.lines:
            if not len(line.x) == len(line.mean) == len(line.seeds):
                raise ValueError(f"{line.row}: places, means and seeds of a curve differ in number.")


def curve(item: CurvePanel, look: Mapping[str, Style]) -> Markup:
    """A pale dot for every seed, a mark at each mean, a line through the means."""
    places = [x for line in item.lines for x in line.x]
    scores = [y for line in item.lines for some in (line.mean, *line.seeds) for y in some]
    level = item.level[1] if item.level else None
    x = Axis.of_sizes(int(place) for place in places) if item.sizes else _whole(places)
    y = Axis.over([*scores, level], padding=0.06)
    drawn: list[Markup] = []
    if item.level is not None and is_number(level):
        said = tag("title", f"{item.level[0]}: {number(level)}")
        drawn.append(tag("path", said, d=f"M{LEFT} {y.y(level):.2f}H{RIGHT}", class_="diagonal"))
    for line in item.lines:
        style = look[line.row]
        known = [(a, b) for a, b in zip(line.x, line.mean, strict=True) if is_number(b)]
        drawn += [
            tag("circle", cx=x.x(place), cy=y.y(score), r=2.2, fill=style.colour, class_="dot")
            for place, some in zip(line.x, line.seeds, strict=True)
            for score in some
            if is_number(score) and len(some) > 1
        ]
        d = points([x.x(a) for a, _ in known], [y.y(b) for _, b in known])
        drawn.append(tag("path", d=d, stroke=style.colour, stroke_dasharray=style.dash, class_="curve"))
        drawn += [
            style.draw(x.x(a), y.y(b), 4.5, tag("title", f"{line.row}, {item.x_title} {a:g}: {number(b)}"))
            for a, b in known
        ]
    return panel(f"{item.name}: {item.y_title} against {item.x_title}", x, y, item.x_title, item.y_title, *drawn)


def _whole(places: list[float]) -> Axis:
    """An axis of layers: whole numbers, with room at both ends."""
    axis = Axis.over(places, padding=0.04, count=6)
    kept = [tick for tick in axis.ticks if tick == int(tick)] or sorted(set(places))
    return Axis(axis.low, axis.high, kept, [f"{tick:g}" for tick in kept])
