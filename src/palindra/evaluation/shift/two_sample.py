"""Can a classifier tell two sets of sequences apart, and which of the second set give it away?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class TwoSample(NamedTuple):
    """How well two sets are told apart on sequences that the classifier has not seen."""

    auroc: float  # .5: not at all; 1: every sequence
    low: float  # of a 95 % interval (Hanley and McNeil, 1982)
    high: float
    scores: NDArray[np.float64]  # of the second set: log-odds of belonging to it, larger for stranger sequences


def two_sample(
    first: ArrayLike,
    second: ArrayLike,
    *,
    folds: int = 5,
    groups: tuple[ArrayLike, ArrayLike] | None = None,
    regularisation: float = 1.0,
    seed: int = 0,
) -> TwoSample:
    """Cross-validated AUROC of a logistic regression between two sets of feature vectors (Lopez-Paz and Oquab, 2017).

    Every row is scored by the classifier of a fold that did not hold it; both sets weigh the same, whatever their
    sizes. The features say what is compared: square roots of k-mer spectra, or embeddings.

    Args:
        first: reference features ``(rows, features)``.
        second: the others ``(rows, features)``.
        folds: of the cross-validation.
        groups: for each row of both sets its family; a family stays in one fold, without which copies of a sequence
            in both halves of a set make it look like another one.
        regularisation: of the classifier: 1 / C of scikit-learn.
        seed: of the folds.

    Raises:
        ValueError: for sets with fewer rows than folds, or of other features.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> two_sample(rng.normal(size=(50, 2)), rng.normal(5, 1, size=(40, 2))).auroc
        1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    one, two = (np.asarray(rows, dtype=np.float64) for rows in (first, second))
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1]:
        raise ValueError(f"features of shapes {one.shape} and {two.shape}: both need (rows, the same features).")
    if folds < 2 or min(len(one), len(two)) < folds:
        raise ValueError(
            f"sets of {len(one)} and {len(two)} rows: {folds} folds need at least {max(folds, 2)} of each."
        )
    rows, label = np.concatenate([one, two]), np.repeat([0, 1], [len(one), len(two)])
    family = None if groups is None else np.concatenate([np.asarray(part).astype(str) for part in groups])
    kind = StratifiedKFold if family is None else StratifiedGroupKFold
    scores = np.empty(len(rows))
    for train, test in kind(folds, shuffle=True, random_state=seed).split(rows, label, family):
        classifier = make_pipeline(
            StandardScaler(), LogisticRegression(C=1 / regularisation, class_weight="balanced", max_iter=1000, tol=1e-3)
        )
        scores[test] = classifier.fit(rows[train], label[train]).decision_function(rows[test])
    area = _auroc(label, scores)
    error = _standard_error(area, len(one), len(two))
    return TwoSample(area, max(0.0, area - 1.96 * error), min(1.0, area + 1.96 * error), scores[len(one) :])


def _auroc(label: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label, scores))


def _standard_error(area: float, negatives: int, positives: int) -> float:
    both_positive, both_negative = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area) + (positives - 1) * (both_positive - area**2) + (negatives - 1) * (both_negative - area**2)
    )
    return float(np.sqrt(max(variance, 0.0) / (negatives * positives)))
