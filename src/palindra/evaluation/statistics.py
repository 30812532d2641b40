"""Intervals, paired tests and corrections, each saying which variation it covers.

Two kinds of variation are easily confused. *Seeds*: the same recipe trained again gives another model;
:func:`mean_interval` and :func:`paired_test` work on one score per seed and say how the recipe does on *this* test
set. *Rows*: another test set of the same kind gives another score; :func:`bootstrap_interval` and
:func:`paired_bootstrap` work on the rows of one test set and say how *these* trained models do. Neither covers the
other, and neither covers a change of the data (another cell type, another laboratory).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError

Array = NDArray[Any]

_EXACT_UP_TO = 16  # 2**16 sign patterns; beyond, as many random ones


class Interval(NamedTuple):
    """A value with its interval; NaN bounds mean that there is none."""

    value: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """Differences of paired scores: their mean, its interval, and two p-values (both two-sided)."""

    mean: float
    low: float
    high: float
    p_t: float
    p_permutation: float
    n: int


class PairedBootstrap(NamedTuple):
    """A statistic of two models on the same rows, and the interval of first minus second."""

    first: float
    second: float
    difference: float
    low: float
    high: float


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean over independent runs (seeds) with its Student-t interval.

    Covers the variation between seeds on a fixed test set; assumes roughly normal scores. It does not cover the
    sampling of the test set. One run has no interval (NaN).

    Examples:
        >>> mean, low, high = mean_interval([.80, .82, .84])
        >>> round(mean, 3), round(low, 3), round(high, 3)
        (0.82, 0.77, 0.87)
    """
    from scipy.stats import t

    scores = _scores(values)
    mean, n = float(scores.mean()), len(scores)
    if n == 1:
        return Interval(mean, float("nan"), float("nan"))
    half = float(t.ppf((1 + level) / 2, n - 1)) * float(scores.std(ddof=1)) / n**0.5
    return Interval(mean, mean - half, mean + half)


def paired_test(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> PairedTest:
    """Does recipe ``a`` score higher than ``b`` on runs that share what could be shared (seed, fold, data set)?

    ``p_t`` is the paired t-test. ``p_permutation`` flips the sign of every difference in all ways (exact up to 16
    pairs, 65,536 seeded random flips beyond) and assumes nothing but symmetry; its smallest possible value is
    ``2 / 2**n``, so five pairs can never reach 0.05. When all differences are equal, t has no spread to compare with:
    p_t is 1 for a difference of zero and 0 otherwise, and only the permutation p means something.

    Covers the variation between pairs on a fixed test set, not the sampling of the test set.

    Raises:
        InputError: when the two differ in length, are empty or hold NaN.

    Examples:
        >>> test = paired_test([.83, .85, .84, .88], [.80, .81, .82, .83])
        >>> round(test.mean, 3), round(test.p_t, 4), test.p_permutation
        (0.035, 0.0123, 0.125)
    """
    from scipy.stats import ttest_rel

    first, second = _scores(a), _scores(b)
    if len(first) != len(second):
        raise InputError(f"a paired test needs pairs; got {len(first)} and {len(second)} scores.")
    differences, n = first - second, len(first)
    rounding = 1e-12 * float(max(np.abs(first).max(), np.abs(second).max()))
    p_permutation = _sign_flip_p(differences, rounding)
    if np.ptp(differences) <= rounding:  # equal up to rounding (always so for one pair): no spread
        mean = 0.0 if abs(differences[0]) <= rounding else float(differences[0])
        low, high, p_t = (mean, mean, float(mean == 0)) if n > 1 else (float("nan"),) * 3
        return PairedTest(mean, low, high, p_t, p_permutation, n)
    return PairedTest(*mean_interval(differences, level), float(ttest_rel(first, second).pvalue), p_permutation, n)


def _sign_flip_p(differences: Array, rounding: float) -> float:
    n = len(differences)
    observed = abs(differences.sum()) - n * rounding
    if n <= _EXACT_UP_TO:
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float((np.abs(signs @ differences) >= observed).mean())
    signs = np.random.default_rng(0).choice([-1, 1], size=(2**_EXACT_UP_TO, n))
    return float((1 + (np.abs(signs @ differences) >= observed).sum()) / (1 + len(signs)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for looking at several comparisons (Holm, 1979), in the given order.

    The chance of one or more false claims among those with a corrected value below 0.05 is below 0.05, whatever the
    dependence between the tests.

    Examples:
        >>> [round(p, 3) for p in holm([.01, .04, .03])]
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"p-values lie between 0 and 1; got {p.tolist()}. Leave out tests that have none.")
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected.tolist()


def bootstrap_interval(
    statistic: Callable[[NDArray[np.intp]], float],
    rows: int,
    seed: int,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> Interval:
    """A statistic of a test set with its percentile interval over resampled rows.

    Covers the sampling of the test set for one trained model. It does not cover the variation between seeds, and it
    takes rows as independent: give ``groups`` (chromosome, gene, family) when they are not.

    Args:
        statistic: a number from row numbers, e.g. ``lambda rows: auroc(p[rows], y[rows])``; NaN when it does not
            exist for these rows (one class only). Up to 5 % of such resamples are left out.
        rows: how many rows there are.
        seed: the same seed gives the same resamples.
        resamples: how many.
        level: coverage of the interval.
        groups: ``(rows,)``, rows with the same entry are drawn together.

    Raises:
        InputError: when the statistic does not exist for more than 5 % of the resamples.

    Examples:
        >>> values = np.arange(100.)
        >>> value, low, high = bootstrap_interval(lambda rows: values[rows].mean(), 100, seed=0)
        >>> value, bool(43 < low < 46), bool(53 < high < 56)
        (49.5, True, True)
    """
    names = np.arange(rows) if groups is None else np.asarray(groups)
    if rows < 1 or len(names) != rows:
        raise InputError(f"a bootstrap over {rows} rows needs at least one row and a group for each; got {len(names)}.")
    inverse = np.unique(names, return_inverse=True)[1]
    order = np.argsort(inverse, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    random = np.random.default_rng(seed)

    def resample() -> NDArray[np.intp]:
        drawn = random.integers(len(members), size=len(members))
        return drawn if groups is None else np.concatenate([members[group] for group in drawn])

    values = np.array([statistic(resample()) for _ in range(resamples)])
    if np.isnan(values).mean() > 0.05:
        raise InputError(
            f"the statistic does not exist for {np.isnan(values).sum()} of {resamples} resamples of {rows} rows, "
            "probably because one class is rare. A test set with more rows of it is needed."
        )
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(np.arange(rows))), float(low), float(high))


def paired_bootstrap(
    statistic: Callable[[Array, Array], float],
    first: ArrayLike,
    second: ArrayLike,
    labels: ArrayLike,
    seed: int,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> PairedBootstrap:
    """Two models' predictions on the same rows: the difference of a statistic with its percentile interval.

    Both are scored on the same resampled rows, so what is easy or hard for both cancels. Covers the sampling of the
    test set for these two trained models; for a claim about the recipes train several seeds and use
    :func:`paired_test`.

    Args:
        statistic: from predictions and labels to a number, e.g. :func:`palindra.evaluation.metrics.auroc`.
        first: predictions ``(rows, ...)``.
        second: predictions of the other model.
        labels: ``(rows, ...)``.
        seed: the same seed gives the same resamples.
        resamples: how many.
        level: coverage of the interval.
        groups: ``(rows,)``, rows with the same entry are drawn together.

    Raises:
        InputError: when the three differ in rows, or as in :func:`bootstrap_interval`.

    Examples:
        >>> labels = np.arange(60) % 2
        >>> better, worse = labels * .5 + np.linspace(0, .6, 60), labels * .2 + np.linspace(0, .6, 60)
        >>> from palindra.evaluation.metrics import auroc
        >>> result = paired_bootstrap(auroc, better, worse, labels, seed=0)
        >>> result.difference > .1, result.low > 0
        (True, True)
    """
    one, two, truth = np.asarray(first), np.asarray(second), np.asarray(labels)
    if one.shape != two.shape or len(one) != len(truth):
        raise InputError(
            f"a paired comparison needs both models' predictions for the same rows; got {one.shape}, {two.shape} "
            f"and {len(truth)} labels."
        )

    def difference(rows: NDArray[np.intp]) -> float:
        return statistic(one[rows], truth[rows]) - statistic(two[rows], truth[rows])

    interval = bootstrap_interval(difference, len(truth), seed, resamples=resamples, level=level, groups=groups)
    return PairedBootstrap(float(statistic(one, truth)), float(statistic(two, truth)), *interval)


def _scores(values: ArrayLike) -> Array:
    scores = np.asarray(values, dtype=float).ravel()
    if scores.size == 0 or not np.isfinite(scores).all():
        raise InputError(f"scores of runs must be numbers, at least one; got {scores.tolist()}.")
    return scores
