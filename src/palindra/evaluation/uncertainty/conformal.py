"""Split conformal prediction: a threshold on scores of held-out rows, from which sets and intervals follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError

Array = NDArray[Any]

_ROUNDING = 1e-9  # (n + 1) * 0.9 may be a whole number and a little


def fewest_rows(coverage: float) -> int:
    """Held-out rows without which no finite interval has a coverage.

    Examples:
        >>> fewest_rows(0.9), fewest_rows(0.95)
        (9, 19)
    """
    return int(np.ceil(coverage / (1 - coverage) - _ROUNDING))


def conformal_quantile(scores: ArrayLike, coverage: float) -> float:
    """The ``ceil((n + 1) coverage)``-th smallest of ``n`` scores; infinite where there is none.

    A new row that is exchangeable with these has a score at most this with at least that probability
    (Vovk et al., 2005; Lei et al., 2018). The usual quantile of the scores has too little by 1 / n.

    Examples:
        >>> conformal_quantile(range(1, 10), 0.9), conformal_quantile(range(1, 9), 0.9)
        (9.0, inf)
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    rank = int(np.ceil((len(ordered) + 1) * coverage - _ROUNDING))
    return float(ordered[rank - 1]) if rank <= len(ordered) else float("inf")


def weighted_quantiles(scores: ArrayLike, coverage: float, weights: ArrayLike, row_weights: ArrayLike) -> Array:
    """Thresholds under covariate shift, one for each new row (Tibshirani et al., 2019).

    Args:
        scores: of held-out rows.
        coverage: wanted.
        weights: of held-out rows, proportional to the ratio of densities new / held-out.
        row_weights: the same ratio at the new rows.

    Returns:
        ``(new rows,)``; infinite where the mass of the held-out rows does not suffice.

    Examples:
        >>> weighted_quantiles(range(1, 10), 0.9, np.ones(9), [1.0, 2.0])  # the plain quantile, and too little mass
        array([ 9., inf])
    """
    values, mass, own = (np.asarray(a, dtype=np.float64) for a in (scores, weights, row_weights))
    if (mass < 0).any() or (own < 0).any():
        raise ValueError("weights are ratios of densities, which cannot be negative.")
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(mass[order])
    needed = coverage * (mass.sum() + own)
    place = np.searchsorted(cumulative, needed * (1 - _ROUNDING))
    return np.append(values[order], np.inf)[np.minimum(place, len(values))]


@dataclass(frozen=True)
class Calibrated:
    """Thresholds on scores, fitted by :func:`calibrate`."""

    coverage: float
    scores: Array  # of held-out rows, without those whose label is missing
    groups: Array | None  # of these rows
    weights: Array | None

    def thresholds(self, rows: int, *, groups: ArrayLike | None = None, weights: ArrayLike | None = None) -> Array:
        """The threshold of each of ``rows`` new rows.

        Args:
            rows: how many.
            groups: of the new rows, where groups were calibrated.
            weights: ratios of densities at the new rows, where weights were given.

        Raises:
            InputError: for a group that no held-out row has.
        """
        if (groups is None) != (self.groups is None) or (weights is None) != (self.weights is None):
            raise ValueError("new rows need groups and weights exactly where the held-out rows had them.")
        here = np.zeros(rows, dtype=int) if groups is None else np.asarray(groups)
        calibrated = np.zeros(len(self.scores), dtype=int) if self.groups is None else self.groups
        own = None if weights is None else np.asarray(weights, dtype=np.float64)
        found = np.empty(rows)
        for group in np.unique(here):
            new, old = here == group, calibrated == group
            if not old.any():
                known = ", ".join(map(str, np.unique(calibrated)[:6]))
                raise InputError(f"group {group}: no held-out row belongs to it (known: {known}), so nothing is known.")
            if self.weights is None or own is None:
                found[new] = conformal_quantile(self.scores[old], self.coverage)
            else:
                found[new] = weighted_quantiles(self.scores[old], self.coverage, self.weights[old], own[new])
        return found


def calibrate(
    scores: ArrayLike, coverage: float, *, groups: ArrayLike | None = None, weights: ArrayLike | None = None
) -> Calibrated:
    """Thresholds from the scores of held-out rows: larger scores are stranger labels.

    Args:
        scores: ``(rows,)`` from :mod:`palindra.evaluation.uncertainty.intervals` or ``sets``; NaN where missing.
        coverage: wanted, e.g. 0.9.
        groups: of the rows, for coverage within each group (Mondrian; Vovk et al., 2003): cell types, GC bins,
            classes.
        weights: ratios of densities, for new rows from elsewhere.

    Raises:
        InputError: for a coverage that is no share, or fewer rows than a finite threshold needs.

    Examples:
        >>> calibrate(np.arange(1.0, 20.0), 0.9).thresholds(2)
        array([18., 18.])
    """
    if not 0 < coverage < 1:
        raise InputError(f"a coverage of {coverage:g}: it lies between 0 and 1, e.g. 0.9.")
    values = np.asarray(scores, dtype=np.float64)
    known = ~np.isnan(values)
    kept = values[known]
    members = None if groups is None else np.asarray(groups)[known]
    mass = None if weights is None else np.asarray(weights, dtype=np.float64)[known]
    names, counts = ([""], [len(kept)]) if members is None else np.unique(members, return_counts=True)
    least = fewest_rows(coverage)
    for name, count in zip(names, counts, strict=True):
        if count < least:
            what = f"group {name}: " if members is not None else ""
            raise InputError(
                f"{what}{count} held-out rows with labels: a coverage of {coverage:g} needs at least {least}. Hold out "
                "more rows, or ask for less."
            )
    return Calibrated(coverage, kept, members, mass)
