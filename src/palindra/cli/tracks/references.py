"""What a model of tracks is held against: trivial predictors fitted on its training windows, and the replicate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.tracks import Peaks, bin_means, partners, target_of
from palindra.evaluation.specificity import OTHERS, comparable, mean_of_others
from palindra.evaluation.tracks import TRACK_BASELINES, Predictions, Words, fit_track_baseline
from palindra.evaluation.tracks.mean_profile import mean_profile
from palindra.training.track_batches import TrackRows

BINS = 1_000_000  # of each track, at most, that a trivial predictor is fitted to
CEILING = "replicate ceiling"
PROFILE = "mean profile"
_CHUNK = 32


def trivial_rows(data: Any, split: str, predictions: Predictions, *, length: int) -> dict[str, Predictions]:
    """The trivial predictors scored on the same windows and bins, by name.

    Each is fitted on training windows of the data set and its ridge strength chosen on the validation windows; on
    evenly spaced ones where they hold more than a million bins. Words longer than a bin are left out. Windows centred
    on peaks have the average profile as well.

    Args:
        data: the data set.
        split: that the predictions are of.
        predictions: of a model, whose windows and truth are used.
        length: positions of a window.
    """
    found = {}
    for name, words in TRACK_BASELINES.items():
        if words.k > predictions.bin_size:
            continue
        baseline = fit_track_baseline(
            words,
            _batches(data, "train", words, length, predictions.bin_size),
            _batches(data, "valid", words, length, predictions.bin_size),
            bin_size=predictions.bin_size,
            partner=partners(data.tracks),
        )
        flank = words.flank(predictions.bin_size)
        found[name] = predictions.replaced(baseline.over(_codes(data, split, length, flank)))
    if isinstance(data.settings.windows, Peaks):
        batches = _batches(data, "train", TRACK_BASELINES["mean track"], length, predictions.bin_size)
        profile = mean_profile((values for _, values in batches), target_of(data.tracks))
        found[PROFILE] = predictions.replaced(lambda at: np.broadcast_to(profile, (len(at), *profile.shape)))
    return found


def ceiling_row(data: Any, split: str, predictions: Predictions, *, length: int) -> dict[str, Predictions]:
    """The second replicate as a prediction of the first, where there is one."""
    if not data.has_replicate:
        return {}
    rows = TrackRows(data, split, length, predictions.bin_size)

    def replicate(at: NDArray[np.int64]) -> NDArray[Any]:
        return bin_means(data.replicate(split, at, rows.slack // 2, length), predictions.bin_size)

    return {CEILING: predictions.replaced(replicate)}


def others_row(data: Any, predictions: Predictions) -> dict[str, Predictions]:
    """The measured mean of the other tracks as a prediction of each, where tracks can be compared with each other.

    It reads the truth of the scored windows: no predictor, but the share of a score that is common to all tracks.
    """
    return {OTHERS: mean_of_others(predictions)} if comparable(predictions, partners(data.tracks)) else {}


def _codes(data: Any, split: str, length: int, flank: int) -> Any:
    middle = (data.splits[split].length - length) // 2
    return lambda at: data.codes(split, at, middle - flank, length + 2 * flank)


def _batches(
    data: Any, split: str, words: Words, length: int, bin_size: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[Any]]]:
    rows, codes = TrackRows(data, split, length, bin_size), _codes(data, split, length, words.flank(bin_size))
    most = min(len(rows), max(1, BINS * bin_size // length))
    picked = np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))
    for start in range(0, len(picked), _CHUNK):
        at = picked[start : start + _CHUNK]
        yield codes(at), rows.targets(at, rows.slack // 2)
