"""The Wasserstein distance: by hand, by the full linear programme, and its laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from palindra.evaluation.shift import sinkhorn, spectrum, wasserstein
from palindra.evaluation.shift.transport import _full
from palindra.sequences import encode, reverse_complement


def some(seed: int, k: int, canonical: bool = True):
    chances = np.random.default_rng(seed).dirichlet(np.ones(4))
    x = np.random.default_rng(seed).choice(4, (5, 40), p=chances).astype(np.uint8)
    return spectrum(x, k, canonical=canonical, pseudocount=0.1)


def by_pairs(p, q, k):
    """The textbook programme with a variable for every pair of k-mers."""
    words = np.array(list(product(range(4), repeat=k)))
    cost = (words[:, None] != words[None]).sum(axis=-1)
    n = len(words)
    rows = np.kron(np.eye(n), np.ones(n))
    columns = np.kron(np.ones(n), np.eye(n))
    found = linprog(cost.ravel(), A_eq=np.concatenate([rows, columns])[:-1], b_eq=np.concatenate([p, q])[:-1])
    return found.fun


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("canonical", [True, False])
def test_flows_along_edges_cost_what_the_best_pairs_cost(k, canonical):
    p, q = some(1, k, canonical), some(2, k, canonical)
    expected = by_pairs(_full(p, k, canonical), _full(q, k, canonical), k)
    assert wasserstein(p, q, k, canonical=canonical) == pytest.approx(expected, abs=1e-8)


def test_one_letter_costs_one():
    def exact(first, second, k):
        return wasserstein(*(spectrum(encode([x]), k, canonical=False, pseudocount=0) for x in (first, second)), k,
                           canonical=False)  # fmt: skip

    assert exact("AAAA", "CCCC", 4) == pytest.approx(4)
    assert exact("AAAA", "AACC", 4) == pytest.approx(2)
    assert exact("AAAA", "AACC", 1) == pytest.approx(0.5)


def test_the_reverse_complement_is_at_no_distance():
    x = np.random.default_rng(0).integers(0, 4, (3, 30)).astype(np.uint8)
    for k in (1, 2, 3, 4, 5):
        assert wasserstein(spectrum(x, k), spectrum(reverse_complement(x), k), k) == pytest.approx(0, abs=2e-3)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_it_is_a_metric(k):
    a, b, c = (some(seed, k) for seed in (1, 2, 3))
    ab, bc, ac = wasserstein(a, b, k), wasserstein(b, c, k), wasserstein(a, c, k)
    assert ab == pytest.approx(wasserstein(b, a, k), abs=1e-9)
    assert 0 < ac <= ab + bc + 1e-9
    assert ab <= k


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_entropic_plan_comes_near_the_exact_one(k):
    p, q = some(1, k), some(2, k)
    exact = wasserstein(p, q, k)
    assert sinkhorn(p[None], q[None], k)[0] == pytest.approx(exact, abs=5e-3)
    wide = sinkhorn(p[None], q[None], k, regularisation=0.5)[0]
    assert wide > exact + 5e-3  # more regularisation, more cost


def test_rows_are_transported_by_themselves():
    p, q = np.stack([some(1, 2), some(2, 2)]), some(3, 2)
    together = sinkhorn(p, q[None], 2)
    assert together == pytest.approx([sinkhorn(row[None], q[None], 2)[0] for row in p], abs=1e-3)


def test_spectra_of_another_k_are_refused():
    with pytest.raises(ValueError, match="2-mers have 10"):
        wasserstein(some(1, 3), some(2, 3), 2)
