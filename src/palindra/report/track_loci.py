"""Pictures of truth and prediction along a chromosome, as wide as the page lets them be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from palindra.report.axes import LETTER, round_ticks
from palindra.report.numbers import count, finite, number
from palindra.report.svg import join, tag
from palindra.report.track_records import Array, Locus, TrackView

HALF = 60.0  # px above the axis, and again below it for the partner of a stranded pair
NARROWEST = 300.0  # px: the width at which the coordinates still have room
GIVEN, TURNED = "var(--series-0)", "var(--series-1)"


class Lane(NamedTuple):
    """One picture of a locus and what stands above it."""

    title: str
    details: list[str]
    picture: Markup


class _Frame(NamedTuple):
    """Where the values of one track fall in its lane."""

    zero: float  # px from the top
    scale: float  # px per unit, negative for the mirrored partner
    top: float  # of the part of the lane that this track has for itself
    bottom: float


def lanes(locus: Locus) -> list[Lane]:
    """One lane per track; a stranded pair shares one, the first of the two above the axis, its partner below."""
    by_name = {view.name: view for view in locus.views}
    shared: list[list[TrackView]] = []
    for view in locus.views:
        partner = by_name[view.partner or view.name]
        if not any(view in lane for lane in shared):
            shared.append([view] if partner is view else [view, partner])
    return [_lane(locus, lane) for lane in shared]


def position_axis(locus: Locus) -> Markup:
    """Coordinates below the lanes of a locus."""
    texts: list[Markup] = []
    end = 0.0
    for tick in _ticks(locus):
        label, at = count(tick), _share(locus, tick)
        half = len(label) * LETTER / 2
        if at * NARROWEST - half >= end and at * NARROWEST + half <= NARROWEST:
            texts.append(tag("text", label, x=f"{100 * at:.2f}%", y=16, text_anchor="middle"))
            end = at * NARROWEST + half + LETTER
    return tag("svg", *texts, width="100%", height=22, aria_hidden="true", class_="track")


def legend(*, turned: bool) -> list[tuple[str, Markup]]:
    """Names and swatches of what a lane holds."""
    turned_back = tag("path", d="M0 8H32", stroke=TURNED, class_="turned")
    given = tag("path", d="M0 8H32", stroke=GIVEN, class_="prediction")
    entries = [
        ("measured", tag("path", d="M0 16V8H10V3H22V9H32V16z", class_="truth")),
        ("predicted, strand as given", given),
        ("predicted, reverse complement turned back", join((turned_back, given))),
    ]
    return [
        (name, tag("svg", line, width=32, height=16, aria_hidden="true", class_="swatch"))
        for name, line in entries[: 2 + turned]
    ]


def steps(values: Array, zero: float, scale: float) -> str:
    """The ``d`` of a line that is flat over every bin and broken where a value is missing.

    Examples:
        >>> steps(np.array([1.0, 2.0, np.nan, 0.0]), zero=10, scale=2)
        'M0 8H1V6H2M3 10H4'
    """
    return "".join(f"M{start} {line}" for start, line in _runs(values, zero, scale))


def area(values: Array, zero: float, scale: float) -> str:
    """The ``d`` of what lies between zero and the values.

    Examples:
        >>> area(np.array([1.0, 2.0, np.nan, 0.0]), zero=10, scale=2)
        'M0 10V8H1V6H2V10zM3 10V10H4V10z'
    """
    return "".join(f"M{start} {zero:g}V{line}V{zero:g}z" for start, line in _runs(values, zero, scale))


def strand_difference(view: TrackView) -> float:
    """Largest difference between the predictions from both strands; NaN where only one was made.

    Examples:
        >>> strand_difference(TrackView("MNase", np.zeros(2), np.array([1.0, 2.0]), np.array([1.0, 1.5])))
        0.5
    """
    if view.turned is None:
        return math.nan
    return max(finite(np.abs(view.given - view.turned).tolist()), default=math.nan)


def locus_pearson(truth: Array, prediction: Array) -> float:
    """Pearson over the bins of a locus where both have a value; NaN where either does not vary."""
    known = np.isfinite(truth) & np.isfinite(prediction)
    x, y = (np.asarray(values, dtype=np.float64)[known] for values in (truth, prediction))
    return float(np.corrcoef(x, y)[0, 1]) if len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0 else math.nan


def _runs(values: Array, zero: float, scale: float) -> Iterator[tuple[int, str]]:
    """Start and heights of every stretch of bins without a gap."""
    parts: list[str] = []
    for i, value in enumerate(np.asarray(values, dtype=np.float64).tolist()):
        if math.isfinite(value):
            y = f"{zero - scale * value:.2f}".rstrip("0").rstrip(".")
            parts.append(f"{'V' * bool(parts)}{y}H{i + 1}")
        elif parts:
            yield i - len(parts), "".join(parts)
            parts = []
    if parts:
        yield len(values) - len(parts), "".join(parts)


def _lane(locus: Locus, views: list[TrackView]) -> Lane:
    known = finite(value for view in views for line in (view.truth, view.given, view.turned) if line is not None
                   for value in line.tolist())  # fmt: skip
    largest = max(map(abs, known), default=0.0) or 1.0
    paired = len(views) > 1
    low, high = (-largest, largest) if paired else (min(0.0, *known, 0.0), max(0.0, *known, 0.0))
    high = high if high > low else 1.0
    height = HALF * (1 + paired)
    scale = height / (high - low)
    zero = scale * high
    frames = [_Frame(zero, scale, 0, zero), _Frame(zero, -scale, zero, height)]
    frames = frames if paired else [_Frame(zero, scale, 0, height)]
    curves = tag(
        "svg",
        *(shape for view, frame in zip(views, frames, strict=True) for shape in _shapes(view, frame)),
        width="100%",
        height=height,
        viewBox=f"0 0 {len(views[0])} {height:g}",
        preserveAspectRatio="none",
    )
    grid = [
        tag("line", x1=at, x2=at, y1=0, y2=height, class_="grid")
        for at in (f"{100 * _share(locus, tick):.2f}%" for tick in _ticks(locus))
    ]
    line = tag("line", x1="0", x2="100%", y1=zero, y2=zero, class_="frame")
    names = " and ".join(view.name for view in views)
    said = f"{names}, measured and predicted, on {locus}: {count(len(views[0]))} bins of {count(locus.bin_size)} bp"
    picture = tag("svg", *grid, curves, line, width="100%", height=height, role="img", aria_label=said, class_="track")
    sides = [" (above)", " (below, mirrored)"] if paired else [""]
    reach = f"0 to {number(largest)} to either side" if paired else f"{number(low)} to {number(high)}"
    title = " and ".join(view.name + side for view, side in zip(views, sides, strict=True))
    agreements = [_agreement(view, named=paired) for view in views]
    return Lane(title, [reach, *agreements] if paired else [f"{reach} · {agreements[0]}"], picture)


def _shapes(view: TrackView, frame: _Frame) -> list[Markup]:
    blank = np.where(np.isfinite(view.truth), np.nan, frame.bottom)  # flat at the far edge where nothing was measured
    gaps = "".join(f"M{start} {frame.top:g}V{line}V{frame.top:g}z" for start, line in _runs(blank, 0, -1))
    lines = [(view.turned, TURNED, "turned"), (view.given, GIVEN, "prediction")]  # the broad one below
    return [
        *([tag("path", d=gaps, class_="missing")] if gaps else []),
        tag("path", d=area(view.truth, frame.zero, frame.scale), class_="truth"),
        *(
            tag("path", d=steps(values, frame.zero, frame.scale), stroke=colour, class_=name)
            for values, colour, name in lines
            if values is not None
        ),
    ]


def _agreement(view: TrackView, *, named: bool) -> str:
    said = f"r {number(locus_pearson(view.truth, view.given), 2)}"
    if view.turned is not None:
        said += f" as given, {number(locus_pearson(view.truth, view.turned), 2)} turned back"
        said += f" · strands differ by at most {number(strand_difference(view))}"
    return f"{view.name}: {said}" if named else said


def _ticks(locus: Locus) -> list[int]:
    """Round coordinates; bases are whole, so that a very short locus has a tick at each of them at most."""
    return sorted({round(tick) for tick in round_ticks(locus.start, locus.end, 4) if tick == round(tick)})


def _share(locus: Locus, position: int) -> float:
    return (position - locus.start) / (locus.end - locus.start)
