"""Thresholds, intervals and sets: known answers, coverage as promised, and what shift and groups ask for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.uncertainty import (
    aps_scores,
    around,
    calibrate,
    class_sets,
    conformal_quantile,
    coverage_by_group,
    density_ratio,
    fewest_rows,
    label_scores,
    lac_scores,
    measured_coverage,
    quantile_scores,
    residual_scores,
    weighted_quantiles,
    widened,
)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_threshold_is_the_least_that_the_guarantee_allows(coverage: float):
    exact = Fraction(str(coverage))
    for n in range(1, 250):
        threshold = conformal_quantile(np.random.default_rng(n).permutation(n) + 1.0, coverage)
        rank = -(-(n + 1) * exact.numerator // exact.denominator)  # ceil((n + 1) coverage) without rounding
        assert threshold == (rank if rank <= n else np.inf), n
    assert conformal_quantile(range(fewest_rows(coverage)), coverage) < np.inf
    assert conformal_quantile(range(fewest_rows(coverage) - 1), coverage) == np.inf


def test_expected_coverage_is_exact_over_draws_of_held_out_rows():
    rng, n = np.random.default_rng(0), 30
    thresholds = [calibrate(rng.exponential(size=n), 0.8).thresholds(1)[0] for _ in range(4000)]
    # The chance that a new exponential score is below, averaged: ceil(31 * .8) / 31 = 25 / 31.
    assert np.mean(1 - np.exp(-np.array(thresholds))) == pytest.approx(25 / 31, abs=0.004)


def test_equal_weights_are_no_weights():
    scores = np.random.default_rng(1).normal(size=57)
    found = weighted_quantiles(scores, 0.9, np.full(57, 0.3), np.full(4, 0.3))
    np.testing.assert_array_equal(found, conformal_quantile(scores, 0.9))


def test_weighted_thresholds_by_enumeration():
    rng = np.random.default_rng(2)
    scores, weights = rng.normal(size=23), rng.uniform(0.1, 3, size=23)
    for own in (0.05, 0.7, 2.0, 30.0):
        candidates = [t for t in sorted(scores) if weights[scores <= t].sum() >= 0.8 * (weights.sum() + own)]
        expected = candidates[0] if candidates else np.inf
        assert weighted_quantiles(scores, 0.8, weights, [own])[0] == expected


def test_weights_of_a_classifier_repair_coverage_under_shift():
    rng = np.random.default_rng(3)

    def rows(n: int, centre: float) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(centre, 1, size=n)
        return x, np.abs(rng.normal(size=n) * np.exp(0.7 * x))  # errors grow with x

    x, scores = rows(3000, 0.0)
    new, errors = rows(3000, 1.0)
    ratio = density_ratio(x[:, None], new[:, None], seed=1)
    plain = calibrate(scores, 0.9).thresholds(len(new))
    weighted = calibrate(scores, 0.9, weights=ratio.held_out).thresholds(len(new), weights=ratio.new)
    assert (errors <= plain).mean() < 0.8
    assert abs((errors <= weighted).mean() - 0.9) < 0.03
    assert ratio.auroc == pytest.approx(0.76, abs=0.02)  # Phi(1 / sqrt 2)
    # The ratio of two normal densities is known: exp(x - 1/2).
    assert np.corrcoef(np.log(ratio.held_out), x)[0, 1] > 0.99
    assert 300 < ratio.effective_rows < 3000


def test_no_shift_gives_weights_around_one():
    rng = np.random.default_rng(4)
    ratio = density_ratio(rng.normal(size=(500, 20)), rng.normal(size=(900, 20)))
    assert ratio.auroc == pytest.approx(0.5, abs=0.05)
    assert ratio.held_out.mean() == pytest.approx(1, abs=0.1)
    assert ratio.effective_rows > 400


def test_groups_are_covered_one_by_one():
    rng = np.random.default_rng(5)
    group = rng.integers(0, 2, size=4000)
    errors = rng.normal(size=4000) * np.where(group, 5, 1)
    scores = residual_scores(errors, 0.0)
    old, new = slice(0, 2000), slice(2000, None)
    together = scores[new] <= calibrate(scores[old], 0.9).thresholds(2000)
    apart = scores[new] <= calibrate(scores[old], 0.9, groups=group[old]).thresholds(2000, groups=group[new])
    assert coverage_by_group(together, group[new])["0"].rate > 0.97
    assert coverage_by_group(together, group[new])["1"].rate < 0.85
    for found in coverage_by_group(apart, group[new]).values():
        assert abs(found.rate - 0.9) < 0.03


def test_intervals_contain_exactly_the_labels_whose_score_is_at_most_the_threshold():
    rng = np.random.default_rng(6)
    y, mean, spread = rng.normal(size=300), rng.normal(size=300), rng.uniform(0.2, 2, size=300)
    inside = around(mean, 0.8, spread).contain(y)
    np.testing.assert_array_equal(inside, residual_scores(y, mean, spread) <= 0.8)
    lower, upper = mean - spread, mean + spread / 2
    for threshold in (0.3, -0.1):
        inside = widened(lower, upper, threshold).contain(y)
        np.testing.assert_array_equal(inside, quantile_scores(y, lower, upper) <= threshold)
    assert (widened(lower, upper, -5.0).width == 0).all()


@pytest.mark.parametrize("score", ["residual", "scaled", "quantile"])
def test_regression_coverage_on_rows_with_uneven_noise(score: str):
    rng = np.random.default_rng(7)
    x = rng.uniform(0.2, 3, size=6000)
    y = x + rng.normal(size=6000) * x
    old, new = slice(0, 3000), slice(3000, None)

    def scores(rows: slice) -> np.ndarray:
        if score == "quantile":
            return quantile_scores(y[rows], x[rows] - 1.2 * x[rows], x[rows] + 1.2 * x[rows])
        return residual_scores(y[rows], x[rows], x[rows] if score == "scaled" else 1.0)

    inside = scores(new) <= calibrate(scores(old), 0.9).thresholds(3000)
    assert abs(inside.mean() - 0.9) < 0.02
    small = x[new] < 1
    # Only scores that know the noise cover quiet rows as they should.
    assert (inside[small].mean() > 0.97) == (score == "residual")


def test_missing_labels_are_not_rows():
    assert calibrate([1.0, np.nan] * 19, 0.95).thresholds(1)[0] == 1
    with pytest.raises(InputError, match=r"18 held-out rows with labels: a coverage of 0.95 needs at least 19"):
        calibrate([1.0, np.nan] * 18, 0.95)


def test_bad_requests_are_explained():
    with pytest.raises(InputError, match="between 0 and 1"):
        calibrate(np.ones(50), 90)
    with pytest.raises(InputError, match="group b: 3 held-out rows"):
        calibrate(np.ones(53), 0.9, groups=["a"] * 50 + ["b"] * 3)
    with pytest.raises(InputError, match="group c: no held-out row"):
        calibrate(np.ones(50), 0.9, groups=["a"] * 50).thresholds(1, groups=["c"])
    with pytest.raises(ValueError, match="groups and weights exactly where"):
        calibrate(np.ones(50), 0.9).thresholds(1, weights=[1.0])
    with pytest.raises(ValueError, match="negative"):
        weighted_quantiles([1.0], 0.5, [-1.0], [1.0])
    with pytest.raises(ValueError, match="not positive"):
        residual_scores([1.0], [1.0], [0.0])
    with pytest.raises(InputError, match="at least 5"):
        density_ratio(np.ones((4, 1)), np.ones((9, 1)))


# ---- sets ----------------------------------------------------------------------------------------------------------


def classes(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of four classes, and labels drawn with them: a classifier that is right about itself."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.5] * 4, size=rows)
    return p, (p.cumsum(axis=1) < rng.uniform(size=(rows, 1))).sum(axis=1)


@pytest.mark.parametrize("score", [lac_scores, aps_scores])
def test_sets_cover_and_hold_the_likeliest_classes(score):
    p, y = classes(8000, 8)
    old, new = slice(0, 4000), slice(4000, None)
    threshold = calibrate(label_scores(score(p[old]), y[old]), 0.9).thresholds(4000)
    sets = class_sets(score(p[new]), threshold)
    assert abs(sets[np.arange(4000), y[new]].mean() - 0.9) < 0.02
    for row, probabilities in zip(sets[:500], p[new], strict=False):
        assert not row.any() or probabilities[row].min() >= probabilities[~row].max(initial=0)


def test_lac_sets_are_the_smallest():
    p, y = classes(8000, 9)
    old, new = slice(0, 4000), slice(4000, None)
    size = {}
    for score in (lac_scores, aps_scores):
        sets = class_sets(score(p[new]), calibrate(label_scores(score(p[old]), y[old]), 0.9).thresholds(4000))
        size[score] = sets.sum(axis=1).mean()
    assert size[lac_scores] < size[aps_scores]


def test_adaptive_scores_by_sorting():
    p, _ = classes(50, 10)
    u = np.random.default_rng(11).uniform(size=50)
    found = aps_scores(p, u)
    for row in range(50):
        order = np.argsort(-p[row])
        before = np.concatenate([[0], np.cumsum(p[row][order])[:-1]])
        np.testing.assert_allclose(found[row][order], before + u[row] * p[row][order], atol=1e-12)


def test_randomised_adaptive_sets_are_exact():
    p, y = classes(8000, 12)
    u = np.random.default_rng(13).uniform(size=8000)
    scores = aps_scores(p, u)
    # Of a classifier that is right about itself, the score of the label is uniform.
    own = label_scores(scores, y)
    np.testing.assert_allclose(np.quantile(own, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.02)


def test_the_order_of_classes_changes_nothing_even_with_ties():
    p = np.array([[0.4, 0.4, 0.2], [0.25, 0.5, 0.25]])
    for score in (lac_scores, aps_scores):
        np.testing.assert_allclose(score(p[:, ::-1]), score(p)[:, ::-1])


def test_a_missing_label_has_no_score():
    assert np.isnan(label_scores([[0.1, 0.9]], [np.nan])).all()


# ---- measured coverage ---------------------------------------------------------------------------------------------


def test_the_binomial_interval_is_exact():
    from scipy.stats import beta

    found = measured_coverage(np.arange(50) < 44)
    assert (found.rate, found.rows) == (0.88, 50)
    assert found.low == pytest.approx(beta.ppf(0.025, 44, 7))
    assert found.high == pytest.approx(beta.ppf(0.975, 45, 6))
    assert measured_coverage([True, False], [True, False]).rate == 1
    assert measured_coverage([]).rows == 0
