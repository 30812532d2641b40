"""Curves behind the scores: ROC, precision-recall and reliability."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError

Array = NDArray[Any]


class Curve(NamedTuple):
    """Points to draw, joined by straight lines, with the threshold that gives each."""

    x: Array
    y: Array
    threshold: Array

    @property
    def area(self) -> float:
        """Area under the straight lines."""
        return float(abs(np.trapezoid(self.y, self.x)))


def roc_curve(predictions: ArrayLike, labels: ArrayLike, *, points: int = 200) -> Curve:
    """True positive rate ``y`` against false positive rate ``x``, at most ``points`` points.

    Points that move the area least go first (Visvalingam & Whyatt, 1993), so the area of the thinned curve is that
    of the whole within 1e-3.

    Raises:
        InputError: when the labels are not 0 and 1, both present.

    Examples:
        >>> curve = roc_curve([.1, .4, .35, .8], [0, 0, 1, 1])
        >>> curve.x.tolist(), curve.y.tolist(), curve.area
        ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0], 0.75)
    """
    from sklearn.metrics import roc_curve as every_point

    score, label = _two_classes(predictions, labels)
    return _thin(Curve(*every_point(label, score)), points)


def precision_recall_curve(predictions: ArrayLike, labels: ArrayLike, *, points: int = 200) -> Curve:
    """Precision ``y`` against recall ``x``, at most ``points`` points, recall rising.

    The area under these straight lines is slightly above the average precision that ``score`` reports, because
    precision does not interpolate linearly (Davis & Goadrich, 2006); quote the latter.

    Raises:
        InputError: when the labels are not 0 and 1, both present.
    """
    from sklearn.metrics import precision_recall_curve as every_point

    score, label = _two_classes(predictions, labels)
    precision, recall, threshold = every_point(label, score)
    whole = Curve(recall[::-1], precision[::-1], np.append(threshold, np.inf)[::-1])
    return _thin(whole, points)


def _two_classes(predictions: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    score, label = np.asarray(predictions, dtype=float).ravel(), np.asarray(labels).ravel()
    if score.shape != label.shape or set(np.unique(label).tolist()) != {0, 1}:
        raise InputError(
            f"a curve needs one prediction and one label, 0 or 1, per row and both labels present; "
            f"got {score.size} predictions and {label.size} labels with values {np.unique(label)[:5].tolist()}."
        )
    return score, label


def _thin(curve: Curve, points: int) -> Curve:
    """Drop the point whose triangle with its neighbours is smallest until few enough are left."""
    travelled = np.concatenate([[0], np.cumsum(np.abs(np.diff(curve.x)) + np.abs(np.diff(curve.y)))])
    steps = np.linspace(0, travelled[-1], 10 * points)  # long curves first to evenly spaced points: cheap and safe
    keep = np.arange(len(curve.x)) if len(curve.x) <= 10 * points else np.unique(np.searchsorted(travelled, steps))
    keep[-1] = len(curve.x) - 1
    while len(keep) > points:
        x, y = curve.x[keep], curve.y[keep]
        twice_area = np.abs((x[1:-1] - x[:-2]) * (y[2:] - y[:-2]) - (x[2:] - x[:-2]) * (y[1:-1] - y[:-2]))
        keep = np.delete(keep, 1 + twice_area.argmin())
    return Curve(*(values[keep] for values in curve))


class Reliability(NamedTuple):
    """One entry per bin: what was predicted, what happened, in how many rows, and a 95 % interval of what happened."""

    predicted: Array
    observed: Array
    rows: Array
    low: Array
    high: Array


def reliability(predictions: ArrayLike, labels: ArrayLike, bins: int = 10, *, equal_mass: bool = True) -> Reliability:
    """Mean prediction and observed fraction of positives in bins of the prediction; empty bins are left out.

    The interval is Wilson's (1927): it covers the sampling of the rows of a bin, not of models.

    Args:
        predictions: probabilities of the positive class, ``(rows,)``.
        labels: 0 or 1, ``(rows,)``.
        bins: how many; ties stay together, so there may be fewer.
        equal_mass: bins of the same number of rows (default) or of the same width.

    Raises:
        InputError: when the arrays differ in length, are empty, or a prediction is outside 0 to 1.

    Examples:
        >>> r = reliability([.2, .2, .2, .2, .9, .9], [0, 0, 0, 1, 1, 1], bins=2)
        >>> r.predicted.round(3).tolist(), r.observed.tolist(), r.rows.tolist()
        ([0.2, 0.9], [0.25, 1.0], [4, 2])
    """
    from scipy.stats import rankdata

    probability, label = np.asarray(predictions, dtype=float).ravel(), np.asarray(labels, dtype=float).ravel()
    if probability.shape != label.shape or probability.size == 0 or not ((probability >= 0) & (probability <= 1)).all():
        raise InputError(
            f"calibration needs one probability between 0 and 1 and one label per row; got {probability.size} "
            f"predictions and {label.size} labels. Apply a sigmoid to logits first."
        )
    position = (rankdata(probability) - 0.5) / probability.size if equal_mass else probability
    where = np.minimum((position * bins).astype(int), bins - 1)
    count = np.bincount(where)
    filled = count > 0
    count = count[filled]
    predicted = np.bincount(where, probability)[filled] / count
    observed = np.bincount(where, label)[filled] / count
    return Reliability(predicted, observed, count, *_wilson(observed, count))


def calibration_error(predictions: ArrayLike, labels: ArrayLike, bins: int = 15, *, equal_mass: bool = True) -> float:
    """Expected calibration error: mean over rows of the gap between predicted and observed in the row's bin.

    Equal-mass bins by default: with bins of equal width almost all rows of a confident model fall into two of them.
    It is a mean of absolute deviations, so that a perfect model has some too, up to ``0.4 / sqrt(rows per bin)``.

    Examples:
        >>> calibration_error([.2, .2, .2, .2, .9, .9], [0, 0, 0, 1, 1, 1]).__round__(4)
        0.0667
    """
    r = reliability(predictions, labels, bins, equal_mass=equal_mass)
    return float((np.abs(r.predicted - r.observed) * r.rows).sum() / r.rows.sum())


def _wilson(fraction: Array, count: Array) -> tuple[Array, Array]:
    z = 1.959963984540054
    centre = (fraction + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(fraction * (1 - fraction) / count + z**2 / (4 * count**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
