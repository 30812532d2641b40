"""Temperature scaling: one number that makes the probabilities of a classifier as sure as they are right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.task import Task
from palindra.errors import InputError

Array = NDArray[Any]

COLDEST, HOTTEST = 0.02, 50.0
"""Temperatures that are tried; where the validation rows are separated perfectly the coldest would be zero."""


def fit_temperature(task: Task, logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature of lowest negative log-likelihood on validation rows (Guo et al., 2017).

    Above 1 the model was too sure, below 1 not sure enough. One number for all outputs: it changes neither the order
    of classes nor what the strands have in common.

    Args:
        task: binary, multiclass or multilabel.
        logits: ``(rows, outputs)``.
        labels: ``(rows, 1)`` of 0/1 or class numbers, or ``(rows, outputs)`` of 0/1, NaN where missing.

    Raises:
        InputError: for a regression, or without labels.

    Examples:
        >>> sure = np.array([[4.0], [4.0], [4.0], [4.0]])  # 98 %, and right in 3 of 4
        >>> temperature = fit_temperature(Task.BINARY, sure, [[1], [1], [1], [0]])
        >>> round(float(1 / (1 + np.exp(-4 / temperature))), 3)
        0.75
    """
    from scipy.optimize import minimize_scalar

    if task is Task.REGRESSION:
        raise InputError("temperature scaling is for probabilities; for a regression use conformal intervals.")
    outputs, known = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if not len(outputs) or np.isnan(known).all():
        raise InputError(f"a temperature is fitted to labelled rows, and there are none among {len(outputs)}.")
    # The likelihood is log-concave in 1/T, so the one minimum is the best.
    best = minimize_scalar(
        lambda log_t: label_nll(task, outputs / np.exp(log_t), known),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(best.x))


def label_nll(task: Task, logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean negative log-likelihood of the labels that are known, in nats.

    Examples:
        >>> round(label_nll(Task.MULTICLASS, [[0.0, 0.0]], [[1]]), 4)  # log 2
        0.6931
    """
    outputs, known = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if task is Task.MULTICLASS:
        top = outputs.max(axis=1, keepdims=True)
        total = np.log(np.exp(outputs - top).sum(axis=1)) + top[:, 0]
        return float((total - outputs[np.arange(len(outputs)), known[:, 0].astype(int)]).mean())
    if outputs.shape != known.shape:
        raise ValueError(
            f"logits of shape {outputs.shape} and labels of shape {known.shape}: they have to be the same."
        )
    labelled = ~np.isnan(known)
    sign = 1 - 2 * known[labelled]
    return float(np.logaddexp(0, sign * outputs[labelled]).mean())
