"""Correlations from chunks against scipy on the concatenated data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from palindra.evaluation.tracks import (
    Predictions,
    grouped_moments,
    per_sequence_pearson,
    whole_moments,
    whole_pearson,
    whole_spearman,
    window_moments,
)
from palindra.evaluation.tracks import predictions as reading


@pytest.fixture(params=[7, 100, 1 << 20])
def chunked(request, monkeypatch):
    """Chunks of one window, of a few, of all."""
    monkeypatch.setattr(reading, "_VALUES_AT_ONCE", request.param)


def concatenated(arrays, track):
    known = ~np.isnan(arrays[1][:, track])
    return (x[:, track][known].astype(float) for x in arrays)


def test_whole_correlations_are_scipys(chunked, predictions, arrays):
    for c in range(3):
        p, t = concatenated(arrays, c)
        assert whole_pearson(predictions)[c] == pytest.approx(stats.pearsonr(p, t)[0], rel=1e-12)
        p, t = concatenated(arrays, c)
        assert whole_spearman(predictions)[c] == pytest.approx(stats.spearmanr(p, t)[0], rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_spearman_with_many_ties_is_scipys(seed, levels):
    random = np.random.default_rng(seed)
    truth = random.integers(0, levels + 1, (11, 1, 5)).astype(float)
    prediction = (truth + random.integers(0, 3, truth.shape)).round()
    truth[random.random(truth.shape) < 0.2] = np.nan
    known = ~np.isnan(truth)
    expected = np.nan
    if np.ptp(truth[known]) and np.ptp(prediction[known]):
        expected = stats.spearmanr(prediction[known], truth[known])[0]
    assert whole_spearman(Predictions.of(prediction, truth))[0] == pytest.approx(expected, rel=1e-11, nan_ok=True)


def test_per_sequence_is_the_mean_of_scipys_over_windows_that_have_one(chunked, predictions, arrays):
    found = per_sequence_pearson(predictions)
    for c in range(3):
        each = []
        for p, t in zip(arrays[0][:, c].astype(float), arrays[1][:, c].astype(float), strict=True):
            known = ~np.isnan(t)
            varies = np.ptp(p[known]) > 0 and np.ptp(t[known]) > 0
            each.append(stats.pearsonr(p[known], t[known])[0] if varies else np.nan)
        np.testing.assert_allclose(found.values[:, c], each, rtol=1e-11)
        assert found.dropped[c] == np.isnan(each).sum()
        assert found.mean[c] == pytest.approx(np.nanmean(each))
    assert found.dropped.tolist() == [1, 1, 0]  # the constant truth and the constant prediction, nothing else
    assert found.overall == pytest.approx(np.mean(found.mean))


def test_whole_and_per_sequence_differ_by_the_levels_of_windows():
    level = np.arange(10.0)[:, None, None] * np.ones((10, 1, 4))
    wiggle = np.tile([0.0, 0.1, 0.0, -0.1], (10, 1, 1))
    view = Predictions.of(level - wiggle, level + wiggle)  # right level, wrong shape
    assert whole_pearson(view)[0] > 0.99
    assert per_sequence_pearson(view).overall == pytest.approx(-1)


def test_the_reversed_and_swapped_tracks_have_the_same_scores_swapped(predictions, arrays):
    swapped = Predictions.of(*(x[:, [1, 0, 2], ::-1] for x in arrays))
    for metric in (whole_pearson, whole_spearman, lambda p: per_sequence_pearson(p).mean):
        np.testing.assert_allclose(metric(swapped), metric(predictions)[[1, 0, 2]], rtol=1e-12)


def test_correlations_do_not_depend_on_scale_or_row_order(predictions):
    order = np.random.default_rng(0).permutation(len(predictions))
    changed = predictions.where(order).scaled([3.0, 0.5, 7.0])
    for metric in (whole_pearson, whole_spearman, lambda p: per_sequence_pearson(p).mean):
        np.testing.assert_allclose(metric(changed), metric(predictions), rtol=1e-11)


def test_groups_of_windows_pool_to_the_whole(chunked, predictions):
    groups = np.random.default_rng(0).integers(0, 4, len(predictions))
    moments = grouped_moments(predictions, groups, 5)  # the last group has no window
    assert moments.finish().count[4].tolist() == [0, 0, 0]
    for group in range(4):
        np.testing.assert_allclose(
            moments.finish().pearson[group], whole_pearson(predictions.where(groups == group)), rtol=1e-11
        )
    pooled = moments.pool(np.zeros(5, int), 1).finish()
    np.testing.assert_allclose(pooled.pearson[0], whole_moments(predictions).finish().pearson, rtol=1e-12)
    np.testing.assert_array_equal(window_moments(predictions).finish().count.sum(0), pooled.count[0])


def test_constant_tracks_have_no_correlation():
    view = Predictions.of(np.full((4, 1, 3), 0.1), np.random.default_rng(0).random((4, 1, 3)))
    assert np.isnan(whole_pearson(view)[0])
    assert np.isnan(whole_spearman(view)[0])
    assert np.isnan(per_sequence_pearson(view).overall)
    assert per_sequence_pearson(view).dropped.tolist() == [4]


def test_means_of_a_constant_over_different_gaps_differ_by_rounding_only(arrays):
    flat = Predictions.of(np.full(arrays[0].shape, 0.1), arrays[1], bin_size=10).coarser(60)
    assert np.ptp(flat.read_all()[0]) > 0  # six, five or four times a number, divided again
    assert np.isnan(whole_pearson(flat)).all()
    assert np.isnan(whole_spearman(flat)).all()
    assert np.isnan(per_sequence_pearson(flat).overall)
