from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.metrics import auroc
from palindra.probing.readouts import PENALTIES, fit_readout
from palindra.probing.readouts.linear import fit_linear


def goal(kind: str, outputs: int = 1) -> SimpleNamespace:
    return SimpleNamespace(kind=kind, outputs=outputs)


def noisy(rows: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, width)).astype(np.float32) * np.logspace(-3, 3, width, dtype=np.float32)
    return x, (x / x.std(0)) @ np.ones((width, 1)) + random.normal(size=(rows, 1))


def test_ridge_is_the_closed_form_at_the_penalty_chosen():
    (x, y), (vx, vy) = noisy(80, 5), noisy(40, 5, seed=1)
    readout = fit_linear(goal("regression"), (x, y), (vx, vy))
    z = (x - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)
    alpha = readout.settings["scikit-learn"]["alpha"]
    weight = np.linalg.solve(z.T @ z + alpha * np.eye(5), z.T @ (y - y.mean()))
    expected = (vx - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64) @ weight + y.mean()
    np.testing.assert_allclose(readout.predict(vx), expected, rtol=1e-6)
    assert readout.parameters == 6


def test_the_penalty_of_least_validation_loss_is_chosen():
    (x, y), (vx, vy) = noisy(30, 12), noisy(200, 12, seed=1)
    losses = {}
    for penalty in (10.0, 1.0, 0.1, 1e-2, 1e-4):
        one = fit_linear(goal("regression"), (x, y), (vx, vy), penalties=(penalty,))
        losses[penalty] = float(((one.predict(vx) - vy) ** 2).mean())
    readout = fit_linear(goal("regression"), (x, y), (vx, vy), penalties=tuple(losses))
    assert readout.settings["penalty per row"] == min(losses, key=losses.__getitem__)
    at_end = readout.settings["penalty per row"] in (10.0, 1e-4)
    assert readout.settings["at the end of the grid"] == at_end


def test_the_choice_does_not_depend_on_units_of_features_or_on_copies_of_rows():
    (x, y), (vx, vy) = noisy(60, 4), noisy(60, 4, seed=1)
    plain = fit_linear(goal("regression"), (x, y), (vx, vy))
    scaled = fit_linear(goal("regression"), (1000 * x + 5, y), (1000 * vx + 5, vy))
    twice = fit_linear(goal("regression"), (np.tile(x, (2, 1)), np.tile(y, (2, 1))), (vx, vy))
    np.testing.assert_allclose(scaled.predict(1000 * vx + 5), plain.predict(vx), atol=2e-3)
    np.testing.assert_allclose(twice.predict(vx), plain.predict(vx), rtol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_penalties_of_logistic_regression_count_per_row(kind):
    (x, y), (vx, _) = noisy(60, 4), noisy(60, 4, seed=1)
    labels = (y > 0).astype(np.float32) + (y > 1) * (kind == "multiclass")
    one = fit_linear(goal(kind, 3), (x, labels), (x, labels), penalties=(0.1,))
    twice = np.tile(x, (2, 1)), np.tile(labels, (2, 1))
    two = fit_linear(goal(kind, 3), twice, (x, labels), penalties=(0.1,))
    np.testing.assert_allclose(one.predict(vx), two.predict(vx), atol=1e-3)
    assert one.settings["scikit-learn"]["C"] == 2 * two.settings["scikit-learn"]["C"]


def test_noise_gets_the_strongest_penalty_and_signal_without_noise_a_warning():
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 8)).astype(np.float32)
    noise = fit_linear(goal("regression"), (x, random.normal(size=(50, 1))), (x[::-1], random.normal(size=(50, 1))))
    assert noise.settings["penalty per row"] >= 1
    exact = fit_linear(goal("regression"), (x, x[:, :1]), (x, x[:, :1]))
    assert exact.settings["penalty per row"] == PENALTIES[-1]
    assert "weakest penalty" in exact.warnings[0]


def test_probabilities_rank_better_than_hard_labels_as_published():
    """The released code computes AUROC from labels decided at 0.5, which underestimates it."""
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3)).astype(np.float32)
    y = (x[:, :1] + random.normal(size=(400, 1)) > 0).astype(np.float32)
    readout = fit_readout("linear", goal("binary"), (x[:200], y[:200]), (x[200:300], y[200:300]), seed=0)
    p = readout.predict(x[300:])
    assert ((p > 0) & (p < 1)).all()
    assert len(np.unique(p)) == 100
    assert auroc(p[:, 0], y[300:, 0]) > auroc((p >= 0.5)[:, 0].astype(float), y[300:, 0]) + 0.02


def test_classes_that_training_never_saw_have_probability_zero():
    x = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    y = np.where(x[:, :1] > 0, 3.0, 1.0)
    p = fit_linear(goal("multiclass", 4), (x, y), (x, y)).predict(x)
    np.testing.assert_allclose(p.sum(1), 1)
    assert (p[:, [0, 2]] == 0).all()
    assert (p.argmax(1) == y[:, 0]).mean() > 0.9


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_missing_labels_leave_out_a_column_not_a_row(kind):
    random = np.random.default_rng(1)
    x = random.normal(size=(60, 3)).astype(np.float32)
    y = (x[:, :2] > 0).astype(np.float32) if kind == "multilabel" else x[:, :2].astype(np.float32)
    y[::2, 1] = np.nan
    both = fit_linear(goal(kind, 2), (x, y), (x, y), penalties=(0.1,)).predict(x)
    first = fit_linear(goal(kind), (x, y[:, :1]), (x, y[:, :1]), penalties=(0.1,)).predict(x)
    second = fit_linear(goal(kind), (x[1::2], y[1::2, 1:]), (x[1::2], y[1::2, 1:]), penalties=(0.1,))
    np.testing.assert_allclose(both[:, 0], first[:, 0], rtol=1e-3)
    assert np.corrcoef(both[:, 1], second.predict(x)[:, 0])[0, 1] > 0.98


def test_a_constant_feature_or_column_harms_nothing():
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    x[:, 0] = 7.3
    y = np.zeros((20, 2), dtype=np.float32)
    y[:10, 0] = 1
    p = fit_linear(goal("multilabel", 2), (x, y), (x, y)).predict(x + np.array([[1.0, 0.0]]))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p[:, 1], 0.5 / 21)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: fit_readout("forest", goal("binary"), (x, y), (x, y), seed=0), "not known: linear, mlp, cnn"),
        (lambda x, y: fit_readout("linear", goal("binary"), (x, y[:3]), (x, y), seed=0), "training: 9 rows of feat"),
        (lambda x, y: fit_readout("linear", goal("binary"), (x * np.nan, y), (x, y), seed=0), "row 1 is nan"),
        (lambda x, y: fit_readout("linear", goal("multiclass", 2), (x, y * 0), (x, y), seed=0), "two classes"),
        (lambda x, y: fit_readout("linear", goal("regression"), (x, y * np.nan), (x, y), seed=0), "leave it out"),
    ],
)
def test_what_cannot_be_fitted_is_refused(call, message):
    x, y = np.ones((9, 2), dtype=np.float32), np.array([[0.0, 1.0, 1.0] * 3]).T
    with pytest.raises(InputError, match=message):
        call(x, y)
