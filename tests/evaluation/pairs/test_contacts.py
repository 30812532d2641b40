"""Scores of contact maps: answers by hand, an independent loop, ties, masks, and what is refused."""

import math

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.pairs.contacts import (
    CUTS,
    RANGES,
    contact_decisions,
    contact_precisions,
    pairs_in_range,
    precision_of_best,
)


def maps(length: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.random((length, length))
    contacts = np.triu(random.random((length, length)) < 0.2)
    resolved = random.random(length) < 0.9
    return scores, contacts | contacts.T, np.outer(resolved, resolved)


def test_ranges_are_those_of_the_field_and_share_no_pair():
    known = np.ones((40, 40), bool)
    separations = {name: np.subtract(*pairs_in_range(known, RANGES[name])[::-1]) for name in RANGES}
    assert (separations["short"].min(), separations["short"].max()) == (6, 11)
    assert (separations["medium"].min(), separations["medium"].max()) == (12, 23)
    assert (separations["long"].min(), separations["long"].max()) == (24, 39)
    assert sum(len(separations[name]) for name in ("short", "medium", "long")) == len(separations["all"])
    assert separations["all"].min() == 6


@pytest.mark.parametrize("seed", range(3))
def test_precisions_agree_with_a_loop(seed):
    scores, contacts, known = maps(seed=seed)
    found = contact_precisions(scores, contacts, known)
    assert len(found) == len(RANGES) * len(CUTS)
    residues = sum(known[i].any() for i in range(40))
    for (name, cut), value in found.items():
        low, high = RANGES[name]
        pairs = [
            (scores[i, j], contacts[i, j])
            for i in range(40)
            for j in range(i + low, 40)
            if known[i, j] and j - i <= (high or 40)
        ]
        best = sorted(pairs, reverse=True)[: max(1, residues // CUTS[cut])]
        assert value == pytest.approx(np.mean([hit for _, hit in best]))


def test_the_truth_scores_one_and_its_opposite_nothing():
    _, contacts, known = maps()
    assert precision_of_best(contacts.astype(float), contacts, known) == 1
    assert precision_of_best(-contacts.astype(float), contacts, known) == 0


def test_ties_count_with_their_share_so_that_the_order_of_residues_does_not_matter():
    _, contacts, known = maps()
    pairs = pairs_in_range(known, (24, None))
    assert precision_of_best(np.zeros((40, 40)), contacts, known) == pytest.approx(contacts[pairs].mean())
    tied = np.round(maps(seed=5)[0], 1)
    exact = np.mean([precision_of_best(tied + 1e-6 * maps(seed=s)[0], contacts, known) for s in range(300)])
    assert precision_of_best(tied, contacts, known) == pytest.approx(exact, abs=0.02)


def test_a_monotone_change_of_scores_changes_no_precision():
    scores, contacts, known = maps()
    first, second = contact_precisions(scores, contacts, known), contact_precisions(np.exp(5 * scores), contacts, known)
    assert first == second


def test_residues_that_are_not_resolved_take_no_part():
    scores, contacts, known = maps()
    inside = np.flatnonzero(known.any(axis=0))
    spoiled = np.where(known, scores, np.nan)
    assert contact_precisions(spoiled, contacts, known) == contact_precisions(scores, contacts, known)
    # Appended padding changes nothing either.
    padded = [np.pad(array, (0, 5)) for array in (scores, contacts, known)]
    assert contact_precisions(*padded) == contact_precisions(scores, contacts, known)
    assert len(inside) < 40


def test_the_upper_triangle_is_read_and_the_truth_in_either_order():
    scores, contacts, known = maps()
    upper = np.triu(scores)
    assert contact_precisions(upper, contacts, known) == contact_precisions(scores, contacts, known)
    for half in (np.triu(contacts), np.tril(contacts)):
        assert contact_precisions(scores, half, known) == contact_precisions(scores, contacts, known)


def test_fewer_pairs_than_asked_for_are_all_taken_and_none_is_nan():
    contacts = np.zeros((26, 26), bool)
    contacts[0, 24] = True
    known = np.ones((26, 26), bool)
    assert precision_of_best(contacts.astype(float), contacts, known, divisor=1) == pytest.approx(1 / 3)
    assert math.isnan(precision_of_best(contacts[:20, :20], contacts[:20, :20], known[:20, :20]))


def test_decisions_by_hand():
    contacts, said = np.zeros((30, 30), bool), np.zeros((30, 30))
    for i in range(4):
        contacts[i, i + 10] = True  # four contacts
    for i in (0, 1, 20):
        said[i, i + 8 + 2 * (i < 2)] = 0.9  # two of them and another pair
    said[5, 6] = contacts[6, 7] = 1  # neighbours do not count
    known = np.ones((30, 30), bool)
    found = contact_decisions(said, contacts, known)
    assert found[:4] == pytest.approx((2 / 3, 0.5, 7 / 12, 4 / 7))
    assert (found.predicted, found.native) == (3, 4)
    assert contact_decisions(said, contacts, known, separation=(1, None))[4:] == (4, 5)
    assert contact_decisions(said, contacts, known, threshold=0.9).predicted == 0


def test_decisions_of_empty_maps():
    none, known = np.zeros((12, 12)), np.ones((12, 12), bool)
    one = none.copy()
    one[0, 11] = 1
    assert contact_decisions(none, one, known)[:4] == (0, 0, 0, 0)
    assert contact_decisions(one, none, known)[:4] == (0, 0, 0, 0)
    assert math.isnan(contact_decisions(none, none, known).ppv)
    assert contact_decisions(one, one, known)[:4] == (1, 1, 1, 1)


def test_a_residue_may_have_many_contacts():
    contacts = np.zeros((30, 30))
    contacts[0, 10:20] = 1
    assert contact_decisions(contacts, contacts, np.ones((30, 30), bool)).sensitivity == 1


def test_maps_that_do_not_fit_are_refused():
    scores, contacts, known = maps()
    with pytest.raises(InputError, match=r"maps of 40 \(scores\), 39 \(contacts\)"):
        precision_of_best(scores, contacts[:39, :39], known)
    with pytest.raises(InputError, match=r"shape \(40, 39\)"):
        precision_of_best(scores[:, :39], contacts, known)
    i, j = np.argwhere(np.triu(known, 1))[0]
    scores[i, j] = np.nan
    with pytest.raises(InputError, match=f"residues {i + 1} and {j + 1} .* is not a number"):
        precision_of_best(scores, contacts, known)
