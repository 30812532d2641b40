"""Ensembles, temperature and scores of uncertainty against known answers and independent computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from palindra.data.task import Task
from palindra.errors import InputError
from palindra.evaluation.uncertainty import (
    aurc,
    combine,
    error_uncertainty_correlation,
    expected_calibration_error,
    fit_temperature,
    gaussian_crps,
    gaussian_nll,
    label_nll,
    label_variance,
    nominal_coverage,
    regression_calibration_error,
    replicate_variance,
    sharpness,
    standardised_errors,
)

# ---- ensembles -----------------------------------------------------------------------------------------------------


def test_the_total_is_the_variance_of_the_mixture():
    rng = np.random.default_rng(0)
    means, variances = rng.normal(size=(5, 3, 2)), rng.uniform(0.1, 2, size=(5, 3, 2))
    found = combine(means, variances)
    draws = means[:, None] + np.sqrt(variances)[:, None] * rng.normal(size=(5, 200_000, 3, 2))
    np.testing.assert_allclose(found.mean, draws.mean((0, 1)), atol=0.01)
    np.testing.assert_allclose(found.total, draws.var((0, 1)), rtol=0.01)
    np.testing.assert_array_equal(found.total, found.epistemic + found.aleatoric)


def test_one_member_disagrees_with_nobody():
    found = combine([[[3.0]]], [[[0.5]]])
    assert (found.epistemic.item(), found.total.item()) == (0.0, 0.5)


def test_class_labels_have_the_variance_of_the_mean_probability():
    p = np.random.default_rng(1).uniform(size=(4, 6, 3))
    found = combine(p, label_variance(p))
    np.testing.assert_allclose(found.total, found.mean * (1 - found.mean))


def test_bad_members_are_refused():
    with pytest.raises(ValueError, match="log-variance"):
        combine(np.zeros((2, 1, 1)), -np.ones((2, 1, 1)))
    with pytest.raises(ValueError, match="members first"):
        combine(np.zeros((2, 1, 1)), np.zeros((2, 1)))


def test_noise_of_replicates():
    values = np.random.default_rng(2).normal(size=(40, 3))
    np.testing.assert_allclose(replicate_variance(values), values.var(axis=1, ddof=1) / 3)
    np.testing.assert_allclose(replicate_variance(values, of_mean=False), values.var(axis=1, ddof=1))
    values[0, 0] = np.nan
    assert replicate_variance(values)[0] == pytest.approx(values[0, 1:].var(ddof=1) / 2)


def test_errors_have_unit_variance_when_both_parts_are_right_and_not_without_one():
    rng = np.random.default_rng(3)
    truth, rows = rng.normal(size=4000), 4000
    replicates = truth[:, None] + rng.normal(size=(rows, 3)) * 0.9
    members = truth + rng.normal(size=(1, rows)) * 0.5  # a model that is wrong by 0.5
    labels, epistemic = replicates.mean(axis=1), np.full(rows, 0.25)
    aleatoric = np.full(rows, replicate_variance(replicates).mean())
    right = standardised_errors(labels, members[0], epistemic + aleatoric)
    assert right.low < 1 < right.high
    assert right.variance == pytest.approx(1, abs=0.06)
    assert standardised_errors(labels, members[0], aleatoric).low > 1.5
    with pytest.raises(ValueError, match="not positive"):
        standardised_errors([1.0], [1.0], [0.0])


# ---- temperature ---------------------------------------------------------------------------------------------------


def drawn(task: Task, seed: int = 4, rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with their probabilities."""
    rng = np.random.default_rng(seed)
    outputs = {Task.BINARY: 1, Task.MULTICLASS: 3, Task.MULTILABEL: 2}[task]
    logits = rng.normal(size=(rows, outputs)) * 2
    if task is Task.MULTICLASS:
        noise = -np.log(-np.log(rng.uniform(size=logits.shape)))  # Gumbel
        return logits, (logits + noise).argmax(axis=1)[:, None].astype(float)
    labels = (rng.uniform(size=logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    if task is Task.MULTILABEL:
        labels[::5, 0] = np.nan
    return logits, labels


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.MULTILABEL])
def test_the_temperature_that_was_taken_away_is_found(task: Task):
    logits, labels = drawn(task)
    for true in (0.5, 1.0, 3.0):
        assert fit_temperature(task, logits * true, labels) == pytest.approx(true, rel=0.08)


def test_it_is_the_minimum_and_scales_with_the_logits():
    logits, labels = drawn(Task.MULTICLASS)
    found = fit_temperature(Task.MULTICLASS, logits, labels)
    best = label_nll(Task.MULTICLASS, logits / found, labels)
    for other in np.geomspace(0.1, 10, 50):
        assert label_nll(Task.MULTICLASS, logits / other, labels) >= best - 1e-9
    assert fit_temperature(Task.MULTICLASS, 7 * logits, labels) == pytest.approx(7 * found, rel=1e-4)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.MULTILABEL])
def test_likelihood_as_in_training(task: Task):
    import torch

    from palindra.training.losses import label_loss

    logits, labels = drawn(task, rows=40)
    labels = np.where(np.isnan(labels), 0, labels)
    expected = label_loss(task, torch.from_numpy(logits), torch.from_numpy(labels)).mean()
    assert label_nll(task, logits, labels) == pytest.approx(expected.item(), abs=1e-9)


def test_a_perfect_classifier_has_a_finite_temperature():
    assert 0 < fit_temperature(Task.BINARY, [[2.0], [-2.0]], [[1], [0]]) < 0.1


def test_what_has_no_temperature():
    with pytest.raises(InputError, match="conformal intervals"):
        fit_temperature(Task.REGRESSION, [[1.0]], [[1.0]])
    with pytest.raises(InputError, match="none among 1"):
        fit_temperature(Task.BINARY, [[1.0]], [[np.nan]])


# ---- scores --------------------------------------------------------------------------------------------------------


def test_gaussian_scores_by_other_means():
    rng = np.random.default_rng(5)
    y, mean, sd = rng.normal(size=6), rng.normal(size=6), rng.uniform(0.3, 2, size=6)
    assert gaussian_nll(y, mean, sd) == pytest.approx(-stats.norm(mean, sd).logpdf(y).mean())

    def crps(y: float, mean: float, sd: float) -> float:
        below = integrate.quad(lambda t: stats.norm.cdf(t, mean, sd) ** 2, mean - 12 * sd, y)[0]
        return below + integrate.quad(lambda t: stats.norm.sf(t, mean, sd) ** 2, y, mean + 12 * sd)[0]

    expected = np.mean([crps(*row) for row in zip(y, mean, sd, strict=True)])
    assert gaussian_crps(y, mean, sd) == pytest.approx(expected, rel=1e-6)
    assert gaussian_crps(y, mean, 1e-9) == pytest.approx(np.abs(y - mean).mean())
    assert gaussian_nll([*y, np.nan], [*mean, 0], [*sd, 1]) == pytest.approx(gaussian_nll(y, mean, sd))
    with pytest.raises(ValueError, match="not positive"):
        gaussian_nll([1.0], [1.0], [0.0])


def test_both_scores_are_proper():
    y = np.random.default_rng(6).normal(size=5000) * 1.5
    for score in (gaussian_nll, gaussian_crps):
        values = {sd: score(y, 0.0, sd) for sd in (0.5, 1.0, 1.5, 2.0, 3.0)}
        assert min(values, key=values.get) == 1.5


def test_calibration_against_nominal_levels():
    y = np.random.default_rng(7).normal(size=20_000)
    for level, share in nominal_coverage(y, 0.0, 1.0).items():
        assert share == pytest.approx(level, abs=0.02)
    assert regression_calibration_error(y, 0.0, 1.0) < 0.01 < 0.1 < regression_calibration_error(y, 0.0, 0.5)
    assert sharpness([3.0, 4.0]) == pytest.approx(np.sqrt(12.5))


def test_rank_correlation_of_error_and_uncertainty():
    rng = np.random.default_rng(8)
    errors, doubt = rng.normal(size=100), rng.integers(0, 9, size=100)
    expected = stats.spearmanr(np.abs(errors), doubt).statistic
    assert error_uncertainty_correlation(errors, doubt) == pytest.approx(expected)
    assert np.isnan(error_uncertainty_correlation(errors, np.ones(100)))


def test_area_under_risk_and_coverage():
    rng = np.random.default_rng(9)
    loss, doubt = rng.exponential(size=30), rng.permutation(30)
    by_hand = np.mean([loss[np.argsort(doubt)][:n].mean() for n in range(1, 31)])
    assert aurc(loss, doubt) == pytest.approx(by_hand)
    assert aurc(loss, np.ones(30)) == pytest.approx(loss.mean())
    assert aurc(loss, loss) < aurc(loss, doubt) < aurc(loss, -loss)
    # Ties: the mean over all orders of the rows that tie.
    tied = np.array([0, 0, 0, 1, 1])
    orders = [aurc(loss[:5], tied + 1e-6 * rng.permutation(5)) for _ in range(4000)]
    assert aurc(loss[:5], tied) == pytest.approx(np.mean(orders), abs=0.01)


def test_confidence_and_accuracy():
    rng = np.random.default_rng(10)
    p = rng.dirichlet([1, 1, 1], size=20_000)
    y = (p.cumsum(axis=1) < rng.uniform(size=(20_000, 1))).sum(axis=1)
    assert expected_calibration_error(p, y) < 0.02
    sharper = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(sharper, y) > 0.1
