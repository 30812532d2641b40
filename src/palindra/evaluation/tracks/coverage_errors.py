"""How far predicted coverage is from the truth: squared error, Poisson likelihood and distance of profiles.

Correlations ignore the level of a prediction; these do not. A model in other units (fold change against counts) is
therefore scored twice, as it is and multiplied by :func:`mean_scale`, and both numbers are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.correlation import whole_moments
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]

_EPSILON = float(np.finfo(np.float64).eps)


def mean_scale(predictions: Predictions) -> Array:
    """Mean truth over mean prediction of each track; NaN where that is not finite, and nothing should be scaled."""
    return whole_moments(predictions).finish().scale


@dataclass(frozen=True)
class Deviations:
    """Errors of each track, ``(tracks,)``; NaN where undefined."""

    mse: Array
    poisson: Array  # mean p - y log(p + 1e-7): NaN for a track with negative truth
    jensen_shannon: Array  # mean over windows of the distance of the two profiles; NaN for windows of one bin
    negative: Array  # predictions below 0, which count as 0 in the last two
    empty: Array  # windows whose known truth adds up to 0: their profile is the even one
    known: Array  # bins whose truth is known


def deviations(predictions: Predictions, *, log_gamma: bool = False) -> Deviations:
    """Squared error, Poisson negative log-likelihood and Jensen-Shannon distance of profiles; one pass.

    The likelihood is that of the truth given the prediction, ``p - y log(p + 1e-7)``: swapping the two, as one
    published metric does, gives a number that is not least for a perfect model. The distance is the square root of the
    divergence in nats, per window and track, after clipping at 0, adding the machine epsilon and dividing by the sum.

    Args:
        predictions: of coverage.
        log_gamma: add ``log Gamma(y + 1)``, so that the number is the whole likelihood.

    Examples:
        >>> d = deviations(Predictions.of([[[1., 1., 2.]]], [[[1., 1., 4.]]]))
        >>> d.mse.round(4).tolist(), d.poisson.round(4).tolist()
        ([1.3333], [0.4091])
    """
    from scipy.special import gammaln

    shape = len(predictions.tracks)
    squared, poisson, distance, windows, known_bins, negative, empty = (np.zeros(shape) for _ in range(7))
    lowest = np.full(shape, np.inf)
    for _, prediction, truth in predictions.chunks():
        known = ~np.isnan(truth)
        y, rate = np.where(known, truth, 0), np.where(known, np.maximum(prediction, 0), 0)
        known_bins += known.sum((0, 2))
        squared += np.square(np.where(known, prediction - y, 0)).sum((0, 2))
        negative += (known & (prediction < 0)).sum((0, 2))
        lowest = np.minimum(lowest, y.min((0, 2), initial=0))
        poisson += np.where(known, rate - y * np.log(rate + 1e-7), 0).sum((0, 2))
        if log_gamma:
            poisson += gammaln(np.maximum(y, 0) + 1).sum((0, 2))
        per_window = jensen_shannon(prediction, truth)
        distance += np.nansum(per_window, axis=0)
        windows += np.isfinite(per_window).sum(0)
        empty += (known.any(2) & (np.maximum(y, 0).sum(2) == 0)).sum(0)
    counts = tuple(values.astype(np.int64) for values in (negative, empty, known_bins))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Deviations(
            squared / known_bins,
            np.where(lowest < 0, np.nan, poisson / known_bins),
            distance / windows if predictions.bins > 1 else np.full(shape, np.nan),
            *counts,
        )


def jensen_shannon(prediction: ArrayLike, truth: ArrayLike) -> Array:
    """Distance of profiles along the last axis, 0 to sqrt(log 2); NaN where nothing is known.

    Bins without truth take part in neither profile.

    Examples:
        >>> float(jensen_shannon([1., 0.], [0., 1.])), float(np.sqrt(np.log(2)))     # no overlap
        (0.8325546111576..., 0.8325546111576977)
    """
    from scipy.special import rel_entr

    known = ~np.isnan(np.asarray(truth, dtype=float))
    p, q = (np.where(known, np.maximum(np.nan_to_num(x), 0) + _EPSILON, 0) for x in (prediction, truth))
    total = known.any(-1, keepdims=True)
    p, q = (x / np.where(total, x.sum(-1, keepdims=True), 1) for x in (p, q))
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(-1) / 2
    return np.where(total[..., 0], np.sqrt(np.maximum(divergence, 0)), np.nan)


def expected_coverage(profile: ArrayLike, log_counts: ArrayLike) -> Array:
    """Coverage that a profile head and a counts head predict together, to be stored and scored as any other.

    Args:
        profile: logits ``(rows, tracks, bins)``.
        log_counts: ``log(1 + total)``, ``(rows, tracks)``; totals below 0 count as 0.

    Raises:
        InputError: when the two do not fit.

    Examples:
        >>> expected_coverage([[[0., 0.]]], [[np.log(11)]]).round(6).tolist()
        [[[5.0, 5.0]]]
    """
    from scipy.special import softmax

    logits, logs = np.asarray(profile, dtype=float), np.asarray(log_counts, dtype=float)
    if logits.ndim != 3 or logs.shape != logits.shape[:2]:
        raise InputError(f"profile {logits.shape} and log counts {logs.shape} do not fit: (rows, tracks[, bins]).")
    return softmax(logits, axis=2) * np.expm1(np.maximum(logs, 0))[..., None]
