"""The scores of one row of a grid, from stored predictions; kept, so that nothing is done twice."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli.tracks.grid import GridCell, TrackGrid, place_of
from palindra.cli.tracks.plan import strategy_of
from palindra.cli.tracks.scoring import COVERAGE_OF_LABELS, specific, split_scores
from palindra.cli.tracks.stores import STORES, contents, holds, is_binary, made_by, predict_split
from palindra.cli.tracks.table import ABOVE, BOX_CAR, MEAN, MSE, NO_SEED, STRANDS, VARIATION, WHOLE, Score
from palindra.cli.tracks.variation import variation
from palindra.evaluation.tracks import (
    Predictions,
    box_car_pearson,
    deviations,
    score_labels,
    score_tracks,
    threshold_curve,
    whole_pearson,
)
from palindra.models.saving import WEIGHTS, write_text
from palindra.models.track_saving import TrackRun, load_track_run

FORMAT = 2  # of the kept scores


@dataclass(frozen=True)
class ScoredSet:
    """Windows that every row is scored on.

    Args:
        name: "valid", "test", or as the grid calls it.
        data: the data set.
        split: of it.
    """

    name: str
    data: Any
    split: str

    @property
    def labels(self) -> Any:
        """Labels of the windows (windows, tracks), or None."""
        return None if self.data.activity is None else self.data.activity.get(self.split)


@dataclass(frozen=True)
class Measures:
    """What is measured on each set.

    Args:
        bins: bin sizes at which r and the squared error are taken, as far as a model's own bins divide them.
        thresholds: of the curve of per-sequence r.
        shifts: per window for the variation score.
    """

    bins: tuple[int, ...]
    thresholds: tuple[float, ...] = ()
    shifts: int = 0


def trained_cell(cell: GridCell, base: GridCell) -> tuple[str, str]:
    """Strategy that is trained for a row, and the folder of its runs: 'post-hoc' uses networks of 'augment'."""
    strategy = strategy_of(cell.settings["strategy"])
    if strategy.trained_as is None:
        return strategy.name, cell.place
    settings = {**cell.settings, "strategy": strategy.trained_as}
    changed = [f"{name} {value}" for name, value in settings.items() if base.settings.get(name) != value]
    return strategy.trained_as, place_of(", ".join(changed), settings)


def run_folder(output: Path, grid: TrackGrid, cell: GridCell, seed: int) -> Path:
    """Where the run of a row and a seed lies."""
    return output / "runs" / trained_cell(cell, grid.base)[1] / f"seed-{seed}"


def predictions_of(
    output: Path, grid: TrackGrid, cell: GridCell, seed: int, on: ScoredSet
) -> tuple[TrackRun, Predictions]:
    """The model of a row and its predictions on a set, predicted once."""
    folder = run_folder(output, grid, cell, seed)
    run = load_track_run(folder)
    both = strategy_of(cell.settings["strategy"]).both_strands
    place = folder / STORES / on.split
    if both != run.both_strands or not holds(place, folder / WEIGHTS, on.data, on.split):
        run = run._replace(both_strands=both)
        place = output / "predictions" / cell.place / f"seed-{seed}" / on.name
    return run, predict_split(run, on.data, on.split, place, weights=folder / WEIGHTS)


def score_row(
    output: Path, grid: TrackGrid, cell: GridCell, seed: int, sets: Sequence[ScoredSet], measures: Measures
) -> list[Score]:
    """All scores of one trained model, from what was kept where it is of the same weights, data and measures."""
    if (before := kept_scores(output, grid, cell, seed, sets, measures)) is not None:
        return before
    folder = run_folder(output, grid, cell, seed)
    own = int(cell.settings["bin_size"])
    lines: list[tuple[Any, ...]] = []
    for on in sets:
        run, predictions = predictions_of(output, grid, cell, seed, on)
        if is_binary(run):
            found = split_scores(run, on.data, on.split, predictions)["values"]
            for metric, values in found.items():
                lines += _lines(on.name, run.tracks, metric, own, math.nan, np.asarray(values, dtype=float))
        else:
            lines += coverage_lines(on, predictions, measures)
        if measures.shifts and on.name == "test" and not is_binary(run):
            scores = variation(run, on.data, on.split, shifts=measures.shifts)
            lines += _lines(on.name, run.tracks, VARIATION, own, math.nan, scores)
    strands = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["strands"].get("test")
    if strands and trained_cell(cell, grid.base)[0] == cell.settings["strategy"]:
        apart = np.array([math.nan if x is None else x for x in strands["relative"]])
        lines += _lines("test", [track.name for track in sets[0].data.tracks], STRANDS, own, math.nan, apart)
    kept = _kept(output, cell, seed)
    kept.parent.mkdir(parents=True, exist_ok=True)
    key = _key(output, grid, cell, seed, sets, measures)
    write_text(kept, json.dumps({"key": key, "scores": [_plain(line) for line in lines]}) + "\n")
    return [Score(cell.name, "model", seed, *line) for line in lines]


def kept_scores(
    output: Path, grid: TrackGrid, cell: GridCell, seed: int, sets: Sequence[ScoredSet], measures: Measures
) -> list[Score] | None:
    """Scores that were kept, None where there are none of the same weights, data and measures."""
    kept = _kept(output, cell, seed)
    if not kept.is_file():
        return None
    found = json.loads(kept.read_text(encoding="utf-8"))
    if found["key"] != _key(output, grid, cell, seed, sets, measures):
        return None
    return [Score(cell.name, "model", seed, *_numbers(line)) for line in found["scores"]]


def _kept(output: Path, cell: GridCell, seed: int) -> Path:
    return output / "scores" / cell.place / f"seed-{seed}.json"


def _key(
    output: Path, grid: TrackGrid, cell: GridCell, seed: int, sets: Sequence[ScoredSet], measures: Measures
) -> str:
    """Hash of all that scores depend on."""
    weights = run_folder(output, grid, cell, seed) / WEIGHTS
    wanted = [FORMAT, str(measures), [(s.name, made_by(weights, s.data, s.split)) for s in sets]]
    wanted += [dict(cell.settings), contents(sets[0].data)]
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=list).encode()).hexdigest()


def reference_scores(name: str, kind: str, on: ScoredSet, predictions: Predictions, measures: Measures) -> list[Score]:
    """Scores of a trivial predictor or of the replicate, by the same lines as those of models."""
    return [Score(name, kind, NO_SEED, *line) for line in coverage_lines(on, predictions, measures)]


def coverage_lines(on: ScoredSet, predictions: Predictions, measures: Measures) -> list[tuple[Any, ...]]:
    """Lines (set, track, metric, bin size, at, value) of predicted coverage."""
    own, tracks = predictions.bin_size, predictions.tracks
    lines: list[tuple[Any, ...]] = []
    for metric, values in score_tracks(predictions, seed=None).values.items():
        lines += _lines(on.name, tracks, metric, own, math.nan, values)
    for metric, values in specific(predictions, on.data).items():
        lines += _lines(on.name, tracks, metric, own, math.nan, values)
    window = predictions.places.length
    if on.labels is not None:
        found = score_labels(predictions, on.labels)
        lines += _lines(on.name, tracks, "AUROC", own, math.nan, found.auroc)
        lines += _lines(on.name, tracks, "Average precision", own, math.nan, found.average_precision)
        coarsest = whole_pearson(predictions.coarser(window))
        lines += _lines(on.name, tracks, COVERAGE_OF_LABELS, own, math.nan, coarsest)
    offered = [size for size in measures.bins if size in predictions.coarser_sizes()]
    for size in offered:
        coarse = predictions.coarser(size)
        if size != own:
            lines += _lines(on.name, tracks, WHOLE, size, math.nan, whole_pearson(coarse))
            lines += _lines(on.name, tracks, MSE, size, math.nan, deviations(coarse).mse)
        if on.name == "test" and len(offered) > 1:
            lines += _lines(on.name, tracks, BOX_CAR, own, float(size), box_car_pearson(predictions, size).pearson)
    if on.name == "test" and measures.thresholds:
        maxima = on.data.maxima[on.split]
        largest = np.where(np.isnan(maxima), -np.inf, maxima).max(1)
        curve = threshold_curve(predictions, measures.thresholds, maxima=largest)
        for number, threshold in enumerate(curve.thresholds):
            lines += _lines(on.name, tracks, ABOVE, own, float(threshold), curve.per_sequence[number])
    return lines


def _lines(on: str, tracks: Sequence[str], metric: str, size: int, at: float, values: Any) -> list[tuple[Any, ...]]:
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else math.nan
    return [
        (on, track, metric, size, at, float(value))
        for track, value in zip([*tracks, MEAN], [*values, mean], strict=True)
    ]


def _plain(line: tuple[Any, ...]) -> list[Any]:
    return [None if isinstance(value, float) and math.isnan(value) else value for value in line]


def _numbers(line: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(math.nan if value is None else value for value in line)
