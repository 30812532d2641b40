"""Strand discrepancy: exactly 0 for an equivariant model, and only under the declared action."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.tracks import on_the_given_strand, strand_discrepancy
from palindra.evaluation.tracks import predictions as reading
from palindra.symmetry import Position, Target

PAIR_AND_ONE = Target.paired([1, 0, 2], Position.REVERSE)


def test_the_image_undoes_itself(arrays):
    image = on_the_given_strand(arrays[0], PAIR_AND_ONE)
    np.testing.assert_array_equal(image, arrays[0][:, [1, 0, 2], ::-1])
    np.testing.assert_array_equal(on_the_given_strand(image, PAIR_AND_ONE), arrays[0])


def test_an_exact_model_has_none_and_a_wrong_action_shows(monkeypatch, predictions, arrays):
    monkeypatch.setattr(reading, "_VALUES_AT_ONCE", 100)
    other = predictions.replaced(arrays[0][:, [1, 0, 2], ::-1])
    exact = strand_discrepancy(predictions, other, PAIR_AND_ONE)
    assert exact.relative.tolist() == exact.largest.tolist() == [0, 0, 0]
    unpaired = strand_discrepancy(predictions, other, Target.invariant(3, Position.REVERSE))
    assert (unpaired.relative[:2] > 0.1).all()
    assert unpaired.relative[2] == 0
    unturned = strand_discrepancy(predictions, other, Target.paired([1, 0, 2]))
    assert (unturned.relative > 0.1).all()


def test_it_is_the_mean_difference_over_the_mean_prediction(predictions, arrays):
    other = np.abs(arrays[0] + np.random.default_rng(0).normal(size=arrays[0].shape))
    found = strand_discrepancy(predictions, predictions.replaced(other), PAIR_AND_ONE)
    apart = np.abs(arrays[0].astype(float) - other[:, [1, 0, 2], ::-1])
    np.testing.assert_allclose(found.relative, apart.sum((0, 2)) / arrays[0].astype(float).sum((0, 2)), rtol=1e-10)
    np.testing.assert_allclose(found.largest, apart.max((0, 2)), rtol=1e-10)


def test_what_cannot_be_compared_is_refused(predictions):
    with pytest.raises(InputError, match="strand-specific"):
        strand_discrepancy(predictions, predictions, Target.strand_specific())
    with pytest.raises(InputError, match="same windows, tracks and bins"):
        strand_discrepancy(predictions, predictions.coarser(20), PAIR_AND_ONE)
