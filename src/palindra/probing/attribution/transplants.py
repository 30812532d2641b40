"""All positions that maps find important, transplanted into shuffles of their own sequence: which map finds more?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.statistics import holm, mean_interval
from palindra.interpretation.importance import Insert, global_importance, shuffled
from palindra.interpretation.importance.running import Predict
from palindra.probing.attribution.patterns import SHUFFLES
from palindra.sequences import encode

RANDOM = "positions elsewhere"


class MapEffect(NamedTuple):
    """What the positions of one map restore of a prediction: mean over sequences with its 95 % interval."""

    name: str
    mean: float
    low: float
    high: float
    sequences: int


class Contrast(NamedTuple):
    """Two maps compared on the same sequences.

    ``p`` is the two-sided Mann-Whitney test of both sets of effects, as published; ``corrected`` is it after Holm
    (1979) over all contrasts. The interval is that of the mean difference within sequences.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    corrected: float


@dataclass(frozen=True)
class Transplants:
    """Effects of every map, and contrasts between them."""

    effects: tuple[MapEffect, ...]
    contrasts: tuple[Contrast, ...]
    values: Mapping[str, NDArray[np.float64]] = field(repr=False)  # effect of each sequence


def top_positions(map_: ArrayLike, *, share: float = 0.05, flank: int = 2) -> NDArray[np.bool_]:
    """The share of positions with the highest values, and those up to ``flank`` beside each.

    Args:
        map_: ``(length,)``; NaN is never chosen.
        share: of positions, at least one of them.
        flank: positions on either side.

    Examples:
        >>> top_positions([0.0, 0.0, 9.0, 0.0, 0.0, 0.0], share=0.1, flank=1).astype(int)
        array([0, 1, 1, 1, 0, 0])
    """
    values = np.asarray(map_, dtype=np.float64)
    if not 0 < share <= 1 or flank < 0:
        raise InputError(f"a share of {share} with flanks of {flank}: give a share above 0, at most 1, and 0 or more.")
    count = min(max(1, round(share * len(values))), int(np.isfinite(values).sum()))
    chosen = np.zeros(len(values), dtype=np.bool_)
    for place in np.argsort(-np.where(np.isfinite(values), values, -np.inf), kind="stable")[:count]:
        chosen[max(0, place - flank) : place + flank + 1] = True
    return chosen


def transplant(
    predict: Predict,
    sequences: Sequence[str],
    maps: Mapping[str, ArrayLike],
    *,
    shuffles: int = SHUFFLES,
    share: float = 0.05,
    flank: int = 2,
    output: int = 0,
    seed: int = 0,
    batch_size: int = 256,
) -> Transplants:
    """Transplant the top positions of every map into dinucleotide shuffles of the same sequence, at their places.

    The effect of a sequence is the mean change of the prediction over its shuffles. A control transplants as many
    positions in the same arrangement from elsewhere: those of the first map, turned by a random number of positions.

    Args:
        predict: from one-hot ``(batch, 4, length)`` to one number per sequence or several.
        sequences: of one length.
        maps: name of each, and its values ``(sequences, length)``.
        shuffles: of each sequence.
        share: of positions that are top ones.
        flank: positions on either side that go with them.
        output: number of the output.
        seed: of shuffles and of the control.
        batch_size: sequences at a time.

    Raises:
        InputError: without maps, or for maps of another shape.

    Source: Tang (2024), figure 3.6b.
    """
    shape = len(sequences), len(sequences[0])
    tables = {name: np.asarray(values, dtype=np.float64) for name, values in maps.items()}
    wrong = {name: table.shape for name, table in tables.items() if table.shape != shape}
    if not tables or wrong:
        raise InputError(f"maps of shape {shape} are needed, at least one of them, and these are given: {wrong}.")
    codes = encode(sequences)
    values: dict[str, list[float]] = {name: [] for name in (*tables, RANDOM)}
    for row, sequence in enumerate(sequences):
        masks = [top_positions(table[row], share=share, flank=flank) for table in tables.values()]
        turn = np.random.default_rng([seed, row]).integers(1, max(2, shape[1]))
        constructs = [[Insert(_kept(sequence, mask), 0)] for mask in (*masks, np.roll(masks[0], turn))]
        backgrounds = shuffled(codes[row : row + 1], seed + row, copies=shuffles)
        found = global_importance(predict, backgrounds, constructs, names=list(values), batch_size=batch_size)
        for name, value in zip(values, found.values[:, 0, output], strict=True):
            values[name].append(float(value))
    effects = {name: np.asarray(found) for name, found in values.items()}
    return Transplants(
        tuple(MapEffect(name, *mean_interval(found), len(found)) for name, found in effects.items()),
        _contrasts(effects),
        effects,
    )


def _kept(sequence: str, mask: NDArray[np.bool_]) -> str:
    """The sequence where the mask is true and N, where the background stays, elsewhere."""
    return "".join(
        letter if keep and letter in "ACGT" else "N" for letter, keep in zip(sequence.upper(), mask, strict=True)
    )


def _contrasts(effects: Mapping[str, NDArray[np.float64]]) -> tuple[Contrast, ...]:
    from scipy.stats import mannwhitneyu

    names = list(effects)
    pairs = [(one, two) for place, one in enumerate(names) for two in names[place + 1 :]]
    tests = [float(mannwhitneyu(effects[one], effects[two]).pvalue) for one, two in pairs]
    return tuple(
        Contrast(one, two, *mean_interval(effects[one] - effects[two]), p, corrected)
        for (one, two), p, corrected in zip(pairs, tests, holm(tests), strict=True)
    )
