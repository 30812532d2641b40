"""The page of a saturation mutagenesis: a heat map of letters by positions for each stretch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from markupsafe import Markup

from palindra.report.document import draw, write_page
from palindra.report.numbers import finite, is_number, signed
from palindra.report.svg import tag

LETTERS = "ACGT"
CELL, ROW, SIDE, FOOT, PER_LINE = 7.0, 14.0, 22.0, 18.0, 120
MOST = 200  # stretches that are drawn; all are in the table


@dataclass(frozen=True)
class HeatMap:
    """What each letter at each position would change.

    Args:
        name: of the stretch and of what is predicted.
        first: number of its first position.
        sequence: the letters that stand there.
        values: ``(4, positions)`` in the order ACGT; NaN is left white.
    """

    name: str
    first: int
    sequence: str
    values: list[list[float]]


@dataclass(frozen=True)
class MutagenesisPage:
    """Heat maps of one score."""

    title: str
    score: str
    maps: list[HeatMap]
    provenance: dict[str, str]

    @property
    def verdict(self) -> list[str]:
        """What is shown, and where the largest change is."""
        best: tuple[float, str] = (0.0, "")
        for one in self.maps:
            for letter, row in zip(LETTERS, one.values, strict=True):
                for place, value in enumerate(row):
                    if is_number(value) and abs(value) > abs(best[0]):
                        best = value, f"{one.sequence[place]} to {letter} at {one.first + place:,} ({one.name})"
        found = [f"Every other letter at every position: {self.score} of the prediction."]
        found += [f"The largest change is {signed(best[0])}: {best[1]}."] if best[1] else ["No letter changes it."]
        if len(self.maps) > MOST:
            found.append(f"The first {MOST} of {len(self.maps):,} stretches are drawn; all are in the table.")
        return found


def render(page: MutagenesisPage) -> str:
    """Draw one self-contained HTML page."""
    drawn = [(one.name, lines(one)) for one in page.maps[:MOST]]
    return draw("mutagenesis.html.jinja", it=page, maps=drawn)


def write(page: MutagenesisPage, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(page), path)


def lines(item: HeatMap) -> list[Markup]:
    """A heat map as lines of positions, each a picture; a dot is the letter that stands there."""
    largest = max((abs(value) for row in item.values for value in finite(row)), default=0.0) or 1.0
    return [
        _line(item, first, min(first + PER_LINE, len(item.sequence)), largest)
        for first in range(0, len(item.sequence), PER_LINE)
    ]


def _line(item: HeatMap, first: int, end: int, largest: float) -> Markup:
    width, height = SIDE + CELL * PER_LINE, ROW * len(LETTERS) + FOOT
    drawn = []
    for row, letter in enumerate(LETTERS):
        y = ROW * row
        drawn.append(tag("text", letter, x=SIDE - 6, y=y + ROW - 3, text_anchor="end"))
        for place in range(first, end):
            x, value = SIDE + CELL * (place - first), item.values[row][place]
            if item.sequence[place] == letter:
                drawn.append(tag("circle", cx=x + CELL / 2, cy=y + ROW / 2, r=1.5, class_="stands"))
            elif is_number(value) and value != 0:
                said = f"{item.sequence[place]}{item.first + place}{letter}: {signed(value)}"
                kind = "gain" if value > 0 else "loss"
                strength = round(abs(value) / largest, 3)
                drawn.append(
                    tag(
                        "rect",
                        tag("title", said),
                        x=x,
                        y=y,
                        width=CELL,
                        height=ROW,
                        style=f"fill-opacity: {strength:g}",
                        class_=kind,
                    )
                )
    step = 20
    for place in range(first, end):
        if (item.first + place) % step == 0:
            x = SIDE + CELL * (place - first + 0.5)
            anchor = "end" if place == end - 1 else "middle"
            at = SIDE + CELL * (place - first + 1) if place == end - 1 else x
            drawn.append(tag("text", f"{item.first + place:,}", x=at, y=height - 4, text_anchor=anchor))
    return tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=f"{item.name}, positions {item.first + first:,} to {item.first + end - 1:,}",
        class_="mutants",
    )
