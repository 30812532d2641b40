"""How far two spectra are apart when k-mers are either the same or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Frequencies = NDArray[np.float64]


def kl_divergence(p: Frequencies, q: Frequencies) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of spectra ``p`` from the reference ``q``, in nats; features along the last axis.

    Infinite where ``p`` has a k-mer that ``q`` gives no chance: give the reference a pseudocount.

    Examples:
        >>> kl_divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75])).round(4)
        np.float64(0.1438)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0)
    return np.maximum(terms.sum(axis=-1), 0.0)  # rounding may leave a negative zero


def js_distance(p: Frequencies, q: Frequencies) -> NDArray[np.float64]:
    """Jensen-Shannon distance, the square root of the divergence in nats: a metric from 0 to sqrt(ln 2) = .833.

    Examples:
        >>> js_distance(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]])).round(3)
        array([0.   , 0.833])
    """
    middle = (p + q) / 2
    return np.sqrt((kl_divergence(p, middle) + kl_divergence(q, middle)) / 2)
