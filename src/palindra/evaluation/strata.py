"""Windows by how much their targets differ: silent in all, alike in all (constitutive), or differential."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.correlation import window_moments
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]

STRATA = ("silent", "constitutive", "differential")
_NONE = -1


def strata_of(
    levels: ArrayLike,
    *,
    silent: float = 0.0,
    share: float = 0.5,
    pseudocount: float = 1.0,
    logarithmic: bool = False,
) -> NDArray[np.int8]:
    """The stratum of each row, as its number in :data:`STRATA`; -1 where fewer than two targets are known.

    A row is silent if no target exceeds ``silent``. Of the others, the share whose log levels vary most over targets
    (standard deviation) is differential, the rest constitutive. Strata are made from measurements alone, so they are
    the same for every model.

    Args:
        levels: measured ``(rows, targets)``, e.g. mean coverage of a window; NaN is missing.
        silent: level up to which nothing is active; not used for logarithms.
        share: of the active rows that is called differential.
        pseudocount: added before the logarithm.
        logarithmic: whether levels are logarithms already; then no row is silent.

    Raises:
        InputError: for levels of another shape, or a share outside 0 to 1.

    Examples:
        >>> strata_of([[0, 0], [5, 5], [9, 0], [4, 4.5], [0, 7]]).tolist()
        [0, 1, 2, 1, 2]
    """
    measured = np.asarray(levels, dtype=float)
    if measured.ndim != 2 or measured.shape[1] < 2 or not 0 < share < 1:
        raise InputError(
            f"levels of shape {measured.shape} and share {share:g}: (rows, targets) with two or more targets, and a "
            "share between 0 and 1, are needed."
        )
    known = ~np.isnan(measured)
    count = known.sum(1)
    n = np.maximum(count, 1)
    logs = np.where(known, measured if logarithmic else np.log(np.maximum(np.nan_to_num(measured), 0) + pseudocount), 0)
    centred = np.where(known, logs - (logs.sum(1) / n)[:, None], 0)
    spread = np.sqrt((centred**2).sum(1) / n)
    stratum = np.where(count > 1, 1, _NONE).astype(np.int8)
    if not logarithmic:
        stratum[(count > 1) & ~(np.where(known, measured, -np.inf) > silent).any(1)] = 0
    active = stratum == 1
    if active.any():
        stratum[active & (spread > np.quantile(spread[active], 1 - share))] = 2
    return stratum


def stratified(predictions: Predictions, *, logarithmic: bool = False, **options: Any) -> dict[str, Predictions]:
    """The windows of each stratum that has some, by mean truth; every metric is then a metric of the stratum.

    Args:
        predictions: of two or more comparable targets.
        logarithmic: whether values are logarithms already.
        options: of :func:`strata_of`.

    Examples:
        >>> truth = [[[0.0], [0.0]], [[5.0], [5.0]], [[9.0], [0.0]]]
        >>> {name: len(view) for name, view in stratified(Predictions.of(truth, truth)).items()}
        {'silent': 1, 'constitutive': 1, 'differential': 1}
    """
    levels = window_moments(predictions).finish().mean_truth
    stratum = strata_of(levels, logarithmic=logarithmic, **options)
    found = {name: predictions.where(stratum == number) for number, name in enumerate(STRATA)}
    return {name: view for name, view in found.items() if len(view)}
