"""Gromov's delta: definitions, laws, and known answers."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palindra.data.phylogenies import SHAPES
from palindra.evaluation.hyperbolicity import (
    average_delta,
    base_deltas,
    delta,
    delta_at,
    euclidean_distances,
    four_point,
    gromov_products,
    hyperbolic_distances,
    sampled_delta,
)
from palindra.evaluation.hyperbolicity.sampled import _distinct


def by_definition(d: np.ndarray) -> float:
    """The largest min((x|z)_p, (z|y)_p) - (x|y)_p over all p, x, y, z: four loops."""
    n, best = len(d), 0.0
    for p in range(n):
        for x, y, z in product(range(n), repeat=3):
            xz, zy, xy = ((d[a, p] + d[b, p] - d[a, b]) / 2 for a, b in ((x, z), (z, y), (x, y)))
            best = max(best, min(xz, zy) - xy)
    return best


def by_pairings(d: np.ndarray) -> float:
    """Half the excess of the largest sum of a quadruple over the second largest."""
    best = 0.0
    for a, b, c, e in combinations(range(len(d)), 4):
        sums = sorted([d[a, b] + d[c, e], d[a, c] + d[b, e], d[a, e] + d[b, c]])
        best = max(best, (sums[2] - sums[1]) / 2)
    return best


def cloud(points: int, dimensions: int, seed: int) -> np.ndarray:
    return euclidean_distances(np.random.default_rng(seed).normal(size=(points, dimensions)))


@pytest.mark.parametrize(("points", "dimensions"), [(4, 1), (5, 2), (9, 3), (13, 7)])
def test_all_computations_agree(points, dimensions):
    d = cloud(points, dimensions, points)
    assert np.isclose(delta(d).delta, by_definition(d))
    assert np.isclose(delta(d).delta, by_pairings(d))
    assert np.isclose(base_deltas(d).max(), delta(d).delta)


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 10), st.integers(1, 5), st.integers(0, 1000))
def test_pruning_and_products_agree_with_pairings(points, dimensions, seed):
    d = cloud(points, dimensions, seed)
    assert np.isclose(delta(d).delta, by_pairings(d), atol=1e-12)
    assert np.isclose(base_deltas(d).max(), by_pairings(d), atol=1e-12)


def test_without_the_triangle_inequality_nothing_is_pruned():
    rng = np.random.default_rng(0)
    for _ in range(20):
        d = rng.uniform(0, 1, size=(7, 7)) ** 4
        d = d + d.T
        np.fill_diagonal(d, 0)
        assert np.isclose(delta(d).delta, by_pairings(d))


def test_the_product_does_not_depend_on_its_blocks(monkeypatch):
    d = cloud(23, 4, 0)
    whole = base_deltas(d)
    for block in (1, 60, 700):
        monkeypatch.setattr(four_point, "_BLOCK", block)
        assert np.array_equal(base_deltas(d), whole)


@pytest.mark.parametrize("shape", SHAPES)
def test_trees_have_delta_zero(shape):
    d = SHAPES[shape](17, 2).leaf_distances()
    assert delta(d).relative < 1e-12
    assert base_deltas(d).max() < 1e-12
    assert sampled_delta(d, size=8, subsets=5, seed=0).relative.value < 1e-12
    assert average_delta(d, seed=0).value < 1e-12


def test_laws():
    d = cloud(15, 3, 1)
    found = delta(d)
    assert 0 < found.relative <= 1
    scaled = delta(3.7 * d)
    assert np.isclose(scaled.delta, 3.7 * found.delta)
    assert np.isclose(scaled.relative, found.relative)
    order = np.random.default_rng(0).permutation(15)
    assert np.isclose(delta(d[np.ix_(order, order)]).delta, found.delta)
    for at in base_deltas(d):
        assert at - 1e-12 <= found.delta <= 2 * at + 1e-12
    some = order[:9]
    assert delta(d[np.ix_(some, some)]).delta <= found.delta
    assert np.isclose(found.diameter, d.max())


def test_a_ring_by_hand():
    """Of a ring of 4n equal steps, delta is n: the four corners of the largest square."""
    for n in (1, 2, 3):
        places = np.arange(4 * n)
        d = np.abs(places[:, None] - places)
        d = np.minimum(d, 4 * n - d)
        assert delta(d) == (n, 2 * n, 1.0)


def mean_over_quadruples(d: np.ndarray) -> float:
    excess = []
    for a, b, c, e in combinations(range(len(d)), 4):
        sums = sorted([d[a, b] + d[c, e], d[a, c] + d[b, e], d[a, e] + d[b, c]])
        excess.append((sums[2] - sums[1]) / 2)
    return float(np.mean(excess))


@pytest.mark.parametrize("points", [7, 30])
def test_the_average_is_within_its_interval(points):
    d = cloud(points, 2, 3)
    found = average_delta(d, quadruples=20_000, seed=0)
    wide = 2 * (found.high - found.low)
    assert abs(found.value - mean_over_quadruples(d)) < wide
    assert found == average_delta(d, quadruples=20_000, seed=0)


def test_drawn_quadruples_are_all_alike():
    drawn = _distinct(20, 60_000, np.random.default_rng(0))
    assert all((drawn[i] != drawn[j]).all() for i, j in combinations(range(4), 2))
    for row in drawn:
        assert np.abs(np.bincount(row, minlength=20) / 3000 - 1).max() < 0.1


def test_samples_bound_the_whole_from_below():
    d = cloud(60, 2, 5)
    whole = delta(d)
    found = sampled_delta(d, size=30, subsets=12, seed=1)
    assert found.at_least <= whole.delta
    assert found.relative.low < found.relative.value < found.relative.high
    assert found.size == 30
    exact = sampled_delta(d, size=60, subsets=12, seed=1)
    assert exact.subsets == [whole]
    assert np.isnan(exact.relative.low)


def test_a_low_delta_alone_shows_nothing():
    """Gaussian points get a lower delta as their dimension grows, because distances concentrate."""
    values = [np.mean([delta(cloud(30, d, seed)).relative for seed in range(5)]) for d in (2, 16, 256)]
    assert values[0] > values[1] > values[2]
    assert values[2] < 0.2


def test_a_hyperbolic_plane_has_a_bounded_delta():
    """However far the points, delta of curvature -1 is at most log 2; of -1/k it is sqrt(k) times as much."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 40), rng.uniform(0, 12, 40)
    for k in (0.25, 1.0, 4.0):
        space = np.sqrt(k) * np.sinh(radius)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        found = delta(hyperbolic_distances(space, k))
        assert found.delta <= np.sqrt(k) * np.log(2) + 1e-6
        assert found.relative < 0.1


def test_gromov_products_of_a_tripod():
    d = np.array([[0, 3, 4], [3, 0, 5], [4, 5, 0.0]])  # arms 1, 2, 3
    assert gromov_products(d, 0)[1, 2] == 1
    assert gromov_products(d, 1)[0, 2] == 2


@pytest.mark.parametrize(
    ("distances", "says"),
    [
        (np.zeros((3, 4)), "square"),
        (np.zeros((3, 3)), "3 points: delta compares four"),
        (np.zeros((5, 5)), "all 5 points coincide"),
        (np.where(np.eye(4), 0, np.nan), r"from point 0 to point 1 is nan.*11 others"),
        (np.where(np.eye(4), 0, np.inf), "is inf"),
        (np.where(np.eye(4), 0, -1.0), "is negative"),
        (np.ones((4, 4)), "diagonal"),
        (np.triu(np.ones((4, 4)), 1), "symmetric"),
    ],
)
def test_what_is_no_distance_is_refused(distances, says):
    with pytest.raises(ValueError, match=says):
        delta(distances)


def test_options_out_of_range():
    d = cloud(6, 2, 0)
    with pytest.raises(ValueError, match="base point 6"):
        delta_at(d, 6)
    with pytest.raises(ValueError, match="one of four points"):
        sampled_delta(d, size=3, seed=0)
    with pytest.raises(ValueError, match="two of four points"):
        average_delta(d, quadruples=1, seed=0)
