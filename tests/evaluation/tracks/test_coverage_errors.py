"""Squared error, likelihood and distance of profiles against scipy and against hand values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from palindra.errors import InputError
from palindra.evaluation.tracks import Predictions, deviations, expected_coverage, jensen_shannon, mean_scale
from palindra.evaluation.tracks import predictions as reading

EPSILON = np.finfo(float).eps


@pytest.mark.parametrize("values_at_once", [7, 100, 1 << 20])
def test_errors_are_those_of_the_concatenated_data(monkeypatch, predictions, arrays, values_at_once):
    monkeypatch.setattr(reading, "_VALUES_AT_ONCE", values_at_once)
    found = deviations(predictions)
    for c in range(3):
        known = ~np.isnan(arrays[1][:, c])
        p, t = (x[:, c][known].astype(float) for x in arrays)
        assert found.known[c] == known.sum()
        assert found.mse[c] == pytest.approx(((p - t) ** 2).mean(), rel=1e-12)
        assert found.poisson[c] == pytest.approx((p - t * np.log(p + 1e-7)).mean(), rel=1e-11)
        each = []
        for p, t in zip(arrays[0][:, c].astype(float), arrays[1][:, c].astype(float), strict=True):
            shown = ~np.isnan(t)
            each.append(jensenshannon(p[shown] + EPSILON, t[shown] + EPSILON))
        assert found.jensen_shannon[c] == pytest.approx(np.mean(each), rel=1e-9)
    assert found.empty.tolist() == [1, 0, 0]
    assert found.negative.tolist() == [0, 0, 0]


def test_the_likelihood_is_least_for_the_truth():
    """The published metric swaps its arguments, and is not least for the truth."""
    truth = np.array([[[0.5, 3.0, 20.0, 0.0]]])
    best = deviations(Predictions.of(truth, truth)).poisson[0]
    for factor in (0.3, 0.9, 1.1, 3.0):
        assert deviations(Predictions.of(truth * factor, truth)).poisson[0] > best
    swapped = [(truth + 1 - (truth * f + 1) * np.log(truth + 1)).mean() for f in (0.9, 1.0, 1.1)]
    assert swapped[2] < swapped[1]


def test_with_log_gamma_it_is_minus_the_log_probability():
    random = np.random.default_rng(0)
    counts, rates = random.poisson(3.0, (5, 2, 6)).astype(float), random.gamma(2.0, 1.5, (5, 2, 6))
    found = deviations(Predictions.of(rates, counts), log_gamma=True).poisson
    expected = -stats.poisson.logpmf(counts, rates).mean((0, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-6)  # the 1e-7 in the logarithm


def test_negative_truth_has_no_likelihood_but_an_error():
    found = deviations(Predictions.of([[[1.0, 2.0]], [[1.0, 1.0]]], [[[-1.0, 2.0]], [[0.0, 1.0]]]))
    assert np.isnan(found.poisson[0])
    assert found.mse[0] == pytest.approx(5 / 4)


def test_negative_predictions_are_counted_and_count_as_zero():
    found = deviations(Predictions.of([[[-3.0, 2.0, -1.0]]], [[[0.0, 2.0, np.nan]]]))
    assert found.negative.tolist() == [1]  # the other one has no truth
    assert found.poisson[0] == pytest.approx((0 + 2 - 2 * np.log(2)) / 2, rel=1e-6)
    assert found.mse[0] == pytest.approx(4.5)
    assert found.jensen_shannon[0] == pytest.approx(0, abs=1e-7)


def test_distance_of_profiles_known_by_hand():
    assert jensen_shannon([1.0, 0.0], [0.0, 5.0]) == pytest.approx(np.sqrt(np.log(2)))
    assert jensen_shannon([2.0, 4.0], [1.0, 2.0]) == 0  # only shares matter
    assert np.isnan(jensen_shannon([2.0, 4.0], [np.nan, np.nan]))
    assert jensen_shannon([9.0, 2.0, 4.0], [np.nan, 1.0, 2.0]) == 0  # a missing bin is in neither profile
    one_bin = deviations(Predictions.of(np.ones((3, 1, 1)), np.ones((3, 1, 1))))
    assert np.isnan(one_bin.jensen_shannon[0])  # one bin has no shape


def test_the_scale_brings_the_mean_to_that_of_the_truth(predictions, arrays):
    scale = mean_scale(predictions)
    for c in range(3):
        known = ~np.isnan(arrays[1][:, c])
        expected = arrays[1][:, c][known].mean(dtype=float) / arrays[0][:, c][known].mean(dtype=float)
        assert scale[c] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(mean_scale(predictions.scaled(scale)), 1, rtol=1e-12)
    assert np.isnan(mean_scale(Predictions.of(np.zeros((2, 1, 3)), np.ones((2, 1, 3)))))


def test_profile_and_counts_make_coverage():
    random = np.random.default_rng(0)
    profile, totals = random.normal(size=(4, 2, 6)), random.gamma(2.0, 9.0, (4, 2))
    coverage = expected_coverage(profile, np.log1p(totals))
    np.testing.assert_allclose(coverage.sum(2), totals)
    np.testing.assert_allclose(np.diff(np.log(coverage), axis=2), np.diff(profile, axis=2))
    assert (expected_coverage(profile, -np.ones((4, 2))) == 0).all()
    with pytest.raises(InputError, match="do not fit"):
        expected_coverage(profile, totals[:, :1])
