"""What every metric of tracks reads: predictions and truth of windows, chunk by chunk, changed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError

Array = NDArray[Any]
Pair = tuple[Array, Array]
Reader = Callable[[NDArray[np.int64], slice], Pair]
"""From rows and a range of tracks to predictions and truth, both ``(rows, tracks, bins)`` float64; NaN is missing."""

_VALUES_AT_ONCE = 1 << 20  # 8 MiB per array in float64


class Windows(Protocol):
    """Where the windows lie: anything with these three."""

    @property
    def chrom(self) -> NDArray[np.int32]:
        """Number of the chromosome of each window."""

    @property
    def start(self) -> NDArray[np.int64]:
        """First base of each window, from 0."""

    @property
    def length(self) -> int:
        """Bases of every window."""


class Places(NamedTuple):
    """Windows as plain arrays, see :class:`Windows`."""

    chrom: NDArray[np.int32]
    start: NDArray[np.int64]
    length: int


@dataclass(frozen=True)
class Predictions:
    """Predictions beside the truth, read lazily; each method gives another view of the same data, nothing is copied.

    A metric is a function of this and so holds for every view: ``whole_pearson(p.coarser(100).log1p())``.

    Examples:
        >>> p = Predictions.of([[[1., 3., 2., 2.]]], [[[0., 4., np.nan, 1.]]], bin_size=25)
        >>> prediction, truth = p.coarser(50).read_all()
        >>> prediction.tolist(), truth.tolist()           # only the known half of the last two bins counts, in both
        ([[[2.0, 2.0]]], [[[2.0, 1.0]]])
    """

    tracks: tuple[str, ...]
    places: Places
    bin_size: int
    bins: int
    read: Reader = field(repr=False)

    @classmethod
    def of(
        cls,
        prediction: ArrayLike,
        truth: ArrayLike,
        *,
        chrom: ArrayLike | None = None,
        start: ArrayLike | None = None,
        bin_size: int = 1,
        tracks: Sequence[str] | None = None,
    ) -> Predictions:
        """From arrays in memory; without places the windows follow each other on one chromosome.

        Args:
            prediction: finite numbers ``(rows, tracks, bins)``.
            truth: of the same shape; NaN is missing.
            chrom: number of the chromosome of each row.
            start: first base of each row.
            bin_size: bases per bin.
            tracks: names.

        Raises:
            InputError: when the arrays do not fit each other or a prediction is not finite.
        """
        given, known = np.asarray(prediction), np.asarray(truth)
        names = tuple(tracks) if tracks is not None else tuple(f"track {c + 1}" for c in range(np.shape(given)[-2]))
        if given.ndim != 3 or given.shape != known.shape or len(names) != given.shape[1]:
            raise InputError(
                f"predictions {given.shape}, truth {known.shape} and {len(names)} track names do not fit each other: "
                "both arrays are (rows, tracks, bins)."
            )
        check_finite(given, names)
        rows, length = len(given), given.shape[2] * bin_size
        where = Places(
            np.zeros(rows, np.int32) if chrom is None else np.asarray(chrom, np.int32),
            np.arange(rows, dtype=np.int64) * length if start is None else np.asarray(start, np.int64),
            length,
        )

        def read(at: NDArray[np.int64], which: slice) -> Pair:
            return given[at, which].astype(float), known[at, which].astype(float)

        return cls(names, where, bin_size, given.shape[2], read)

    def __len__(self) -> int:
        return len(self.places.start)

    def chunks(self, tracks: slice = slice(None), *, rows: int | None = None) -> Iterator[tuple[Array, Array, Array]]:
        """Row numbers, predictions and truth, a few MiB at a time, in row order."""
        width = len(self.tracks[tracks]) * self.bins
        step = rows or max(1, _VALUES_AT_ONCE // max(1, width))
        for first in range(0, len(self), step):
            at = np.arange(first, min(first + step, len(self)))
            yield at, *self.read(at, tracks)

    def read_all(self) -> Pair:
        """Everything at once, for small data."""
        return self.read(np.arange(len(self)), slice(None))

    def where(self, kept: ArrayLike) -> Predictions:
        """Some of the windows: a mask, or row numbers."""
        rows = np.arange(len(self))[np.asarray(kept)]
        places = Places(self.places.chrom[rows], self.places.start[rows], self.places.length)
        return replace(self, places=places, read=lambda at, which: self.read(rows[at], which))

    def coarser(self, bin_size: int) -> Predictions:
        """Bins of another size, each the mean of those that it covers; missing bins count in neither mean.

        Raises:
            InputError: when the size is no multiple of this one or does not divide the windows.
        """
        factor = bin_size // self.bin_size
        if factor < 1 or bin_size % self.bin_size or self.bins % factor:
            raise InputError(
                f"bins of {bin_size} bp cannot be made of {self.bins} bins of {self.bin_size} bp: choose one of "
                f"{', '.join(map(str, self.coarser_sizes()))}."
            )
        return self._changed(lambda pair, _: _means(*pair, factor), bin_size=bin_size, bins=self.bins // factor)

    def coarser_sizes(self) -> list[int]:
        """All bin sizes that ``coarser`` accepts, this one first."""
        return [self.bin_size * n for n in range(1, self.bins + 1) if self.bins % n == 0]

    def log1p(self) -> Predictions:
        """Logarithm of 1 + coverage of both; negative predictions count as 0, truth must be above -1."""
        return self._changed(lambda pair, _: (np.log1p(np.maximum(pair[0], 0)), np.log1p(pair[1])))

    def scaled(self, factors: ArrayLike) -> Predictions:
        """Predictions multiplied by one factor per track."""
        by_track = np.asarray(factors, dtype=float)[:, None]
        return self._changed(lambda pair, which: (pair[0] * by_track[which], pair[1]))

    def replaced(self, prediction: ArrayLike | Callable[[NDArray[np.int64]], Array]) -> Predictions:
        """Something else scored as the prediction of the same truth: a replicate, a baseline, another model.

        Args:
            prediction: ``(rows, tracks, bins)``, or a function from row numbers to that. Where it is NaN (a replicate
                has gaps of its own) the truth counts as missing.
        """
        fixed = None if callable(prediction) else np.asarray(prediction)

        def read(at: NDArray[np.int64], which: slice) -> Pair:
            values = prediction(at) if callable(prediction) else fixed[at]  # type: ignore[index]
            chosen, truth = np.asarray(values, dtype=float)[:, which], self.read(at, which)[1]
            if chosen.shape != truth.shape:
                raise InputError(f"what is scored is {chosen.shape} and the truth {truth.shape}: (rows, tracks, bins).")
            gap = np.isnan(chosen)
            return np.where(gap, 0, chosen), np.where(gap, np.nan, truth)

        return replace(self, read=read)

    def _changed(self, change: Callable[[Pair, slice], Pair], **fields: int) -> Predictions:
        return replace(self, read=lambda at, which: change(self.read(at, which), which), **fields)  # type: ignore[arg-type]


def check_finite(prediction: Array, tracks: Sequence[str], rows: Array | None = None) -> None:
    """Refuse predictions that are no numbers, naming the first.

    Raises:
        InputError: at the first NaN or infinity.
    """
    wrong = ~np.isfinite(prediction)
    if wrong.any():
        row, track, bin_ = np.argwhere(wrong)[0]
        raise InputError(
            f"the prediction in row {row if rows is None else rows[row]}, track {tracks[track]!r}, bin {bin_} is "
            f"{prediction[row, track, bin_]}, not a finite number. Look at the training loss: it has probably diverged."
        )


def _means(prediction: Array, truth: Array, factor: int) -> Pair:
    rows, tracks, bins = truth.shape
    p, t = (x.reshape(rows, tracks, bins // factor, factor) for x in (prediction, truth))
    known = ~np.isnan(t)
    count = known.sum(-1)
    n = np.maximum(count, 1)
    return np.where(known, p, 0).sum(-1) / n, np.where(count > 0, np.where(known, t, 0).sum(-1) / n, np.nan)
