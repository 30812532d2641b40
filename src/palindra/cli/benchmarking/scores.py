"""Our scores on the tasks of a suite: every source, readout and seed, by every metric that figures are given in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from palindra.evaluation import mean_interval
from palindra.probing.cells import Cell
from palindra.probing.results import Results
from palindra.probing.source import Source
from palindra.probing.suites import SuiteTask, suite_score
from palindra.probing.tasks import VariantTask
from palindra.probing.zero_shot import Correlation, correlations, variant_scores


@dataclass(frozen=True)
class Score:
    """What a source reached on a task.

    Args:
        task: its name.
        metric: that was computed.
        source: its name.
        reading: readout and strands, or the kind of zero-shot score.
        value: mean over seeds; for variants the correlation.
        low: of the 95 % interval, over seeds (over resampled positions for variants); NaN with one seed.
        high: of the interval.
        runs: seeds, or variants.
        without_leaks: the mean on test rows that occur in no other split; NaN where nothing leaks.
        parameters: of the source.
        seconds: per 1,000 sequences.
        warnings: of the readout or the source.
    """

    task: str
    metric: str
    source: str
    reading: str
    value: float
    low: float
    high: float
    runs: int
    without_leaks: float = math.nan
    parameters: int = 0
    seconds: float = math.nan
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Source and reading, as tables head a column."""
        return f"{self.source}, {self.reading}"


def metrics_of(task: SuiteTask) -> tuple[str, ...]:
    """The metric of the suite, and those of figures in other ones."""
    return tuple(dict.fromkeys([task.metric, *(figure.metric for figure in task.published)]))


def scores_of(task: SuiteTask, results: Results) -> list[Score]:
    """Scores of a task, one for each metric, source and readout, over seeds."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in results.cells:
        groups.setdefault((cell.source, _reading(cell)), []).append(cell)
    found = []
    for (source, reading), cells in groups.items():
        done = [cell for cell in cells if not cell.failed]
        for metric in metrics_of(task):
            pairs = [_measured(metric, cell, results) for cell in done]
            values, clean = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            mean = mean_interval(values) if values else None
            found.append(
                Score(
                    task=task.name,
                    metric=metric,
                    source=source,
                    reading=reading,
                    value=math.nan if mean is None else mean.value,
                    low=math.nan if mean is None or len(values) < 2 else mean.low,
                    high=math.nan if mean is None or len(values) < 2 else mean.high,
                    runs=len(values),
                    without_leaks=float(np.mean(clean)) if clean else math.nan,
                    parameters=cells[0].parameters,
                    seconds=float(np.mean([cell.seconds_per_1000 for cell in done])) if done else math.nan,
                    warnings=tuple(dict.fromkeys(text for cell in cells for text in cell.warnings)),
                )
            )
    return found


def _reading(cell: Cell) -> str:
    return cell.readout if cell.strands == "as is" else f"{cell.readout}, strands {cell.strands}"


def _measured(metric: str, cell: Cell, results: Results) -> tuple[float, float]:
    """The metric on all test rows, and on those that are in no other split (NaN where all are such)."""
    stored = results.predictions(cell)
    leaked = stored["leaked"].astype(bool)
    given, labels = stored["predictions"], stored["labels"]
    clean = math.nan
    if leaked.any() and len(set(labels[~leaked].ravel().tolist())) > 1:
        clean = suite_score(metric, cell.task_kind, given[~leaked], labels[~leaked])
    return suite_score(metric, cell.task_kind, given, labels), clean


def variant_scores_of(
    tasks: Sequence[SuiteTask], source: Source, name: str, variants: VariantTask, say: Callable[[str], None]
) -> list[Score]:
    """Signed correlations of every zero-shot score with effects, and with their sizes, per element and per mean."""
    say(f"{variants.name}: {name}, without training")
    scored, warnings = variant_scores(source, variants)
    there = set(variants.elements.tolist())
    found = []
    for task in tasks:
        elements = task.over or (task.name,)
        if not set(elements) <= there:
            continue
        rows = np.flatnonzero(np.isin(variants.elements, elements))
        part = replace(
            variants,
            reference=[variants.reference[row] for row in rows],
            alternate=[variants.alternate[row] for row in rows],
            effects=variants.effects[rows],
            elements=variants.elements[rows],
            positions=variants.positions[rows],
        )
        for kind, values in scored.items():
            found += [
                _correlated(task, name, one, source.parameters, warnings)
                for one in _last_of_each(correlations(kind, values[rows], part))
            ]
    return found


def _last_of_each(found: Sequence[Correlation]) -> list[Correlation]:
    """With effects and with their sizes: the mean over elements, which stands last, or the only element."""
    return list({one.against: one for one in found}.values())


def _correlated(task: SuiteTask, name: str, one: Correlation, parameters: int, warnings: tuple[str, ...]) -> Score:
    return Score(
        task=task.name,
        metric=task.metric,
        source=name,
        reading=f"{one.score.replace('_', '-')} against {one.against}",
        value=one.pearson.value,
        low=one.pearson.low,
        high=one.pearson.high,
        runs=one.rows,
        parameters=parameters,
        warnings=warnings,
    )
