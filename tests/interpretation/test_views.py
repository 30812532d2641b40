"""Views of embeddings: PCA is the best plane, UMAP keeps groups, and neighbours are the nearest ones."""

import sys

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.interpretation import views
from palindra.interpretation.views import nearest, project


def points(rows, features, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, features)) * np.arange(1, features + 1)


def groups(rows=30, features=7):
    """Two clouds far from each other, and which point is in which."""
    values = np.random.default_rng(1).normal(size=(rows, features))
    values[: rows // 2] += 40
    return values, np.arange(rows) < rows // 2


def test_pca_agrees_with_singular_values():
    given = points(23, 5)
    centred = given - given.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    found = project(given)
    for axis, coordinates in zip(axes, (found.x, found.y), strict=False):
        sign = np.sign(axis[np.abs(axis).argmax()])
        np.testing.assert_allclose(coordinates, centred @ axis * sign, atol=1e-9)
    share = (sizes[:2] ** 2).sum() / (sizes**2).sum()
    assert found.title == f"PCA ({100 * share:.0f} % of the variance)"


def test_pca_does_not_depend_on_the_order_or_the_place_of_points():
    given = points(23, 5)
    order = np.random.default_rng(2).permutation(23)
    found, moved = project(given), project(given[order] + 100)
    np.testing.assert_allclose(moved.x, found.x[order], atol=1e-9)
    np.testing.assert_allclose(moved.y, found.y[order], atol=1e-9)


def test_equal_points_have_no_variance_to_share():
    found = project(np.ones((4, 3)))
    assert found.title == "PCA (all points are equal)"
    assert not found.x.any()
    assert not found.y.any()


def test_umap_keeps_groups_and_repeats_itself():
    pytest.importorskip("umap")
    given, first = groups()
    threads = torch.get_num_threads()
    found, again = project(given, "umap", seed=3), project(given, "umap", seed=3)
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(found.x, again.x)
    np.testing.assert_array_equal(found.y, again.y)
    plane = np.stack([found.x, found.y], axis=1)
    closest = nearest(plane, plane, k=2)[0][:, 1]
    assert (first[closest] == first).all()
    assert found.title == "UMAP (15 neighbours, seed 3)"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match=r"umap-learn.*palindra\[umap\].*'pca'"):
        project(points(20, 3), "umap")


def test_nearest_agrees_with_one_distance_at_a_time(monkeypatch):
    monkeypatch.setattr(views, "_BLOCK", 30)  # several blocks of new points
    train, new = points(11, 3), points(7, 3, seed=1)
    indices, distances = nearest(train, new, k=4)
    for row, point in enumerate(new):
        expected = sorted((float(np.sqrt(((point - other) ** 2).sum())), number) for number, other in enumerate(train))
        assert indices[row].tolist() == [number for _, number in expected[:4]]
        np.testing.assert_allclose(distances[row], [distance for distance, _ in expected[:4]])


def test_a_training_sequence_is_its_own_neighbour_at_no_distance():
    train = points(9, 5)
    indices, distances = nearest(train, train, k=1)
    assert indices[:, 0].tolist() == list(range(9))
    assert not distances.any()


def test_distances_far_from_zero_keep_their_digits():
    """Where squares of the numbers are subtracted, nothing is left of the differences."""
    train, new = points(9, 5), points(4, 5, seed=1)
    near, far = nearest(train, new, k=3), nearest(train + 1e8, new + 1e8, k=3)
    assert near[0].tolist() == far[0].tolist()
    np.testing.assert_allclose(far[1], near[1], rtol=1e-6)


def test_equal_distances_go_by_row():
    assert nearest([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], [[0.0, 0.0]], k=3)[0].tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: project(points(2, 3)), "2 embeddings of 3 features: pca needs at least 3"),
        (lambda: project(points(15, 3), "umap"), "umap needs at least 16"),
        (lambda: project(points(9, 1)), "of at least 2"),
        (lambda: project(points(9, 2), "tsne"), "'pca' or 'umap', not by 'tsne'"),
        (lambda: project([1.0, 2.0]), r"embeddings of shape \(2,\)"),
        (lambda: project([[1.0, 2.0], [np.nan, 1.0], [0.0, 0.0]]), "row 1 holds numbers that are not finite"),
        (lambda: nearest(points(3, 2), points(1, 2), k=4), "4 nearest of 3 training sequences: ask for 1 to 3"),
        (lambda: nearest(points(3, 2), points(1, 2), k=0), "0 nearest"),
        (lambda: nearest(points(3, 2), points(1, 5), k=1), "2 features in training and 5 in the new"),
    ],
)
def test_what_cannot_be_shown_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
