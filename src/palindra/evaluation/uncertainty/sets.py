"""Sets of classes: how strange each class is for a row; the set holds those that are not too strange."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def lac_scores(probabilities: ArrayLike) -> Array:
    """``1 - p`` of every class: smallest sets on average (least ambiguous classifiers; Sadinle et al., 2019).

    Args:
        probabilities: ``(rows, classes)`` that add up to 1.
    """
    return 1 - np.asarray(probabilities, dtype=np.float64)


def aps_scores(probabilities: ArrayLike, uniform: ArrayLike | None = None) -> Array:
    """Probability of all classes that are likelier, and of the class itself (adaptive sets; Romano et al., 2020).

    Sets are larger where a row is harder. Classes that tie count as likelier for each other, so that the order of
    columns, and hence the strand that is read, changes nothing.

    Args:
        probabilities: ``(rows, classes)`` that add up to 1.
        uniform: ``(rows,)`` between 0 and 1, of which share of the class itself counts: exact coverage on average,
            and sets that may be empty. None counts all of it: sets are a little too large, and the same every time.

    Examples:
        >>> aps_scores([[0.5, 0.3, 0.2]])
        array([[0.5, 0.8, 1. ]])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    share = np.ones(len(p)) if uniform is None else np.asarray(uniform, dtype=np.float64)
    own = (p[:, :, None] == p[:, None, :]) * p[:, None, :]
    likelier = (p[:, None, :] > p[:, :, None]) * p[:, None, :]
    return likelier.sum(axis=2) + share[:, None] * own.sum(axis=2)


def label_scores(scores: ArrayLike, labels: ArrayLike) -> Array:
    """The score of each row's own class; NaN where the label is missing.

    Args:
        scores: of all classes, ``(rows, classes)``.
        labels: class numbers ``(rows,)``.
    """
    table, classes = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64).ravel()
    known = ~np.isnan(classes)
    chosen = table[np.arange(len(table)), np.where(known, classes, 0).astype(int)]
    return np.where(known, chosen, np.nan)


def class_sets(scores: ArrayLike, thresholds: ArrayLike) -> Array:
    """Which classes are in the set of each row, ``(rows, classes)`` of truth values.

    Examples:
        >>> class_sets(lac_scores([[0.7, 0.2, 0.1]]), 0.8).tolist()
        [[True, True, False]]
    """
    # A probability of 0.2 has a score of 0.8 give or take a rounding, and belongs where a score of 0.8 does.
    return np.asarray(scores) <= np.reshape(thresholds, (-1, 1)) + 1e-12


def two_classes(probability: ArrayLike) -> Array:
    """Probabilities of 0 and 1 from that of 1, so that a binary label, or one of several, is a task of two classes.

    Examples:
        >>> two_classes([0.25])
        array([[0.75, 0.25]])
    """
    p = np.asarray(probability, dtype=np.float64)
    return np.stack([1 - p, p], axis=1)
