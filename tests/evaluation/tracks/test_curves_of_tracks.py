"""The resolution triangle, and scores over rising thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from palindra.errors import InputError
from palindra.evaluation.tracks import (
    Predictions,
    per_sequence_pearson,
    resolution_triangle,
    threshold_curve,
    whole_pearson,
    whole_spearman,
)


@pytest.fixture
def smooth():
    random = np.random.default_rng(0)
    truth = random.gamma(1.0, 2.0, (30, 2, 16))
    return truth + random.normal(size=truth.shape), truth


def test_the_triangle_is_scipy_on_means_of_both(smooth):
    prediction, truth = smooth
    models = {
        str(b): Predictions.of(*(x.reshape(30, 2, 16 // b, b).mean(-1) for x in smooth), bin_size=b) for b in (4, 1, 2)
    }
    triangle = resolution_triangle(models)
    assert (triangle.models, triangle.trained, triangle.sizes) == (("4", "1", "2"), (4, 1, 2), (1, 2, 4))
    for row, trained in enumerate(triangle.trained):
        for column, size in enumerate(triangle.sizes):
            cell = triangle.per_track[row, column]
            if size < trained:
                assert np.isnan(cell).all()
                continue
            p, t = (x.reshape(30, 2, 16 // size, size).mean(-1) for x in (prediction, truth))
            expected = [stats.pearsonr(p[:, c].ravel(), t[:, c].ravel())[0] for c in (0, 1)]
            np.testing.assert_allclose(cell, expected, rtol=1e-10)
            assert triangle.mean[row, column] == pytest.approx(np.mean(expected))


def test_noise_of_single_bins_averages_out_along_a_row(smooth):
    row = resolution_triangle({"model": Predictions.of(*smooth)}, [1, 2, 4, 8]).mean[0]
    assert np.isfinite(row).all()


def test_sizes_that_do_not_fit_a_model_are_empty_and_the_metric_is_free(smooth):
    view = Predictions.of(*smooth)
    triangle = resolution_triangle({"model": view}, [1, 3, 16], statistic=whole_spearman)
    assert np.isnan(triangle.mean[0]).tolist() == [False, True, False]
    np.testing.assert_array_equal(triangle.per_track[0, 0], whole_spearman(view))
    with pytest.raises(InputError, match="same tracks"):
        resolution_triangle({"a": view, "b": Predictions.of(*(x[:, :1] for x in smooth))})
    with pytest.raises(InputError, match="same tracks"):
        resolution_triangle({})


def test_each_point_is_the_score_of_the_windows_above_it(predictions, arrays):
    thresholds = [0, 3, 6, 9, 12, 1000]
    curve = threshold_curve(predictions, thresholds)
    largest = np.nanmax(arrays[1], axis=(1, 2))
    for i, threshold in enumerate(thresholds):
        kept = predictions.where(largest > threshold)
        assert curve.windows[i] == len(kept)
        if len(kept) == 0:
            assert np.isnan(curve.per_sequence[i]).all()
            assert np.isnan(curve.whole[i]).all()
            continue
        np.testing.assert_allclose(curve.whole[i], whole_pearson(kept), rtol=1e-10)
        inside = per_sequence_pearson(kept)
        np.testing.assert_allclose(curve.per_sequence[i], inside.mean, rtol=1e-12)
        np.testing.assert_array_equal(curve.dropped[i], inside.dropped)
        assert curve.mean_per_sequence[i] == pytest.approx(inside.overall)


def test_a_window_at_the_threshold_is_not_above_it():
    view = Predictions.of(np.ones((2, 1, 3)), [[[0.0, 2.0, 1.0]], [[0.0, 2.5, 1.0]]])
    assert threshold_curve(view, [2]).windows.tolist() == [1]


def test_maxima_at_base_resolution_choose_the_same_windows_at_any_bin_size(predictions, arrays):
    largest = np.nanmax(arrays[1], axis=(1, 2))
    coarse = predictions.coarser(60)
    given = threshold_curve(coarse, [8.0], maxima=largest)
    assert given.windows.tolist() == [(largest > 8).sum()]
    assert threshold_curve(coarse, [8.0]).windows[0] < given.windows[0]
    with pytest.raises(InputError, match="one each is needed"):
        threshold_curve(coarse, [8.0], maxima=largest[:5])


def test_one_bin_per_window_has_no_correlation_inside(predictions):
    curve = threshold_curve(predictions.coarser(120), [0.0])
    assert np.isnan(curve.per_sequence).all()
    assert np.isfinite(curve.whole).all()
