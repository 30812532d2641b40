"""Scores of predictions against labels: every task in one call, with the conventions written down.

Probabilities decide at 0.5 (``p >= 0.5`` is positive); among classes the largest wins. Every score is a plain number
of one test set: see :mod:`palindra.evaluation.statistics` for the intervals that belong beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.curves import calibration_error

Array = NDArray[Any]

PRIMARY = {"binary": "AUROC", "multiclass": "MCC", "multilabel": "AUROC", "regression": "Pearson"}
"""The one score to select and compare by, for each task."""

HIGHER_IS_BETTER = {
    "AUROC": True,
    "AUPRC": True,
    "MCC": True,
    "accuracy": True,
    "Brier": False,
    "ECE": False,
    "Pearson": True,
    "Spearman": True,
    "R2": True,
    "MSE": False,
}
"""Direction of every score."""


def auroc(predictions: Array, labels: Array) -> float:
    """Probability that a positive row scores above a negative one, ties counting half; NaN with one class only.

    Computed from ranks (Mann & Whitney, 1947).

    Examples:
        >>> auroc(np.array([.1, .4, .35, .8]), np.array([0, 0, 1, 1]))
        0.75
    """
    from scipy.stats import rankdata

    positive = labels == 1
    ones = int(positive.sum())
    zeros = len(labels) - ones
    if ones == 0 or zeros == 0:
        return float("nan")
    return float((rankdata(predictions)[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def auprc(predictions: Array, labels: Array) -> float:
    """Average precision (no interpolation); NaN with one class only. Chance is the fraction of positives."""
    from sklearn.metrics import average_precision_score

    if len(np.unique(labels)) < 2:
        return float("nan")
    return float(average_precision_score(labels, predictions))


def mcc(decisions: Array, labels: Array) -> float:
    """Matthews correlation of decided and true classes, for any number of classes (Gorodkin, 2004).

    Zero when all decisions are the same; NaN with one class only among the labels.

    Examples:
        >>> mcc(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0]))
        0.5773502691896258
    """
    classes = int(max(decisions.max(), labels.max())) + 1
    pairs = np.bincount(labels.astype(int) * classes + decisions.astype(int), minlength=classes**2)
    confusion = pairs.reshape(classes, classes).astype(float)
    true, decided, rows = confusion.sum(1), confusion.sum(0), confusion.sum()
    if true.max() == rows:
        return float("nan")
    spread = (rows**2 - decided @ decided) * (rows**2 - true @ true)
    return float((np.trace(confusion) * rows - true @ decided) / np.sqrt(spread)) if spread > 0 else 0.0


def _correlation(kind: str, predictions: Array, labels: Array) -> float:
    from scipy import stats

    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return float("nan")  # a correlation with a constant does not exist
    return float(getattr(stats, kind)(predictions, labels)[0])


def _r2(predictions: Array, labels: Array) -> float:
    spread = ((labels - labels.mean()) ** 2).sum()
    return float(1 - ((predictions - labels) ** 2).sum() / spread) if spread > 0 else float("nan")


def _one_hot(labels: Array, classes: int) -> Array:
    return np.eye(classes)[labels.astype(int)]


Score = Callable[[Array, Array], float]

_BINARY: dict[str, Score] = {  # one column of probabilities and of labels
    "AUROC": auroc,
    "AUPRC": auprc,
    "MCC": lambda p, y: mcc(p >= 0.5, y),
    "accuracy": lambda p, y: float(((p >= 0.5) == y).mean()),
    "Brier": lambda p, y: float(((p - y) ** 2).mean()),
    "ECE": calibration_error,
}
_REGRESSION: dict[str, Score] = {
    "Pearson": partial(_correlation, "pearsonr"),
    "Spearman": partial(_correlation, "spearmanr"),
    "R2": _r2,
    "MSE": lambda p, y: float(((p - y) ** 2).mean()),
}
_MULTICLASS: dict[str, Score] = {  # all classes (rows, classes) and labels (rows,)
    "accuracy": lambda p, y: float((p.argmax(1) == y).mean()),
    "MCC": lambda p, y: mcc(p.argmax(1), y),
    "AUROC": lambda p, y: _macro(auroc, p, _one_hot(y, p.shape[1])),
    "AUPRC": lambda p, y: _macro(auprc, p, _one_hot(y, p.shape[1])),
    "Brier": lambda p, y: float(((p - _one_hot(y, p.shape[1])) ** 2).sum(1).mean()),
    "ECE": lambda p, y: calibration_error(p.max(1), p.argmax(1) == y),
}
_BY_TASK = {"binary": _BINARY, "multiclass": _MULTICLASS, "multilabel": _BINARY, "regression": _REGRESSION}


def _per_column(score: Score, predictions: Array, labels: Array) -> list[float]:
    known = ~np.isnan(labels)
    return [
        score(predictions[rows, c], labels[rows, c]) if rows.any() else float("nan") for c, rows in enumerate(known.T)
    ]


def _macro(score: Score, predictions: Array, labels: Array) -> float:
    defined = [value for value in _per_column(score, predictions, labels) if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def metric(task: str, key: str) -> Score:
    """One score as a function of predictions and labels, for the bootstrap: unchecked, NaN where undefined.

    Args:
        task: "binary", "multiclass", "multilabel" or "regression".
        key: a key of :func:`score`.

    Examples:
        >>> metric("binary", "AUROC")(np.array([.1, .4, .35, .8]), np.array([0, 0, 1, 1]))
        0.75
    """
    compute = _BY_TASK[task][key]
    if task == "multiclass":
        return lambda predictions, labels: compute(predictions, labels.ravel())
    return lambda predictions, labels: _macro(compute, _two_dimensional(predictions), _two_dimensional(labels))


def score(task: str, predictions: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """All scores of a task.

    - binary: AUROC, AUPRC (average precision), MCC, accuracy, Brier, ECE of P(positive).
    - multiclass: accuracy, MCC, AUROC and AUPRC (one class against the rest, averaged over the classes that occur),
      Brier (summed over classes, 0 to 2), ECE of the winning class.
    - multilabel: the binary scores, averaged over columns with equal weight.
    - regression: Pearson, Spearman, R2, MSE, averaged over columns with equal weight.

    A column in which a score is undefined (one class only, a constant) is left out of that score's average; look at
    :func:`per_target_scores` to see which. ECE has 15 bins of equal mass.

    Args:
        task: "binary", "multiclass", "multilabel" or "regression".
        predictions: probabilities (values for regression), ``(rows, columns)`` or ``(rows,)``.
        labels: ``(rows,)`` classes from 0, or ``(rows, columns)``; NaN is missing (multilabel and regression only).

    Raises:
        InputError: when the arrays do not fit each other or the task, or no column has two different labels.

    Examples:
        >>> scores = score("binary", [.1, .4, .35, .8], [0, 0, 1, 1])
        >>> scores["AUROC"], scores["MCC"], scores["accuracy"]
        (0.75, 0.5773502691896258, 0.75)
    """
    given, truth = _arrays(task, predictions, labels)
    return {key: metric(task, key)(given, truth) for key in _BY_TASK[task]}


def per_target_scores(task: str, predictions: ArrayLike, labels: ArrayLike) -> dict[str, Array]:
    """The same scores for each column: an array ``(columns,)`` under each name, NaN where a score is undefined.

    For multiclass a column is one class against the rest (decided by the winning class).

    Examples:
        >>> per_target_scores("regression", [[1., 1.], [2., 2.]], [[1., 0.], [2., np.nan]])["MSE"].tolist()
        [0.0, 1.0]
    """
    given, truth = _arrays(task, predictions, labels)
    if task != "multiclass":
        return {key: np.array(_per_column(compute, given, truth)) for key, compute in _BY_TASK[task].items()}
    is_class = _one_hot(truth[:, 0], given.shape[1])
    decided = _one_hot(given.argmax(1), given.shape[1])
    return {
        key: np.array(_per_column(compute, decided if key in ("MCC", "accuracy") else given, is_class))
        for key, compute in _BINARY.items()
    }


def _two_dimensional(array: Array) -> Array:
    return array[:, None] if array.ndim == 1 else array


def _arrays(task: str, predictions: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """Both as float ``(rows, columns)``, checked against each other and the task."""
    if task not in _BY_TASK:
        raise InputError(f"task {str(task)!r} is not one of {', '.join(_BY_TASK)}.")
    given = _two_dimensional(np.asarray(predictions, dtype=float))
    truth = _two_dimensional(np.asarray(labels, dtype=float))
    columns = 1 if task == "multiclass" else given.shape[-1]
    binary_but_wide = task == "binary" and columns != 1
    if given.ndim != 2 or truth.shape != (len(given), columns) or len(given) == 0 or binary_but_wide:
        raise InputError(
            f"predictions {np.shape(predictions)} and labels {np.shape(labels)} do not fit a {task} task: it needs the "
            "same number of rows (at least one) and one column of labels per column of predictions "
            "(multiclass: one column of classes; binary: one column of probabilities)."
        )
    if not np.isfinite(given).all():
        row, column = np.argwhere(~np.isfinite(given))[0]
        raise InputError(f"the prediction in row {row + 1}, column {column + 1} is {given[row, column]}, not a number.")
    may_miss = task in ("multilabel", "regression")
    if np.isinf(truth).any() or (np.isnan(truth).any() and not may_miss):
        row = np.argwhere(~np.isfinite(truth))[0, 0]
        raise InputError(f"the label in row {row + 1} is {truth[row].tolist()}; a {task} task needs a number there.")
    if all(len(np.unique(column[~np.isnan(column)])) < 2 for column in truth.T):
        raise InputError(
            f"all {len(truth)} labels are the same ({truth[0, 0]:g}): scores compare at least two different labels. "
            "Evaluate on a split that holds both."
        )
    if task != "regression":
        _check_probabilities(given, sum_to_one=task == "multiclass")
        _check_classes(truth, given.shape[1] if task == "multiclass" else 2)
    return given, truth


def _check_classes(labels: Array, classes: int) -> None:
    known = labels[~np.isnan(labels)]
    wrong = known[(known != np.floor(known)) | (known < 0) | (known >= classes)]
    if wrong.size:
        raise InputError(f"label {wrong[0]:g} is not a class: with {classes} classes they are 0 to {classes - 1}.")


def _check_probabilities(predictions: Array, *, sum_to_one: bool) -> None:
    if predictions.min() < 0 or predictions.max() > 1:
        raise InputError(
            f"predictions run from {predictions.min():.3g} to {predictions.max():.3g}, but probabilities lie between "
            "0 and 1. If these are logits, apply a sigmoid (multiclass: a softmax) first."
        )
    furthest = np.abs(predictions.sum(1) - 1).max()
    if sum_to_one and furthest > 1e-2:  # half-precision probabilities are off by a few 1e-3
        raise InputError(
            f"the probabilities of one row add up to 1 within {furthest:.3g} only; multiclass needs a softmax over "
            "the classes (use multilabel when several classes can hold at once)."
        )
