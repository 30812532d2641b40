"""Axes: where values fall on a picture, which ticks it gets, and the frame around a panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup

from palindra.report.numbers import MINUS, finite, short_count
from palindra.report.svg import join, tag

WIDTH, HEIGHT = 340.0, 312.0  # of a panel, which a phone shows at 328 px: 13.5 units of type stay above 12 px
LETTER = 9.5  # width of a character in the largest type that the style sheet gives a panel (15 units)
LEFT, RIGHT, TOP, BOTTOM = 64.0, 326.0, 28.0, 262.0  # of the frame inside it


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high``, laid out between two positions, with labelled ticks.

    Examples:
        >>> axis = Axis.over([0.0, 1.0])
        >>> axis.at(0.5), axis.labels
        (0.5, ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0'])
    """

    low: float
    high: float
    ticks: list[float]
    labels: list[str]
    scale: Callable[[float], float] = float

    @classmethod
    def over(cls, values: Iterable[float | None], *, padding: float = 0.0, count: int = 5) -> Axis:
        """An axis that holds all values that are numbers, with about ``count`` round ticks."""
        known = finite(values)
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        least = 1e-3 * max(abs(low), abs(high)) or 1.0  # one value alone gets room, and labels stay short
        room = max(0.0, least - (high - low)) / 2
        low, high = low - room, high + room
        extra = (high - low) * padding
        low, high = low - extra, high + extra
        ticks = round_ticks(low, high, count)
        return cls(low, high, ticks, tick_labels(ticks))

    @classmethod
    def of_sizes(cls, sizes: Iterable[int], *, gap: float = 0.13) -> Axis:
        """A logarithmic axis with ticks at the sizes themselves, where they leave room for their labels."""
        known = sorted({float(size) for size in sizes if size > 0}) or [1.0]
        low, high = known[0] / 1.15, known[-1] * 1.15
        axis = cls(low, high, [], [], math.log10)
        ticks: list[float] = []
        for size in known:
            if not ticks or axis.at(size) - axis.at(ticks[-1]) >= gap:
                ticks.append(size)
        return cls(low, high, ticks, [short_count(tick) for tick in ticks], math.log10)

    def at(self, value: float) -> float:
        """The place of a value as a fraction of the axis."""
        start, stop = self.scale(self.low), self.scale(self.high)
        return (self.scale(value) - start) / (stop - start)

    def x(self, value: float) -> float:
        """The place of a value across a panel."""
        return LEFT + (RIGHT - LEFT) * self.at(value)

    def y(self, value: float) -> float:
        """The place of a value up a panel."""
        return BOTTOM - (BOTTOM - TOP) * self.at(value)


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two values, at most ``count + 1`` of them.

    Examples:
        >>> round_ticks(0.871, 0.934)
        [0.88, 0.89, 0.9, 0.91, 0.92, 0.93]
        >>> round_ticks(-130, 270)
        [-100.0, 0.0, 100.0, 200.0]
    """
    power = math.floor(math.log10((high - low) / count))
    for exponent, factor in ((power, 1), (power, 2), (power, 5), (power + 1, 1), (power + 1, 2)):
        step = float(f"{factor}e{exponent}")
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first <= count:
            break
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def tick_labels(ticks: list[float]) -> list[str]:
    """Short labels with the same number of decimals, as few as tell the ticks apart.

    Examples:
        >>> tick_labels([0.88, 0.9, 0.92]), tick_labels([0.0, 250000.0, 500000.0]), tick_labels([-2e-5, 0.0])
        (['0.88', '0.90', '0.92'], ['0k', '250k', '500k'], ['−2e-05', '0'])
    """
    largest = max(map(abs, ticks), default=0.0)
    size, unit = next(((s, u) for s, u in ((1e6, "M"), (1e3, "k")) if largest >= 100 * s), (1.0, ""))
    if 0 < largest < 1e-3 or largest >= 1e10:
        return [f"{tick:.3g}".replace("-", MINUS, tick < 0) for tick in ticks]
    scaled = [tick / size for tick in ticks]
    exact = (n for n in range(8) if all(abs(round(tick, n) - tick) < 1e-9 * largest for tick in scaled))
    places = next(exact, 8)
    return [f"{tick:.{places}f}{unit}".replace("-", MINUS) for tick in scaled]


def panel(description: str, x: Axis, y: Axis, x_title: str, y_title: str, *content: Markup) -> Markup:
    """A picture with its frame: grid, tick labels, titles of the axes (the vertical one stands above), content."""
    grid = [tag("path", d=f"M{x.x(tick):.2f} {TOP}V{BOTTOM}", class_="grid") for tick in x.ticks]
    grid += [tag("path", d=f"M{LEFT} {y.y(tick):.2f}H{RIGHT}", class_="grid") for tick in y.ticks]
    texts = [tag("text", label, x=x.x(tick), y=BOTTOM + 19, text_anchor="middle") for tick, label in _with_room(x)]
    texts += [
        tag("text", label, x=LEFT - 7, y=y.y(tick) + 4.5, text_anchor="end")
        for tick, label in zip(y.ticks, y.labels, strict=True)
    ]
    texts.append(tag("text", x_title, x=(LEFT + RIGHT) / 2, y=HEIGHT - 8, text_anchor="middle", class_="axis"))
    texts.append(tag("text", y_title, x=4, y=14, class_="axis"))
    frame = tag("path", d=f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}", class_="frame")
    return tag(
        "svg",
        join(grid + texts),
        frame,
        *content,
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        role="img",
        aria_label=description,
        class_="panel",
    )


def _with_room(x: Axis) -> list[tuple[float, str]]:
    """The ticks of a horizontal axis whose labels do not run into the label before."""
    shown: list[tuple[float, str]] = []
    end = 0.0
    for tick, label in zip(x.ticks, x.labels, strict=True):
        half = len(label) * LETTER / 2
        if x.x(tick) - half >= end:
            shown.append((tick, label))
            end = x.x(tick) + half + LETTER / 2
    return shown


def diagonal(x: Axis, y: Axis) -> Markup:
    """The line on which both axes have the same value."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    d = f"M{x.x(low):.2f} {y.y(low):.2f}L{x.x(high):.2f} {y.y(high):.2f}"
    return tag("path", d=d, class_="diagonal")
