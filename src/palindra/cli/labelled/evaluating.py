"""Scores, intervals and the page of one trained model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli.labelled import figures
from palindra.cli.labelled.specific_rows import DIRECTIONS, all_scores
from palindra.data import Check, LabelledSequences
from palindra.errors import InputError
from palindra.evaluation.robustness import mean_apart
from palindra.evaluation.row_blocks import row_blocks
from palindra.models import predict_batches
from palindra.models.saving import Run, load_run, write_text
from palindra.report.single import Evaluation, write
from palindra.sequences import one_hot


def evaluate_run(run: Run, rows: LabelledSequences, *, checks: Sequence[Check], command: str, name: str) -> Evaluation:
    """What a page shows of a model on labelled sequences, all of them together.

    Args:
        run: the trained model.
        rows: labelled sequences of one split.
        checks: findings on the data.
        command: that was run.
        name: of the model in figures.
    """
    predictor = run.predictor
    x = one_hot(rows.sequences, rows.alphabet)
    given = predict_batches(predictor, x).numpy()
    other: Any = None
    if predictor.target.rep is not None and rows.alphabet.rep.regular:
        other = predictor.target.act(predict_batches(predictor, x.flip(1, 2))).numpy()
    scores = figures.bootstrapped(rows, given)
    nan = float("nan")
    for metric, value in all_scores(rows, given, predictor.target).items():
        scores.setdefault(metric, (value, nan, nan))
    roc, precision_recall, bins = figures.curves(name, rows, given)
    return Evaluation(
        title=f"{name} on {figures.data_facts(rows)['file']}",
        task=str(rows.task),
        conclusion=_conclusion(rows, scores, given, other),
        scores=scores,
        higher_is_better={metric: DIRECTIONS[metric] for metric in scores},
        roc=roc,
        precision_recall=precision_recall,
        reliability=bins,
        strands=figures.strands(name, given, other),
        checks=figures.data_checks(checks),
        data=figures.data_facts(rows),
        provenance=figures.provenance(command, rows, model=str(run.config["run"]["strategy"])),
    )


def require_length(rows: LabelledSequences, run: Run) -> None:
    """Raise unless the sequences have the length that a model was trained on."""
    if rows.length != run.length:
        fit = "cut" if rows.length > run.length else "extend"
        raise InputError(
            f"{rows.source}: sequences of {rows.length} letters, but {run.folder} was trained on {run.length}: {fit} "
            "them to that length around their centres."
        )


def _conclusion(
    rows: LabelledSequences, scores: dict[str, tuple[float, float, float]], given: Any, other: Any
) -> list[str]:
    first, (value, low, high) = next(iter(scores.items()))
    over = row_blocks(rows.chromosomes).words
    found = [f"{first} {value:.3f} on {len(rows):,} sequences (95 % interval {low:.3f} to {high:.3f} over {over})."]
    if other is None:
        return [*found, "The target is strand-specific: the other strand says nothing about it."]
    apart = mean_apart(given, other)
    if np.abs(given - other).max() <= 1e-4 * max(1.0, float(np.abs(given).max())):
        return [*found, "Both strands give the same answer, up to rounding."]
    return [*found, f"The two strands of a sequence give answers that differ by {apart:.3f} on average."]


def write_evaluation(folder: Path, data: LabelledSequences, *, checks: Sequence[Check], command: str) -> None:
    """Add ``report.html`` to a run folder: the test split, or validation where there is no test split."""
    split = "test" if (data.splits == "test").any() else "valid"
    run = load_run(folder, finished=False)
    evaluation = evaluate_run(
        run, data.rows(split), checks=checks, command=command, name=str(run.config["run"]["strategy"])
    )
    write(evaluation, folder / "report.html")


def write_scores(path: Path, evaluation: Evaluation) -> None:
    """Scores with their intervals as JSON."""
    table = {name: {"value": v, "low": low, "high": high} for name, (v, low, high) in evaluation.scores.items()}
    write_text(path, json.dumps(table, indent=1) + "\n")
