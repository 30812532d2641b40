"""From predictions to the plain values that report pages draw."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.outputs import output_names
from palindra.cli.provenance import commit, versions
from palindra.data import Check, LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import bootstrap_interval, metric, precision_recall_curve, reliability, roc_curve, score
from palindra.evaluation.row_blocks import row_blocks
from palindra.report.comparison import Curve, DataCheck, Reliability, Strands

Array = NDArray[Any]
POINTS = 800  # of a strand scatter


def label_columns(data: LabelledSequences, predictions: Array) -> list[tuple[str, Array, Array]]:
    """Name, predicted probabilities and 0/1 labels of every column that has both classes."""
    found = []
    for column, name in enumerate(output_names(data)):
        labels = data.labels[:, 0] == column if data.task == "multiclass" else data.labels[:, column]
        labels = np.asarray(labels, dtype=float)
        known = ~np.isnan(labels)
        if len(np.unique(labels[known])) == 2:
            found.append((name, predictions[known, column], labels[known]))
    return found


def curves(row: str, data: LabelledSequences, predictions: Array) -> tuple[list[Curve], list[Curve], list[Reliability]]:
    """ROC, precision-recall and calibration; several outputs are pooled, which is the micro average."""
    columns = label_columns(data, predictions) if data.task != "regression" else []
    if not columns:
        return [], [], []
    predicted = np.concatenate([p for _, p, _ in columns])
    labels = np.concatenate([y for _, _, y in columns])
    roc, pr, bins = (
        roc_curve(predicted, labels),
        precision_recall_curve(predicted, labels),
        reliability(predicted, labels),
    )
    return (
        [Curve(row, _list(roc.x), _list(roc.y))],
        [Curve(row, _list(pr.x), _list(pr.y))],
        [
            Reliability(
                row,
                _list(bins.predicted),
                _list(bins.observed),
                _list(bins.low),
                _list(bins.high),
                [int(c) for c in bins.rows],
            )
        ],
    )


def _list(values: Any) -> list[float]:
    return [round(float(v), 6) for v in values]


def strands(row: str, given: Array, other: Array | None) -> list[Strands]:
    """Predictions on the strand and on its reverse complement, thinned evenly."""
    if other is None:
        return []
    first, second = given.reshape(-1), other.reshape(-1)
    step = max(1, -(-len(first) // POINTS))
    return [Strands(row, _list(first[::step]), _list(second[::step]))]


def data_checks(checks: Sequence[Check]) -> list[DataCheck]:
    """The findings on the data, for a page."""
    return [DataCheck(check.name, str(check.level), check.message) for check in checks]


def data_facts(data: LabelledSequences) -> dict[str, str]:
    """What a reader must know of the data."""
    counts = {split: int((data.splits == split).sum()) for split in ("train", "valid", "test")}
    return {
        "file": data.source.rsplit("/", 1)[-1],
        "sequences": f"{len(data):,} of {data.length:,} letters ({data.alphabet.name})",
        "rows": ", ".join(f"{split} {count:,}" for split, count in counts.items() if count),
        "task": f"{data.task} ({', '.join(output_names(data)[:8])})",
    }


def provenance(command: str, data: LabelledSequences, **more: str) -> dict[str, str]:
    """The exact command, versions and hashes."""
    found = {"command": command, **more, "versions": ", ".join(f"{k} {v}" for k, v in versions().items())}
    if current := commit():
        found["commit"] = current
    found["machine"] = f"{platform.machine()} {platform.system()}"
    found["date"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    if data.sha256:
        found["sha256 of the data"] = data.sha256
    return found


def bootstrapped(data: LabelledSequences, predictions: Array) -> dict[str, tuple[float, float, float]]:
    """Every score of the task with its 95 % interval over the sampling of sequences, of chromosomes if known."""
    found = {}
    groups = row_blocks(data.chromosomes).groups
    for name, value in score(data.task, predictions, data.labels).items():
        compute = metric(data.task, name)
        try:
            _, low, high = bootstrap_interval(
                lambda rows, compute=compute: compute(predictions[rows], data.labels[rows]),
                len(data),
                seed=0,
                resamples=300,
                groups=groups,
            )
        except InputError:  # too few rows of a class to resample: the score stands without an interval
            low = high = float("nan")
        found[name] = (value, low, high)
    return found
