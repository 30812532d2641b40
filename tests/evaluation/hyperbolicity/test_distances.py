"""Distances of embeddings and sequences."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from palindra.data.phylogenies import Alignment, Tree, evolve, star_tree, yule_tree
from palindra.evaluation.hyperbolicity import (
    angle_distances,
    complete_rows,
    delta,
    euclidean_distances,
    hyperbolic_distances,
    jc69_distances,
    kmer_distances,
    p_distances,
)
from palindra.sequences import reverse_complement


def test_angles_and_lines():
    x = np.random.default_rng(0).normal(size=(9, 4))
    assert np.allclose(euclidean_distances(x), squareform(pdist(x)))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    off = ~np.eye(9, dtype=bool)
    assert np.allclose(angle_distances(x)[off], np.arccos(np.clip(unit @ unit.T, -1, 1))[off])
    assert np.allclose(angle_distances(3 * x), angle_distances(x))
    near = angle_distances([[1.0, 0.0], [1.0, 1e-9]])[0, 1]
    assert np.isclose(near, 1e-9, rtol=1e-6, atol=0)  # the arc cosine would give 0


@pytest.mark.parametrize("k", [0.1, 1.0, 10.0])
def test_hyperbolic_distances_are_those_of_geoopt(k):
    with warnings.catch_warnings():  # of torch.jit, on import
        warnings.simplefilter("ignore", DeprecationWarning)
        geoopt = pytest.importorskip("geoopt")
    import torch

    rng = np.random.default_rng(1)
    space = rng.normal(size=(12, 3)) * rng.uniform(0.01, 6, size=(12, 1))
    manifold = geoopt.Lorentz(k=torch.tensor(k, dtype=torch.float64), learnable=False)
    points = torch.from_numpy(np.concatenate([np.sqrt(k + (space**2).sum(1, keepdims=True)), space], axis=1))
    expected = manifold.dist(points[:, None], points[None]).numpy()
    off = ~np.eye(12, dtype=bool)
    assert np.allclose(hyperbolic_distances(space, k)[off], expected[off], rtol=1e-7)


def test_hyperbolic_distances_far_out_and_near():
    far = hyperbolic_distances(np.sinh([[0.0], [14.0], [15.0], [-15.0]]))
    assert np.allclose(far[0], [0, 14, 15, 15], rtol=1e-9)
    assert np.isclose(far[1, 2], 1.0, rtol=1e-6)
    assert np.isclose(far[2, 3], 30.0)
    small = hyperbolic_distances([[0.3, 0.0], [0.3, 1e-10]])[0, 1]
    assert np.isclose(small, 1e-10, rtol=1e-6, atol=0)


def test_refusals():
    with pytest.raises(ValueError, match="point 1 is at the origin"):
        angle_distances([[1, 0], [0, 0]])
    with pytest.raises(ValueError, match="k = -1"):
        hyperbolic_distances([[1.0]], -1)
    with pytest.raises(ValueError, match="coordinate 1 of point 0 is nan"):
        euclidean_distances([[0, np.nan], [1, 1]])


def test_p_distances_leave_gaps_and_ambiguous_letters_out():
    found = p_distances(Alignment.from_rows(["a", "b", "c"], ["ACGT-N", "ACCTAA", "------"]))
    assert found.values[0, 1] == 0.25
    assert np.isnan(found.values[0, 2])
    assert found.apart[0, 2]
    assert found.unknown == 2
    assert not found.saturated.any()
    assert complete_rows(found).tolist() == [0, 1]


def test_saturated_pairs_are_told_and_never_infinite():
    rows = ["A" * 40, "A" * 38 + "CC", "C" * 30 + "A" * 10, "G" * 40]
    found = jc69_distances(Alignment.from_rows(list("abcd"), rows))
    assert not np.isinf(found.values).any()
    assert found.saturated[0].tolist() == [False, False, True, True]  # exactly three quarters is saturated too
    assert np.isnan(found.values[found.saturated]).all()
    assert found.unknown == int(found.saturated.sum()) // 2
    assert complete_rows(found).tolist() == [0, 1]
    with pytest.raises(ValueError, match="is not a finite number"):
        delta(found.values)


def without_a_clock(seed: int) -> Tree:
    """A tree whose branches have rates of their own: leaves at different heights."""
    tree = yule_tree(10, seed).scaled(0.6)
    return Tree(tree.parents, tree.lengths * np.random.default_rng(seed).gamma(1.0, size=len(tree.lengths)), tree.names)


def test_jc69_distances_approach_those_of_the_tree():
    """With longer sequences JC69 distances become additive; raw differences do not, because they saturate."""
    tree = without_a_clock(1)
    short, long = (evolve(tree, length, seed=0) for length in (500, 60_000))
    assert np.abs(jc69_distances(long).values - tree.leaf_distances()).max() < 0.06
    relative = [delta(jc69_distances(a).values).relative for a in (short, long)]
    assert relative[1] < 0.03 < relative[0]
    assert delta(p_distances(long).values).relative > 3 * relative[1]


def test_with_a_clock_raw_differences_are_a_tree_as_well():
    """Saturation is the same function of every distance, and any such function of an ultrametric is one again."""
    tree = yule_tree(10, 1).scaled(0.8)
    assert delta(0.75 * (1 - np.exp(-4 * tree.leaf_distances() / 3))).relative < 1e-12
    bent = without_a_clock(1).leaf_distances()
    assert delta(0.75 * (1 - np.exp(-4 * bent / 3))).relative > 0.02


def test_standard_errors_of_jc69():
    """Distances of independent sites of two sequences spread as their errors say."""
    alignments = [evolve(star_tree(2).scaled(0.3), 400, seed=seed) for seed in range(150)]
    found = [jc69_distances(alignment) for alignment in alignments]
    spread = np.std([item.values[0, 1] for item in found])
    assert 0.8 < spread / np.mean([item.errors[0, 1] for item in found]) < 1.25


def test_kmer_distances_read_both_strands_and_any_length():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), n)) for n in (50, 80, 33)]
    found = kmer_distances([*texts, reverse_complement(texts[0])], 3)
    assert np.isclose(found[0, 3], 0)
    assert 0 < found[0, 1] < 1
    one_strand = kmer_distances([*texts, reverse_complement(texts[0])], 3, canonical=False)
    assert one_strand[0, 3] > 0
    frequency = [np.array([text.count("A") + text.count("T"), text.count("C") + text.count("G")]) for text in texts[:2]]
    p, q = (counts / counts.sum() for counts in frequency)
    expected = np.sqrt(1 - np.sqrt(p * q).sum())  # Hellinger
    assert np.isclose(kmer_distances(texts, 1)[0, 1], expected)
    with pytest.raises(ValueError, match="no 4-mers"):
        kmer_distances(["ACG"], 4)
    with pytest.raises(ValueError, match="sequence 2 has no 2-mer"):
        kmer_distances(["ACG", "NNN"], 2)
