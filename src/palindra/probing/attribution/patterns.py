"""The stretches that a map finds most important, put into shuffled sequences: do they change a prediction?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from palindra.errors import InputError
from palindra.interpretation.importance import Effects, pattern_importance, shuffled
from palindra.interpretation.importance.running import Predict
from palindra.sequences import encode

SHUFFLES = 300


class Stretch(NamedTuple):
    """A part of a sequence, and the sum of its map there."""

    row: int
    start: int
    letters: str
    score: float


def top_stretches(
    maps: ArrayLike, sequences: Sequence[str], *, width: int = 10, count: int | None = None
) -> list[Stretch]:
    """The stretch with the largest sum of the map of every sequence, the highest first; each pattern once.

    Args:
        maps: ``(rows, length)``; stretches with NaN are left out, and those with letters other than A, C, G, T.
        sequences: of that length.
        width: letters of a stretch.
        count: how many; all by default.

    Raises:
        InputError: for a width that does not fit.

    Examples:
        >>> top_stretches([[0.0, 1.0, 2.0, 0.0]], ["ACGT"], width=2)
        [Stretch(row=0, start=1, letters='CG', score=3.0)]
    """
    values = np.array(maps, dtype=np.float64)
    if not 0 < width <= values.shape[1]:
        raise InputError(f"stretches of {width} letters in maps of {values.shape[1]}: give 1 to {values.shape[1]}.")
    values[encode(sequences) > 3] = np.nan
    sums = np.lib.stride_tricks.sliding_window_view(values, width, axis=1).sum(-1)
    found: dict[str, Stretch] = {}
    for row, scores in enumerate(sums):
        if np.isnan(scores).all():
            continue
        start = int(np.nanargmax(scores))
        letters = sequences[row][start : start + width].upper()
        stretch = Stretch(row, start, letters, float(scores[start]))
        if letters not in found or found[letters].score < stretch.score:
            found[letters] = stretch
    return sorted(found.values(), key=lambda stretch: (-stretch.score, stretch.row))[:count]


def pattern_effects(
    predict: Predict,
    sequences: Sequence[str],
    stretches: Sequence[Stretch],
    *,
    shuffles: int = SHUFFLES,
    seed: int = 0,
    batch_size: int = 256,
) -> Effects:
    """Global importance of stretches in the middle of dinucleotide shuffles of the sequences.

    Args:
        predict: from one-hot ``(batch, 4, length)`` to one number per sequence or several, e.g. a one-hot model or
            :func:`palindra.probing.attribution.source_predictor`.
        sequences: to shuffle; each counts as one observation, whatever the number of its shuffles.
        stretches: of :func:`top_stretches`.
        shuffles: in all, by taking as many sequences as that, or several shuffles of each.
        seed: of the shuffles.
        batch_size: sequences at a time.

    Returns:
        Effects by pattern; ``estimates()`` gives intervals and tests.

    Raises:
        InputError: without stretches, or for stretches longer than the sequences.
    """
    codes = encode(sequences)[:shuffles]
    backgrounds = shuffled(codes, seed, copies=-(-shuffles // len(codes)))
    return pattern_importance(predict, backgrounds, [s.letters for s in stretches], batch_size=batch_size)
