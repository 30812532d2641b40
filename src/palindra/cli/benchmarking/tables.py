"""Tables of ours and of theirs: one for each published table, ours first, in its metric and its units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from palindra.cli.benchmarking.listing import by_source
from palindra.cli.benchmarking.scores import Score, metrics_of
from palindra.probing.suites import Figure, SuiteTask
from palindra.report.benchmark_page import Entry, Row, Table
from palindra.report.numbers import interval, number

COLUMNS = (
    "suite",
    "task",
    "metric",
    "by",
    "model",
    "reading",
    "value",
    "low",
    "high",
    "runs",
    "without_leaks",
    "as_printed",
    "spread",
    "spread_is",
    "scale",
    "magnitude",
    "parameters",
    "seconds_per_1000",
    "source",
    "warning",
)
PUBLISHED, OURS = "published", "ours"


def records(suite: str, tasks: Sequence[SuiteTask], scores: Sequence[Score]) -> list[dict[str, object]]:
    """One record for each of our scores and each published figure of the tasks, values between -1 and 1."""
    found: list[dict[str, object]] = []
    for task in tasks:
        found += [
            {"suite": suite, "by": OURS, "model": score.source, "seconds_per_1000": score.seconds}
            | {key: value for key, value in asdict(score).items() if key in COLUMNS and key != "source"}
            | {"warning": " ".join(score.warnings)}
            for score in scores
            if score.task == task.name
        ]
        found += [
            {
                "suite": suite,
                "task": task.name,
                "metric": figure.metric,
                "by": PUBLISHED,
                "model": figure.model,
                "value": figure.fraction,
                "as_printed": figure.printed,
                "spread": figure.spread,
                "spread_is": figure.spread_is,
                "scale": figure.scale,
                "magnitude": figure.magnitude,
                "source": figure.source,
                "warning": figure.warning,
            }
            for figure in task.published
        ]
    return found


def to_tsv(found: Sequence[dict[str, object]]) -> str:
    """The records as a table; what is not known is empty."""
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(_field(record.get(name)) for name in COLUMNS) for record in found]
    return "\n".join(lines) + "\n"


def _field(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value).replace("\t", " ").replace("\n", " ")


def tables(tasks: Sequence[SuiteTask], scores: Sequence[Score]) -> list[Table]:
    """For each published table the tasks that we ran and it has, and one for tasks about which nothing is published."""
    found = []
    published = by_source([figure for task in tasks for figure in task.published])
    for source, figures in published.items():
        rows = [task for task in tasks if any(figure.source == source for figure in task.published)]
        found.append(_table(source, figures, rows, scores))
    alone = [task for task in tasks if not task.published]
    if alone:
        found.append(_table("", [], alone, scores))
    return found


def _table(source: str, figures: Sequence[Figure], tasks: Sequence[SuiteTask], scores: Sequence[Score]) -> Table:
    models = list(dict.fromkeys(figure.model for figure in figures))
    scale = figures[0].scale if figures else 1.0
    ours = list(dict.fromkeys(score.name for score in scores if score.task in {task.name for task in tasks}))
    rows = []
    for task in tasks:
        theirs = {figure.model: figure for figure in task.published if figure.source == source}
        metric = next((figure.metric for figure in theirs.values()), task.metric)
        mine = {score.name: score for score in scores if score.task == task.name and score.metric == metric}
        best = max((score.value for score in mine.values() if not math.isnan(score.value)), default=math.nan)
        entries = [_mine(mine.get(name), scale, best) for name in ours]
        entries += [Entry(theirs[model].printed, "", False) if model in theirs else None for model in models]
        rows.append(Row(task.name, task.title, f"{metric}, %" if scale == 100 else metric, entries))
    spread = next((figure.spread_is for figure in figures if figure.spread_is), "")
    return Table(
        source=source,
        warning=figures[0].warning if figures else "No figure of these tasks is published.",
        spread=spread,
        ours=ours,
        models=models,
        rows=rows,
    )


def _mine(score: Score | None, scale: float, best: float) -> Entry | None:
    if score is None or math.isnan(score.value):
        return None if score is None else Entry("–", "failed" if score.runs == 0 else "not defined", False)
    places = 1 if scale == 100 else 3
    around = interval(scale * score.low, scale * score.high, places)
    detail = around or ("1 seed" if score.runs == 1 else "")
    if not math.isnan(score.without_leaks):
        detail = f"{detail}; {number(scale * score.without_leaks, places)} without leaked rows".removeprefix("; ")
    return Entry(number(scale * score.value, places), detail, score.value == best)


def as_text(tasks: Sequence[SuiteTask], scores: Sequence[Score]) -> list[str]:
    """The same for a terminal, task by task; sources are numbered, and stand below with their warnings."""
    said = {figure.source: figure.warning for task in tasks for figure in task.published}
    number_of = {source: place for place, source in enumerate(said, start=1)}
    lines = []
    for task in tasks:
        lines += ["", f"{task.name}: {task.title}"]
        for metric in metrics_of(task):
            mine = [score for score in scores if score.task == task.name and score.metric == metric]
            lines += [f"  {metric:9} ours           {_said(score):24} {score.name}" for score in mine]
            for source, figures in by_source([f for f in task.published if f.metric == metric]).items():
                cells = ", ".join(f"{figure.model} {figure.printed}" for figure in figures)
                lines.append(f"  {metric:9} published [{number_of[source]}]  {cells}")
    lines += ["", *(f"[{number_of[source]}] {source}. {warning}" for source, warning in said.items())]
    return lines


def _said(score: Score) -> str:
    around = interval(score.low, score.high, 3)
    return number(score.value, 3) + (f" ({around})" if around else "")
