"""Correlation of box-car smoothed tracks, never across a gap: what is left of a score when fine detail is blurred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.correlation import whole_moments
from palindra.evaluation.tracks.moments import Moments
from palindra.evaluation.tracks.predictions import Pair, Predictions

Array = NDArray[Any]

_BASES_AT_ONCE = 1 << 19


class Smoothed(NamedTuple):
    """Whole Pearson correlation per track of smoothed tracks, and how many windows (or runs) are too short for it."""

    pearson: Array
    positions: Array  # boxes that lie wholly inside and whose bases are all known
    too_short: int


def box_car_pearson(predictions: Predictions, width: int, *, join: bool = False) -> Smoothed:
    """Whole Pearson correlation after both tracks are averaged over boxes of ``width`` bases at every offset.

    Bins are repeated to base resolution first, so widths need not fit the bins. Only boxes that lie wholly inside one
    window count, and only those without missing bases. Smoothing the concatenated windows instead would mix bases that
    are far apart in the genome.

    Args:
        predictions: what to score.
        width: of the box, in bases.
        join: let boxes span windows that follow each other without a gap, so that only gaps and chromosome ends cut.

    Raises:
        InputError: for a width below 1, one that fits nowhere, or ``join`` with windows that overlap.

    Examples:
        >>> p = Predictions.of([[[1., 2., 3., 5.]]], [[[0., 2., 2., 6.]]], bin_size=2)
        >>> box_car_pearson(p, 3).positions.tolist()          # boxes of 3 bases in 8
        [6]
    """
    runs = contiguous_runs(predictions) if join else [np.array([row]) for row in range(len(predictions))]
    longest = max(len(run) for run in runs) * predictions.places.length
    if not 1 <= width <= longest:
        raise InputError(
            f"boxes of {width} bp do not fit: the longest stretch without a gap has {longest} bp. Choose 1 to {longest}"
            f"{'' if join else ' (join=True lets neighbouring windows count as one stretch)'}."
        )
    too_short = sum(len(run) * predictions.places.length < width for run in runs)
    if not join:
        finished = whole_moments(smoothed_windows(predictions, width)).finish()
        return Smoothed(finished.pearson, finished.count, too_short)
    total = Moments.nothing(len(predictions.tracks))
    for run in runs:
        for prediction, truth in _joined(predictions, run, width):
            total = total.add(*_boxes(prediction, truth, width))
    finished = total.finish()
    return Smoothed(finished.pearson, finished.count, too_short)


def smoothed_windows(predictions: Predictions, width: int) -> Predictions:
    """The same windows at base resolution, averaged over every box inside them: ``window - width + 1`` positions."""
    bases = predictions.bins * predictions.bin_size

    def read(at: NDArray[np.int64], which: slice) -> Pair:
        return _boxes(*_per_base(predictions, predictions.read(at, which)), width)

    return replace(predictions, bin_size=1, bins=bases - width + 1, read=read)


def contiguous_runs(predictions: Predictions) -> list[NDArray[np.intp]]:
    """Rows of windows that follow each other without a gap, each run in the order of the genome.

    Raises:
        InputError: when windows overlap.
    """
    chrom, start, length = predictions.places
    order = np.lexsort((start, chrom))
    step, same = np.diff(start[order]), np.diff(chrom[order]) == 0
    if (same & (step < length)).any():
        row = order[int(np.flatnonzero(same & (step < length))[0]) + 1]
        raise InputError(
            f"the window in row {row} (start {start[row]}, {length} bp) overlaps the one before it: windows that "
            "overlap cannot be joined. Use join=False, or tile the test set without overlap."
        )
    return np.split(order, np.flatnonzero(~same | (step > length)) + 1)


def _joined(predictions: Predictions, run: NDArray[np.intp], width: int) -> Iterator[Pair]:
    """One run in pieces at base resolution, each beginning with the last ``width - 1`` bases of the one before."""
    rows = max(1, _BASES_AT_ONCE // (predictions.places.length * len(predictions.tracks)))
    tracks = len(predictions.tracks)
    carried = [np.zeros((1, tracks, 0))] * 2
    for first in range(0, len(run), rows):
        pair = _per_base(predictions, predictions.read(run[first : first + rows], slice(None)))
        flat = [x.transpose(1, 0, 2).reshape(1, tracks, -1) for x in pair]
        joined = [np.concatenate(parts, axis=2) for parts in zip(carried, flat, strict=True)]
        if joined[0].shape[2] >= width:
            yield joined[0], joined[1]
        carried = [x[..., x.shape[2] - min(width - 1, x.shape[2]) :] for x in joined]


def _per_base(predictions: Predictions, pair: Pair) -> Pair:
    prediction, truth = (np.repeat(x, predictions.bin_size, axis=2) for x in pair)
    return prediction, truth


def _boxes(prediction: Array, truth: Array, width: int) -> Pair:
    """Means over all boxes of a width along the last axis; NaN truth where a box holds a missing base."""
    gap = np.isnan(truth)
    missing = _sums(gap.astype(float), width) > 0.5
    return _box_means(prediction, width), np.where(
        missing, np.nan, _box_means(np.where(gap, _level(truth), truth), width)
    )


def _box_means(x: Array, width: int) -> Array:
    level = _level(x)  # running sums of what is left keep more digits, and those of a constant all of them
    return _sums(x - level, width) / width + level


def _level(x: Array) -> Array:
    return np.nan_to_num(np.fmin.reduce(x, axis=-1, keepdims=True))


def _sums(x: Array, width: int) -> Array:
    total = np.concatenate([np.zeros((*x.shape[:-1], 1)), x.cumsum(-1)], axis=-1)
    return total[..., width:] - total[..., :-width]
