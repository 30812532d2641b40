"""What the maps of a source are worth in a model: patterns that they find, and all of their top positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from palindra.interpretation.importance.running import Predict
from palindra.probing.attribution.patterns import SHUFFLES, pattern_effects, top_stretches
from palindra.probing.attribution.transplants import RANDOM, Transplants

PATTERNS = 10  # of a map
WIDTH = 10  # letters of a pattern


@dataclass(frozen=True)
class PatternRow:
    """The global importance of one pattern of a map in one model.

    ``q`` is the p-value of the paired test over sequences, corrected for all patterns of the map in the model
    (Benjamini and Hochberg, 1995).
    """

    map: str
    pattern: str
    map_score: float
    model: str
    importance: float
    low: float
    high: float
    p: float
    q: float
    sequences: int


@dataclass(frozen=True)
class TransplantRow:
    """What the top positions of a map restore of a prediction, and how much more than positions elsewhere do.

    ``p`` is the Mann-Whitney test against the control; ``p_corrected`` is it after Holm (1979) over all comparisons
    of the same sequences. The control itself has no difference (NaN).
    """

    map: str
    effect: float
    low: float
    high: float
    sequences: int
    difference: float = float("nan")
    difference_low: float = float("nan")
    difference_high: float = float("nan")
    p: float = float("nan")
    p_corrected: float = float("nan")


def pattern_rows(
    maps: Mapping[str, ArrayLike],
    sequences: Sequence[str],
    models: Mapping[str, tuple[Predict, int]],
    *,
    count: int = PATTERNS,
    width: int = WIDTH,
    seed: int = 0,
    batch_size: int = 64,
) -> list[PatternRow]:
    """The strongest patterns of every map, put into shuffles of the sequences, in every model.

    A model reads ``shuffles + patterns x shuffles`` sequences for each map.

    Args:
        maps: by name ``(sequences, length)``.
        sequences: of one length.
        models: by name, what predicts and how many shuffles it reads.
        count: patterns of a map.
        width: letters of a pattern, fewer where sequences are shorter.
        seed: of the shuffles.
        batch_size: sequences at a time.
    """
    found = []
    for name, values in maps.items():
        stretches = top_stretches(values, sequences, width=min(width, len(sequences[0])), count=count)
        for model, (predict, shuffles) in models.items() if stretches else ():
            effects = pattern_effects(
                predict, sequences, stretches, shuffles=shuffles, seed=seed, batch_size=batch_size
            )
            for stretch, one in zip(stretches, effects.estimates(), strict=True):
                numbers = one.mean, one.low, one.high, one.p, one.q, one.observations
                found.append(PatternRow(name, stretch.letters, stretch.score, model, *numbers))
    return found


def transplant_rows(found: Transplants) -> list[TransplantRow]:
    """The effect of every map's top positions and of positions elsewhere, which come last."""
    beside = {one.first: one for one in found.contrasts if one.second == RANDOM}
    rows = []
    for effect in found.effects:
        own = beside.get(effect.name)
        difference = () if own is None else (own.difference, own.low, own.high, own.p, own.corrected)
        rows.append(TransplantRow(effect.name, effect.mean, effect.low, effect.high, effect.sequences, *difference))
    return rows


def raises(row: PatternRow) -> bool:
    """Whether a pattern is shown to raise the prediction."""
    return bool(np.isfinite(row.q) and row.q < 0.05 and row.importance > 0)


__all__ = ["SHUFFLES", "PatternRow", "TransplantRow", "pattern_rows", "raises", "transplant_rows"]
