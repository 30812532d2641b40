"""Rankings by hand, by an independent implementation, and two baselines."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.recommendation import Interactions, split_in_time
from palindra.evaluation.recommendation import item_neighbours, model_scores, popularity, rank_all, rank_metrics
from palindra.models.cosrec import CosRec, CosRecConfig


def test_precision_at_ten_with_fewer_than_ten_targets_has_the_denominator_ten():
    precision, recall, average = rank_metrics([1, 2, 7], targets=3)
    assert precision == [1, 2 / 5, 3 / 10]
    assert recall == [1 / 3, 2 / 3, 1]
    assert average == pytest.approx((1 + 1 + 3 / 7) / 3)
    best = rank_metrics([1, 2, 3], targets=3)
    assert best[0][2] == 0.3
    assert best[2] == 1


def test_a_target_that_is_not_ranked_counts_among_the_targets():
    precision, recall, average = rank_metrics([2], targets=4)
    assert (precision, recall, average) == ([0, 0.2, 0.1], [0, 0.25, 0.25], 0.125)
    assert rank_metrics([], targets=2) == ([0, 0, 0], [0, 0, 0], 0)


def independent(row, past, future, known, n):
    """One user, item by item, as one would write it from the definition."""
    ranking = sorted((item for item in known if item not in set(past)), key=lambda item: (-row[item - 1], item))
    targets, hits, total = set(future), 0, 0.0
    for place, item in enumerate(ranking, start=1):
        if item in targets:
            hits += 1
            total += hits / place
    found = len(targets & set(ranking[:n]))
    return found / n, found / len(targets), total / len(targets)


@pytest.mark.parametrize("batch_size", [1, 3, 256])
def test_rankings_are_those_of_an_independent_implementation(batch_size):
    random = np.random.default_rng(0)
    items, users = 23, 7
    table = np.round(random.normal(size=(users, items)), 1)  # with ties
    past = [random.choice(items, size, replace=False) + 1 for size in (3, 5, 8, 2, 7, 1, 20)]
    future = [random.choice(items, size, replace=False) + 1 for size in (4, 1, 0, 12, 2, 6, 5)]
    known = np.setdiff1d(np.arange(1, items + 1), [6, 17])
    found = rank_all(lambda some: table[some], past, future, known, at=(1, 4), batch_size=batch_size)
    assert found.users.tolist() == [0, 1, 3, 4, 5, 6]
    for place, user in enumerate(found.users):
        for n in (1, 4):
            expected = independent(table[user], past[user], future[user], known, n)
            values = found.precision[n][place], found.recall[n][place], found.average_precision[place]
            assert values == pytest.approx(expected, abs=1e-12)
    assert found.targets == 30
    gone = sum(len(set(f) & (set(p) | {6, 17})) for p, f in zip(past, future, strict=True))
    assert found.unreachable == gone > 0
    assert set(found.means()) == {"MAP", "P@1", "P@4", "R@1", "R@4"}


def test_average_precision_is_that_of_scikit_learn_without_ties():
    from sklearn.metrics import average_precision_score

    random = np.random.default_rng(1)
    row, targets = random.normal(size=(1, 40)), random.choice(40, 9, replace=False)
    found = rank_all(lambda some: row, [np.array([], dtype=int)], [targets + 1], np.arange(1, 41))
    assert found.average_precision[0] == pytest.approx(average_precision_score(np.isin(np.arange(40), targets), row[0]))


def test_a_perfect_ranking_scores_one_and_padding_is_no_candidate():
    table = np.array([[9.0, 8.0, 7.0, 0.0, 0.0]])  # columns are items 1 to 5
    found = rank_all(lambda some: table, [np.array([4])], [np.array([1, 2, 3])], np.arange(1, 6), at=(3,))
    assert (found.precision[3], found.recall[3], found.average_precision) == (1, 1, 1)
    config = CosRecConfig(users=1, items=5, width=3, blocks=(4, 4), features=2)
    model = CosRec(config).eval()
    assert model_scores(model, [np.array([4])])(np.array([0])).shape == (1, 5)


def test_a_diverged_model_and_an_empty_future_are_errors():
    one = [np.array([1])]
    with pytest.raises(ValueError, match="scores are NaN"):
        rank_all(lambda some: np.full((1, 3), np.nan), one, [np.array([2])], np.arange(1, 4))
    with pytest.raises(ValueError, match="no user has items to be found"):
        rank_all(lambda some: np.zeros((1, 3)), one, [np.array([], dtype=int)], np.arange(1, 4))


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(2)
    rows = [(f"u{u}", f"i{i}", float(n)) for u in range(12) for n, i in enumerate(random.choice(15, 9, replace=False))]
    return split_in_time(Interactions.from_rows(rows))


def test_popularity_counts_users(data):
    scores = popularity(data)(np.array([3, 0]))
    for item in range(1, 16):
        assert scores[:, item - 1].tolist() == [sum(item in items for items in data.train)] * 2


@pytest.mark.parametrize(("neighbours", "shrinkage"), [(3, 0.0), (100, 0.0), (4, 2.0)])
def test_item_neighbours_sum_cosines(data, neighbours, shrinkage):
    taken = np.array([[item in items for item in range(1, 16)] for items in data.train], dtype=float)
    similar = np.zeros((15, 15))
    for i in range(15):
        for j in range(15):
            product = np.linalg.norm(taken[:, i]) * np.linalg.norm(taken[:, j]) + shrinkage
            similar[i, j] = 0 if i == j or not product else taken[:, i] @ taken[:, j] / product
    for i in range(15):
        order = sorted(range(15), key=lambda j: (-round(similar[i, j], 12), j))
        similar[i, order[neighbours:]] = 0
    found = item_neighbours(data, neighbours=neighbours, shrinkage=shrinkage)(np.arange(12))
    np.testing.assert_allclose(found, taken @ similar.T, atol=1e-9)
