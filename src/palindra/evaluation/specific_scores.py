"""The specificity columns of a table: what is shown of targets that can be compared with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.evaluation.specificity import centred, comparable, mean_of_others, of_labels, specificity
from palindra.evaluation.strata import stratified
from palindra.evaluation.tracks.correlation import mean_of_defined, per_sequence_pearson, whole_pearson
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]

CENTRED, CENTRED_INSIDE = "Pearson (centred)", "Pearson (centred, per sequence)"
FOLD_CHANGES, GAIN = "Pearson (log fold changes)", "gain over own mean"
CONSTITUTIVE, DIFFERENTIAL = "Pearson (constitutive)", "Pearson (differential)"

SPECIFICITY_SCORES = dict.fromkeys([CENTRED, CENTRED_INSIDE, FOLD_CHANGES, GAIN, CONSTITUTIVE, DIFFERENTIAL], True)
"""Every column by name, and whether higher is better; their mean over targets is the score of a model."""


def track_specificity(predictions: Predictions, partner: Sequence[int] | None = None) -> dict[str, Array]:
    """The columns of coverage, one number per track; none where tracks cannot be compared.

    Coverage with negative values is taken for logarithms, so that a fold change is a difference.

    Args:
        predictions: of coverage.
        partner: see :func:`palindra.evaluation.specificity.comparable`.
    """
    if not comparable(predictions, partner):
        return {}
    return _columns(predictions, per_sequence_pearson(centred(predictions)).mean, logarithmic=_negative(predictions))


def label_specificity(
    predictions: ArrayLike, labels: ArrayLike, partner: Sequence[int] | None = None
) -> dict[str, float]:
    """The columns of labelled sequences, means over targets; none where targets cannot be compared.

    Labels with negative values are taken for logarithms. Inside a sequence the correlation is over targets.

    Args:
        predictions: ``(rows, targets)``.
        labels: ``(rows, targets)``, NaN where missing.
        partner: see :func:`palindra.evaluation.specificity.comparable`.

    Examples:
        >>> truth = np.random.default_rng(0).normal(size=(40, 3))
        >>> {name: round(value, 3) for name, value in label_specificity(truth, truth).items()}["Pearson (centred)"]
        1.0
        >>> label_specificity(truth[:, :1], truth[:, :1])
        {}
    """
    views = of_labels(predictions, labels)
    if not comparable(views, partner):
        return {}
    logarithmic = _negative(views)
    inside = specificity(views, logarithmic=logarithmic).per_sequence
    found = _columns(views, inside, logarithmic=logarithmic)
    return {name: mean_of_defined(values) for name, values in found.items()}


def label_others(labels: ArrayLike, partner: Sequence[int] | None = None) -> Array | None:
    """Predictions of each target by the measured mean of the others, or None where targets cannot be compared.

    A row whose other targets are all missing gets the mean of the target.
    """
    truth = np.asarray(labels, dtype=float)
    view = of_labels(np.zeros_like(truth), truth)
    if not comparable(view, partner):
        return None
    values, known = (part[..., 0] for part in mean_of_others(view).read_all())
    return np.where(np.isnan(known), np.nanmean(truth, 0), values)


def _negative(predictions: Predictions) -> bool:
    """Whether any truth is negative, as only logarithms are."""
    return any(bool((truth < 0).any()) for _, _, truth in predictions.chunks())


def _columns(predictions: Predictions, inside: Array, *, logarithmic: bool) -> dict[str, Array]:
    found = specificity(predictions, logarithmic=logarithmic)
    parts = stratified(predictions, logarithmic=logarithmic)
    nothing = np.full(len(predictions.tracks), np.nan)

    def of(stratum: str) -> Array:
        return whole_pearson(parts[stratum]) if stratum in parts else nothing

    return {
        CENTRED: found.per_target,
        CENTRED_INSIDE: inside,
        FOLD_CHANGES: found.fold_change(),
        GAIN: found.gain,
        CONSTITUTIVE: of("constitutive"),
        DIFFERENTIAL: of("differential"),
    }
