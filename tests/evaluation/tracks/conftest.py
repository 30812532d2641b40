from __future__ import annotations

import numpy as np
import pytest

from palindra.evaluation.tracks import Predictions


def pair(rows=23, tracks=3, bins=12, *, missing=0.1, seed=0):
    """Prediction and truth of coverage: skewed, correlated, with ties, gaps, and one constant window of each."""
    random = np.random.default_rng(seed)
    truth = random.gamma(0.7, 3.0, (rows, tracks, bins)).round(1)
    prediction = np.abs(0.5 * truth + random.normal(size=truth.shape)).astype(np.float32)
    truth[random.random(truth.shape) < missing] = np.nan
    truth[3, 0], prediction[5, 1] = 0.0, np.float32(0.1)
    return prediction, truth.astype(np.float32)


@pytest.fixture
def arrays():
    return pair()


@pytest.fixture
def predictions(arrays):
    return Predictions.of(*arrays, bin_size=10, tracks=["a", "b", "c"])
