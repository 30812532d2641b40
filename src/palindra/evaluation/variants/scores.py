"""What a variant does to a prediction, as numbers: difference, log fold change, and both summed up over targets."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Kind = Literal["coverage", "probability", "value"]

PSEUDOCOUNT: dict[str, float] = {"coverage": 1e-3, "probability": 1e-6}
"""Added to both alleles before the ratio is taken, by kind of output."""


def allele_scores(
    reference: Array, alternate: Array, *, kind: Kind = "value", pseudocount: float | None = None
) -> dict[str, Array]:
    """Scores of alternates against their references, one row each.

    Args:
        reference: predictions ``(rows, targets)``, e.g. coverage summed over positions.
        alternate: the same for the alternate alleles.
        kind: ``"coverage"`` or ``"probability"`` have a log fold change; ``"value"`` (of any sign) has differences
            only.
        pseudocount: added to both alleles before the ratio; None for :data:`PSEUDOCOUNT`.

    Returns:
        By name, in float64: ``difference`` and ``log_fold_change`` (base 2) ``(rows, targets)``, and of each
        ``max_...``, the entry of largest magnitude over targets with its sign, and ``sum_...`` over targets
        ``(rows,)``. A fold change of negative values is NaN.

    Raises:
        ValueError: if the shapes differ.

    Examples:
        >>> found = allele_scores(np.array([[1.0, 4.0]]), np.array([[2.0, 1.0]]), kind="coverage", pseudocount=0)
        >>> found["log_fold_change"].tolist(), found["max_log_fold_change"].tolist(), found["sum_difference"].tolist()
        ([[1.0, -2.0]], [-2.0], [-2.0])
    """
    if reference.shape != alternate.shape or reference.ndim != 2:
        raise ValueError(
            f"both alleles have predictions (rows, targets), but they have shapes {reference.shape} and "
            f"{alternate.shape}."
        )
    ref, alt = np.asarray(reference, dtype=np.float64), np.asarray(alternate, dtype=np.float64)
    found = {"difference": alt - ref}
    if kind != "value":
        found["log_fold_change"] = log_fold_change(ref, alt, PSEUDOCOUNT[kind] if pseudocount is None else pseudocount)
    return found | {
        f"{name}_{score}": value for score, values in found.items() for name, value in _over_targets(values).items()
    }


def log_fold_change(reference: Array, alternate: Array, pseudocount: float) -> Array:
    """``log2((alternate + pseudocount) / (reference + pseudocount))``; NaN where one of the sums is negative or both 0.

    Examples:
        >>> log_fold_change(np.array([1.0, -2.0]), np.array([4.0, 1.0]), 0.0).tolist()
        [2.0, nan]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log2(alternate + pseudocount) - np.log2(reference + pseudocount))


def _over_targets(values: Array) -> dict[str, Array]:
    largest = np.nanargmax(np.where(np.isnan(values), -1.0, np.abs(values)), axis=1)
    return {"max": np.take_along_axis(values, largest[:, None], axis=1)[:, 0], "sum": values.sum(1)}
