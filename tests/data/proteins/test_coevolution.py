"""Weights, mutual information, couplings and corrections: small answers by hand and independent loops."""

import math

import numpy as np
import pytest

from palindra.data.proteins import (
    GAP,
    UNKNOWN,
    Alignment,
    average_product_correction,
    column_profile,
    contact_features,
    coupling_strength,
    entropy,
    gap_share,
    mean_field_couplings,
    mean_potential,
    miyazawa_jernigan,
    mutual_information,
    sequence_weights,
)
from palindra.data.proteins.couplings import covered_columns
from palindra.errors import InputError

ORDER = "ACDEFGHIKLMNPQRSTVWY"


def random_rows(seed: int, rows: int = 30, columns: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 22, (rows, columns)).astype(np.uint8)


@pytest.mark.parametrize("identity", [0.3, 0.6, 1.0])
def test_weights_agree_with_a_loop(identity):
    codes = np.random.default_rng(0).integers(18, 21, (25, 7)).astype(np.uint8)
    alike = [[np.mean(a == b) >= identity - 1e-9 for b in codes] for a in codes]
    np.testing.assert_allclose(sequence_weights(codes, identity), 1 / np.sum(alike, axis=1))


def test_a_repeated_row_changes_no_statistic_of_columns():
    codes = random_rows(1)
    repeated = np.concatenate([codes, np.repeat(codes[:1], 9, axis=0)])
    once, often = sequence_weights(codes), sequence_weights(repeated)
    assert often.sum() == pytest.approx(once.sum())
    np.testing.assert_allclose(column_profile(codes, once), column_profile(repeated, often))
    np.testing.assert_allclose(gap_share(codes, once), gap_share(repeated, often))
    np.testing.assert_allclose(mutual_information(codes, once), mutual_information(repeated, often), atol=1e-12)
    np.testing.assert_allclose(mean_field_couplings(codes, once), mean_field_couplings(repeated, often), atol=1e-9)


def test_profiles_sum_to_one_and_entropy_has_its_bounds():
    codes = random_rows(2)
    profile = column_profile(codes, np.ones(len(codes)))
    np.testing.assert_allclose(profile.sum(axis=1), 1)
    assert entropy(np.full((1, 20), 0.05))[0] == pytest.approx(1)
    assert entropy(np.eye(20)[:1])[0] == pytest.approx(0)
    empty = np.full((4, 1), GAP, np.uint8)
    both = np.concatenate([np.zeros((4, 1), np.uint8), empty], axis=1)
    composition = column_profile(both, np.ones(4))[1]
    assert composition.argmax() == 0  # a column of gaps has the composition of the alignment


def test_mutual_information_agrees_with_a_loop_over_rows():
    codes, weights = random_rows(3), np.random.default_rng(3).random(30)
    found = mutual_information(codes, weights)
    for i in range(7):
        for j in range(7):
            both = (codes[:, i] < 20) & (codes[:, j] < 20)
            total = weights[both].sum()
            value = 0.0
            for a in range(20):
                for b in range(20):
                    joint = weights[both & (codes[:, i] == a) & (codes[:, j] == b)].sum() / total
                    first = weights[both & (codes[:, i] == a)].sum() / total
                    second = weights[both & (codes[:, j] == b)].sum() / total
                    value += joint * math.log(joint / (first * second)) if joint else 0.0
            assert found[i, j] == pytest.approx(value, abs=1e-10)


def test_shared_gaps_are_no_information():
    codes = np.zeros((10, 2), np.uint8)
    codes[:5] = GAP
    np.testing.assert_allclose(mutual_information(codes, np.ones(10)), 0)


def test_mean_field_couplings_of_two_binary_columns_by_hand():
    # Two columns, letters A and C, always equal. With half of the frequencies uniform over 21 states:
    codes = np.array([[0, 0], [1, 1]], np.uint8)
    single = np.full(20, 0.5 / 21)
    single[:2] += 0.25
    joint = np.full((20, 20), 0.5 / 441)
    joint[0, 0] += 0.25
    joint[1, 1] += 0.25
    own, cross = np.diag(single) - np.outer(single, single), joint - np.outer(single, single)
    # The inverse of [[own, cross], [cross, own]] has -own^-1 cross (own - cross own^-1 cross)^-1 off its diagonal.
    schur = own - cross @ np.linalg.solve(own, cross)
    expected = np.linalg.solve(own, cross) @ np.linalg.inv(schur)
    couplings = mean_field_couplings(codes, np.ones(2))
    np.testing.assert_allclose(couplings[0, 1, :20, :20], expected, atol=1e-9)
    np.testing.assert_allclose(couplings[0, 1], couplings[1, 0].T, atol=1e-9)
    assert not couplings[0, 0].any()
    assert not couplings[0, 1, 20].any()
    assert couplings[0, 1, 0, 0] > 10 * couplings[0, 1, 0, 1]


def test_coupling_strength_does_not_depend_on_the_gauge():
    couplings = np.random.default_rng(4).normal(size=(3, 3, 21, 21))
    shifted = couplings + np.random.default_rng(5).normal(size=(3, 3, 21, 1))
    shifted += np.random.default_rng(6).normal(size=(3, 3, 1, 21))
    np.testing.assert_allclose(coupling_strength(couplings), coupling_strength(shifted))


def test_a_chain_of_dependence_is_resolved_by_couplings_and_not_by_information():
    # 0 drives 1, 1 drives 2: information between 0 and 2 is indirect. All 21 states are in use, as the model has it.
    random = np.random.default_rng(7)
    first = random.integers(0, 21, 20000)
    second = np.where(random.random(20000) < 0.6, first, random.integers(0, 21, 20000))
    third = np.where(random.random(20000) < 0.6, second, random.integers(0, 21, 20000))
    codes, ones = np.stack([first, second, third], axis=1).astype(np.uint8), np.ones(20000)
    information = mutual_information(codes, ones)
    strength = coupling_strength(mean_field_couplings(codes, ones, pseudocount=0.02))
    assert information[0, 2] / information[0, 1] > 0.2
    assert strength[0, 2] / strength[0, 1] < 0.1


def test_unknown_residues_count_as_gaps_in_couplings_and_not_at_all_in_information():
    codes = random_rows(8)
    gapped = np.where(codes == UNKNOWN, GAP, codes).astype(np.uint8)
    ones = np.ones(len(codes))
    np.testing.assert_array_equal(mean_field_couplings(codes, ones), mean_field_couplings(gapped, ones))
    np.testing.assert_array_equal(mutual_information(codes, ones), mutual_information(gapped, ones))


def test_average_product_correction_agrees_with_a_loop():
    scores = np.random.default_rng(9).random((6, 6))
    scores = scores + scores.T
    found = average_product_correction(scores)
    others = [[scores[i, k] for k in range(6) if k != i] for i in range(6)]
    mean = np.mean(others)
    for i in range(6):
        assert found[i, i] == 0
        for j in range(6):
            if i != j:
                assert found[i, j] == pytest.approx(scores[i, j] - np.mean(others[i]) * np.mean(others[j]) / mean)


def test_columns_that_are_not_covered_take_no_part_in_the_correction():
    scores = np.random.default_rng(10).random((6, 6))
    scores = scores + scores.T
    known = np.array([1, 1, 0, 1, 1, 1], bool)
    found = average_product_correction(scores, known)
    inner = average_product_correction(scores[np.ix_(known, known)])
    np.testing.assert_allclose(found[np.ix_(known, known)], inner)
    assert not found[2].any()
    assert not average_product_correction(np.zeros((3, 3))).any()
    codes = np.array([[0, GAP], [0, GAP], [0, 1]], np.uint8)
    assert covered_columns(codes, np.ones(3), 0.5).tolist() == [True, False]


def test_the_contact_potential_is_the_published_one():
    energy = miyazawa_jernigan()
    np.testing.assert_array_equal(energy, energy.T)
    at = {"CC": -5.44, "FF": -7.26, "LL": -7.37, "KK": -0.12, "DK": -1.68, "IL": -7.04, "WY": -4.66}
    for (a, b), value in at.items():
        assert energy[ORDER.index(a), ORDER.index(b)] == value
    assert (energy < 0).all()
    profile = np.eye(20)[[0, 4, 9]]
    np.testing.assert_allclose(mean_potential(profile), energy[np.ix_([0, 4, 9], [0, 4, 9])])


def alignment(codes: np.ndarray) -> Alignment:
    names = tuple(f"r{i}" for i in range(len(codes)))
    return Alignment("a.fa", names, codes, tuple(range(1, len(codes) + 1)))


def test_features_have_the_published_shapes_and_are_symmetric():
    codes = random_rows(11, rows=40, columns=15)
    codes[0, codes[0] >= 20] = 3
    codes[0, 4] = GAP  # not a residue of the query
    found = contact_features(alignment(codes))
    assert found.residues.shape == (25, 14)
    assert found.pairs.shape == (3, 14, 14)
    np.testing.assert_allclose(found.pairs, found.pairs.transpose(0, 2, 1), atol=1e-5)
    np.testing.assert_allclose(found.residues[:20].sum(axis=0), 1, atol=1e-5)
    assert np.isfinite(found.residues).all()
    assert np.isfinite(found.pairs).all()
    apart = found.pairs[:, *np.triu_indices(14, 6)]
    np.testing.assert_allclose(apart.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(apart.std(axis=1), 1, atol=1e-4)


def test_propensities_are_averages_over_a_window_that_ends_with_the_sequence():
    codes = np.tile(np.array([[ORDER.index(letter) for letter in "AAAAAAAGGGGGGG"]], np.uint8), (50, 1))
    helix = contact_features(alignment(np.concatenate([codes, random_rows(12, 2, 14)])), identity=1.0).residues[22]
    assert helix[0] > 1.1 > 0.9 > helix[-1]
    assert (np.diff(helix) < 0.05).all()


def test_features_of_one_row_or_a_short_query_are_refused():
    with pytest.raises(InputError, match="one row only"):
        contact_features(alignment(random_rows(13, 1, 12)))
    with pytest.raises(InputError, match="more than 6"):
        contact_features(alignment(np.zeros((3, 5), np.uint8)))
