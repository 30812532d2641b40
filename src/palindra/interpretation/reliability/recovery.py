"""Does a map point at the letters that are known to matter?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.interpretation.importance.estimates import Estimate, estimates


@dataclass(frozen=True, eq=False)
class Recovery:
    """How well the scores of positions separate letters that matter from the others, sequence by sequence.

    Args:
        rows: numbers of the sequences that have both kinds of letters; the others have no answer ``(rows,)``.
        auroc: chance that a letter that matters has a higher score than one that does not ``(rows,)``; 0.5 is chance.
        average_precision: mean precision over the letters that matter ``(rows,)``; chance is their share.
        share: of letters that matter ``(rows,)``.
    """

    rows: NDArray[np.int64]
    auroc: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    share: NDArray[np.float64]

    def estimate(self, name: str = "AUROC", *, level: float = 0.95) -> Estimate:
        """Mean AUROC with its interval over sequences; the test is against 0.5, chance."""
        found = estimates([name], self.auroc[None] - 0.5, level=level)[0]
        return found._replace(mean=found.mean + 0.5, low=found.low + 0.5, high=found.high + 0.5)

    def minus(self, other: Recovery, name: str, *, level: float = 0.95) -> Estimate:
        """Mean difference of AUROC on the same sequences, with a paired test: two methods, or two models.

        Raises:
            InputError: when the sequences are not the same.
        """
        if not np.array_equal(self.rows, other.rows):
            raise InputError(f"recovery on {len(self.rows)} and {len(other.rows)} sequences: measure both on the same.")
        return estimates([name], (self.auroc - other.auroc)[None], level=level)[0]


def position_scores(maps: NDArray[np.floating], one_hot: NDArray[np.number] | None = None) -> NDArray[np.float64]:
    """One score per position: how much the letter there is worth in either direction, ``(sequences, length)``.

    Args:
        maps: ``(sequences, 4, length)``.
        one_hot: of the same shape, to read the letter that stands there; without it all four letters count, by the
            length of the four numbers.

    Raises:
        InputError: when the shapes differ.
    """
    values = np.asarray(maps, dtype=np.float64)
    if one_hot is None:
        return np.linalg.norm(values, axis=1)
    if np.shape(one_hot) != values.shape:
        raise InputError(
            f"maps of shape {values.shape} for sequences of shape {np.shape(one_hot)}: they must be equal."
        )
    return np.abs((values * one_hot).sum(1))


def recovery(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> Recovery:
    """AUROC and average precision of positions in each sequence; equal scores count one half, or share their precision.

    Args:
        scores: of positions ``(sequences, length)``, higher for letters that are said to matter more.
        truth: whether they do, e.g. of :func:`palindra.interpretation.planted.planted_sequences`.

    Raises:
        InputError: when the shapes differ, a score is not a number, or no sequence has both kinds of letters.

    Examples:
        >>> found = recovery(np.array([[3.0, 2.0, 1.0, 0.0]]), np.array([[True, False, True, False]]))
        >>> found.auroc.item(), round(found.average_precision.item(), 4)
        (0.75, 0.8333)
    """
    from scipy.stats import rankdata

    values, known = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.bool_)
    if values.shape != known.shape or values.ndim != 2:
        raise InputError(f"scores {values.shape} and truth {known.shape}: both are (sequences, length) and equal.")
    if not np.isfinite(values).all():
        raise InputError("some scores of positions are not numbers: the attributions overflowed or divided by 0.")
    rows = np.flatnonzero(known.any(1) & ~known.all(1))
    if not len(rows):
        raise InputError("no sequence has letters that matter beside others that do not: nothing can be recovered.")
    values, known = values[rows], known[rows]
    positive, negative = known.sum(1), (~known).sum(1)
    ranks = rankdata(values, axis=1)
    auroc = ((ranks * known).sum(1) - positive * (positive + 1) / 2) / (positive * negative)
    above = rankdata(-values, axis=1, method="max")  # letters with this score or a higher one
    precision = np.zeros_like(values)
    for row in range(len(values)):
        of_truth = np.sort(above[row][known[row]])
        precision[row] = np.searchsorted(of_truth, above[row], side="right") / above[row]
    average = (precision * known).sum(1) / positive
    return Recovery(rows, auroc, average, positive / known.shape[1])
