"""Two-sample tests of sets of designs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.neighbors import NearestNeighbors

from palindra.evaluation.design import frechet_distance, nearest_neighbour_test

RNG = np.random.default_rng(0)
ONE, TWO = RNG.normal(size=(300, 5)), RNG.normal(size=(300, 5)) @ np.diag([1, 2, 3, 1, 1]) + 0.5


def test_frechet_agrees_with_the_matrix_square_root():
    a, b = np.cov(ONE, rowvar=False), np.cov(TWO, rowvar=False)
    moved = ((ONE.mean(0) - TWO.mean(0)) ** 2).sum()
    expected = moved + np.trace(a + b - 2 * sqrtm(a @ b).real)
    found = frechet_distance(ONE, TWO)
    assert found.distance == pytest.approx(expected)
    assert found.shrinkage == (0.0, 0.0)
    assert frechet_distance(TWO, ONE).distance == pytest.approx(found.distance)


def test_frechet_of_a_set_with_itself_is_nothing_and_a_shift_is_its_square():
    assert frechet_distance(ONE, ONE).distance == pytest.approx(0, abs=1e-9)
    assert frechet_distance(ONE, ONE + 2).distance == pytest.approx(5 * 4)


def test_few_rows_are_shrunken_and_said_to_be():
    found = frechet_distance(ONE[:8], TWO[:8])
    assert min(found.shrinkage) > 0
    assert np.isfinite(found.distance)
    assert frechet_distance(ONE[:8], TWO[:8], shrink=False).shrinkage == (0.0, 0.0)


def test_sets_that_are_alike_have_accuracy_one_half():
    found = nearest_neighbour_test(ONE, RNG.normal(size=(300, 5)))
    assert found.accuracy == pytest.approx(0.5, abs=0.06)
    assert nearest_neighbour_test(ONE, ONE + 50).accuracy == 1


def test_it_agrees_with_sklearn():
    both = np.concatenate([ONE, TWO])
    _, index = NearestNeighbors(n_neighbors=2).fit(both).kneighbors(both)
    own = np.arange(600) < 300
    expected = (own[index[:, 1]] == own).mean()
    assert nearest_neighbour_test(ONE, TWO).accuracy == pytest.approx(expected)


def test_the_larger_set_does_not_win_by_being_larger():
    found = nearest_neighbour_test(RNG.normal(size=(1000, 2)), RNG.normal(size=(100, 2)))
    assert found.rows == 100
    assert found.accuracy == pytest.approx(0.5, abs=0.12)


def test_copies_are_seen_and_ties_count_their_share():
    assert nearest_neighbour_test(ONE, ONE).accuracy == 0
    same = np.zeros((4, 1))
    assert nearest_neighbour_test(same, same).accuracy == pytest.approx(3 / 7)


@pytest.mark.parametrize("function", [frechet_distance, nearest_neighbour_test])
def test_other_features_are_refused(function):
    with pytest.raises(ValueError, match="the same features"):
        function(ONE, TWO[:, :3])
