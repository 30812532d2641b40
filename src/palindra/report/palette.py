"""Colours, marks and dashes: one style per strategy over all figures, in light and in dark.

The hues are those of Okabe and Ito (2008), which stay apart for every kind of colour vision. On white, the two
lightest are darkened so that a mark has a contrast of at least 3 to the page; yellow is left out, because it cannot be
darkened and stay yellow. Colour never stands alone: every strategy has its own mark and dash as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from palindra.report.svg import tag

LIGHT = {
    "page": "#ffffff",
    "surface": "#f5f6f7",
    "text": "#1b1f24",
    "muted": "#59636e",
    "line": "#d6dbe0",
    "ok": "#116329",
    "note": "#0b57a4",
    "warning": "#8a4600",
    "series-0": "#0072b2",  # blue
    "series-1": "#d55e00",  # vermillion
    "series-2": "#009e73",  # bluish green
    "series-3": "#cc79a7",  # reddish purple
    "series-4": "#ad7700",  # orange
    "series-5": "#2f8fc4",  # sky blue
    "series-6": "#1b1f24",  # black, white in the dark
}

DARK = {
    "page": "#14171a",
    "surface": "#1d2125",
    "text": "#e4e7ea",
    "muted": "#9da7b1",
    "line": "#353b42",
    "ok": "#5cc98a",
    "note": "#78b7f2",
    "warning": "#f0b060",
    "series-0": "#2b8fd0",
    "series-1": "#e8702a",
    "series-2": "#1db88c",
    "series-3": "#cc79a7",
    "series-4": "#e69f00",
    "series-5": "#7cc7f2",
    "series-6": "#e4e7ea",
}

SERIES = [name for name in LIGHT if name.startswith("series-")]

# Unit shapes around the origin. Eight marks and seven colours have no common factor: 56 strategies before one repeats.
MARKS = [
    "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z",  # disc
    "M-.9-.9h1.8v1.8h-1.8z",  # square
    "M0-1.2L1.1.8H-1.1z",  # triangle
    "M0-1.3L1.2 0 0 1.3-1.2 0z",  # diamond
    "M0 1.2L1.1-.8H-1.1z",  # triangle, point down
    "M-.4-1.2h.8v.8h.8v.8h-.8v.8h-.8v-.8h-.8v-.8h.8z",  # plus
    "M0-1.2L1.14-.37.7.97H-.7L-1.14-.37z",  # pentagon
    "M-1.2-.7L-.7-1.2 0-.5.7-1.2 1.2-.7.5 0 1.2.7.7 1.2 0 .5-.7 1.2-1.2.7-.5 0z",  # cross
]
DASHES = [None, "7 3", "2 3", "9 3 2 3", "12 3 2 3 2 3"]


@dataclass(frozen=True)
class Style:
    """How one strategy looks in every figure."""

    colour: str  # a CSS value that follows light and dark
    mark: str
    dash: str | None

    def draw(self, x: float, y: float, radius: float, *children: Markup) -> Markup:
        """The mark of the strategy at a place."""
        place = f"translate({x:.2f} {y:.2f}) scale({radius:.2f})"
        return tag("path", *children, d=self.mark, transform=place, fill=self.colour, class_="mark")

    def swatch(self) -> Markup:
        """The piece of line with its mark that a legend shows."""
        line = tag("path", d="M0 8H32", stroke=self.colour, stroke_dasharray=self.dash, class_="curve")
        return tag("svg", line, self.draw(16, 8, 5), width=32, height=16, aria_hidden="true", class_="swatch")


def styles(names: list[str]) -> dict[str, Style]:
    """A style for each name, by its place in the list.

    Examples:
        >>> styles(["regular", "none"])["none"].colour
        'var(--series-1)'
    """
    return {
        name: Style(f"var(--{SERIES[i % len(SERIES)]})", MARKS[i % len(MARKS)], DASHES[i % len(DASHES)])
        for i, name in enumerate(names)
    }
