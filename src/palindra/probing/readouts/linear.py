"""Ridge or logistic regression on one vector a row, its penalty chosen on the validation rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.probing.readouts.examples import Features, Goal, Standardised, as_table
from palindra.probing.readouts.losses import values_to_fit

Array = NDArray[Any]

PENALTIES = tuple(10.0**power for power in range(3, -8, -1))
"""Penalties per training row of standardised features, from strong to weak."""

_PATIENCE = 3  # penalties in a row without gain after which weaker ones are not tried
_ITERATIONS = 1000


class Weights(NamedTuple):
    """Weights ``(features, outputs)`` and intercepts ``(outputs,)`` on standardised features."""

    weight: Array
    intercept: Array


class LinearReadout:
    """A fitted linear model on standardised features; ``predict`` gives probabilities (classes) or values."""

    def __init__(
        self, kind: str, standard: Standardised, weights: Weights, settings: dict[str, Any], notes: tuple[str, ...]
    ) -> None:
        self.name = "linear"
        self.kind = kind
        self.standard = standard
        self.weights = weights
        self.settings = settings
        self.warnings = notes

    @property
    def parameters(self) -> int:
        """Weights and intercepts."""
        return int(self.weights.weight.size + self.weights.intercept.size)

    def predict(self, features: Features) -> Array:
        """Predictions ``(rows, columns)``: probabilities of classes, or values."""
        table = self.standard(as_table(features))
        return _link(self.kind, table @ self.weights.weight + self.weights.intercept)


def fit_linear(
    goal: Goal,
    train: tuple[Features, Array],
    valid: tuple[Features, Array],
    *,
    penalties: Sequence[float] = PENALTIES,
) -> LinearReadout:
    """Fit by penalties from strong to weak, and keep the one of least loss on the validation rows.

    Logistic regression (multinomial for classes, one per column for several labels) or ridge regression, from
    scikit-learn. A penalty counts per training row, so the same grid serves 100 rows and 100,000; ``settings`` holds
    the one chosen, scikit-learn's own value, and whether it lies at an end of the grid.

    Examples:
        >>> from types import SimpleNamespace
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32)
        >>> readout = fit_linear(SimpleNamespace(kind="regression", outputs=1), (x, 2 * x + 1), (x, 2 * x + 1))
        >>> readout.predict(np.array([[4.0]], dtype=np.float32)).round(3).tolist(), readout.parameters
        ([[9.0]], 2)
    """
    table, valid_table = as_table(train[0]), as_table(valid[0])
    standard = Standardised.of(table)
    x, valid_x = standard(table), standard(valid_table)
    losses: dict[float, float] = {}
    best: tuple[float, Weights] | None = None
    unfinished, without_gain = [], 0
    for penalty, weights, finished in _path(goal, x, train[1], penalties):
        loss = _loss(goal.kind, valid_x @ weights.weight + weights.intercept, valid[1])
        if best is None or loss < min(losses.values()):
            best, without_gain = (penalty, weights), 0
        else:
            without_gain += 1
        losses[penalty] = loss
        unfinished += [] if finished else [penalty]
        if without_gain == _PATIENCE:
            break
    if best is None:
        raise ValueError("no penalties to try.")
    penalty, weights = best
    at_end = penalty == penalties[-1] or (penalty == penalties[0] and len(penalties) > 1)
    classes = goal.kind in ("binary", "multiclass", "multilabel")
    settings = {
        "model": "logistic regression" if classes else "ridge regression",
        "penalty per row": penalty,
        "scikit-learn": {"C": 1 / (penalty * len(x))} if classes else {"alpha": penalty * len(x)},
        "at the end of the grid": at_end,
        "validation loss": {f"{key:g}": value for key, value in losses.items()},
    }
    notes = []
    if at_end and penalty == penalties[-1]:
        notes.append(f"the weakest penalty of the grid ({penalty:g} per row) was chosen: a weaker one may be better.")
    if penalty in unfinished:
        notes.append(f"logistic regression had not converged after {_ITERATIONS} steps at the penalty chosen.")
    return LinearReadout(goal.kind, standard, weights, settings, tuple(notes))


def _path(goal: Goal, x: Array, labels: Array, penalties: Sequence[float]) -> Iterator[tuple[float, Weights, bool]]:
    if goal.kind == "multiclass":
        yield from _classes(x, labels[:, 0].astype(int), goal.outputs, penalties)
    elif goal.kind in ("binary", "multilabel"):
        columns = [_column(x, column, penalties) for column in labels.T]
        for steps in zip(*columns, strict=True):
            yield steps[0][0], _beside([step[1] for step in steps]), all(step[2] for step in steps)
    else:
        for penalty in penalties:
            yield penalty, _ridge(x, values_to_fit(goal.kind, labels), penalty), True


def _ridge(x: Array, y: Array, penalty: float) -> Weights:
    from sklearn.linear_model import Ridge

    known = np.isfinite(y)
    if known.all():
        fit = Ridge(alpha=penalty * len(x)).fit(x, y)
        return Weights(np.atleast_2d(fit.coef_).T, np.atleast_1d(fit.intercept_))
    found = []
    for column, rows in enumerate(known.T):
        if not rows.any():
            raise InputError(f"label column {column + 1} has no value among the training rows: leave it out.")
        fit = Ridge(alpha=penalty * rows.sum()).fit(x[rows], y[rows, column])
        found.append(Weights(fit.coef_[:, None], np.array([fit.intercept_])))
    return _beside(found)


def _column(x: Array, labels: Array, penalties: Sequence[float]) -> Iterator[tuple[float, Weights, bool]]:
    known = np.isfinite(labels)
    present = np.unique(labels[known])
    if len(present) < 2:  # nothing to learn: the smoothed frequency
        ones, rows = labels[known].sum(), known.sum()
        constant = Weights(np.zeros((x.shape[1], 1)), np.log([(ones + 0.5) / (rows - ones + 0.5)]))
        yield from ((penalty, constant, True) for penalty in penalties)
        return
    for penalty, fit, finished in _logistic(x[known], labels[known].astype(int), penalties):
        yield penalty, Weights(fit.weight.copy(), fit.intercept.copy()), finished


def _classes(
    x: Array, labels: Array, classes: int, penalties: Sequence[float]
) -> Iterator[tuple[float, Weights, bool]]:
    present = np.unique(labels)
    if len(present) < 2:
        raise InputError(f"all {len(labels)} training labels are {present[0]}: at least two classes are needed.")
    two = len(present) == 2  # then there is one column of log odds
    for penalty, fit, finished in _logistic(x, labels, penalties):
        weight, intercept = np.zeros((x.shape[1], classes)), np.full(classes, -np.inf)  # never seen: probability 0
        intercept[present[0]] = 0
        weight[:, present[1:] if two else present] = fit.weight
        intercept[present[1:] if two else present] = fit.intercept
        yield penalty, Weights(weight, intercept), finished


def _logistic(x: Array, labels: Array, penalties: Sequence[float]) -> Iterator[tuple[float, Weights, bool]]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(warm_start=True, max_iter=_ITERATIONS)
    for penalty in penalties:
        model.C = 1 / (penalty * len(x))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told in the readout's own warnings instead
            model.fit(x, labels)
        yield penalty, Weights(model.coef_.T.copy(), model.intercept_.copy()), bool((model.n_iter_ < _ITERATIONS).all())


def _beside(parts: Sequence[Weights]) -> Weights:
    return Weights(np.hstack([part.weight for part in parts]), np.concatenate([part.intercept for part in parts]))


def _link(kind: str, scores: Array) -> Array:
    from scipy.special import expit, softmax

    if kind == "multiclass":
        return softmax(scores, axis=1)
    return expit(scores) if kind in ("binary", "multilabel") else scores


def _loss(kind: str, scores: Array, labels: Array) -> float:
    """Mean over known labels: log loss, or squared error."""
    if kind == "multiclass":
        chosen = np.take_along_axis(_link(kind, scores), labels[:, :1].astype(int), axis=1)
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())
    if kind in ("binary", "multilabel"):
        return float(np.nanmean(np.logaddexp(0, scores) - labels * scores))
    return float(np.nanmean((scores - values_to_fit(kind, labels)) ** 2))
