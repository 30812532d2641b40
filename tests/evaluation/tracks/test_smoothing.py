"""Box-car smoothing against the plain definition, base by base."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.tracks import Predictions, box_car_pearson, smoothed_windows, smoothing, whole_pearson
from palindra.evaluation.tracks import predictions as reading


def boxes(track, width):
    return [track[i : i + width].mean() for i in range(len(track) - width + 1)]


def correlation_of_stretches(stretches, width):
    p = np.concatenate([boxes(p, width) for p, _ in stretches if len(p) >= width])
    t = np.concatenate([boxes(t, width) for _, t in stretches if len(t) >= width])
    keep = ~np.isnan(t)
    return np.corrcoef(p[keep], t[keep])[0, 1], int(keep.sum())


@pytest.mark.parametrize("width", [1, 4, 7, 25, 120])
def test_windows_are_smoothed_one_by_one(monkeypatch, predictions, arrays, width):
    monkeypatch.setattr(reading, "_VALUES_AT_ONCE", 100)
    found = box_car_pearson(predictions, width)
    for c in range(3):
        stretches = [tuple(np.repeat(x[n, c].astype(float), 10) for x in arrays) for n in range(23)]
        expected, positions = correlation_of_stretches(stretches, width)
        assert found.positions[c] == positions
        assert found.pearson[c] == pytest.approx(expected, rel=1e-10)


def test_a_box_of_one_base_changes_nothing(predictions):
    np.testing.assert_allclose(box_car_pearson(predictions, 1).pearson, whole_pearson(predictions), rtol=1e-12)


def test_windows_from_far_apart_never_mix():
    """The published smoothing runs over the concatenated windows: their order then changes the score."""
    random = np.random.default_rng(0)
    prediction, truth = random.random((6, 1, 20)), random.random((6, 1, 20))
    order = [3, 0, 5, 1, 4, 2]
    start = np.arange(6) * 1000
    view = Predictions.of(prediction, truth, start=start)
    shuffled = Predictions.of(prediction[order], truth[order], start=start[order])
    for join in (False, True):
        one, other = box_car_pearson(view, 7, join=join), box_car_pearson(shuffled, 7, join=join)
        assert one.pearson[0] == pytest.approx(other.pearson[0], rel=1e-12)
        assert one.positions.tolist() == other.positions.tolist() == [6 * 14]
    concatenated = [
        np.corrcoef(*(np.convolve(x[o].ravel(), np.ones(7), "valid") for x in (prediction, truth)))[0, 1]
        for o in (list(range(6)), order)
    ]
    assert abs(concatenated[0] - concatenated[1]) > 1e-4


@pytest.mark.parametrize("at_once", [1, 500, 1 << 19])
@pytest.mark.parametrize("width", [4, 25, 150, 400])
def test_joined_windows_are_cut_at_gaps_and_chromosomes_only(monkeypatch, arrays, at_once, width):
    monkeypatch.setattr(smoothing, "_BASES_AT_ONCE", at_once)
    arrays = (arrays[0], np.nan_to_num(arrays[1]))
    arrays[1][10, :, 3] = np.nan
    chrom = np.repeat([0, 1], [13, 10])
    start = np.arange(23) * 120
    start[7:] += 60  # a gap inside the first chromosome
    shuffle = np.random.default_rng(1).permutation(23)
    view = Predictions.of(*(x[shuffle] for x in arrays), chrom=chrom[shuffle], start=start[shuffle], bin_size=10)
    found = box_car_pearson(view, width, join=True)
    for c in range(3):
        stretches = [
            tuple(np.repeat(x[rows, c].astype(float).ravel(), 10) for x in arrays)
            for rows in (slice(0, 7), slice(7, 13), slice(13, 23))
        ]
        expected, positions = correlation_of_stretches(stretches, width)
        assert found.positions[c] == positions
        assert found.pearson[c] == pytest.approx(expected, rel=1e-9)
    assert found.too_short == 0


def test_runs_too_short_for_the_box_are_counted():
    view = Predictions.of(np.random.rand(3, 1, 5), np.random.rand(3, 1, 5), start=[0, 5, 100])
    found = box_car_pearson(view, 7, join=True)
    assert (found.too_short, found.positions.tolist()) == (1, [4])


def test_smoothed_windows_serve_every_metric(predictions):
    view = smoothed_windows(predictions, 25)
    assert (view.bins, view.bin_size) == (96, 1)
    np.testing.assert_allclose(whole_pearson(view), box_car_pearson(predictions, 25).pearson)


@pytest.mark.parametrize("join", [False, True])
def test_a_constant_stays_constant(arrays, join):
    flat = Predictions.of(np.full_like(arrays[0], 0.1), arrays[1], bin_size=10)
    assert np.isnan(box_car_pearson(flat, 7, join=join).pearson).all()
    same = np.where(np.isnan(arrays[1]), np.nan, 0.1)
    assert np.isnan(box_car_pearson(Predictions.of(arrays[0], same, bin_size=10), 7, join=join).pearson).all()


def test_what_cannot_be_smoothed_is_refused(predictions):
    for width in (0, 121):
        with pytest.raises(InputError, match=r"longest stretch without a gap has 120 bp.*join=True"):
            box_car_pearson(predictions, width)
    overlapping = Predictions.of(np.ones((2, 1, 5)), np.ones((2, 1, 5)), start=[0, 3])
    with pytest.raises(InputError, match=r"row 1 \(start 3, 5 bp\) overlaps"):
        box_car_pearson(overlapping, 2, join=True)
