"""Where a pattern stands, which way it points, and how often it is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.interpretation.importance.backgrounds import Backgrounds
from palindra.interpretation.importance.effects import BATCH, Effects, global_importance
from palindra.interpretation.importance.embedding import Insert, check_fits, middle
from palindra.interpretation.importance.pairs import Cooperation, cooperativity
from palindra.interpretation.importance.running import Predict
from palindra.sequences import reverse_complement


class Positions(NamedTuple):
    """Importance of a pattern that begins at each of these positions."""

    starts: NDArray[np.int64]
    effects: Effects


class Strands(NamedTuple):
    """Importance of a pattern as given and of its reverse complement at the same place, and their paired difference."""

    effects: Effects
    difference: Effects


def position_importance(
    predict: Predict,
    backgrounds: Backgrounds,
    pattern: str,
    *,
    starts: Sequence[int] | None = None,
    step: int = 1,
    batch_size: int = BATCH,
) -> Positions:
    """Importance of a pattern at each position, all of them by default.

    Raises:
        InputError: for a pattern longer than the backgrounds, or a position at which it does not fit.
    """
    check_fits(len(pattern), backgrounds.length, f"the pattern {pattern}")
    places = range(0, backgrounds.length - len(pattern) + 1, step) if starts is None else starts
    constructs = [[Insert(pattern, place)] for place in places]
    names = [str(place) for place in places]
    found = global_importance(predict, backgrounds, constructs, names=names, batch_size=batch_size)
    return Positions(np.array(list(places), dtype=np.int64), found)


def strand_importance(
    predict: Predict,
    backgrounds: Backgrounds,
    pattern: str,
    *,
    start: int | None = None,
    batch_size: int = BATCH,
) -> Strands:
    """Importance of both directions of a pattern at one place, e.g. for models that read a given strand.

    Raises:
        InputError: for a pattern that does not fit the backgrounds.
    """
    turned = reverse_complement(pattern)
    places = [middle(one, backgrounds.length) if start is None else start for one in (pattern, turned)]
    constructs = [[Insert(pattern, places[0])], [Insert(turned, places[1])]]
    found = global_importance(predict, backgrounds, constructs, names=("given", "reverse"), batch_size=batch_size)
    difference = found.chosen([0]).minus(found.chosen([1]), ["given - reverse"])
    return Strands(found, difference)


def copy_importance(
    predict: Predict,
    backgrounds: Backgrounds,
    pattern: str,
    *,
    copies: int = 4,
    gap: int = 10,
    batch_size: int = BATCH,
) -> Cooperation:
    """Importance of one, two, ... copies in a row, beside the sum of what each of them does alone at its own place.

    Args:
        predict: see :func:`global_importance`.
        backgrounds: into which all are put.
        pattern: that is repeated in one direction.
        copies: largest number.
        gap: letters of the background between two copies.
        batch_size: sequences at a time.

    Raises:
        InputError: for fewer than one copy, a negative gap, or copies that do not fit.
    """
    if copies < 1 or gap < 0:
        raise InputError(f"{copies} copies with {gap} letters between them: at least 1 and at least 0 are needed.")
    unit = len(pattern) + gap
    check_fits(copies * unit - gap, backgrounds.length, f"{copies} copies of {pattern} with gaps of {gap}")
    constructs = []
    for number in range(1, copies + 1):
        first = middle((pattern + "N" * gap) * (number - 1) + pattern, backgrounds.length)
        constructs.append([Insert(pattern, first + copy * unit) for copy in range(number)])
    names = [str(number) for number in range(1, copies + 1)]
    return cooperativity(predict, backgrounds, constructs, names=names, batch_size=batch_size)
