"""Importance against positions, distances and copies: lines with their intervals."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from palindra.report.axes import Axis, panel
from palindra.report.explanation.contents import Curve
from palindra.report.numbers import finite, interval, is_number, number
from palindra.report.svg import points, tag

MARKED = 16  # points that get a mark and a hover text; a longer curve gets hover strips without marks
_LINE, _BEHIND = "var(--series-0)", "var(--muted)"


class Drawn(NamedTuple):
    """A curve as a picture, and what it says in one line."""

    title: str
    detail: str
    picture: Markup


def draw_curves(curves: list[Curve], output: str, *, shared: bool = False) -> list[Drawn]:
    """One panel for each curve: mean, band of its interval, a dashed line at no importance.

    Args:
        curves: to draw.
        output: what importance is measured in, for the vertical axis.
        shared: whether all panels have the same axes and show the other curves faintly, as for the orders and
            orientations of one pair.
    """
    return [Drawn(curve.title, peak(curve), _picture(curve, output, curves if shared else [curve])) for curve in curves]


def peak(curve: Curve) -> str:
    """Where a curve is furthest from no importance.

    Examples:
        >>> peak(Curve("copies of m", "copies", [1, 2, 3], [0.1, 0.4, 0.2], [0.0, 0.3, 0.1], [0.2, 0.5, 0.3]))
        'largest at 2: +0.400 (0.300 to 0.500)'
    """
    known = _places(curve)
    if not known:
        return "no number"
    best = max(known, key=lambda place: abs(curve.mean[place]))
    said = interval(curve.low[best], curve.high[best])
    sign = "+" * (curve.mean[best] > 0)
    return f"largest at {_short(curve.x[best])}: {sign}{number(curve.mean[best])}" + (f" ({said})" if said else "")


def _picture(curve: Curve, output: str, together: list[Curve]) -> Markup:
    x = Axis.over([value for one in together for value in one.x])
    y = Axis.over([0.0, *(v for one in together for v in (*one.mean, *one.low, *one.high))], padding=0.06)
    drawn = [tag("path", d=f"M{x.x(x.low):.1f} {y.y(0):.1f}H{x.x(x.high):.1f}", class_="diagonal")]
    for other in together:
        if other is not curve:
            places = _places(other)
            line = points([x.x(other.x[i]) for i in places], [y.y(other.mean[i]) for i in places])
            drawn.append(tag("path", d=line, stroke=_BEHIND, class_="curve other"))
    places = _places(curve)
    across, means = [x.x(curve.x[i]) for i in places], [y.y(curve.mean[i]) for i in places]
    drawn += [tag("path", d=d, fill=_LINE, class_="band") for d in _bands(curve, x, y)]
    drawn.append(tag("path", d=points(across, means), stroke=_LINE, class_="curve"))
    drawn += _marks(curve, places, across, means) if len(places) <= MARKED else _strips(curve, places, across, y)
    return panel(f"{curve.title}: importance against {curve.axis}", x, y, curve.axis, output, *drawn)


def _marks(curve: Curve, places: list[int], across: list[float], means: list[float]) -> list[Markup]:
    return [
        tag("circle", tag("title", _said(curve, place)), cx=x, cy=y, r=4, fill=_LINE, class_="mark")
        for place, x, y in zip(places, across, means, strict=True)
    ]


def _strips(curve: Curve, places: list[int], across: list[float], y: Axis) -> list[Markup]:
    """Invisible columns over a long curve, each saying the point of the largest effect in it."""
    columns: dict[int, int] = {}
    for place, x in zip(places, across, strict=True):
        column = int(x // 4)
        if column not in columns or abs(curve.mean[place]) > abs(curve.mean[columns[column]]):
            columns[column] = place
    top, bottom = y.y(y.high), y.y(y.low)
    return [
        tag("path", tag("title", _said(curve, place)), d=f"M{4 * c} {top:g}h4V{bottom:g}h-4z", class_="strip")
        for c, place in columns.items()
    ]


def _bands(curve: Curve, x: Axis, y: Axis) -> list[str]:
    """One closed outline for each stretch whose interval is known."""
    stretches: list[list[int]] = [[]]
    for place in range(len(curve.x)):
        known = all(is_number(v) for v in (curve.x[place], curve.low[place], curve.high[place]))
        if known:
            stretches[-1].append(place)
        elif stretches[-1]:
            stretches.append([])
    outlines = []
    for stretch in stretches:
        if len(stretch) > 1:
            around = [(i, curve.high[i]) for i in stretch] + [(i, curve.low[i]) for i in reversed(stretch)]
            outlines.append(points([x.x(curve.x[i]) for i, _ in around], [y.y(v) for _, v in around]) + "z")
    return outlines


def _places(curve: Curve) -> list[int]:
    return [i for i, (x, mean) in enumerate(zip(curve.x, curve.mean, strict=True)) if finite([x, mean]) == [x, mean]]


def _said(curve: Curve, place: int) -> str:
    said = interval(curve.low[place], curve.high[place])
    return f"{_short(curve.x[place])}: {number(curve.mean[place])} ({said or 'no interval'})"


def _short(value: float) -> str:
    return f"{value:,.6g}".replace("-", "−")
