"""What the other strand does to a prediction from the features, and what averaging both strands does to its score."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.errors import InputError
from palindra.evaluation.audit import Effect
from palindra.evaluation.metrics import PRIMARY, metric
from palindra.evaluation.readings import Difference, difference
from palindra.evaluation.statistics import paired_bootstrap
from palindra.sequences import reverse_complement

Array = NDArray[Any]
Rows = tuple[Sequence[str], ArrayLike]
"""Sequences and their labels ``(rows,)`` or ``(rows, columns)``."""

OF_PREDICTIONS, OF_FEATURES = (
    "predictions of both strands averaged",
    "features of both strands averaged, readout fitted again",
)


class Fitted(Protocol):
    """A readout of features."""

    def predict(self, features: Any) -> Array:
        """Probabilities or values ``(rows, columns)``."""


Fit = Callable[[str, tuple[Array, Array], tuple[Array, Array]], Fitted]
"""From a task, training and validation features with labels to a fitted readout."""


@dataclass(frozen=True)
class Cure:
    """What averaging over strands does: to the score, and to the difference between strands that is left."""

    name: str
    effect: Effect
    left: Difference


@dataclass(frozen=True)
class Downstream:
    """Predictions of a linear readout of mean embeddings, fitted on training rows as they are given."""

    task: str
    metric: str
    fitted_on: int
    score_given: float
    score_other: float
    strands: Difference
    cures: tuple[Cure, ...]
    given: Array = field(repr=False, compare=False)  # (sequences, columns)
    other: Array = field(repr=False, compare=False)  # on the reverse complements
    readout: Fitted = field(repr=False, compare=False)


@dataclass(frozen=True)
class Split:
    """Features of both strands of some rows, with their labels."""

    given: Tensor
    other: Tensor
    labels: Array

    @property
    def averaged(self) -> Tensor:
        """Features of both strands together."""
        return (self.given + self.other) / 2


def compare_predictions(task: str, train: Split, valid: Split, test: Split, *, fit: Fit, seed: int = 0) -> Downstream:
    """Fit on training rows, and compare predictions for both strands of test rows, before and after the cure.

    Args:
        task: "binary", "multiclass", "multilabel" or "regression".
        train: rows that the readout is fitted on, as given.
        valid: rows that its penalty is chosen by.
        test: rows that are audited.
        fit: makes the readout.
        seed: of the bootstrap over test rows.
    """
    readout = fit(task, (train.given.numpy(), train.labels), (valid.given.numpy(), valid.labels))
    given, other = (readout.predict(part.numpy()) for part in (test.given, test.other))
    again = fit(task, (train.averaged.numpy(), train.labels), (valid.averaged.numpy(), valid.labels))
    refitted, turned = (again.predict(part.numpy()) for part in (test.averaged, (test.other + test.given) / 2))
    both = (given + other) / 2
    key = PRIMARY[task]
    compute = metric(task, key)
    decide = decision(task)
    cures = (
        Cure(
            OF_PREDICTIONS,
            _effect(task, key, both, given, test.labels, seed),
            _between(both, (other + given) / 2, decide),
        ),
        Cure(OF_FEATURES, _effect(task, key, refitted, given, test.labels, seed), _between(refitted, turned, decide)),
    )
    return Downstream(
        task=task,
        metric=key,
        fitted_on=len(train.labels),
        score_given=float(compute(given, test.labels)),
        score_other=float(compute(other, test.labels)),
        strands=_between(given, other, decide),
        cures=cures,
        given=given,
        other=other,
        readout=readout,
    )


def decision(task: str) -> Callable[[Tensor], Tensor] | None:
    """What is decided from predictions: the largest class, or whether a probability is at least one half."""
    if task == "multiclass":
        return lambda output: output.argmax(1)
    return (lambda output: output >= 0.5) if task in ("binary", "multilabel") else None


def _between(first: Array, second: Array, decide: Callable[[Tensor], Tensor] | None) -> Difference:
    return difference(torch.from_numpy(np.asarray(first)), torch.from_numpy(np.asarray(second)), decide)


def _effect(task: str, key: str, cured: Array, given: Array, labels: Array, seed: int) -> Effect:
    try:
        found = paired_bootstrap(metric(task, key), cured, given, labels, seed, resamples=500)
    except InputError:  # too few rows of a class: the scores stand without an interval
        compute = metric(task, key)
        before, after = float(compute(given, labels)), float(compute(cured, labels))
        return Effect(key, before, after, after - before, float("nan"), float("nan"))
    return Effect(key, found.second, found.first, *found[2:])


def parts(sequences: Sequence[str]) -> NDArray[np.str_]:
    """A split for sequences that come without one, by their letters: 60 % train, 20 % valid, 20 % test.

    A sequence and its reverse complement, and copies of either, get the same part.

    Examples:
        >>> parts(["ACCGT", "ACGGT", "TTTTA"]).tolist()
        ['train', 'train', 'train']
    """
    found = []
    for sequence in sequences:
        letters = min(sequence, reverse_complement(sequence))
        place = int.from_bytes(hashlib.sha256(letters.encode()).digest()[:4], "big") / 2**32
        found.append("train" if place < 0.6 else "valid" if place < 0.8 else "test")
    return np.asarray(found)


def as_columns(labels: ArrayLike, rows: int) -> Array:
    """Labels ``(rows, columns)``.

    Raises:
        InputError: for another number of rows.
    """
    columns = np.asarray(labels, dtype=np.float64)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.ndim != 2 or len(columns) != rows:
        raise InputError(f"{rows} sequences come with labels of shape {np.shape(labels)}: one row for each is needed.")
    return columns
