"""The figures of a report: values in, inline SVG out.

Text that a user wrote (names of strategies and metrics) is set in HTML around the pictures, where it can wrap; inside
them it appears only in tooltips and descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

from markupsafe import Markup

from palindra.report.axes import Axis, diagonal, panel
from palindra.report.comparison import Curve, LearningPoint, Reliability, Strands
from palindra.report.numbers import count, finite, interval, is_number, number
from palindra.report.palette import Style
from palindra.report.svg import join, points, tag

TRACK_HEIGHT = 44
_MARGIN = 7.0  # per cent of a track on either side, so that its outermost tick labels stay inside


class Panel(NamedTuple):
    """One of several pictures that are read side by side."""

    name: str
    style: Style
    picture: Markup
    detail: str


def percent(axis: Axis, value: float) -> str:
    """The place of a value along a track, which is as wide as the page lets it be."""
    return f"{_MARGIN + (100 - 2 * _MARGIN) * axis.at(value):.2f}%"


def seed_track(
    name: str,
    values: list[float],
    summary: tuple[float, float, float] | None,
    style: Style,
    axis: Axis,
    reference: float | None = None,
) -> Markup:
    """One strategy: a pale dot for every seed, its mark at the mean, a bar over the interval.

    Args:
        name: for the description and the tooltips.
        values: one value per seed; what is not a number is not drawn.
        summary: mean, low and high; the bar is left out where low or high is not a number.
        style: of the strategy.
        axis: shared by all tracks.
        reference: mean of the reference, drawn as a dashed line.
    """
    middle = TRACK_HEIGHT / 2
    mean, low, high = summary or (float("nan"),) * 3
    drawn = [_track_grid(axis, TRACK_HEIGHT)]
    if is_number(reference):
        at = percent(axis, reference or 0.0)
        drawn.append(tag("line", x1=at, x2=at, y1=0, y2=TRACK_HEIGHT, class_="diagonal"))
    for seed, value in enumerate(values):
        if is_number(value):
            spread = ((seed * 0.618) % 1 - 0.5) * (TRACK_HEIGHT - 16) * (len(values) > 1)  # so that equal seeds show
            title = tag("title", f"{name}, run {seed + 1}: {number(value, 4)}")
            x, y = percent(axis, value), middle + spread
            drawn.append(tag("circle", title, cx=x, cy=y, r=3.5, fill=style.colour, class_="dot"))
    if is_number(low) and is_number(high):
        ends = {"x1": percent(axis, low), "x2": percent(axis, high)}
        drawn.append(tag("line", y1=middle, y2=middle, stroke=style.colour, class_="interval", **ends))
    said = f"mean {number(mean, 4)}" + (f", 95 % interval {interval(low, high, 4)}" if interval(low, high) else "")
    if is_number(mean):
        mark = style.draw(0, 0, 6, tag("title", f"{name}: {said}"))
        drawn.append(tag("svg", mark, x=percent(axis, mean), y=middle, overflow="visible"))
    label = f"{name}: {len(finite(values))} runs, {said}"
    return tag("svg", *drawn, width="100%", height=TRACK_HEIGHT, role="img", aria_label=label, class_="track")


def track_axis(axis: Axis) -> Markup:
    """The tick labels below all tracks."""
    texts = [
        tag("text", label, x=percent(axis, tick), y=14, text_anchor="middle")
        for tick, label in zip(axis.ticks, axis.labels, strict=True)
    ]
    return tag("svg", *texts, width="100%", height=20, aria_hidden="true", class_="track")


def roc(items: list[Curve], styles: dict[str, Style]) -> Markup:
    """ROC curves in one panel, with the diagonal of chance."""
    x = y = Axis.over([0.0, 1.0])
    return _curves(items, styles, x, y, "false positive rate", "true positive rate", diagonal(x, y))


def precision_recall(items: list[Curve], styles: dict[str, Style]) -> Markup:
    """Precision-recall curves in one panel."""
    x = y = Axis.over([0.0, 1.0])
    return _curves(items, styles, x, y, "recall", "precision")


def learning_curve(items: list[LearningPoint], styles: dict[str, Style]) -> Markup:
    """The score of every run against its number of training examples, and a line through the means."""
    items = [item for item in items if is_number(item.value) and item.size > 0]
    x, y = Axis.of_sizes(item.size for item in items), Axis.over((item.value for item in items), padding=0.06)
    drawn: list[Markup] = []
    for name, style in styles.items():
        own = [item for item in items if item.row == name]
        sizes = sorted({item.size for item in own})
        means = [fmean(item.value for item in own if item.size == size) for size in sizes]
        drawn += [
            tag("circle", cx=x.x(item.size), cy=y.y(item.value), r=2.2, fill=style.colour, class_="dot") for item in own
        ]
        line = {"stroke": style.colour, "stroke_dasharray": style.dash}
        drawn.append(tag("path", d=_line(x, y, zip(sizes, means, strict=True)), class_="curve", **line))
        drawn += [
            style.draw(x.x(size), y.y(mean), 4.5, tag("title", f"{name}, {count(size)} examples: {number(mean, 4)}"))
            for size, mean in zip(sizes, means, strict=True)
        ]
    return panel(
        "Score against number of training examples", x, y, "training examples", "score on the test split", *drawn
    )


def reliability(item: Reliability, style: Style) -> Markup:
    """Observed against predicted frequency, one mark per bin, its size by the number of examples in it."""
    x, y = Axis.over([0.0, 1.0]), Axis.over([0.0, 1.0])
    bins = zip(item.predicted, item.observed, item.low, item.high, item.count, strict=True)
    known = [b for b in bins if is_number(b[0]) and is_number(b[1])]
    largest = max((size for *_, size in known), default=1) or 1
    drawn = [diagonal(x, y)]
    line = _line(x, y, ((predicted, observed) for predicted, observed, *_ in known))
    drawn.append(tag("path", d=line, stroke=style.colour, stroke_dasharray=style.dash, class_="curve faint"))
    for predicted, observed, low, high, size in known:
        if is_number(low) and is_number(high):
            d = f"M{x.x(predicted):.2f} {y.y(low):.2f}V{y.y(high):.2f}"
            drawn.append(tag("path", d=d, stroke=style.colour, class_="whisker"))
        rate = f"predicted {number(predicted)}, observed {number(observed)}"
        said = f"{rate} ({interval(low, high) or 'no interval'}), {count(size)} examples"
        drawn.append(style.draw(x.x(predicted), y.y(observed), 3 + 3.5 * (size / largest) ** 0.5, tag("title", said)))
    return panel(f"Calibration of {item.row}", x, y, "predicted", "observed", *drawn)


def strands(item: Strands, style: Style, axis: Axis) -> Markup:
    """Each example's prediction on its reverse complement against that on the strand itself, with the diagonal."""
    both = [(a, b) for a, b in zip(item.forward, item.reverse, strict=True) if is_number(a) and is_number(b)]
    dots = [f"M{axis.x(a):.1f} {axis.y(b):.1f}h0" for a, b in both]
    few = 25  # dots per path: a path is painted once, so only dots of different paths darken where they overlap
    drawn = [
        tag("path", d="".join(dots[i : i + few]), stroke=style.colour, class_="points")
        for i in range(0, len(dots), few)
    ]
    description = f"Predictions of {item.row} on both strands, {count(len(both))} examples"
    titles = "on the strand as given", "on its reverse complement"
    return panel(description, axis, axis, *titles, diagonal(axis, axis), *drawn)


def strands_axis(items: Iterable[Strands]) -> Axis:
    """One axis for all scatter plots: the unit interval where all predictions are in it, their range elsewhere."""
    values = finite(value for item in items for value in (*item.forward, *item.reverse))
    probabilities = not values or (min(values) >= 0 and max(values) <= 1)
    return Axis.over([0.0, 1.0]) if probabilities else Axis.over(values, padding=0.04)


def reliability_panels(items: list[Reliability], styles: dict[str, Style]) -> list[Panel]:
    """One calibration plot for each strategy."""
    return [
        Panel(item.row, styles[item.row], reliability(item, styles[item.row]), f"{count(sum(item.count))} examples")
        for item in items
    ]


def strands_panels(items: list[Strands], styles: dict[str, Style]) -> list[Panel]:
    """One scatter plot for each strategy, all with the same axes, and the mean distance from the diagonal."""
    axis = strands_axis(items)
    return [
        Panel(item.row, styles[item.row], strands(item, styles[item.row], axis), _mean_difference(item))
        for item in items
    ]


def _mean_difference(item: Strands) -> str:
    differences = finite(abs(a - b) for a, b in zip(item.forward, item.reverse, strict=True))
    return f"mean difference {number(fmean(differences))}" if differences else "no predictions"


def _curves(
    items: list[Curve], styles: dict[str, Style], x: Axis, y: Axis, x_title: str, y_title: str, *below: Markup
) -> Markup:
    lines = [
        tag(
            "path",
            tag("title", item.row),
            d=_line(x, y, zip(item.x, item.y, strict=True)),
            stroke=styles[item.row].colour,
            stroke_dasharray=styles[item.row].dash,
            class_="curve",
        )
        for item in items
    ]
    description = f"{y_title} against {x_title} for {', '.join(item.row for item in items)}"
    return panel(description, x, y, x_title, y_title, *below, *lines)


def _track_grid(axis: Axis, height: float) -> Markup:
    return join(
        [tag("line", x1=at, x2=at, y1=0, y2=height, class_="grid") for at in (percent(axis, t) for t in axis.ticks)]
    )


def _line(x: Axis, y: Axis, pairs: Iterable[tuple[float, float]]) -> str:
    known = [(a, b) for a, b in pairs if is_number(a) and is_number(b)]
    return points([x.x(a) for a, _ in known], [y.y(b) for _, b in known])
