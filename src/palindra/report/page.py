"""The page of a comparison."""

from __future__ import annotations

import math
import os
from statistics import fmean
from typing import Any, NamedTuple

from palindra.report import figures, numbers
from palindra.report.axes import Axis
from palindra.report.comparison import Comparison, Row, Test
from palindra.report.document import draw, write_page
from palindra.report.palette import Style, styles

SIGNIFICANT = 0.05


class Cell(NamedTuple):
    """One entry of the table: what is read, what stands small below it, and what it is sorted by."""

    text: str
    detail: str
    value: float | None
    best: bool = False


class Column(NamedTuple):
    """A column of the table, and the order in which a first click on its header sorts it: best first."""

    title: str
    first: str  # "ascending" | "descending"
    cells: list[Cell]


def render(comparison: Comparison) -> str:
    """Draw one self-contained HTML page; the same comparison always gives the same page."""
    look = styles([row.name for row in comparison.rows])
    metrics = sorted(comparison.metrics, key=lambda metric: metric != comparison.primary_metric)
    tested = sorted({test.metric for test in comparison.tests}, key=[*metrics, *comparison.higher_is_better].index)
    runs = sorted({len(row.scores.get(comparison.primary_metric, [])) for row in comparison.rows} - {0})
    learned = {point.row for point in comparison.learning_curve}
    return draw(
        "comparison.html.jinja",
        it=comparison,
        look=look,
        seeds=_seeds(runs),
        once=runs == [1],
        columns=[*(_metric_column(comparison, metric) for metric in metrics), *_cost_columns(comparison.rows)],
        tracks=_tracks(comparison, look),
        tests={metric: _test_rows(comparison, metric) for metric in tested},
        references=sorted({test.reference for test in comparison.tests}),
        significant=SIGNIFICANT,
        learning=figures.learning_curve(comparison.learning_curve, look),
        learned=[name for name in look if name in learned],
        roc=figures.roc(comparison.roc, look),
        precision_recall=figures.precision_recall(comparison.precision_recall, look),
        reliability=figures.reliability_panels(comparison.reliability, look),
        strands=figures.strands_panels(comparison.strands, look),
    )


def write(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(comparison), path)


def summary(row: Row, metric: str) -> tuple[float, float, float]:
    """Mean, low and high of a metric; the mean of the seeds without an interval where the row gives none."""
    values = numbers.finite(row.scores.get(metric, []))
    return row.intervals.get(metric) or (fmean(values) if values else math.nan, math.nan, math.nan)


def verdict(test: Test, *, higher_is_better: bool) -> str:
    """A test in words.

    Examples:
        >>> test = Test("AUROC", "none", "regular", -0.02, -0.03, -0.01, 0.001, 0.004, 10)
        >>> verdict(test, higher_is_better=True)
        'worse'
    """
    if not numbers.is_number(test.p_corrected) or not numbers.is_number(test.difference):
        return "not tested"
    if test.p_corrected >= SIGNIFICANT or test.difference == 0:
        return "no difference shown"
    return "better" if (test.difference > 0) == higher_is_better else "worse"


def _seeds(runs: list[int]) -> str:
    counts = " to ".join(str(number) for number in dict.fromkeys((runs[0], runs[-1]))) if runs else ""
    return f"{counts}\N{NO-BREAK SPACE}seed{'s' * (runs[-1] > 1)}" if runs else ""


def _metric_column(comparison: Comparison, metric: str) -> Column:
    higher = comparison.higher_is_better[metric]
    summaries = [summary(row, metric) for row in comparison.rows]
    means = numbers.finite(mean for mean, _, _ in summaries)
    best = (max if higher else min)(means, default=math.nan)
    places = numbers.decimals(means, [(high - low) / 2 for _, low, high in summaries])
    cells = [
        Cell(
            numbers.number(mean, places),
            numbers.interval(low, high, places) or ("no interval" if numbers.is_number(mean) else ""),
            mean if numbers.is_number(mean) else None,
            mean == best,
        )
        for mean, low, high in summaries
    ]
    return Column(metric, "descending" if higher else "ascending", cells)


def _cost_columns(rows: list[Row]) -> list[Column]:
    return [
        Column("parameters", "ascending", [Cell(numbers.count(row.parameters), "", row.parameters) for row in rows]),
        Column("time per run", "ascending", [Cell(numbers.duration(row.seconds), "", row.seconds) for row in rows]),
        Column(
            "strand discrepancy",
            "ascending",
            [Cell(numbers.number(row.strand_discrepancy), "", row.strand_discrepancy) for row in rows],
        ),
    ]


def _tracks(comparison: Comparison, look: dict[str, Style]) -> dict[str, Any]:
    metric = comparison.primary_metric
    summaries = {row.name: summary(row, metric) for row in comparison.rows}
    values = [v for row in comparison.rows for v in (*row.scores.get(metric, []), *summaries[row.name])]
    axis = Axis.over(values, padding=0.03)
    reference = next((test.reference for test in comparison.tests if test.metric == metric), None)
    dashed = summaries[reference][0] if reference is not None else None
    column = _metric_column(comparison, metric) if comparison.metrics else Column(metric, "", [])
    tracks = [
        (row.name, cell, figures.seed_track(row.name, scores, summaries[row.name], look[row.name], axis, dashed))
        for row, cell in zip(comparison.rows, column.cells, strict=False)
        if numbers.finite(scores := row.scores.get(metric, []))
    ]
    return {"rows": tracks, "axis": figures.track_axis(axis), "reference": reference}


def _test_rows(comparison: Comparison, metric: str) -> list[dict[str, str]]:
    tests = [test for test in comparison.tests if test.metric == metric]
    half_widths = [(test.high - test.low) / 2 for test in tests]
    places = numbers.decimals([test.difference for test in tests], half_widths)
    return [
        {
            "row": test.row,
            "reference": test.reference,
            "verdict": verdict(test, higher_is_better=comparison.higher_is_better[metric]),
            "difference": numbers.signed(test.difference, places),
            "interval": numbers.interval(test.low, test.high, places),
            "p": numbers.p_value(test.p),
            "p_corrected": numbers.p_value(test.p_corrected),
            "seeds": numbers.count(test.seeds),
        }
        for test in tests
    ]
