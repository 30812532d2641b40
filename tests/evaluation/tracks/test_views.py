"""Views of predictions: coarser bins, logarithms, scaling, subsets, replacement; and the chunks they come in."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.tracks import Predictions, score_tracks, whole_pearson


def test_chunks_of_any_size_hold_every_row_once_in_order(predictions):
    whole = predictions.read_all()
    for rows in (1, 4, 23, 100):
        parts = list(predictions.chunks(rows=rows))
        assert np.concatenate([at for at, _, _ in parts]).tolist() == list(range(len(predictions)))
        for side in (0, 1):
            np.testing.assert_array_equal(np.concatenate([part[1 + side] for part in parts]), whole[side])


def test_coarser_bins_are_means_of_both_over_what_is_known(predictions, arrays):
    prediction, truth = predictions.coarser(40).read_all()
    for n, c, b in np.ndindex(truth.shape):
        p, t = (x[n, c, 4 * b : 4 * b + 4].astype(float) for x in arrays)
        known = ~np.isnan(t)
        assert truth[n, c, b] == pytest.approx(t[known].mean() if known.any() else np.nan, nan_ok=True)
        if known.any():
            assert prediction[n, c, b] == pytest.approx(p[known].mean())


def test_a_bin_without_any_truth_stays_missing():
    view = Predictions.of([[[1.0, 2.0, 3.0, 4.0]]], [[[np.nan, np.nan, 1.0, 2.0]]]).coarser(2)
    assert np.isnan(view.read_all()[1][0, 0]).tolist() == [True, False]


def test_coarsening_twice_is_coarsening_once_when_nothing_is_missing():
    random = np.random.default_rng(0)
    view = Predictions.of(random.random((4, 2, 24)), random.random((4, 2, 24)), bin_size=5)
    twice, once = view.coarser(10).coarser(30), view.coarser(30)
    assert (twice.bin_size, twice.bins) == (once.bin_size, once.bins) == (30, 4)
    for a, b in zip(twice.read_all(), once.read_all(), strict=True):
        np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("size", [5, 15, 50, 240])
def test_bins_that_do_not_fit_are_refused_with_those_that_do(predictions, size: int):
    with pytest.raises(InputError, match="choose one of 10, 20, 30, 40, 60, 120"):
        predictions.coarser(size)


def test_views_are_elementwise_and_stack(predictions, arrays):
    view = predictions.where([4, 2, 8]).scaled([1.0, 2.0, 3.0]).log1p()
    prediction, truth = view.read_all()
    factors = np.array([1.0, 2.0, 3.0])[:, None]
    np.testing.assert_allclose(prediction, np.log1p(arrays[0][[4, 2, 8]] * factors))
    np.testing.assert_allclose(truth, np.log1p(arrays[1][[4, 2, 8]].astype(float)))
    assert view.places.start.tolist() == [480, 240, 960]
    one = view.read(np.array([1]), slice(2, 3))  # a range of tracks gets the factors of those tracks
    np.testing.assert_allclose(one[0], prediction[1:2, 2:3])
    mask = np.isin(np.arange(23), [2, 4, 8])
    np.testing.assert_array_equal(predictions.where(mask).read_all()[0], arrays[0][[2, 4, 8]])


def test_a_replicate_is_scored_as_a_prediction_of_the_other(predictions, arrays):
    _, truth = arrays
    replicate = truth + np.random.default_rng(1).normal(size=truth.shape).astype(np.float32)
    replicate[:, 1, 3] = np.nan  # gaps of its own
    ceiling = predictions.replaced(replicate)
    known = ~np.isnan(truth) & ~np.isnan(replicate)
    expected = [np.corrcoef(replicate[:, c][known[:, c]], truth[:, c][known[:, c]])[0, 1] for c in range(3)]
    np.testing.assert_allclose(whole_pearson(ceiling), expected)
    lazily = predictions.replaced(lambda rows: replicate[rows])
    np.testing.assert_array_equal(whole_pearson(lazily), whole_pearson(ceiling))
    perfect = score_tracks(predictions.replaced(truth))
    assert perfect.mean("Pearson (whole)") == pytest.approx(1)
    assert perfect.mean("MSE") == 0
    with pytest.raises(InputError, match="what is scored is"):
        whole_pearson(predictions.replaced(replicate[:, :2]))


def test_arrays_that_do_not_fit_are_refused(arrays):
    prediction, truth = arrays
    with pytest.raises(InputError, match="do not fit each other"):
        Predictions.of(prediction, truth[:, :2])
    with pytest.raises(InputError, match="2 track names"):
        Predictions.of(prediction, truth, tracks=["a", "b"])
    broken = prediction.copy()
    broken[2, 1, 0] = np.inf
    with pytest.raises(InputError, match="row 2, track 'track 2', bin 0 is inf"):
        Predictions.of(broken, truth)
