"""Figures of track models: densities, the resolution triangle, threshold curves, robustness against performance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from palindra.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis, diagonal, panel
from palindra.report.numbers import count, finite, is_number, number, short_count
from palindra.report.palette import Style
from palindra.report.svg import points, tag
from palindra.report.track_records import Array, Counts, Density, Robustness, ThresholdCurve, Triangle

SHADES = (0.12, 0.26, 0.42, 0.6, 0.8, 1.0)  # of a density, from one bin to the fullest cell
FAINTEST, STRONGEST = 0.06, 0.5  # of a heat map: the numbers on it keep a contrast of 4.5 in light and dark
CELL, ROW, SIDE, HEAD = 38.0, 34.0, 58.0, 26.0  # of a heat map
LEAST = 0.9  # share of its full size at which a heat map, written in 13.5 px, can still be read


class Picture(NamedTuple):
    """One of several pictures that are read side by side."""

    name: str
    picture: Markup
    detail: str


def densities(items: list[Density]) -> list[Picture]:
    """One density per track, with its Pearson, its number of bins, and what its darkest cell holds."""
    return [
        Picture(
            item.track,
            density(item),
            f"r {number(item.pearson)}, {count(int(item.counts.sum()) + item.outside)} bins"
            + f", {count(item.outside)} of them outside" * (item.outside > 0)
            + f", up to {count(int(item.counts.max(initial=0)))} in a cell",
        )
        for item in items
    ]


def density(item: Density) -> Markup:
    """Measured across, predicted up; the darker a cell, the more bins it holds, on a logarithmic scale."""
    axis = Axis.over(item.edges.tolist()) if item.scale == "linear" else long_tail_axis(float(item.edges[-1]))
    xs, ys = [axis.x(edge) for edge in item.edges.tolist()], [axis.y(edge) for edge in item.edges.tolist()]
    shade = shades(item.counts)
    cells = [
        tag(
            "path",
            d="".join(
                f"M{xs[i]:.1f} {ys[j]:.1f}H{xs[i + 1]:.1f}V{ys[j + 1]:.1f}H{xs[i]:.1f}z"
                for i, j in np.argwhere(shade == level).tolist()
            ),
            fill_opacity=opacity,
            class_="cell",
        )
        for level, opacity in enumerate(SHADES, start=1)
        if (shade == level).any()
    ]
    return panel(f"Predicted against measured bins of {item.track}", axis, axis, "measured", "predicted", *cells,
                 diagonal(axis, axis))  # fmt: skip


def shades(counts: Counts) -> Counts:
    """Place of each count among the shades: 0 for none, 1 for one, the last for the fullest cell.

    Examples:
        >>> shades(np.array([0, 1, 10, 100])).tolist()
        [0, 1, 3, 6]
    """
    full = math.log(max(2, int(counts.max(initial=0))))
    share = np.log(np.maximum(counts, 1)) / full
    return np.where(counts > 0, 1 + np.rint(share * (len(SHADES) - 1)).astype(np.int64), 0)


def long_tail_axis(high: float, *, gap: float = 0.12) -> Axis:
    """An axis from 0 on which equal steps are equal steps of log(1 + x).

    Examples:
        >>> long_tail_axis(250.0).labels
        ['0', '1', '3', '10', '30', '100']
    """
    scale = math.log1p
    wanted = [0.0] + [factor * 10.0**power for power in range(-2, 9) for factor in (1, 3)]
    ticks: list[float] = []
    for tick in (tick for tick in wanted if tick <= high):
        if not ticks or (scale(tick) - scale(ticks[-1])) / scale(high) >= gap:
            ticks.append(tick)
    return Axis(0.0, high, ticks, [short_count(tick) for tick in ticks], scale)


def triangle(item: Triangle) -> Markup:
    """A row for each trained bin, a column for each evaluated one, a number and a tint in each cell."""
    rows = [(str(bin_size), values) for bin_size, values in zip(item.trained, item.pearson.tolist(), strict=True)]
    if item.ceiling is not None:
        rows.append(("ceiling", item.ceiling.tolist()))
    known = finite(item.pearson.ravel().tolist())
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    width, height = heat_width(item), HEAD + ROW * len(rows) + 2
    drawn = [
        tag("text", str(bin_size), x=SIDE + CELL * (j + 0.5), y=HEAD - 8, text_anchor="middle")
        for j, bin_size in enumerate(item.evaluated)
    ]
    for i, (label, values) in enumerate(rows):
        y = HEAD + ROW * i
        drawn.append(tag("text", label, x=SIDE - 6, y=y + ROW / 2 + 4.5, text_anchor="end"))
        for j, value in enumerate(values):
            if is_number(value):
                strength = FAINTEST + (STRONGEST - FAINTEST) * (value - low) / ((high - low) or 1.0)
                place = {"x": SIDE + CELL * j + 1, "y": y + 1, "width": CELL - 2, "height": ROW - 2}
                if i < len(item.trained):  # the ceiling is no model, so it has no tint
                    drawn.append(tag("rect", **place, rx=2, fill_opacity=strength, class_="cell"))
                drawn.append(
                    tag("text", number(value, 2), tag("title", number(value, 4)), x=SIDE + CELL * (j + 0.5),
                        y=y + ROW / 2 + 4.5, text_anchor="middle", class_="value")
                )  # fmt: skip
    said = f"Whole Pearson by trained and evaluated bin, {item.name}"
    return tag("svg", *drawn, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=said, class_="heat",
               style=f"width: 100%; max-width: {width:g}px; min-width: {LEAST * width:g}px")  # fmt: skip


def heat_width(item: Triangle) -> float:
    """Width in px at which the cells of a triangle have their full size."""
    return SIDE + CELL * len(item.evaluated) + 2


def threshold_curves(items: list[ThresholdCurve], styles: dict[str, Style]) -> Markup:
    """Per-sequence Pearson against the threshold on the test windows, with its interval where one is given."""
    ends = [end for item in items for end in (item.pearson, item.low, item.high) if end is not None]
    x = Axis.over(value for item in items for value in item.thresholds.tolist())
    y = Axis.over((value for end in ends for value in end.tolist()), padding=0.06)
    drawn: list[Markup] = []
    for item in items:
        style = styles[item.row]
        if item.low is not None and item.high is not None:
            drawn.append(
                tag(
                    "path",
                    d=_band(x, y, item.thresholds, item.low, item.high),
                    fill=style.colour,
                    class_="band",
                    fill_opacity=0.16 if len(items) < 4 else 0.07,
                )
            )
    for item in items:
        pairs = list(_known(item.thresholds, item.pearson))
        drawn.append(_curve(styles[item.row], x, y, pairs, item.row))
        for at, value in pairs:
            drawn.append(styles[item.row].draw(x.x(at), y.y(value), 4, tag("title", f"{item.row}: {number(value, 4)}")))
    said = f"Per-sequence Pearson against test threshold for {', '.join(item.row for item in items)}"
    return panel(said, x, y, "test threshold", "Pearson (per sequence)", *drawn)


def window_curves(items: list[ThresholdCurve], styles: dict[str, Style]) -> Markup:
    """How many windows are left at each threshold; rows with the same test set share one line."""
    x = Axis.over(value for item in items for value in item.thresholds.tolist())
    known = [int(value) for item in items for value in item.windows.tolist() if value > 0] or [1]
    low, high = min(known) / 1.3, max(known) * 1.3
    ticks = _counting_ticks(low, high)
    y = Axis(low, high, ticks, [short_count(tick) for tick in ticks], math.log10)
    distinct = {(item.thresholds.tobytes(), item.windows.tobytes()): item for item in reversed(items)}
    drawn = []
    for item in reversed(distinct.values()):
        pairs = [(at, left) for at, left in _known(item.thresholds, item.windows) if left > 0]
        drawn.append(_curve(styles[item.row], x, y, pairs, item.row))
        drawn += [
            styles[item.row].draw(
                x.x(at), y.y(left), 4, tag("title", f"above {number(at)}: {count(int(left))} windows")
            )
            for at, left in pairs
        ]
    return panel("Number of test windows against test threshold", x, y, "test threshold", "windows", *drawn)


def robustness(item: Robustness, styles: dict[str, Style]) -> Markup:
    """Variation score across, Pearson up: the upper left corner is accurate and robust."""
    known = [(p, list(_known(p.variation, p.pearson))) for p in item.points]
    every = [pair for _, pairs in known for pair in pairs]
    x = Axis.over([0.0, *(variation for variation, _ in every)], padding=0.04)
    y = Axis.over([*(pearson for _, pearson in every), item.ceiling], padding=0.08)
    drawn: list[Markup] = []
    if is_number(item.ceiling):
        drawn.append(tag("path", tag("title", f"replicate ceiling {number(item.ceiling, 4)}"), class_="diagonal",
                         d=f"M{LEFT} {y.y(item.ceiling):.2f}H{RIGHT}"))  # fmt: skip
        above = y.y(item.ceiling) > (TOP + BOTTOM) / 2
        drawn.append(tag("text", "replicate ceiling", x=RIGHT - 4, y=y.y(item.ceiling) + (-7 if above else 17),
                         text_anchor="end"))  # fmt: skip
    for point, pairs in known:
        style = styles[point.row]
        drawn += [tag("circle", cx=x.x(a), cy=y.y(b), r=2.6, fill=style.colour, class_="dot") for a, b in pairs]
    for point, pairs in known:
        if pairs:
            variation, pearson = fmean(a for a, _ in pairs), fmean(b for _, b in pairs)
            said = f"{point.row}: variation {number(variation)}, Pearson {number(pearson)}, {len(pairs)} seeds"
            drawn.append(styles[point.row].draw(x.x(variation), y.y(pearson), 6, tag("title", said)))
    said = f"Pearson against variation score of {', '.join(point.row for point in item.points)}"
    return panel(said, x, y, "variation score", "Pearson (per sequence)", *drawn)


def _curve(style: Style, x: Axis, y: Axis, pairs: list[tuple[float, float]], said: str) -> Markup:
    path = points([x.x(a) for a, _ in pairs], [y.y(b) for _, b in pairs])
    return tag("path", tag("title", said), d=path, stroke=style.colour, stroke_dasharray=style.dash, class_="curve")


def _known(xs: Array, ys: Array | Counts) -> Iterable[tuple[float, float]]:
    return ((a, b) for a, b in zip(xs.tolist(), ys.tolist(), strict=True) if is_number(a) and is_number(b))


def _band(x: Axis, y: Axis, xs: Array, low: Array, high: Array) -> str:
    known = np.isfinite(low) & np.isfinite(high)
    upper = [(x.x(a), y.y(b)) for a, b in zip(xs[known].tolist(), high[known].tolist(), strict=True)]
    lower = [(x.x(a), y.y(b)) for a, b in zip(xs[known].tolist(), low[known].tolist(), strict=True)]
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in (*upper, *reversed(lower))) + "z" if upper else ""


def _counting_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between two counts, with 2 and 5 times them where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high and tick >= 1]
        if len(ticks) >= 3:
            break
    return ticks
