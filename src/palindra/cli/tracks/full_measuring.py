"""What is asked of a model of tracks before it is trusted: single tracks, intervals, shifts, strangeness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.tracks.references import CEILING
from palindra.cli.tracks.scoring import discrepancy, main_score
from palindra.cli.tracks.stores import STORES, holds, is_binary
from palindra.cli.tracks.variation import variation
from palindra.errors import InputError
from palindra.evaluation import bootstrap_interval
from palindra.evaluation.shift import ShiftScorer
from palindra.evaluation.specificity import OTHERS
from palindra.evaluation.tracks import Predictions, PredictionStore, genome_blocks
from palindra.evaluation.trust import STRANGE, Finding, Measurements, Part, trust
from palindra.evaluation.uncertainty import Coverage, conformal_quantile
from palindra.models.saving import WEIGHTS
from palindra.models.track_saving import TrackRun

Array = NDArray[Any]
SHIFTS = 20
MOST = 4000  # windows that intervals are calibrated on, and that strangeness is measured against


def track_findings(
    run: TrackRun,
    folder: Path,
    data: Any,
    split: str,
    stores: tuple[Predictions, Predictions],
    scores: dict[str, Any],
    against: Mapping[str, Any],
    *,
    coverage: float = 0.9,
    level: str = "",
) -> list[Finding]:
    """What a model of tracks may be trusted with, from stored predictions, shifted windows and the training windows.

    Args:
        run: the model.
        folder: its run folder, whose validation predictions calibrate the intervals.
        data: the data set.
        split: that is evaluated.
        stores: predictions of it, and those of reverse complements brought back.
        scores: of the split, see :func:`palindra.cli.tracks.scoring.split_scores`.
        against: scores of the references by their names.
        coverage: of intervals of single bins.
        level: of the shift, as declared.

    Raises:
        InputError: for the split that the model was trained on, or chosen on.
    """
    if split in ("train", "valid"):
        raise InputError(f"--rows {split}: the model has seen them; --full needs windows that it has not.")
    given, turned = stores
    metric = main_score(scores)
    rivals = {name: other.mean(metric) for name, other in against.items() if name not in (CEILING, OTHERS)}
    rivals = {name: value for name, value in rivals.items() if math.isfinite(value)}
    best = max(rivals, key=lambda name: rivals[name], default="")
    *each, mean = [_score(record, metric) for record in scores["records"]]
    strands = [value for value in discrepancy(given, turned)["relative"] if math.isfinite(value)]
    moved = variation(run, data, split, shifts=SHIFTS) if not is_binary(run) else np.array([math.nan])
    strange, errors = _strangeness(run, data, split, given)
    return trust(
        Measurements(
            metric=metric,
            score=mean,
            trivial=rivals.get(best, math.nan),
            trivial_name=best,
            strands=max(strands, default=math.nan),
            shifts=float(np.mean(moved)),
            reach=run.length // 4,
            wanted=coverage,
            coverage=None if is_binary(run) else _coverage(folder, data, given, coverage),
            parts=[Part("track", name, len(given), *score) for name, score in zip(run.tracks, each, strict=True)],
            errors_and_strangeness=errors,
            strange=strange,
            level=level,
        )
    )


def _score(record: Mapping[str, Any], metric: str) -> tuple[float, float, float]:
    low, high = (float(record.get(f"{metric} {end}", math.nan)) for end in ("low", "high"))
    return float(record[metric]), low, high


def _coverage(folder: Path, data: Any, given: Predictions, wanted: float) -> Coverage | None:
    """What intervals of single bins hold, of one width for each track, calibrated on validation windows."""
    place = folder / STORES / "valid"
    if not holds(place, folder / WEIGHTS, data, "valid", other=False):
        return None
    kept = _some(PredictionStore.open(place))
    widths = np.array([conformal_quantile(gaps[~np.isnan(gaps)], wanted) for gaps in _gaps(kept)])
    gaps = np.moveaxis(_gaps(_some(given)), 0, 1)  # (windows, tracks, bins)
    known = ~np.isnan(gaps)
    inside = (gaps <= widths[:, None]) & known
    held, counted = inside.sum((1, 2)), known.sum((1, 2))
    try:
        groups = genome_blocks(_some(given).places)[0]
        rate, low, high = bootstrap_interval(
            lambda rows: float(held[rows].sum() / max(counted[rows].sum(), 1)), len(held), seed=0, groups=groups
        )
    except InputError:  # too few blocks
        rate, low, high = float(held.sum() / max(counted.sum(), 1)), 0.0, 1.0
    return Coverage(rate, low, high, int(counted.sum()))


def _gaps(predictions: Predictions) -> Array:
    """|prediction - truth|, ``(tracks, windows, bins)``."""
    prediction, truth = predictions.read_all()
    return np.moveaxis(np.abs(prediction - truth), 1, 0)


def _some(predictions: Predictions) -> Predictions:
    """At most so many windows, evenly."""
    if len(predictions) <= MOST:
        return predictions
    kept = np.zeros(len(predictions), dtype=bool)
    kept[np.linspace(0, len(predictions) - 1, MOST).astype(int)] = True
    return predictions.where(kept)


def _strangeness(run: TrackRun, data: Any, split: str, given: Predictions) -> tuple[float, tuple[float, float]]:
    """Share of windows that are strange to the training windows, and how errors go with strangeness."""
    from scipy.stats import spearmanr

    nothing = math.nan, (math.nan, math.nan)
    train, valid, mine = (_codes(run, data, name) for name in ("train", "valid", split))
    if not len(train) or not len(valid):
        return nothing
    away = np.arange(len(train) + len(valid)) >= len(train)
    try:
        scorer = ShiftScorer().fit(np.concatenate([train, valid]), held_out=away)
    except ValueError:  # too few windows
        return nothing
    strange = np.asarray(scorer.percentile("combined", scorer.score(mine)["combined"]))
    share = float((strange > STRANGE).mean())
    if is_binary(run) or len(strange) < 3:
        return share, (math.nan, math.nan)
    gaps = _gaps(_some(given))
    size = np.nanmean(gaps, axis=(1, 2), keepdims=True)
    error = np.nanmean(gaps / np.where(size > 0, size, 1), axis=(0, 2))
    known = ~(np.isnan(error) | np.isnan(strange))
    found = spearmanr(error[known], strange[known])
    return share, (float(found.statistic), float(found.pvalue))


def _codes(run: TrackRun, data: Any, split: str) -> Array:
    windows = data.splits.get(split, ())
    if not len(windows):
        return np.empty((0, run.length), dtype=np.uint8)
    rows = np.unique(np.linspace(0, len(windows) - 1, min(len(windows), MOST)).astype(np.int64))
    return np.asarray(data.codes(split, rows, (int(windows.length) - run.length) // 2, run.length))
