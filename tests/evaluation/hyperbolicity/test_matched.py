"""Nulls, and what is concluded from them."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.phylogenies import Alignment, evolve, yule_tree
from palindra.evaluation.hyperbolicity import (
    Draws,
    conclude,
    euclidean_distances,
    hyperbolicity,
    of_alignment,
    of_distances,
    of_embeddings,
    of_sequences,
    of_tree,
)
from palindra.evaluation.hyperbolicity.distances import obeys_triangles
from palindra.evaluation.hyperbolicity.nulls import (
    gaussian_points,
    permuted_alignment,
    permuted_columns,
    principal_coordinates,
    rotated,
    shuffled_distances,
)

RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(40, 6)) @ RNG.normal(size=(6, 6)) + 3


@pytest.mark.parametrize("points", [CLOUD, np.random.default_rng(2).normal(size=(5, 30))])
def test_gaussian_points_have_the_same_mean_and_covariance(points):
    drawn = gaussian_points(points)(np.random.default_rng(1), len(points))
    assert np.allclose(drawn.mean(axis=0), points.mean(axis=0))
    assert np.allclose(np.cov(drawn.T), np.cov(points.T))
    assert not np.allclose(drawn, points)


def test_rotations_have_no_preferred_direction():
    """The coordinates of a draw, in units of their spread, are those of a random unit vector."""
    points = np.random.default_rng(4).normal(size=(6, 3))
    rng = np.random.default_rng(0)
    axis = np.linalg.svd(points - points.mean(axis=0))[2][0]
    size = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[0]
    first = np.array([(rotated(points, rng) - points.mean(axis=0)) @ axis / size for _ in range(4000)])
    assert np.allclose(first.mean(axis=0), 0, atol=0.03)
    assert np.allclose(first.T @ first / 4000, (np.eye(6) - 1 / 6) / 5, atol=0.02)


def test_permuted_columns_keep_their_values():
    drawn = permuted_columns(CLOUD)(np.random.default_rng(0), 40)
    assert np.allclose(np.sort(drawn, axis=0), np.sort(CLOUD, axis=0))
    assert np.abs(np.corrcoef(drawn.T) - np.eye(6)).max() < 0.6 < np.abs(np.corrcoef(CLOUD.T) - np.eye(6)).max()


def test_permuted_alignments_keep_their_columns():
    alignment = evolve(yule_tree(12, 0), 30, seed=1)
    drawn = permuted_alignment(alignment)(np.random.default_rng(0), 12)
    assert np.array_equal(np.sort(drawn.codes, axis=0), np.sort(alignment.codes, axis=0))
    assert drawn.rows() != alignment.rows()


def test_shuffled_distances_are_a_metric_below_the_shuffle():
    d = yule_tree(15, 0).leaf_distances()
    drawn = shuffled_distances(d)(np.random.default_rng(0), 15)
    assert obeys_triangles(drawn)
    assert drawn.max() <= d.max()
    assert np.allclose(drawn, drawn.T)


def test_principal_coordinates_hold_euclidean_distances():
    d = euclidean_distances(CLOUD)
    assert np.allclose(euclidean_distances(principal_coordinates(d)), d)
    assert principal_coordinates(d).shape[1] == 6


def test_noise_is_within_its_null_and_a_tree_is_below():
    noise = hyperbolicity(of_embeddings(CLOUD, name="noise"), size=40, repeats=60, seed=0)
    assert [null.relative.standing for null in noise.nulls] == ["within", "within"]
    assert "no sign of a tree" in " ".join(conclude(noise))
    tree = hyperbolicity(of_tree(yule_tree(20, 1)), repeats=60, seed=0)
    assert [null.relative.standing for null in tree.nulls] == ["below", "below"]
    assert "nearer to a tree" in conclude(tree)[1]
    assert [null.average.standing for null in tree.nulls] == ["below", "below"]


def test_noise_in_many_dimensions_has_a_low_delta_and_is_not_called_a_tree():
    cloud = np.random.default_rng(3).normal(size=(40, 300))
    found = hyperbolicity(of_embeddings(cloud, name="noise"), size=40, repeats=60, seed=0)
    assert found.relative.value < 0.2
    assert all(null.relative.standing == "within" for null in found.nulls)
    text = conclude(found)
    assert "A low delta alone shows nothing" in text[0]
    assert "no sign of a tree" in text[1]


def test_nulls_keep_their_level():
    """Gaussian points are rarely called below their Gaussian null: about 1 in 40."""
    below = sum(
        hyperbolicity(of_embeddings(np.random.default_rng(seed).normal(size=(12, 4))), size=12, repeats=40, seed=seed)
        .nulls[0]
        .relative.standing
        == "below"
        for seed in range(60)
    )
    assert below <= 6


def test_long_alignments_of_a_tree_are_below_their_nulls():
    alignment = evolve(yule_tree(16, 2).scaled(0.4), 3000, seed=0)
    for subject in (of_alignment(alignment), of_alignment(alignment, metric="p")):
        found = hyperbolicity(subject, repeats=40, seed=0)
        gaussian, permuted = found.nulls
        assert gaussian.relative.standing == "below"
        assert permuted.relative.mean < 0.15  # shuffled columns of long sequences are a star, a tree as well


def test_saturated_sequences_are_left_out_and_said_so():
    rows = [*evolve(yule_tree(6, 0).scaled(0.1), 80, seed=0).rows(), "A" * 40 + "C" * 40]
    subject = of_alignment(Alignment.from_rows([*"abcdef", "odd"], rows))
    assert subject.count == 6
    assert "6 of 21 pairs are saturated" in subject.notes[0]
    assert "1 of 7 sequences were left out for it: odd." in subject.notes[-1]
    assert "are saturated" in " ".join(conclude(hyperbolicity(subject, repeats=40, seed=0)))


def test_draws_without_finite_distances_are_counted():
    alignment = evolve(yule_tree(8, 0).scaled(1.4), 40, seed=5)
    found = hyperbolicity(of_alignment(alignment), repeats=40, seed=0)
    permuted = found.nulls[1]
    assert permuted.unknown > 0
    assert len(permuted.relative.values) + permuted.unknown == 40
    assert "had pairs without a finite distance" in " ".join(conclude(found))


def test_subsets_are_seeded_and_have_an_interval():
    subject = of_embeddings(CLOUD)
    first, again, other = (hyperbolicity(subject, size=10, subsets=8, repeats=5, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.relative != other.relative
    assert not first.exact
    assert first.relative.low < first.relative.value < first.relative.high


def test_sequences_by_their_kmers():
    alignment = evolve(yule_tree(9, 0), 60, seed=0)
    found = hyperbolicity(of_sequences(alignment.sequences(), k=3), repeats=5, seed=0)
    assert found.metric == "Hellinger distance of 3-mers"
    assert found.exact


def test_shares_count_the_points_themselves():
    draws = Draws.around(0.5, [0.1, 0.5, 0.9])
    assert (draws.p_lower, draws.p_higher) == (0.75, 0.75)
    assert Draws.around(0.0, [1.0] * 39).standing == "below"
    assert Draws.around(0.0, [1.0] * 38).standing == "within"  # too few draws to say


def test_unknown_metrics():
    with pytest.raises(ValueError, match="choose from euclidean"):
        of_embeddings(CLOUD, metric="manhattan")
    with pytest.raises(ValueError, match="choose from p, jc69"):
        of_alignment(evolve(yule_tree(4, 0), 5, seed=0), metric="k80")
    with pytest.raises(ValueError, match="are the least"):
        hyperbolicity(of_distances(euclidean_distances(CLOUD)), repeats=0, seed=0)
