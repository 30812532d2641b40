"""The largest value of every track in every window, and the windows that are kept for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import epoch_order
from palindra.data.tracks.coverage import Coverage, Values, runs
from palindra.data.tracks.regions import Ints, Regions


def scan(
    coverage: Coverage, starts: Ints, length: int, *, blacklist: Regions, percentile: float, margin: int
) -> tuple[Values, Values]:
    """Stream one track over windows, in any order and overlapping or not.

    Values on the blacklist are cut to a low percentile of their window (the nearest value below it, so that the order
    of cutting and of scaling does not matter).

    Args:
        coverage: the track.
        starts: of the windows on the axis.
        length: of each window.
        blacklist: positions, flanks included.
        percentile: 0 to 100.
        margin: a window that the blacklist meets only that far outside has a ceiling as well.

    Returns:
        For each window its largest value (NaN where all are missing), and the ceiling for its blacklisted positions
        (infinite where there are none).
    """
    order = np.argsort(starts, kind="stable")
    ordered = starts[order]
    touched = blacklist.covered(ordered - margin, ordered + length + margin) > 0
    maxima = np.empty(len(ordered), dtype=np.float32)
    ceilings = np.full(len(ordered), np.inf, dtype=np.float32)
    for low, high in runs(ordered, coverage.axis.split(ordered)[0], length):
        begin, some = int(ordered[low]), ordered[low:high]
        values = coverage.read(begin, int(some[-1]) + length)
        bounds = np.stack([some - begin, some - begin + length], axis=1).ravel()
        # fmax leaves NaN out; the appended one lets the last window end where the values do.
        maxima[low:high] = np.fmax.reduceat(np.append(values, np.float32(np.nan)), bounds)[::2]
        for row in low + np.flatnonzero(touched[low:high]):
            window = values[ordered[row] - begin : ordered[row] - begin + length]
            ceilings[row] = low_percentile(window, percentile)
            maxima[row] = _largest(cut(window[None], ordered[row : row + 1], ceilings[row : row + 1], blacklist))
    back = np.argsort(order, kind="stable")
    return maxima[back], ceilings[back]


def low_percentile(values: Values, percentile: float) -> float:
    """The largest value that at most that share of the measured ones lie below; infinite if none is measured.

    Examples:
        >>> low_percentile(np.array([5, np.nan, 1, 9], dtype=np.float32), 50)
        5.0
    """
    measured = values[~np.isnan(values)]
    return float(np.percentile(measured, percentile, method="lower")) if len(measured) else float("inf")


def cut(values: Values, starts: Ints, ceilings: Values, blacklist: Regions) -> Values:
    """Values of windows (rows, length) in which blacklisted positions are at most the ceiling of their row.

    Args:
        values: of each row.
        starts: where each row begins on the axis.
        ceilings: of each row.
        blacklist: positions on the axis.

    Examples:
        >>> cut(np.full((1, 5), 8, np.float32), np.array([10]), np.array([3], np.float32), Regions.of([0], [12]))
        array([[3., 3., 8., 8., 8.]], dtype=float32)
    """
    length = values.shape[-1]
    changed = values.copy()
    low = np.searchsorted(blacklist.ends, starts, side="right")
    high = np.searchsorted(blacklist.starts, starts + length, side="left")
    for row in np.flatnonzero(high > low):
        for number in range(low[row], high[row]):
            first = max(int(blacklist.starts[number] - starts[row]), 0)
            part = changed[row, first : int(blacklist.ends[number] - starts[row])]
            np.minimum(part, ceilings[row], out=part)  # NaN stays NaN
    return changed


def exceeds(maxima: NDArray[np.float32], threshold: float | None) -> NDArray[np.bool_]:
    """Whether some track is above the threshold somewhere in each window, strictly; all windows without a threshold.

    Examples:
        >>> maxima = np.array([[2.0, 0.5], [np.nan, 2.1], [0.0, 0.0]], dtype=np.float32)
        >>> [exceeds(maxima, t).tolist() for t in (2, 0, None)]
        [[False, True, False], [True, True, False], [True, True, True]]
    """
    if threshold is None:
        return np.ones(len(maxima), dtype=bool)
    return np.asarray((maxima > threshold).any(axis=1))


def shuffled(rows: Ints, *, seed: int, stream: int, sample: float = 1.0) -> Ints:
    """A share of some rows in an order that the seed decides; all rows of it are a prefix of a larger share."""
    order = epoch_order(len(rows), seed, stream)
    return rows[order[: round(sample * len(rows))]]


def _largest(values: Values) -> float:
    return float(np.fmax.reduce(values, axis=None))
