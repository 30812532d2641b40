"""Trivial rows beside a model's scores: the mean track, base composition, and short words around each bin.

All are one linear model on strand-collapsed counts, from no words at all to the 4-mers of a bin and its neighbours,
fitted exactly in one pass over training and validation windows; the ridge strength is that of least validation error.
A window and its reverse complement get the same values in reverse, and stranded pairs one line for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.bin_kmers import bin_kmers
from palindra.evaluation.tracks.normal_equations import NormalEquations

Array = NDArray[Any]
Batch = tuple[NDArray[np.uint8], Array]
"""Codes ``(rows, window + 2 * flank)`` and values ``(rows, tracks, bins)``, NaN where missing."""

STRENGTHS = tuple(10 ** (power / 2) for power in range(2, 13))
"""Ridge strengths to try, 10 to a million: rows by which the data are outweighed."""


class Words(NamedTuple):
    """What a baseline counts."""

    k: int
    neighbours: int

    def flank(self, bin_size: int) -> int:
        """Bases that it reads on each side of a window."""
        return self.neighbours * bin_size


TRACK_BASELINES: dict[str, Words] = {
    "mean track": Words(0, 0),  # no words: the training mean of each track
    "GC content": Words(1, 0),
    "dinucleotides": Words(2, 0),
    "4-mer ridge": Words(4, 6),
}
"""The trivial rows of a report, by name."""


@dataclass(frozen=True)
class TrackBaseline:
    """A fitted baseline; call ``predict`` on codes of windows with their flanks."""

    words: Words
    bin_size: int
    strength: Array  # (tracks,) that won on the validation windows
    validation_mse: Array  # (tracks,)
    weight: Array = field(repr=False)  # (features, tracks)
    intercept: Array = field(repr=False)  # (tracks,)

    def predict(self, codes: NDArray[np.uint8]) -> Array:
        """Values ``(rows, tracks, bins)`` of windows ``(rows, window + 2 * flank)``; they may be negative."""
        features = bin_kmers(codes, self.bin_size, *self.words)
        return (features @ self.weight + self.intercept).transpose(0, 2, 1)

    def over(self, codes: Callable[[NDArray[np.int64]], NDArray[np.uint8]]) -> Callable[[NDArray[np.int64]], Array]:
        """A function from row numbers to predictions, for :meth:`Predictions.replaced`.

        Args:
            codes: from row numbers to the codes of those windows, flanks included.
        """
        return lambda rows: self.predict(codes(rows))


def fit_track_baseline(
    words: Words,
    train: Iterable[Batch],
    valid: Iterable[Batch],
    *,
    bin_size: int,
    strengths: Sequence[float] = STRENGTHS,
    partner: Sequence[int] | None = None,
) -> TrackBaseline:
    """Fit ridge regression on the words of each bin by closed-form normal equations, streaming both splits once.

    Args:
        words: one of :data:`TRACK_BASELINES`, or any other.
        train: batches of codes (with flanks of ``words.flank(bin_size)``) and binned values.
        valid: the same for the split that chooses the strength, track by track.
        bin_size: bases per bin.
        strengths: to try.
        partner: for each track the one that it becomes on the other strand (itself if unstranded); partners share
            their weights and strength.

    Raises:
        InputError: when a split is empty, a track has no known value in one, or partners are no pairs.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> codes = random.integers(0, 4, (20, 30)).astype(np.uint8)
        >>> gc = ((codes == 1) | (codes == 2)).reshape(20, 1, 3, 10).sum(-1)
        >>> split = [(codes, 2.0 * gc)]
        >>> baseline = fit_track_baseline(Words(1, 0), split, split, bin_size=10, strengths=[0.1])
        >>> bool(np.allclose(baseline.predict(codes), 2 * gc, atol=0.1))
        True
    """
    training, validation = (
        _sums(words, batches, bin_size, split) for batches, split in ((train, "training"), (valid, "validation"))
    )
    if partner is not None:
        if sorted(partner) != list(range(len(training.squares))) or any(partner[partner[c]] != c for c in partner):
            raise InputError(f"partners {list(partner)} are no pairs: each track's partner has that track as its own.")
        training, validation = training.tied(partner), validation.tied(partner)
    lines = training.solve(strengths)
    errors = np.array([validation.mean_squared_error(*line) for line in lines])
    if np.isnan(errors).any():
        track = int(np.argwhere(np.isnan(errors))[0, 1])
        raise InputError(f"track {track + 1} has no known value in the training or the validation windows.")
    best = errors.argmin(0)
    tracks = np.arange(len(best))
    weight = np.stack([line[0] for line in lines])[best, :, tracks].T
    intercept = np.stack([line[1] for line in lines])[best, tracks]
    return TrackBaseline(words, bin_size, np.asarray(strengths)[best], errors[best, tracks], weight, intercept)


def _sums(words: Words, batches: Iterable[Batch], bin_size: int, split: str) -> NormalEquations:
    equations: NormalEquations | None = None
    for codes, values in batches:
        features = bin_kmers(codes, bin_size, *words)
        rows, bins, size = features.shape
        if values.ndim != 3 or (values.shape[0], values.shape[2]) != (rows, bins):
            raise InputError(
                f"codes {codes.shape} make {rows} windows of {bins} bins and the values are {values.shape}: they have "
                f"to be (rows, tracks, bins), and the codes have {words.flank(bin_size)} bp more on each side."
            )
        if equations is None:
            equations = NormalEquations.nothing(size, values.shape[1])
        equations.add(features.reshape(rows * bins, size), values.transpose(0, 2, 1).reshape(rows * bins, -1))
    if equations is None:
        raise InputError(f"the {split} split has no windows: a baseline needs some.")
    return equations
