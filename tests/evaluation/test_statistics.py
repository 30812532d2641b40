from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from palindra.errors import InputError
from palindra.evaluation import auroc, bootstrap_interval, holm, mcc, mean_interval, paired_bootstrap, paired_test


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_mean_interval_is_students(level, random):
    values = random.normal(size=7)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert mean_interval(values, level) == pytest.approx((values.mean(), low, high))


def test_mean_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1, 2, size=(2000, 5))
    inside = [low <= 1 <= high for _, low, high in map(mean_interval, draws)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_one_run_has_no_interval():
    value, low, high = mean_interval([0.8])
    assert value == 0.8
    assert np.isnan([low, high]).all()


def test_paired_test_is_that_of_scipy(random):
    a, b = random.normal(0.5, 1, 9), random.normal(size=9)
    found, theirs = paired_test(a, b), stats.ttest_rel(a, b)
    low, high = theirs.confidence_interval()
    assert found[:4] == pytest.approx((np.mean(a - b), low, high, theirs.pvalue))
    exact = stats.permutation_test((a, b), lambda x, y, axis: np.mean(x - y, axis), permutation_type="samples")
    assert found.p_permutation == pytest.approx(exact.pvalue)
    assert found.n == 9


def test_permutation_p_of_a_small_example_by_hand():
    # differences 1, 2, -4: |sum| = 1; of the sums +-1+-2+-4 (7, 5, 3, 1 and their negatives) all reach 1
    assert paired_test([1, 2, 0], [0, 0, 4]).p_permutation == 1
    # differences 1, 2, 4: |sum| = 7 is reached by two of eight
    assert paired_test([1, 2, 4], [0, 0, 0]).p_permutation == 2 / 8


def test_permutation_p_beyond_sixteen_pairs_is_close_to_the_t_test():
    a = np.random.default_rng(2).normal(0.4, 1, 40)
    found = paired_test(a, np.zeros(40))
    assert found.p_permutation == pytest.approx(found.p_t, rel=0.2)
    assert found == paired_test(a, np.zeros(40))


def test_equal_scores_differ_by_nothing():
    found = paired_test([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert found == (0, 0, 0, 1, 1, 3)


def test_a_constant_difference_has_no_spread():
    a = np.array([0.3, 0.2, 0.9, 0.7])
    found = paired_test(a, a - 0.1)  # the differences are 0.1 up to rounding
    assert found[:3] == pytest.approx((0.1, 0.1, 0.1))
    assert found[3:] == (0, 2 / 16, 4)


def test_one_pair_says_nothing():
    found = paired_test([0.9], [0.1])
    assert np.isnan([found.low, found.high, found.p_t]).all()
    assert (found.mean, found.p_permutation) == (0.8, 1)


def test_unequal_numbers_are_refused():
    with pytest.raises(InputError, match="pairs"):
        paired_test([1, 2], [1])
    with pytest.raises(InputError, match="numbers"):
        paired_test([1, np.nan], [1, 2])


def test_holm_by_hand():
    # sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04, made non-decreasing: .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []
    with pytest.raises(InputError, match="between 0 and 1"):
        holm([0.1, float("nan")])


@pytest.mark.parametrize("p_values", list(itertools.permutations([0.001, 0.02, 0.5])))
def test_holm_moves_with_the_order(p_values):
    expected = {0.001: 0.003, 0.02: 0.04, 0.5: 0.5}
    assert holm(p_values) == pytest.approx([expected[p] for p in p_values])


def test_bootstrap_is_reproducible_and_close_to_the_known_interval():
    values = np.random.default_rng(0).normal(size=400)

    def mean(rows):
        return values[rows].mean()

    found = bootstrap_interval(mean, 400, seed=1)
    assert found == bootstrap_interval(mean, 400, seed=1)
    assert found != bootstrap_interval(mean, 400, seed=2)
    error = values.std() / 20
    assert found == pytest.approx((values.mean(), values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.02)


def test_rows_of_a_group_are_drawn_together():
    groups = np.repeat(["chr1", "chr2", "chr3"], [2, 3, 5])

    def whole_groups(rows):
        drawn = np.bincount(rows, minlength=10)
        assert all(len(set(drawn[groups == name])) == 1 for name in set(groups))
        return 0.0

    bootstrap_interval(whole_groups, 10, seed=0, resamples=50, groups=groups)


def test_group_names_out_of_order_do_not_mix_rows():
    values = np.array([1.0, 5.0, 1.0, 5.0])
    seen = set()
    bootstrap_interval(lambda rows: seen.add(tuple(values[rows])) or 0.0, 4, seed=0, groups=["b", "a", "b", "a"])
    assert seen <= {(1, 1, 1, 1), (5, 5, 5, 5), (1, 1, 5, 5), (5, 5, 1, 1), (1.0, 5.0, 1.0, 5.0)}


def test_grouped_rows_have_a_wider_interval():
    level = np.repeat(np.random.default_rng(0).normal(size=20), 50)
    _, low, high = bootstrap_interval(lambda rows: level[rows].mean(), 1000, seed=0, resamples=300)
    _, far_low, far_high = bootstrap_interval(
        lambda rows: level[rows].mean(), 1000, seed=0, resamples=300, groups=np.repeat(range(20), 50)
    )
    assert far_high - far_low > 3 * (high - low)


def test_a_rare_class_is_named():
    labels = np.zeros(50)
    labels[0] = 1
    with pytest.raises(InputError, match="one class is rare"):
        bootstrap_interval(lambda rows: auroc(labels[rows], labels[rows]), 50, seed=0, resamples=200)


def test_paired_bootstrap_of_a_model_with_itself_is_zero(random):
    y = np.arange(80) % 2
    p = random.random(80)
    found = paired_bootstrap(auroc, p, p, y, seed=0, resamples=100)
    assert found[2:] == (0, 0, 0)


@pytest.mark.parametrize("statistic", [auroc, lambda p, y: mcc(p >= 0.5, y)])
def test_pairing_cancels_what_is_hard_for_both_models(statistic, random):
    y = np.arange(300) % 2
    noise = random.random(300)
    worse, better = 0.3 * y + 0.7 * noise, 0.4 * y + 0.6 * noise
    found = paired_bootstrap(statistic, better, worse, y, seed=0, resamples=300)
    assert found.difference == found.first - found.second
    assert found.low > 0
    alone = [
        bootstrap_interval(lambda rows, p=p: statistic(p[rows], y[rows]), 300, seed=0, resamples=300)
        for p in (better, worse)
    ]
    unpaired = np.hypot(*(high - low for _, low, high in alone))
    assert found.high - found.low < 0.75 * unpaired


def test_predictions_for_other_rows_are_refused():
    with pytest.raises(InputError, match="same rows"):
        paired_bootstrap(auroc, np.ones(3), np.ones(4), np.ones(3), seed=0)
