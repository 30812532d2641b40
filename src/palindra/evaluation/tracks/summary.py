"""Every score of stored predictions in one record, ready for a table: models, baselines and ceiling alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.evaluation.tracks.blocks import TrackIntervals, block_interval
from palindra.evaluation.tracks.correlation import (
    mean_of_defined,
    per_sequence_pearson,
    whole_moments,
    whole_spearman,
)
from palindra.evaluation.tracks.coverage_errors import deviations
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]

TRACK_SCORES = {
    "Pearson (whole)": True,
    "Spearman (whole)": True,
    "Pearson (per sequence)": True,
    "MSE": False,
    "MSE (scaled)": False,
    "Poisson NLL": False,
    "Poisson NLL (scaled)": False,
    "JS distance": False,
    "JS distance (scaled)": False,
}
"""Every score by name, and whether higher is better. Scaled: predictions multiplied by mean truth / mean prediction."""


@dataclass(frozen=True)
class TrackScores:
    """Scores of one model on one test set; NaN where a score does not exist, never a stand-in."""

    tracks: tuple[str, ...]
    bin_size: int
    windows: int
    values: dict[str, Array]  # by the names of TRACK_SCORES, one number per track
    scale: Array  # (tracks,) mean truth / mean prediction, NaN where not finite
    counts: dict[str, Array]  # per track: known bins, windows dropped from the per-sequence mean, and others
    interval: TrackIntervals | None  # of "Pearson (whole)", over blocks of the genome

    def mean(self, name: str) -> float:
        """A score's mean over the tracks that have one."""
        return mean_of_defined(self.values[name])

    def records(self) -> list[dict[str, Any]]:
        """One flat row per track, then the mean: for a table or a file."""
        rows: list[dict[str, Any]] = []
        for c, track in enumerate(self.tracks):
            scores = {name: float(values[c]) for name, values in self.values.items()}
            rows.append({"track": track, **scores, "scale": float(self.scale[c]), **_bounds(self.interval, c)})
            rows[-1] |= {name: int(values[c]) for name, values in self.counts.items()}
        means = {name: self.mean(name) for name in self.values}
        totals = {name: int(values.sum()) for name, values in self.counts.items()}
        rows.append({"track": "mean", **means, "scale": float("nan"), **_bounds(self.interval, None), **totals})
        return rows


def score_tracks(
    predictions: Predictions, *, seed: int | None = 0, block_bp: int | None = None, resamples: int = 1000
) -> TrackScores:
    """Score stored predictions; a few passes over the store, none over the model.

    Args:
        predictions: what to score, at the bin size and on the scale that it is to be scored at.
        seed: of the block bootstrap; None leaves the interval out.
        block_bp: see :func:`palindra.evaluation.tracks.genome_blocks`.
        resamples: how many draws.

    Raises:
        InputError: when the windows make fewer than 5 blocks and an interval is wanted.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> truth = random.random((20, 1, 5))
        >>> scores = score_tracks(Predictions.of(truth + 0.1, truth, tracks=["MNase"]))
        >>> round(scores.mean("Pearson (whole)"), 6), round(scores.mean("MSE"), 6)
        (1.0, 0.01)
    """
    whole = whole_moments(predictions).finish()
    inside = per_sequence_pearson(predictions)
    raw = deviations(predictions)
    scalable = np.isfinite(whole.scale)
    scaled = deviations(predictions.scaled(np.where(scalable, whole.scale, 1)))
    values = {
        "Pearson (whole)": whole.pearson,
        "Spearman (whole)": whole_spearman(predictions),
        "Pearson (per sequence)": inside.mean,
        "MSE": raw.mse,
        "MSE (scaled)": np.where(scalable, scaled.mse, np.nan),
        "Poisson NLL": raw.poisson,
        "Poisson NLL (scaled)": np.where(scalable, scaled.poisson, np.nan),
        "JS distance": raw.jensen_shannon,
        "JS distance (scaled)": np.where(scalable, scaled.jensen_shannon, np.nan),
    }
    counts = {
        "known bins": raw.known,
        "windows without a correlation": inside.dropped,
        "windows without signal": raw.empty,
        "negative predictions": raw.negative,
    }
    interval = None if seed is None else block_interval(predictions, seed, block_bp=block_bp, resamples=resamples)
    return TrackScores(
        predictions.tracks, predictions.bin_size, len(predictions), values, whole.scale, counts, interval
    )


def score_rows(rows: Mapping[str, Predictions], *, seed: int | None = 0, **options: Any) -> list[dict[str, Any]]:
    """One flat row of mean scores for each of several predictions of the same truth, in the given order.

    Models, trivial baselines and the replicate ceiling (``model.replaced(replicate)``) are scored by the same lines.

    Args:
        rows: predictions by the name of the row.
        seed: of the block bootstrap, the same for all rows.
        options: of :func:`score_tracks`.
    """
    scored = {name: score_tracks(view, seed=seed, **options) for name, view in rows.items()}
    return [{"name": name, **scores.records()[-1]} for name, scores in scored.items()]


def _bounds(interval: TrackIntervals | None, track: int | None) -> dict[str, float]:
    if interval is None:
        return {}
    chosen = interval.mean if track is None else interval.tracks[track]
    return {"Pearson (whole) low": chosen.low, "Pearson (whole) high": chosen.high}
