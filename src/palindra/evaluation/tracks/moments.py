"""Mergeable moments of predictions and truth: what correlations and squared errors need, in float64, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class PairStatistics:
    """Statistics of prediction and truth, each an array of the moments' shape, NaN where undefined."""

    count: Array  # pairs whose truth is known
    mean_prediction: Array
    mean_truth: Array
    pearson: Array  # NaN for fewer than two pairs, and where prediction or truth is constant
    mse: Array
    scale: Array  # mean truth / mean prediction; NaN where that is not finite
    scaled_mse: Array  # after the predictions are multiplied by ``scale``


@dataclass(frozen=True)
class Moments:
    """Count, means, sums of squared deviations and of squared errors; any shape, one entry per thing that is scored.

    Two of them add up to those of the joined data (Chan, Golub & LeVeque, 1983), so any chunks in any order give what
    all data at once would give, to rounding.

    Examples:
        >>> p, t = np.array([[[1., 2., 4.]]]), np.array([[[1., 3., np.nan]]])
        >>> both = Moments.of(p, t, axis=(0, 2)).merge(Moments.of(p + 1, 2 * t, axis=(0, 2)))
        >>> both.finish().count.tolist(), both.finish().mse.round(3).tolist()
        ([4], [2.5])
    """

    count: Array
    mean_p: Array
    mean_t: Array
    squares_p: Array
    squares_t: Array
    cross: Array
    errors: Array  # sum of (prediction - truth)^2
    largest_p: Array  # largest magnitudes: what is constant can only be told from rounding by its size
    largest_t: Array

    @classmethod
    def nothing(cls, shape: int | tuple[int, ...]) -> Moments:
        """Moments of no data: the neutral element of ``merge``."""
        return cls(*(np.zeros(shape) for _ in fields(cls)))

    @classmethod
    def of(cls, prediction: Array, truth: Array, axis: int | tuple[int, ...]) -> Moments:
        """Moments over some axes; pairs whose truth is NaN are left out.

        Args:
            prediction: finite numbers, e.g. ``(rows, tracks, bins)``.
            truth: of the same shape.
            axis: what to reduce: ``(0, 2)`` for one entry per track, ``2`` for one per window and track.
        """
        known = ~np.isnan(truth)
        count = known.sum(axis=axis, keepdims=True).astype(float)
        p, mean_p, largest_p = _centred(np.asarray(prediction, dtype=float), known, count, axis)
        t, mean_t, largest_t = _centred(np.asarray(truth, dtype=float), known, count, axis)
        difference = p - t + np.where(known, mean_p - mean_t, 0)
        reduced = [count, mean_p, mean_t, *(_dot(*pair, axis) for pair in ((p, p), (t, t), (p, t)))]
        reduced += [_dot(difference, difference, axis), largest_p, largest_t]
        return cls(*(np.squeeze(part, axis=axis) for part in reduced))

    def add(self, prediction: Array, truth: Array, axis: int | tuple[int, ...] = (0, 2)) -> Moments:
        """These moments and those of one more chunk ``(rows, tracks, bins)``."""
        return self.merge(Moments.of(prediction, truth, axis))

    def merge(self, other: Moments) -> Moments:
        """Moments of both data sets together, entry by entry."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        step_p, step_t = other.mean_p - self.mean_p, other.mean_t - self.mean_t
        between = self.count * share
        return Moments(
            count,
            self.mean_p + step_p * share,
            self.mean_t + step_t * share,
            self.squares_p + other.squares_p + step_p**2 * between,
            self.squares_t + other.squares_t + step_t**2 * between,
            self.cross + other.cross + step_p * step_t * between,
            self.errors + other.errors,
            np.maximum(self.largest_p, other.largest_p),
            np.maximum(self.largest_t, other.largest_t),
        )

    def at(self, index: Any) -> Moments:
        """Some entries along the first axis."""
        return Moments(*(getattr(self, part.name)[index] for part in fields(self)))

    def pool(self, groups: ArrayLike, size: int) -> Moments:
        """Merge along the first axis into ``size`` groups.

        Args:
            groups: number of the group of each entry, from 0.
            size: how many groups; those without entries come out empty.
        """
        index = np.asarray(groups, dtype=np.intp)

        def total(values: Array) -> Array:
            out = np.zeros((size, *values.shape[1:]))
            np.add.at(out, index, values)
            return out

        first = np.zeros((size, *self.count.shape[1:]))
        maxima = [first.copy(), first.copy()]
        for out, values in zip(maxima, (self.largest_p, self.largest_t), strict=True):
            np.maximum.at(out, index, values)
        count = total(self.count)
        centre_p = total(self.count * self.mean_p) / np.maximum(count, 1)
        centre_t = total(self.count * self.mean_t) / np.maximum(count, 1)
        return self._combined(total, centre_p, centre_t, lambda centre: centre[index], maxima)

    def resampled(self, weights: Array) -> Moments:
        """Merge along the first axis with multiplicities: what the bootstrap draws.

        Args:
            weights: ``(resamples, entries)`` whole numbers, how often each entry is drawn.

        Returns:
            Moments with ``resamples`` entries along the first axis.
        """
        n = np.maximum(self.count.sum(0), 1)
        centre_p, centre_t = (self.count * self.mean_p).sum(0) / n, (self.count * self.mean_t).sum(0) / n
        maxima = [self.largest_p.max(0)[None], self.largest_t.max(0)[None]]
        flat = np.asarray(weights, dtype=float)
        return self._combined(
            lambda values: np.tensordot(flat, values, axes=1), centre_p, centre_t, lambda centre: centre, maxima
        )

    def _combined(
        self,
        total: Callable[[Array], Array],
        centre_p: Array,
        centre_t: Array,
        spread: Callable[[Array], Array],
        maxima: list[Array],
    ) -> Moments:
        """Sums of entries about a centre near each result's mean, then moved to that mean: no cancellation."""
        count = total(self.count)
        n = np.maximum(count, 1)
        step_p, step_t = self.mean_p - spread(centre_p), self.mean_t - spread(centre_t)
        off_p, off_t = total(self.count * step_p) / n, total(self.count * step_t) / n
        return Moments(
            count,
            centre_p + off_p,
            centre_t + off_t,
            np.maximum(total(self.squares_p + self.count * step_p**2) - n * off_p**2, 0),
            np.maximum(total(self.squares_t + self.count * step_t**2) - n * off_t**2, 0),
            total(self.cross + self.count * step_p * step_t) - n * off_p * off_t,
            total(self.errors),
            maxima[0] + 0 * count,
            maxima[1] + 0 * count,
        )

    def finish(self) -> PairStatistics:
        """The statistics; undefined ones are NaN, never a number made of rounding."""
        some = np.where(self.count > 0, self.count, np.nan)
        constant = _is_rounding(self.squares_p, self.count, self.largest_p)
        constant |= _is_rounding(self.squares_t, self.count, self.largest_t) | (self.count < 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = self.cross / (np.sqrt(self.squares_p) * np.sqrt(self.squares_t))
            scale = self.mean_t / self.mean_p
            scale = np.where(np.isfinite(scale), scale, np.nan)
        scaled = np.maximum(scale**2 * self.squares_p + self.squares_t - 2 * scale * self.cross, 0) / some
        pearson = np.where(constant, np.nan, np.clip(correlation, -1, 1))
        mean_p, mean_t = (np.where(self.count > 0, mean, np.nan) for mean in (self.mean_p, self.mean_t))
        return PairStatistics(self.count.astype(np.int64), mean_p, mean_t, pearson, self.errors / some, scale, scaled)


def _centred(x: Array, known: Array, count: Array, axis: int | tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Deviations from the mean (0 where unknown), the mean, and the largest magnitude."""
    n = np.maximum(count, 1)
    filled = np.where(known, x, 0)
    mean = filled.sum(axis=axis, keepdims=True) / n
    deviations = np.where(known, filled - mean, 0)
    correction = deviations.sum(axis=axis, keepdims=True) / n  # what rounding left of the mean
    return (
        np.where(known, deviations - correction, 0),
        mean + correction,
        np.abs(filled).max(axis, keepdims=True, initial=0),
    )


def _dot(a: Array, b: Array, axis: int | tuple[int, ...]) -> Array:
    return (a * b).sum(axis=axis, keepdims=True)


def _is_rounding(squares: Array, count: Array, largest: Array) -> Array:
    """Is a sum of squared deviations no more than the rounding of equal numbers of this size?"""
    return np.asarray(squares <= count * (1e-13 * largest) ** 2)
