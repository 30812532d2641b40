import warnings

import numpy as np
import pytest

from palindra.data.tracks import bin_means
from palindra.errors import InputError

LENGTH = 2048


@pytest.mark.parametrize("bin_size", [1, 32, 64, 128, 256, 512, 1024, 2048])
def test_bins_are_means_of_neighbours(bin_size):
    values = np.random.default_rng(0).gamma(1, 2, (3, 2, LENGTH)).astype(np.float32)
    expected = [
        [[np.mean(track[p : p + bin_size], dtype=float) for p in range(0, LENGTH, bin_size)] for track in row]
        for row in values
    ]
    np.testing.assert_allclose(bin_means(values, bin_size), expected, rtol=1e-6)


@pytest.mark.parametrize("bin_size", [2, 5, 20])
def test_missing_values_are_left_out(bin_size):
    rng = np.random.default_rng(1)
    values = rng.random((4, 3, 20)).astype(np.float32)
    values[rng.random(values.shape) < 0.6] = np.nan
    values[0, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy speaks of empty slices
        expected = np.nanmean(values.reshape(4, 3, -1, bin_size), axis=-1)
    np.testing.assert_allclose(bin_means(values, bin_size), expected, rtol=1e-6)


def test_bins_of_bins_are_the_coarser_bins():
    values = np.random.default_rng(2).random((2, 1, 96)).astype(np.float32)
    np.testing.assert_allclose(bin_means(bin_means(values, 4), 8), bin_means(values, 32), rtol=1e-6)


@pytest.mark.parametrize("bin_size", [0, 7, 40])
def test_bins_that_do_not_fit_are_refused_with_those_that_do(bin_size):
    with pytest.raises(InputError, match=r"do not fit windows of 20 bp. Sizes that fit are 1, 2, 4, 5, 10, 20"):
        bin_means(np.zeros((1, 1, 20), np.float32), bin_size)
