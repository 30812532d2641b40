"""The page of a grid of track models, and of the claims that were tested with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from statistics import fmean
from typing import Any, NamedTuple

from markupsafe import Markup

from palindra.report import figures, numbers
from palindra.report.axes import Axis
from palindra.report.document import draw, write_page
from palindra.report.numbers import is_number
from palindra.report.palette import MARKS, Style, styles
from palindra.report.svg import tag
from palindra.report.track_page import check_provenance, drawn_rows
from palindra.report.track_page import figures as shared_figures
from palindra.report.track_records import Robustness, ThresholdCurve, Triangle
from palindra.report.track_results import Claim, DataFacts, GridPanel, GridRow
from palindra.report.track_tables import SIGNS, claim_rows, data_tables

TRIVIAL = Style("var(--muted)", MARKS[1], None)
CEILING = Style("var(--text)", MARKS[3], None)
SEEDS = "Pale dots are single seeds, the large mark their mean, the bar its 95\N{NO-BREAK SPACE}% interval."
ARROW = "An arrow stands for a predictor too far away to be drawn with the others."
LINE = "The dashed line is the replicate ceiling: the second replicate scored as a prediction of the first."


@dataclass(frozen=True, eq=False)
class TrackComparison:
    """A finished grid of track models.

    Raises:
        ValueError: if two claims share an id, or the provenance lacks the command or the versions.

    Examples:
        >>> comparison = TrackComparison(
        ...     title="Grid on yeast", task="4 tracks", conclusion=["Nothing was run yet."], claims=[], panels=[],
        ...     triangles=[], thresholds=[], robustness=[], data=DataFacts([], [], [], []),
        ...     provenance={"command": "palindra compare grid.toml", "versions": "palindra 0.2"},
        ... )
        >>> "palindra compare grid.toml" in render(comparison)
        True
    """

    title: str
    task: str
    conclusion: list[str]  # plain sentences, computed by the command
    claims: list[Claim]
    panels: list[GridPanel]  # the first of a factor is shown open, those of further metrics below it folded
    triangles: list[Triangle]
    thresholds: list[ThresholdCurve]
    robustness: list[Robustness]
    data: DataFacts
    provenance: dict[str, str]  # command, versions, commit, seeds, date, machine, sha256 of inputs

    def __post_init__(self) -> None:
        ids = [claim.id for claim in self.claims]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"two claims are called {twice[0]!r}: every claim needs an id of its own.")
        check_provenance(self.provenance)


class Dots(NamedTuple):
    """One row of a grid: its name, what it is, its picture, and its score in figures."""

    row: GridRow
    picture: Markup
    value: str
    detail: str


def render(comparison: TrackComparison) -> str:
    """Draw one self-contained HTML page; the same comparison always gives the same page."""
    it = comparison
    models = [row.name for panel in it.panels for row in panel.rows if row.kind == "model"]
    look = styles(list(dict.fromkeys([*models, *drawn_rows(it.thresholds, it.robustness)])))
    factors: dict[str, list[dict[str, Any]]] = {}
    said: set[str] = set()
    for panel in it.panels:
        drawn = _panel(panel, look)
        again = drawn["reading"] in said  # the same words are said once
        said.add(drawn["reading"])
        factors.setdefault(panel.factor, []).append(drawn | {"reading": "" if again else drawn["reading"]})
    verdicts = [claim.verdict for claim in it.claims]
    return draw(
        "track_comparison.html.jinja",
        it=it,
        claims=claim_rows(it.claims),
        tally=", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in SIGNS if verdict in verdicts),
        factors=factors,
        **shared_figures(it.triangles, it.thresholds, it.robustness, look),
        data=data_tables(it.data),
    )


def write(comparison: TrackComparison, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(comparison), path)


def summary(row: GridRow) -> tuple[float, float, float]:
    """Mean, low and high; the mean of the seeds without an interval where the row gives none.

    Examples:
        >>> summary(GridRow("MSE", [0.5, 0.7]))
        (0.6, nan, nan)
    """
    known = numbers.finite(row.scores)
    return row.interval or (fmean(known) if known else float("nan"), float("nan"), float("nan"))


def _within(panel: GridPanel, means: dict[str, tuple[float, float, float]]) -> list[float]:
    """What the axis has to hold: all models, the ceiling, and the best trivial predictor.

    Worse ones would press the models together, so they stand at the edge with their number.
    """
    best = max if panel.higher_is_better else min
    trivial = numbers.finite(means[row.name][0] for row in panel.rows if row.kind == "trivial")
    shown = [v for row in panel.rows if row.kind != "trivial" for v in (*row.scores, *means[row.name])]
    return numbers.finite([*shown, *([best(trivial)] if trivial else [])])


def _is_beyond(value: float, axis: Axis) -> bool:
    return is_number(value) and not axis.low <= value <= axis.high


def _beyond(name: str, value: float, axis: Axis) -> Markup:
    """A row whose value lies outside the axis: an arrow at the edge that it lies behind."""
    left = value < axis.low
    words = tag("text", "◂ further left" if left else "further right ▸", x="0%" if left else "100%",
                y=figures.TRACK_HEIGHT / 2 + 5, text_anchor="start" if left else "end")  # fmt: skip
    return tag("svg", words, width="100%", height=figures.TRACK_HEIGHT, role="img",
               aria_label=f"{name}: {numbers.number(value)}, outside the axis", class_="track")  # fmt: skip


def _panel(panel: GridPanel, look: dict[str, Style]) -> dict[str, Any]:
    means = {row.name: summary(row) for row in panel.rows}
    axis = Axis.over(_within(panel, means), padding=0.03)
    places = numbers.decimals([mean for mean, _, _ in means.values()], [(h - lo) / 2 for _, lo, h in means.values()])
    ceiling = next((means[row.name][0] for row in panel.rows if row.kind == "ceiling"), None)
    runs = sorted({len(numbers.finite(row.scores)) for row in panel.rows if row.kind == "model"})
    return {
        "panel": panel,
        "axis": figures.track_axis(axis),
        "reading": " ".join(
            [
                "Every mark is one run; no interval can be given." if runs == [1] else SEEDS,
                *([ARROW] if any(_is_beyond(mean, axis) for mean, _, _ in means.values()) else []),
                "No second replicate was given, so there is no ceiling." if ceiling is None else LINE,
            ]
        ),
        "rows": [_dots(row, means[row.name], look, axis, ceiling, places) for row in panel.rows],
    }


def _dots(
    row: GridRow,
    mean: tuple[float, float, float],
    look: dict[str, Style],
    axis: Axis,
    ceiling: float | None,
    places: int,
) -> Dots:
    style = {"trivial": TRIVIAL, "ceiling": CEILING}.get(row.kind) or look[row.name]
    beyond = _is_beyond(mean[0], axis)
    picture = (
        _beyond(row.name, mean[0], axis)
        if beyond
        else figures.seed_track(row.name, row.scores, mean, style, axis, ceiling)
    )
    detail = numbers.interval(mean[1], mean[2], places) or ("no interval" if row.kind == "model" else "")
    return Dots(row, picture, numbers.number(mean[0], places), detail)
