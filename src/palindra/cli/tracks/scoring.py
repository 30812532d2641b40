"""Scores that follow from stored predictions: of coverage, of labels, of one as the other, of both strands."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from palindra.cli.tracks.stores import is_binary
from palindra.data.tracks import partners
from palindra.errors import InputError
from palindra.evaluation.specific_scores import SPECIFICITY_SCORES, track_specificity
from palindra.evaluation.tracks import (
    TRACK_SCORES,
    Predictions,
    TrackScores,
    score_as_coverage,
    score_labels,
    score_tracks,
    strand_discrepancy,
    whole_pearson,
)
from palindra.models.track_saving import TrackRun
from palindra.symmetry import Target
from palindra.training.track_batches import TrackRows

LABEL_SCORES = {"AUROC": True, "Average precision": True}
COVERAGE_OF_LABELS = "Pearson (window means)"
DIRECTIONS = TRACK_SCORES | LABEL_SCORES | {COVERAGE_OF_LABELS: True} | SPECIFICITY_SCORES
"""Every score of a run by name, and whether higher is better."""


def split_scores(run: TrackRun, data: Any, split: str, predictions: Predictions) -> dict[str, Any]:
    """Scores of one split: of coverage, of labels where there are labels, and of one as the other.

    Returns:
        ``tracks``, ``bin_size``, ``windows``, ``values`` (per track, by the names of :data:`DIRECTIONS`), ``mean`` over
        tracks, and ``records``: one flat row per track and one for the mean.
    """
    values: dict[str, Any] = {}
    records: list[dict[str, Any]] = [{"track": name} for name in (*run.tracks, "mean")]
    if not is_binary(run):
        scores = scored(predictions)
        values |= scores.values | specific(predictions, data)
        records = scores.records()
    labels = None if data.activity is None else data.activity.get(split)
    if labels is not None:
        found = score_labels(predictions, labels)
        values |= {"AUROC": found.auroc, "Average precision": found.average_precision}
    if is_binary(run) and data.has_values:
        values[COVERAGE_OF_LABELS] = score_as_coverage(
            _beside_coverage(run, data, split, predictions), probabilities=True
        )
    elif not is_binary(run) and labels is not None:
        values[COVERAGE_OF_LABELS] = whole_pearson(predictions.coarser(run.length))
    mean = {name: _mean(np.asarray(some, dtype=float)) for name, some in values.items()}
    for number, record in enumerate(records):
        for name in values.keys() - record.keys():
            record[name] = mean[name] if number == len(run.tracks) else float(values[name][number])
    return {
        "tracks": list(run.tracks),
        "bin_size": predictions.bin_size,
        "windows": len(predictions),
        "values": {name: np.asarray(some, dtype=float).tolist() for name, some in values.items()},
        "mean": mean,
        "records": records,
    }


def scored(predictions: Predictions, *, seed: int | None = 0) -> TrackScores:
    """Scores with their interval, or without where the windows are too few for one."""
    try:
        return score_tracks(predictions, seed=seed)
    except InputError:
        return score_tracks(predictions, seed=None)


def specific(predictions: Predictions, data: Any) -> dict[str, Any]:
    """Scores of the differences between tracks, per track; none where tracks cannot be compared."""
    return track_specificity(predictions, partners(data.tracks))


def discrepancy(given: Predictions, other: Predictions) -> dict[str, list[float]]:
    """How far apart the predictions of the two strands are, per track; those of the other are brought back already."""
    found = strand_discrepancy(given, other, Target.invariant(len(given.tracks)))
    return {"relative": found.relative.tolist(), "largest": found.largest.tolist()}


def plain(value: Any) -> Any:
    """Numbers that JSON has no word for as null."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def numeric(value: Any) -> Any:
    """What :func:`plain` made, with NaN for null."""
    if isinstance(value, dict):
        return {name: numeric(part) for name, part in value.items()}
    if isinstance(value, list):
        return [numeric(part) for part in value]
    return math.nan if value is None else value


def main_score(scores: dict[str, Any]) -> str:
    """The score that is told first: r of coverage; of labels AUROC, or r with coverage where there are no labels."""
    return next(name for name in ("Pearson (whole)", "AUROC", COVERAGE_OF_LABELS) if name in scores["mean"])


def _beside_coverage(run: TrackRun, data: Any, split: str, predictions: Predictions) -> Predictions:
    """Probabilities of windows beside the mean coverage of the windows."""
    rows = TrackRows(data, split, run.length, run.length)

    probabilities, _ = predictions.read_all()
    parts = [rows.targets(at, rows.slack // 2) for at, _, _ in predictions.chunks(rows=256)]
    return Predictions.of(probabilities, np.concatenate(parts), tracks=run.tracks)


def _mean(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
