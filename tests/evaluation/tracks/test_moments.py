"""Merged moments equal what scipy says of the joined data."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from palindra.evaluation.tracks import Moments

ROWS, TRACKS, BINS = 29, 2, 7


def data(seed: int, level: float, missing: float):
    random = np.random.default_rng(seed)
    truth = level + random.gamma(1.0, 2.0, (ROWS, TRACKS, BINS))
    prediction = 0.3 * truth + random.normal(size=truth.shape)
    truth[random.random(truth.shape) < missing] = np.nan
    return prediction, truth


def chunks_of(cuts: list[int]):
    edges = sorted({0, ROWS, *cuts})
    return [slice(a, b) for a, b in pairwise(edges)]


chunkings = st.lists(st.integers(0, ROWS), max_size=12).map(chunks_of)


def assert_is_scipy(moments: Moments, prediction, truth):
    found = moments.finish()
    for c in range(TRACKS):
        known = ~np.isnan(truth[:, c])
        p, t = prediction[:, c][known], truth[:, c][known]
        assert found.count[c] == known.sum()
        assert found.pearson[c] == pytest.approx(stats.pearsonr(p, t)[0], rel=1e-12, abs=1e-12)
        assert found.mse[c] == pytest.approx(((p - t) ** 2).mean(), rel=1e-12)
        scale = t.mean() / p.mean()
        assert found.scale[c] == pytest.approx(scale, rel=1e-12)
        assert found.scaled_mse[c] == pytest.approx(((scale * p - t) ** 2).mean(), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(chunkings, st.integers(0, 1000), st.sampled_from([0.0, 10.0]), st.sampled_from([0.0, 0.3]), st.randoms())
def test_chunks_in_any_order_and_size_give_scipy_on_everything(chunks, seed, level, missing, random):
    prediction, truth = data(seed, level, missing)
    random.shuffle(chunks)
    streamed = reduce(lambda total, rows: total.add(prediction[rows], truth[rows]), chunks, Moments.nothing(TRACKS))
    assert_is_scipy(streamed, prediction, truth)
    parts = [Moments.of(prediction[rows], truth[rows], axis=(0, 2)) for rows in chunks]
    assert_is_scipy(reduce(lambda a, b: b.merge(a), parts), prediction, truth)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=ROWS, max_size=ROWS), st.integers(0, 1000))
def test_pooled_windows_are_the_moments_of_their_group(groups, seed):
    prediction, truth = data(seed, 5.0, 0.2)
    pooled = Moments.of(prediction, truth, axis=2).pool(groups, 5).finish()
    for group in range(5):
        rows = np.array(groups) == group
        direct = Moments.of(prediction[rows], truth[rows], axis=(0, 2)).finish()
        np.testing.assert_array_equal(pooled.count[group], direct.count)
        np.testing.assert_allclose(pooled.pearson[group], direct.pearson, rtol=1e-10)
        np.testing.assert_allclose(pooled.mse[group], direct.mse, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=ROWS, max_size=ROWS).filter(any), st.integers(0, 1000))
def test_drawing_entries_repeatedly_is_repeating_their_data(times, seed):
    prediction, truth = data(seed, 5.0, 0.2)
    drawn = Moments.of(prediction, truth, axis=2).resampled(np.array([times])).finish()
    rows = np.repeat(np.arange(ROWS), times)
    direct = Moments.of(prediction[rows], truth[rows], axis=(0, 2)).finish()
    np.testing.assert_array_equal(drawn.count[0], direct.count)
    np.testing.assert_allclose(drawn.pearson[0], direct.pearson, rtol=1e-10)
    np.testing.assert_allclose(drawn.mse[0], direct.mse, rtol=1e-12)


def test_a_large_level_does_not_cancel():
    random = np.random.default_rng(0)
    truth = 1e6 + random.normal(size=(50, 1, 40))
    prediction = 1e6 + 0.5 * (truth - 1e6) + random.normal(size=truth.shape)
    streamed = reduce(lambda m, i: m.add(prediction[i : i + 7], truth[i : i + 7]), range(0, 50, 7), Moments.nothing(1))
    expected = stats.pearsonr((prediction - 1e6).ravel(), (truth - 1e6).ravel())[0]
    assert streamed.finish().pearson[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e6 + 0.1])
@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_a_constant_has_no_correlation_in_whatever_chunks(value: float, chunk: int):
    prediction = np.full((50, 1, 7), value)
    truth = np.random.default_rng(0).random((50, 1, 7))
    one = reduce(
        lambda m, i: m.add(prediction[i : i + chunk], truth[i : i + chunk]), range(0, 50, chunk), Moments.nothing(1)
    )
    other = reduce(
        lambda m, i: m.add(truth[i : i + chunk], prediction[i : i + chunk]), range(0, 50, chunk), Moments.nothing(1)
    )
    assert np.isnan(one.finish().pearson[0])
    assert np.isnan(other.finish().pearson[0])


def test_one_different_float32_among_many_is_no_constant():
    truth = np.full((1000, 1, 100), 0.1, np.float32)
    prediction = truth.copy()
    prediction[3, 0, 4] = np.nextafter(np.float32(0.1), np.float32(1))
    truth[3, 0, 4] = 0.2
    assert Moments.of(prediction, truth, axis=(0, 2)).finish().pearson[0] == pytest.approx(1)


def test_nothing_is_neutral_and_undefined():
    prediction, truth = data(0, 1.0, 0.1)
    some = Moments.of(prediction, truth, axis=(0, 2))
    for both in (some.merge(Moments.nothing(TRACKS)), Moments.nothing(TRACKS).merge(some)):
        np.testing.assert_allclose(both.finish().pearson, some.finish().pearson, rtol=1e-14)
    empty = Moments.nothing(1).finish()
    assert empty.count[0] == 0
    assert all(np.isnan(v[0]) for v in (empty.pearson, empty.mse, empty.scale, empty.mean_truth, empty.scaled_mse))


def test_a_scale_that_is_not_finite_is_none():
    moments = Moments.of(np.array([[[1.0, -1.0]]]), np.array([[[1.0, 2.0]]]), axis=(0, 2)).finish()
    assert np.isnan(moments.scale[0])
    assert np.isnan(moments.scaled_mse[0])
