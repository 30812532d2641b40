"""Percent spliced in (PSI) of exons over tissues: how far each tissue is from the exon's own level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CLIP = 1e-5  # probabilities are kept this far from 0 and 1
FEWEST_TISSUES, SMALLEST_DEVIATION = 10, 0.2  # of exons that are scored


def mean_logit(psi: Array) -> Array:
    """Logit of each exon's mean PSI over the tissues where it was measured ``(rows, 1)``."""
    return _logit(np.nanmean(psi, axis=1, keepdims=True))


def deviations(psi: Array) -> Array:
    """What is predicted: logit PSI of each tissue less the exon's level ``(rows, tissues)``, NaN where not measured.

    Examples:
        >>> deviations(np.array([[0.5, 0.5, np.nan], [0.2, 0.8, 0.5]])).round(3).tolist()
        [[0.0, 0.0, nan], [-1.386, 1.386, 0.0]]
    """
    return _logit(psi) - mean_logit(psi)


def varying_exons(psi: Array, *, tissues: int = FEWEST_TISSUES, deviation: float = SMALLEST_DEVIATION) -> Array:
    """True for exons measured in enough tissues, one of which is far enough from the exon's mean PSI ``(rows,)``.

    Exons that are spliced alike everywhere would be scored on their noise.

    Examples:
        >>> varying_exons(np.array([[0.1, 0.9], [0.5, 0.6], [0.9, np.nan]]), tissues=2).tolist()
        [True, False, False]

    Source: Cheng et al. (2021), MTSplice.
    """
    measured = np.isfinite(psi).sum(axis=1)
    furthest = np.nanmax(np.abs(psi - np.nanmean(psi, axis=1, keepdims=True)), axis=1)
    return (measured >= tissues) & (furthest >= deviation)


def _logit(psi: Array) -> Array:
    inside = np.clip(psi.astype(np.float64), CLIP, 1 - CLIP)
    return np.log(inside) - np.log1p(-inside)
