"""Quantitative predictions scored as labels, and binary predictions scored as coverage, so that both kinds compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.metrics import auprc, auroc
from palindra.evaluation.tracks.correlation import mean_of_defined, whole_pearson
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]


@dataclass(frozen=True)
class LabelScores:
    """Scores of labels per track, NaN for a track with labels of one class only."""

    auroc: Array
    average_precision: Array
    positives: Array
    windows: Array  # with a known label

    @property
    def mean_auroc(self) -> float:
        """Mean over tracks."""
        return mean_of_defined(self.auroc)

    @property
    def mean_average_precision(self) -> float:
        """Mean over tracks."""
        return mean_of_defined(self.average_precision)


def score_labels(predictions: Predictions, labels: ArrayLike) -> LabelScores:
    """Quantitative to binary: predicted coverage summed over the window as the score of the window's label.

    Holds for a binary model as well, whose one bin is its logit. The area under precision and recall is the average
    precision: the trapezoid rule gives a constant score more than half of the area.

    Args:
        predictions: of coverage, or of logits in one bin.
        labels: ``(windows, tracks)`` 0 and 1; NaN is missing.

    Raises:
        InputError: for labels of another shape or other than 0 and 1.

    Examples:
        >>> p = Predictions.of([[[1., 2.]], [[0., 1.]], [[4., 0.]]], np.zeros((3, 1, 2)))
        >>> scores = score_labels(p, [[1], [0], [1]])
        >>> scores.auroc.tolist(), scores.average_precision.tolist()
        ([1.0], [1.0])
    """
    wanted = np.asarray(labels, dtype=float)
    known = ~np.isnan(wanted)
    if wanted.shape != (len(predictions), len(predictions.tracks)) or not np.isin(wanted[known], (0, 1)).all():
        raise InputError(
            f"labels of shape {wanted.shape} with values {np.unique(wanted[known])[:5].tolist()} do not fit "
            f"{len(predictions)} windows of {len(predictions.tracks)} tracks: each needs a 0 or a 1 (or NaN)."
        )
    totals = np.concatenate([prediction.sum(2) for _, prediction, _ in predictions.chunks()])
    columns = [(totals[rows, c], wanted[rows, c]) for c, rows in enumerate(known.T)]
    return LabelScores(
        np.array([auroc(*column) for column in columns]),
        np.array([auprc(*column) for column in columns]),
        np.nansum(wanted, axis=0).astype(np.int64),
        known.sum(0),
    )


def score_as_coverage(logits: Predictions, *, probabilities: bool = False) -> Array:
    """Binary to quantitative: correlation over windows of the logit with the mean coverage of the window, per track.

    Each window counts once. The number belongs beside a quantitative model's correlation at bins as long as the
    window, ``whole_pearson(p.coarser(window))``, and not beside one over smaller bins.

    Args:
        logits: a binary model's output as prediction, in one bin per window, beside the coverage as truth in bins as
            long as the window (:meth:`Predictions.replaced` puts the two together).
        probabilities: what is given are probabilities; they are turned into logits.

    Raises:
        InputError: for more than one bin, or when values look like probabilities and are not declared so.

    Examples:
        >>> coverage = Predictions.of(np.zeros((3, 1, 2)), [[[0., 2.]], [[3., 3.]], [[4., 6.]]]).coarser(2)
        >>> score_as_coverage(coverage.replaced(np.array([-2., 0., 2.]).reshape(3, 1, 1)))
        array([1.])
    """
    if logits.bins != 1:
        raise InputError(
            f"the predictions have {logits.bins} bins per window, and a binary model has one: give the coverage as "
            f"coarser({logits.places.length}) with the logits in place of its predictions."
        )
    low, high = np.inf, -np.inf
    for _, values, _ in logits.chunks():
        low, high = min(low, values.min()), max(high, values.max())
    within = bool(low >= 0 and high <= 1)
    if within != probabilities:
        raise InputError(
            f"the predictions run from {low:.3g} to {high:.3g}, "
            + ("which are not probabilities: leave out probabilities=True." if probabilities else "")
            + ("which look like probabilities and not logits: give probabilities=True." if not probabilities else "")
        )
    return whole_pearson(_as_logits(logits) if probabilities else logits)


def _as_logits(probabilities: Predictions) -> Predictions:
    smallest = float(np.finfo(np.float32).tiny)

    def logit(rows: NDArray[np.int64]) -> Array:
        p = np.clip(probabilities.read(rows, slice(None))[0], smallest, 1 - np.finfo(np.float32).eps / 2)
        return np.log(p) - np.log1p(-p)

    return probabilities.replaced(logit)
