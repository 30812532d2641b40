"""Several predictions of the same thing as one, with what they disagree on and what each of them calls noise."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


class Prediction(NamedTuple):
    """A prediction with its variances, each ``(rows, targets)``; ``total = epistemic + aleatoric``."""

    mean: Array
    epistemic: Array  # variance between the members: what more data would settle
    aleatoric: Array  # mean of the variances that the members predict: noise of the measurement
    total: Array


def combine(means: ArrayLike, variances: ArrayLike | None = None) -> Prediction:
    """A deep ensemble: mean of means, variance of means, mean of variances (Lakshminarayanan et al., 2017).

    The total is the variance of the mixture of the members (law of total variance), hence the population variance
    between them, which is 0 for one member. Any samples of a prediction will do, e.g. passes with dropout.

    Args:
        means: ``(members, rows, targets)``, brought to one strand first where targets change with it.
        variances: of the noise that each member predicts, the same shape; None for none.

    Raises:
        ValueError: if the shapes differ or a variance is negative.

    Examples:
        >>> p = combine([[[1.0]], [[3.0]]], [[[0.5]], [[1.5]]])
        >>> p.mean.item(), p.epistemic.item(), p.aleatoric.item(), p.total.item()
        (2.0, 1.0, 1.0, 2.0)
    """
    every = np.asarray(means, dtype=np.float64)
    noise = np.zeros_like(every) if variances is None else np.asarray(variances, dtype=np.float64)
    if every.ndim < 2 or every.shape != noise.shape:
        raise ValueError(
            f"means of shape {every.shape} and variances of shape {noise.shape}: one shape is needed for both, members "
            "first."
        )
    if (noise < 0).any():
        raise ValueError(f"a variance of {noise.min():g}: variances cannot be negative (is it a log-variance?).")
    epistemic, aleatoric = every.var(axis=0), noise.mean(axis=0)
    return Prediction(every.mean(axis=0), epistemic, aleatoric, epistemic + aleatoric)


def label_variance(probabilities: ArrayLike) -> Array:
    """The variance of a label that is 1 with a probability: the aleatoric part of a classifier.

    With it the total variance of an ensemble is exactly that of a label drawn with the mean probability.

    Examples:
        >>> p = np.array([[[0.1]], [[0.5]]])
        >>> total = combine(p, label_variance(p)).total.item()
        >>> round(total, 10) == round(0.3 * 0.7, 10)
        True
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return p * (1 - p)


def replicate_variance(values: ArrayLike, *, of_mean: bool = True) -> Array:
    """The noise of a measurement from its replicates, one number per row: the aleatoric variance as measured.

    Args:
        values: ``(rows, replicates)``, NaN where missing.
        of_mean: of the mean of the replicates, which is what a model is trained on; else of one replicate.

    Returns:
        Unbiased variances ``(rows,)``, NaN for rows with fewer than two replicates.

    Examples:
        >>> replicate_variance([[1.0, 3.0], [5.0, np.nan]])
        array([ 1., nan])
    """
    table = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(table)
    count = known.sum(axis=1)
    enough = count > 1
    divisor = np.where(enough, count, 2)
    centre = np.where(known, table, 0).sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(known, table - centre[:, None], 0) ** 2).sum(axis=1)
    return np.where(enough, squares / (divisor - 1) / (divisor if of_mean else 1), np.nan)
