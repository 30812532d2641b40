"""Differences between cells, with an interval over what was repeated: seeds, test rows, or both.

Two things vary. Another seed gives another readout; another test set of the same kind gives another score. The
variance of a difference is the sum of both parts: that of its mean over seeds (Student), and that over resampled test
rows (paired bootstrap of the mean over seeds). Degrees of freedom follow Satterthwaite (1946). Where one part cannot
be known (one seed, or predictions that were not kept) the interval covers the other alone, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.probing.verdicts.entries import Entry

BOTH, SEEDS, ROWS, NOTHING = "seeds and test rows", "seeds", "test rows", "nothing"


@dataclass(frozen=True)
class Difference:
    """A mean difference with its 95 % interval and two-sided p-value; positive is better for the first."""

    mean: float
    low: float
    high: float
    p: float
    error: float  # standard error
    freedom: float  # degrees of freedom
    covers: str  # what the interval covers
    seeds: int

    @classmethod
    def unknown(cls, mean: float = math.nan, seeds: int = 0) -> Difference:
        """A difference without an interval: nothing was repeated, or there is nothing to compare with."""
        return cls(mean, math.nan, math.nan, math.nan, math.nan, math.nan, NOTHING, seeds)

    def p_below(self, bound: float) -> float:
        """One-sided p-value that the difference is below a bound; NaN without an interval."""
        return self._tail(bound - self.mean)

    def p_above(self, bound: float) -> float:
        """One-sided p-value that the difference is above a bound."""
        return self._tail(self.mean - bound)

    def _tail(self, distance: float) -> float:
        from scipy.stats import t

        if math.isnan(self.error):
            return math.nan
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(t.sf(distance / self.error, self.freedom))


@dataclass(frozen=True)
class Contrast:
    """A difference by seed, and (where predictions were kept) on resampled test rows."""

    by_seed: Mapping[int, float]
    rows: NDArray[Any] | None = None  # on resampled rows, mean over seeds
    test_rows: int = 0
    seedless: bool = False  # one number stands for every seed

    def at(self, seed: int) -> float:
        """The difference of a seed."""
        return next(iter(self.by_seed.values())) if self.seedless else self.by_seed[seed]

    def difference(self, level: float = 0.95) -> Difference:
        """Its mean, interval and p-value.

        Examples:
            >>> Contrast({0: .03, 1: .04, 2: .02, 3: .06}).difference().covers
            'seeds'
            >>> one = Contrast({0: .03}, np.random.default_rng(0).normal(.03, .01, 400), 500).difference()
            >>> one.covers, one.low > 0, one.p < .01
            ('test rows', True, True)
        """
        from scipy.stats import t

        values = np.array(list(self.by_seed.values()), dtype=float)
        n = len(values)
        if n == 0:
            return Difference.unknown()
        mean = float(values.mean())
        parts: list[tuple[float, float]] = []  # variance, degrees of freedom
        if n > 1:
            parts.append((float(values.var(ddof=1)) / n, n - 1.0))
        if self.rows is not None:
            parts.append((float(np.nanvar(self.rows, ddof=1)), max(1.0, self.test_rows - 1.0)))
        covers = {(True, True): BOTH, (True, False): SEEDS, (False, True): ROWS}.get(
            (n > 1, self.rows is not None), NOTHING
        )
        variance = sum(part for part, _ in parts)
        if not parts or (variance <= _rounding(values) and self.rows is None):
            return Difference.unknown(mean, n)  # nothing varied
        if variance <= _rounding(values):
            return Difference(mean, mean, mean, float(abs(mean) <= _rounding(values) ** 0.5), 0.0, 1.0, covers, n)
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
        error = variance**0.5
        half = float(t.ppf((1 + level) / 2, freedom)) * error
        p = 2 * float(t.sf(abs(mean) / error, freedom))
        return Difference(mean, mean - half, mean + half, p, error, freedom, covers, n)


def _rounding(values: NDArray[Any]) -> float:
    return (1e-12 * max(1.0, float(np.abs(values).max()))) ** 2


def contrast(first: Entry, second: Entry) -> Contrast:
    """First minus second, turned so that positive is better, over the seeds that both have.

    A readout without seeds (linear, on all training rows) stands beside every seed of the other.

    Raises:
        ValueError: if the two are of different tasks or metrics.

    Examples:
        >>> from palindra.probing.verdicts.entries import Kind
        >>> one = Entry("lm", Kind.LANGUAGE_MODEL, "utr5", "cnn", "MSE", {0: .5, 1: .4}, higher_is_better=False)
        >>> two = Entry("one-hot", Kind.ONE_HOT, "utr5", "cnn", "MSE", {0: .6, 1: .6}, higher_is_better=False)
        >>> {seed: round(value, 3) for seed, value in contrast(one, two).by_seed.items()}
        {0: 0.1, 1: 0.2}
    """
    if (first.task, first.metric) != (second.task, second.metric):
        raise ValueError(f"{first.metric} on {first.task} is not compared with {second.metric} on {second.task}.")
    sign = 1.0 if first.higher_is_better else -1.0
    one, two = first.known, second.known
    drawn = [scores.keys() for entry, scores in ((first, one), (second, two)) if not entry.seedless]
    seeds = sorted(set.intersection(*map(set, drawn))) if drawn else list(one)[:1]
    seeds = seeds if one and two else []
    kept = [(first.at(first.resampled, seed), second.at(second.resampled, seed)) for seed in seeds]
    rows = None
    if kept and all(a is not None and b is not None for a, b in kept):
        rows = sign * np.mean([a - b for a, b in kept], axis=0)
    return Contrast(
        {seed: sign * (first.at(one, seed) - second.at(two, seed)) for seed in seeds},
        rows,
        first.test_rows,
        seedless=not drawn,
    )


def mean_of(contrasts: Sequence[Contrast]) -> Contrast:
    """The mean of several differences over the seeds that all have.

    Differences on the same task share the draws of its rows, those on different tasks have draws of their own; so the
    spread over draws is right for both.
    """
    if not contrasts:
        return Contrast({})
    drawn = [set(item.by_seed) for item in contrasts if not item.seedless]
    seeds = set.intersection(*drawn) if drawn else {0}
    if any(not item.by_seed for item in contrasts):
        seeds = set()
    rows = [item.rows for item in contrasts if item.rows is not None]
    return Contrast(
        {seed: math.fsum(item.at(seed) for item in contrasts) / len(contrasts) for seed in sorted(seeds)},
        np.mean(rows, axis=0) if len(rows) == len(contrasts) else None,
        min(item.test_rows for item in contrasts),
        seedless=not drawn,
    )
