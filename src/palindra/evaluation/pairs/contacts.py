"""Scores of predicted contact maps: precision of the best pairs by range, and the decisions at a threshold.

A contact map is no matching, so no residue is limited to one partner. Pairs nearer than six residues in sequence are
left out of the precisions: at 8 Angstrom they are contacts because the chain is one, and they would hide all others.
Every pair counts once; scores are read from the upper triangle.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError

Array = NDArray[Any]

RANGES: dict[str, tuple[int, int | None]] = {
    "short": (6, 11),
    "medium": (12, 23),
    "long": (24, None),
    "medium and long": (12, None),
    "all": (6, None),
}
"""Separations |i - j| in sequence, both ends included."""

CUTS = {"L": 1, "L/2": 2, "L/5": 5}
"""How many of the best pairs are looked at, as a divisor of the number of residues."""


class ContactDecisions(NamedTuple):
    """Scores of a map of zeros and ones: PPV, sensitivity, their mean, and their harmonic mean."""

    ppv: float
    sensitivity: float
    accuracy: float
    f1: float
    predicted: int
    native: int


def pairs_in_range(known: ArrayLike, separation: tuple[int, int | None]) -> tuple[Array, Array]:
    """Indices ``i < j`` of the known pairs whose separation lies in a range, both ends included."""
    mask = _square(known, "known pairs").astype(bool)
    first, second = np.nonzero(np.triu(mask & mask.T, max(separation[0], 1)))
    kept = second - first <= (separation[1] if separation[1] is not None else len(mask))
    return first[kept], second[kept]


def precision_of_best(
    scores: ArrayLike,
    contacts: ArrayLike,
    known: ArrayLike,
    *,
    divisor: int = 5,
    separation: tuple[int, int | None] = (24, None),
) -> float:
    """Share of contacts among the ``residues // divisor`` pairs with the highest scores (one at least).

    ``residues`` counts those with any known pair. Pairs that tie at the cut count with the share of contacts among
    them, which is the mean over all ways to break the tie, so a constant map scores the share of contacts. If there are
    fewer pairs than asked for, all are taken; NaN if there is none.

    Args:
        scores: higher means more probably a contact, (residues, residues).
        contacts: true pairs.
        known: pairs of resolved residues.
        divisor: 1, 2 or 5 for L, L/2 and L/5.
        separation: lowest and highest ``|i - j|``.

    Examples:
        >>> scores = np.zeros((10, 10))
        >>> scores[0, 9], scores[1, 8] = 0.9, 0.8
        >>> contacts = scores > 0.85
        >>> known = np.ones((10, 10), bool)
        >>> precision_of_best(scores, contacts, known, divisor=5, separation=(6, None))
        0.5
    """
    predictions, truth, mask = _maps(scores, contacts, known)
    pairs = pairs_in_range(mask, separation)
    if not len(pairs[0]):
        return float("nan")
    best = min(max(1, int(mask.any(axis=0).sum()) // divisor), len(pairs[0]))
    values, hits = predictions[pairs], truth[pairs].astype(float)
    cut = np.sort(values)[-best]
    above, level = values > cut, values == cut
    return float((hits[above].sum() + (best - above.sum()) * hits[level].mean()) / best)


def contact_precisions(scores: ArrayLike, contacts: ArrayLike, known: ArrayLike) -> dict[tuple[str, str], float]:
    """:func:`precision_of_best` for every range and cut, e.g. ``found["long", "L/5"]``."""
    return {
        (name, cut): precision_of_best(scores, contacts, known, divisor=divisor, separation=separation)
        for name, separation in RANGES.items()
        for cut, divisor in CUTS.items()
    }


def contact_decisions(
    probabilities: ArrayLike,
    contacts: ArrayLike,
    known: ArrayLike,
    *,
    threshold: float = 0.5,
    separation: tuple[int, int | None] = (6, None),
) -> ContactDecisions:
    """PPV, sensitivity and their mean (the accuracy of Maduranga, Zadorozhnyy & Ye) of the pairs at a threshold.

    A pair is predicted if its probability exceeds the threshold. If there are no contacts or no predicted pairs the
    scores are 0; if there are neither they are NaN. The published figures count every separation, ``(1, None)``, in
    which most contacts are those of neighbours in the chain.

    Examples:
        >>> contacts = np.zeros((9, 9), bool)
        >>> contacts[0, 8] = contacts[1, 8] = True
        >>> contact_decisions(contacts * 0.6, contacts, np.ones((9, 9), bool)).accuracy
        1.0
    """
    predictions, truth, mask = _maps(probabilities, contacts, known)
    pairs = pairs_in_range(mask, separation)
    said, true = predictions[pairs] > threshold, truth[pairs]
    predicted, native, hits = int(said.sum()), int(true.sum()), int((said & true).sum())
    if not predicted and not native:
        nan = float("nan")
        return ContactDecisions(nan, nan, nan, nan, 0, 0)
    ppv = hits / predicted if predicted else 0.0
    sensitivity = hits / native if native else 0.0
    f1 = 2 * hits / (predicted + native)
    return ContactDecisions(ppv, sensitivity, (ppv + sensitivity) / 2, f1, predicted, native)


def _maps(scores: ArrayLike, contacts: ArrayLike, known: ArrayLike) -> tuple[Array, Array, Array]:
    predictions, truth, mask = _square(scores, "scores"), _square(contacts, "contacts"), _square(known, "known pairs")
    if not predictions.shape == truth.shape == mask.shape:
        raise InputError(
            f"maps of {len(predictions)} (scores), {len(truth)} (contacts) and {len(mask)} residues (known pairs) are "
            "given: all need the same residues."
        )
    mask, truth = mask.astype(bool), truth.astype(bool)
    missing = np.argwhere(np.triu(np.isnan(predictions.astype(float)) & mask, 1))
    if len(missing):
        i, j = (missing[0] + 1).tolist()
        raise InputError(f"the score of residues {i} and {j} (and of {len(missing) - 1} more pairs) is not a number.")
    # Truth does not depend on the order of the two; predictions are read above the diagonal.
    return predictions, truth | truth.T, mask


def _square(values: ArrayLike, what: str) -> Array:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise InputError(f"{what} of shape {array.shape} are given, and a square map (residues, residues) is needed.")
    return array
