"""Motifs as logos: heights by logomaker, written as one small SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from palindra.errors import InputError
from palindra.report.axes import Axis
from palindra.report.palette import LIGHT
from palindra.report.svg import tag

LETTERS = "ACGT"
LETTER, HEIGHT, SIDE, FOOT, HEAD = 15.0, 88.0, 44.0, 18.0, 5.0  # pixels: one position, the picture, its margins
INVISIBLE = 0.004  # of the height of a picture: lower letters are not drawn
BASES = {"A": "series-2", "C": "series-0", "G": "series-4", "T": "series-1"}  # green, blue, orange, vermillion
_FONT = "DejaVu Sans"  # comes with matplotlib, so the same logo is drawn on every machine

Kind = Literal["information", "contribution"]


def logo_svg(
    matrix: Sequence[Sequence[float]],
    *,
    kind: Kind = "information",
    start: int = 1,
    width: float | None = None,
    title: str,
) -> str:
    """A motif as a logo: one SVG that loads nothing and is the same at every call.

    Letters at which a page wants its own colours have the classes ``A``, ``C``, ``G`` and ``T``.

    Args:
        matrix: ``(positions, 4)`` in the order ACGT; what is not a number is not drawn.
        kind: "information" draws chances of letters in bits from 0 to 2; "contribution" draws the numbers as they are,
            negative ones upside down below the line.
        start: number of the first position.
        width: of the picture in pixels; 15 for each position where it is not given.
        title: what a screen reader says.

    Raises:
        InputError: if logomaker is not installed, or the matrix does not have four numbers at each position.

    Source: Schneider & Stephens (1990); logomaker of Tareen & Kinney (2020).

    Examples:
        >>> drawn = logo_svg([[1, 0, 0, 0], [0, 0, 0.5, 0.5]], title="AK")
        >>> drawn[:4], drawn.count('class="C"'), drawn == logo_svg([[1, 0, 0, 0], [0, 0, 0.5, 0.5]], title="AK")
        ('<svg', 0, True)
    """
    if not len(matrix) or any(len(row) != len(LETTERS) for row in matrix):
        raise InputError(
            f"a logo needs four numbers (A, C, G, T) at each of one or more positions; {title!r} has "
            f"{sorted({len(row) for row in matrix}) or 'no positions'}."
        )
    known = [[float(value) if math.isfinite(value) else 0.0 for value in row] for row in matrix]
    bottom, top, glyphs = _glyphs(tuple(map(tuple, known)), kind)
    total = width or SIDE + LETTER * len(known) + 6
    step = (total - SIDE - 6) / len(known)

    def across(value: float) -> float:
        return SIDE + step * (value + 0.5)

    def up(value: float) -> float:
        return HEAD + (HEIGHT - HEAD - FOOT) * (top - value) / (top - bottom)

    drawn: dict[str, list[str]] = {}
    for letter, path in glyphs:
        drawn.setdefault(letter, []).append(_outline(path, across, up))
    letters = [
        tag("path", d="".join(drawn[letter]), fill=LIGHT[BASES[letter]], class_=letter)
        for letter in LETTERS
        if letter in drawn
    ]
    line = tag("path", d=f"M{SIDE:g} {up(0):.1f}H{total - 6:.1f}", stroke="#888", class_="zero")
    side = [
        tag("text", label, x=SIDE - 5, y=up(value) + 4, text_anchor="end") for value, label in _sides(bottom, top, kind)
    ]
    every = next(size for size in (1, 2, 5, 10, 20, 50, 100) if size * step >= 24 or size == 100)
    foot = [
        tag("text", str(start + place), x=across(place), y=HEIGHT - 4, text_anchor="middle")
        for place in range(len(known))
        if (start + place) % every == 0
    ]
    drawing = tag(
        "svg",
        tag("title", title),
        tag("desc", _said(known, kind, start)),
        *letters,
        line,
        *side,
        *foot,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {total:g} {HEIGHT:g}",
        width=total,
        height=HEIGHT,
        role="img",
        font_family="sans-serif",
        font_size="12",
        fill="#666",
        class_="logo",
    )
    return str(drawing)


@lru_cache(maxsize=128)  # one costs a third of a second, and a page may draw it again
def _glyphs(matrix: tuple[tuple[float, ...], ...], kind: Kind) -> tuple[float, float, list[tuple[str, Any]]]:
    """The lowest and highest value of the picture, and the outline of every letter that can be seen."""
    try:
        import logomaker
        import pandas  # type: ignore[import-untyped]
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("logos need logomaker, which is not installed: pip install 'palindra[motifs]'") from error
    frame = pandas.DataFrame(matrix, columns=list(LETTERS), dtype=float)
    if kind == "information":
        sums = frame.sum(axis=1)
        chances = frame.clip(lower=0).div(sums.where(sums > 0, 1), axis=0).where(sums > 0, 0.25)
        heights = logomaker.transform_matrix(chances, from_type="probability", to_type="information").clip(lower=0)
        bottom, top = 0.0, 2.0
    else:
        heights = frame
        bottom, top = (min(0.0, frame.clip(upper=0).sum(axis=1).min()), max(0.0, frame.clip(lower=0).sum(axis=1).max()))
        bottom, top = (bottom, top) if top > bottom else (0.0, 1.0)
    heights = heights.where(heights.abs() >= INVISIBLE * (top - bottom), 0.0)
    if not heights.to_numpy().any():
        return bottom, top, []  # logomaker warns of a logo without letters
    canvas = FigureCanvasAgg(Figure())  # not pyplot, which would keep the figure and open windows
    logo = logomaker.Logo(heights, ax=canvas.figure.add_subplot(), font_name=_FONT, width=1.0, vpad=0.02)
    return bottom, top, [(glyph.c, glyph.patch.get_path()) for glyph in logo.glyph_list if glyph.patch is not None]


def _outline(path: Any, across: Any, up: Any) -> str:
    """The ``d`` of an outline, in pixels with one decimal."""
    names = {path.MOVETO: "M", path.LINETO: "L", path.CURVE3: "Q", path.CURVE4: "C", path.CLOSEPOLY: "z"}
    parts = []
    for numbers, code in path.iter_segments(simplify=False):
        places = [f"{across(x):.1f} {up(y):.1f}" for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        parts.append("z" if code == path.CLOSEPOLY else names[code] + " ".join(places))
    return "".join(parts)


def _sides(bottom: float, top: float, kind: Kind) -> list[tuple[float, str]]:
    if kind == "information":
        return [(2.0, "2"), (1.0, "1"), (0.0, "0")]
    axis = Axis.over([bottom, top], count=3)
    apart = 13 * (top - bottom) / (HEIGHT - HEAD - FOOT)
    kept: list[tuple[float, str]] = []
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        if not kept or tick - kept[-1][0] >= apart:
            kept.append((tick, label))
    return kept


def _said(matrix: list[list[float]], kind: Kind, start: int) -> str:
    """The logo in words: its strongest letter at each position."""
    best = "".join(LETTERS[max(range(4), key=lambda letter: abs(row[letter]))] for row in matrix)
    what = "likeliest letters" if kind == "information" else "letters of the largest contribution"
    return f"Positions {start} to {start + len(matrix) - 1}; {what}: {best}."
