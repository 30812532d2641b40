"""Numbers with their intervals as rows that share one axis, so that the eye can compare them."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from palindra.report.axes import Axis
from palindra.report.explanation.contents import Measured
from palindra.report.numbers import count, decimals, finite, interval, is_number, p_value, signed
from palindra.report.svg import tag

WIDTH, HEIGHT = 150.0, 26.0


class Row(NamedTuple):
    """A number as words, and as a bar over its interval."""

    name: str
    value: str
    interval: str
    q: str
    observations: str
    surely: str  # "raises" or "lowers" where the interval does not hold zero, else ""
    bar: Markup


def rows(items: list[Measured | None]) -> list[Row | None]:
    """Numbers of one kind, all on one axis that holds zero; None stays None."""
    known = [item for item in items if item is not None]
    axis = Axis.over([0.0, *(v for item in known for v in (item.value, item.low, item.high))], padding=0.04)
    halves = [(item.high - item.low) / 2 for item in known]
    places = decimals([item.value for item in known], halves)
    return [None if item is None else _row(item, axis, places) for item in items]


def bar(value: float, low: float, high: float, axis: Axis, said: str) -> Markup:
    """A mark at a value, a line over its interval, a thin line at zero."""
    middle = HEIGHT / 2

    def at(number: float) -> float:
        return 6 + (WIDTH - 12) * min(1.0, max(0.0, axis.at(number)))

    drawn = [tag("path", d=f"M{at(0):.1f} 2V{HEIGHT - 2:g}", class_="zero")] if axis.low <= 0 <= axis.high else []
    if is_number(low) and is_number(high):
        drawn.append(tag("path", d=f"M{at(low):.1f} {middle:g}H{at(high):.1f}", class_="interval"))
    if is_number(value):
        drawn.append(tag("circle", cx=at(value), cy=middle, r=5, class_="mark"))
    return tag(
        "svg",
        tag("title", said),
        *drawn,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=said,
        class_="forest",
    )


def _row(item: Measured, axis: Axis, places: int) -> Row:
    within = interval(item.low, item.high, places)
    said = f"{item.name}: {signed(item.value, places)}" + (f", interval {within}" if within else ", no interval")
    away = len(finite([item.low, item.high])) == 2 and (item.low > 0 or item.high < 0)
    return Row(
        name=item.name,
        value=signed(item.value, places),
        interval=within or "no interval",
        q=p_value(item.q) if is_number(item.q) else "not tested",
        observations=count(item.observations),
        surely=("raises" if item.low > 0 else "lowers") if away else "",
        bar=bar(item.value, item.low, item.high, axis, said),
    )
