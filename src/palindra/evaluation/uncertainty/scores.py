"""Scores of predictions that carry their uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

LEVELS = tuple(round(0.1 * n, 1) for n in range(1, 10))


def _three(labels: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> tuple[Array, Array, Array]:
    y, m, s = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (labels, mean, sd)))
    known = ~np.isnan(y)
    y, m, s = y[known], m[known], s[known]
    if not (s > 0).all():
        raise ValueError("a predicted standard deviation is not positive.")
    return y, m, s


def gaussian_nll(labels: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> float:
    """Mean negative log-likelihood under a normal distribution, in nats; missing labels are left out.

    Examples:
        >>> round(gaussian_nll([0.0], [0.0], [1.0]), 4)
        0.9189
    """
    y, m, s = _three(labels, mean, sd)
    return float((0.5 * np.log(2 * np.pi) + np.log(s) + 0.5 * ((y - m) / s) ** 2).mean())


def gaussian_crps(labels: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> float:
    """Mean continuous ranked probability score of normal predictions, in the units of labels.

    Gneiting & Raftery (2007). It is the mean absolute error of a prediction that is sure of itself; lower is better.

    Examples:
        >>> round(gaussian_crps([0.0], [0.0], [1.0]), 4)  # (sqrt 2 - 1) / sqrt pi
        0.2337
    """
    from scipy.special import ndtr

    y, m, s = _three(labels, mean, sd)
    z = (y - m) / s
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return float((s * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))).mean())


def nominal_coverage(labels: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> dict[float, float]:
    """Measured share of labels inside central normal intervals of 10, 20, .. 90 % (Kuleshov et al., 2018).

    Examples:
        >>> nominal_coverage([0.0, 3.0], [0.0, 0.0], [1.0, 1.0])[0.5]
        0.5
    """
    from scipy.special import ndtri

    y, m, s = _three(labels, mean, sd)
    z = np.abs(y - m) / s
    return {level: float((z <= ndtri(0.5 + level / 2)).mean()) for level in LEVELS}


def regression_calibration_error(labels: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> float:
    """Mean gap between nominal and measured coverage over the levels of :func:`nominal_coverage`."""
    found = nominal_coverage(labels, mean, sd)
    return float(np.mean([abs(level - share) for level, share in found.items()]))


def sharpness(sd: ArrayLike) -> float:
    """Root of the mean predicted variance, in the units of labels: of two calibrated models the smaller is better."""
    return float(np.sqrt((np.asarray(sd, dtype=np.float64) ** 2).mean()))


def error_uncertainty_correlation(errors: ArrayLike, uncertainty: ArrayLike) -> float:
    """Spearman correlation of absolute errors and uncertainty; NaN where either is constant.

    Examples:
        >>> round(error_uncertainty_correlation([-3.0, 1.0, 2.0], [0.3, 0.1, 0.2]), 6)
        1.0
    """
    from scipy.stats import rankdata

    gap, doubt = np.abs(np.asarray(errors, dtype=np.float64)).ravel(), np.asarray(uncertainty, dtype=np.float64).ravel()
    known = ~np.isnan(gap)
    first, second = rankdata(gap[known]), rankdata(doubt[known])
    if not np.ptp(first) or not np.ptp(second):
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def aurc(losses: ArrayLike, uncertainty: ArrayLike) -> float:
    """Area under the risk-coverage curve: mean loss of the surest rows, averaged over how many are kept.

    Lower is better; the mean loss itself is what an uncertainty without information gives (Geifman & El-Yaniv, 2017).
    Rows that tie in uncertainty count with their mean loss, so that their order in a file changes nothing.

    Args:
        losses: ``(rows,)``, e.g. squared errors, or 1 where a class is wrong; NaN where unknown.
        uncertainty: ``(rows,)``, larger is less sure.

    Examples:
        >>> aurc([0.0, 1.0], [0.1, 0.9]), aurc([1.0, 0.0], [0.1, 0.9]), aurc([1.0, 0.0], [0.5, 0.5])
        (0.25, 0.75, 0.5)
    """
    loss, doubt = np.asarray(losses, dtype=np.float64).ravel(), np.asarray(uncertainty, dtype=np.float64).ravel()
    known = ~np.isnan(loss)
    _, tie = np.unique(doubt[known], return_inverse=True)
    mean = np.bincount(tie, loss[known]) / np.bincount(tie)
    ordered = mean[np.sort(tie)]
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean())


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> float:
    """Gap between confidence and accuracy of the likeliest class, in bins of equal mass (Naeini et al., 2015).

    For one output use :func:`palindra.evaluation.calibration_error` on the probability itself.

    Args:
        probabilities: ``(rows, classes)`` that add up to 1.
        labels: class numbers ``(rows,)``.
        bins: how many.

    Examples:
        >>> round(expected_calibration_error([[0.8, 0.2], [0.8, 0.2]], [0, 1]), 3)  # 80 % sure, right in half
        0.3
    """
    from palindra.evaluation.curves import calibration_error

    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels).ravel()
    return calibration_error(p.max(axis=1), p.argmax(axis=1) == y, bins)
