"""Decoders give each base one partner at most, and their scores stand in the order they must."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from palindra.data.rna import crossing_pairs, is_canonical, pair_map
from palindra.evaluation.pairs import DECODERS, Candidates, candidates, decode, greedy, matching, nested
from palindra.evaluation.pairs.heaviest_matching import heaviest_matching

EVERY = pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)


def random_map(seed, length=37):
    table = np.random.default_rng(seed).random((length, length)) ** 3
    return (table + table.T) / 2


def native(rng, length, pairs):
    return tuple(
        sorted(
            (int(min(p)), int(max(p)))
            for p in rng.permutation(length)[: 2 * pairs].reshape(-1, 2)
            if abs(p[0] - p[1]) > 3
        )
    )


@EVERY
@pytest.mark.parametrize("seed", range(8))
def test_one_partner_at_most_and_what_was_asked(decoder, seed):
    rng = np.random.default_rng(seed)
    letters = "".join(rng.choice(list("ACGUX"), 37))
    table = random_map(seed)
    pairs = decode(table, decoder, threshold=0.3, minimum_loop=5, canonical=letters)
    assert pairs
    assert max(Counter(base for pair in pairs for base in pair).values()) == 1
    assert all(j - i > 5 and table[i, j] > 0.3 and is_canonical(letters[i], letters[j]) for i, j in pairs)
    assert pairs == tuple(sorted(pairs))
    assert (pair_map(pairs, 37) == pair_map(pairs, 37).T).all()


@pytest.mark.parametrize("seed", range(12))
def test_scores_stand_in_order(seed):
    found = candidates(random_map(seed), threshold=0.2 + 0.04 * seed)
    best = found.score(matching(found))
    assert best >= found.score(greedy(found)) - 1e-6
    assert found.score(greedy(found)) >= 0
    assert 0 <= found.score(nested(found)) <= best + 1e-6
    assert not crossing_pairs(nested(found))


@pytest.mark.parametrize("seed", range(12))
def test_matching_against_blossoms(seed):
    """The weight of networkx's matching (Galil 1986), an independent way to the same number."""
    found = candidates(random_map(seed, 30 + seed), threshold=0.05 * seed)
    graph = nx.Graph()
    rows = zip(found.first.tolist(), found.second.tolist(), found.weight.tolist(), strict=True)
    graph.add_weighted_edges_from(rows)
    expected = found.score(tuple((min(pair), max(pair)) for pair in nx.max_weight_matching(graph)))
    assert found.score(matching(found)) == pytest.approx(expected, abs=1e-6)


def test_odd_rings_need_whole_numbers():
    """The relaxed matching takes half of each side of a triangle; a base has no half partners."""
    rings = 5
    first = np.concatenate([3 * np.arange(rings) + n for n in (0, 1, 0)])
    second = np.concatenate([3 * np.arange(rings) + n for n in (1, 2, 2)])
    weight = np.concatenate([np.full(rings, w) for w in (1.0, 1.1, 1.05)])
    taken = heaviest_matching(first, second, weight, 3 * rings)
    assert weight[taken].sum() == pytest.approx(1.1 * rings)
    assert len(taken) == rings


def test_pairs_that_are_not_tried_first_are_found():
    """Bases 0 and 1 prefer nine others, which prefer partners of their own: what is left for them is each other."""
    hubs = np.arange(2, 11)
    first = np.concatenate([[0], np.zeros(9, int), hubs, hubs])
    second = np.concatenate([[1], hubs, np.ones(9, int), hubs + 9])
    weight = np.concatenate([[1.0], np.full(18, 2.0), np.full(9, 10.0)])
    assert heaviest_matching(first, second, weight, 20).tolist() == [0, *range(19, 28)]


@pytest.mark.parametrize("seed", range(10))
def test_nested_against_all_subsets(seed):
    rng = np.random.default_rng(seed)
    table = np.triu(rng.random((9, 9)), 1) * (rng.random((9, 9)) < 0.4)
    found = candidates(table, threshold=0.2, minimum_loop=0)
    rows = list(zip(found.first.tolist(), found.second.tolist(), found.weight.tolist(), strict=True))
    best = 0.0
    for size in range(1, 5):
        for some in combinations(rows, size):
            pairs = tuple(sorted((i, j) for i, j, _ in some))
            if len({base for pair in pairs for base in pair}) == 2 * size and not crossing_pairs(pairs):
                best = max(best, sum(weight for _, _, weight in some))
    assert found.score(nested(found)) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_a_native_map_decodes_to_itself(seed):
    rng = np.random.default_rng(seed)
    pairs = native(rng, 50, 18)
    assert crossing_pairs(pairs)
    for decoder in (matching, greedy):
        assert decode(pair_map(pairs, 50).astype(float), decoder) == pairs
    plain = nested(candidates(pair_map(pairs, 50).astype(float)))
    assert decode(pair_map(plain, 50).astype(float), nested) == plain
    close = ((3, 4), (0, 9))
    assert decode(pair_map(close, 12).astype(float), minimum_loop=0) == tuple(sorted(close))


def test_a_base_does_not_pair_to_both_sides():
    """Striking out row i and column j alone leaves base 5 free as a right partner: it was paired twice."""
    table = np.zeros((14, 14))
    table[5, 12], table[0, 5] = 0.9, 0.8
    for decoder in DECODERS.values():
        assert decode(table, decoder) == ((5, 12),)


@EVERY
def test_a_hairpin_has_a_loop(decoder):
    table = np.zeros((6, 6))
    table[1, 4], table[0, 4] = 0.9, 0.7
    assert decode(table, decoder) == ((0, 4),)
    assert decode(table, decoder, minimum_loop=2) == ((1, 4),)


@EVERY
def test_nothing_above_the_threshold_is_nothing(decoder):
    assert decode(np.full((9, 9), 0.5), decoder) == ()
    assert decode(np.zeros((1, 1)), decoder) == ()


@EVERY
def test_the_answer_does_not_depend_on_the_direction_of_reading(decoder):
    table = random_map(3)
    pairs = decode(table, decoder, threshold=0.2)
    turned = decode(table[::-1, ::-1], decoder, threshold=0.2)
    assert sorted((36 - j, 36 - i) for i, j in turned) == list(pairs)


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (np.zeros((3, 4)), {}, r"\(length, length\), not \(3, 4\)"),
        (np.full((4, 4), np.nan), {}, "NaN"),
        (np.tril(np.ones((4, 4))), {}, "not symmetric"),
        (np.zeros((4, 4)), {"canonical": "ACG"}, "4 positions but the sequence 3 letters"),
        (np.zeros((4, 4)), {"minimum_loop": -1}, "minimum_loop=-1"),
    ],
)
def test_maps_that_cannot_be_decoded(table, options, said):
    with pytest.raises(ValueError, match=said):
        decode(table, **options)


def test_a_triangle_says_the_same_as_a_symmetric_map():
    table = random_map(1)
    assert decode(table) == decode(np.triu(table)) == decode(table.astype(np.float32))


def test_scores_are_sums_of_what_is_above_the_threshold():
    found = Candidates(np.array([0, 1]), np.array([9, 8]), np.array([0.25, 0.5]), 10)
    assert found.score(((0, 9), (1, 8))) == 0.75
    assert found.take([True, False]) == ((0, 9),)
