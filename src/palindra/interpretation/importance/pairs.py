"""How patterns combine: together against alone, at each distance and in each orientation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.interpretation.importance.backgrounds import Backgrounds
from palindra.interpretation.importance.effects import BATCH, Effects, global_importance
from palindra.interpretation.importance.embedding import Construct, Insert, check_construct, check_fits, middle
from palindra.interpretation.importance.running import Predict
from palindra.sequences import reverse_complement

ORIENTATIONS = (("> >", False, False), ("> <", False, True), ("< >", True, False), ("< <", True, True))
"""Names of the four orientations of two patterns, and whether the first and the second are turned."""


class Cooperation(NamedTuple):
    """Importance of patterns together and alone at the same places, on the same backgrounds."""

    together: Effects
    alone: Effects  # sum over the patterns of a construct of what each does by itself
    excess: Effects  # I12 - I1 - I2


class Distances(NamedTuple):
    """Cooperation of two patterns at each distance."""

    gaps: NDArray[np.int64]  # letters between the two
    after: NDArray[np.bool_]  # whether the second stands behind the first
    found: Cooperation


def cooperativity(
    predict: Predict,
    backgrounds: Backgrounds,
    constructs: Sequence[Construct],
    *,
    names: Sequence[str] | None = None,
    batch_size: int = BATCH,
) -> Cooperation:
    """``I12 - I1 - I2`` for every construct, each pattern alone measured where it stands in the construct.

    0 means that effects add up on the scale of the output. Effects that multiply have an excess there and none on
    its logarithm, so the scale is part of every statement.

    Raises:
        InputError: as in :func:`global_importance`.

    Examples:
        >>> from palindra.interpretation.importance.backgrounds import own
        >>> from palindra.sequences import encode
        >>> both = lambda x: x[:, 2, 0] * x[:, 2, 3] + x[:, 2, 0]
        >>> cooperativity(both, own(encode(["AAAA"])), [[Insert("G", 0), Insert("G", 3)]]).excess.mean.item()
        1.0
    """
    for construct in constructs:
        check_construct(construct, backgrounds.length)
    single = list(dict.fromkeys(insert for construct in constructs for insert in construct))
    labels = list(names or (" ".join(f"{i.pattern}@{i.start}" for i in construct) for construct in constructs))
    asked = [*constructs, *([insert] for insert in single)]
    found = global_importance(predict, backgrounds, asked, batch_size=batch_size).values
    place = {insert: len(constructs) + number for number, insert in enumerate(single)}
    together = Effects(tuple(labels), found[: len(constructs)])
    sums = np.stack([found[[place[insert] for insert in construct]].sum(0) for construct in constructs])
    alone = Effects(tuple(labels), sums)
    return Cooperation(together, alone, together.minus(alone, labels))


def distance_importance(
    predict: Predict,
    backgrounds: Backgrounds,
    first: str,
    second: str,
    *,
    start: int | None = None,
    largest: int | None = None,
    step: int = 1,
    batch_size: int = BATCH,
) -> Distances:
    """The first pattern stays, the second stands at every distance before and behind it; they never overlap.

    Args:
        predict: see :func:`global_importance`.
        backgrounds: into which both are put.
        first: stays in the middle by default.
        second: moves.
        start: position of the first letter of ``first``.
        largest: gap; by default as far as the sequence goes.
        step: between gaps, which begin with 0.
        batch_size: sequences at a time.

    Returns:
        Distances from the farthest before to the farthest behind.

    Raises:
        InputError: when there is no room for both, or the step is below 1.
    """
    length = backgrounds.length
    check_fits(len(first) + len(second), length, f"{first} together with {second}")
    fixed = Insert(first, middle(first, length) if start is None else start)
    check_construct([fixed], length)
    if step < 1:
        raise InputError(f"gaps cannot grow in steps of {step}: at least 1 is needed.")
    reach = length if largest is None else largest
    before = range(0, min(reach, fixed.start - len(second)) + 1, step)
    behind = range(0, min(reach, length - len(second) - fixed.end) + 1, step)
    constructs = [[fixed, Insert(second, fixed.start - len(second) - gap)] for gap in reversed(before)]
    constructs += [[fixed, Insert(second, fixed.end + gap)] for gap in behind]
    if not constructs:
        raise InputError(
            f"{second} fits on neither side of {first} at position {fixed.start} of {length} letters: move the first."
        )
    gaps = np.array([*reversed(before), *behind], dtype=np.int64)
    after = np.repeat([False, True], [len(before), len(behind)])
    names = [f"{gap:+d}" if later else f"-{gap}" for gap, later in zip(gaps, after, strict=True)]
    return Distances(gaps, after, cooperativity(predict, backgrounds, constructs, names=names, batch_size=batch_size))


def orientation_importance(
    predict: Predict,
    backgrounds: Backgrounds,
    first: str,
    second: str,
    *,
    gap: int = 10,
    batch_size: int = BATCH,
) -> Cooperation:
    """Two patterns in all four orientations and both orders, with the same letters between them.

    Names have the orders ``1 2`` and ``2 1`` as they stand from left to right, and an arrow for each of the two. In a
    model that gives both strands the same output, an order and its mirror image are the same molecule: ``1> 2>`` is
    ``<2 <1``; four of the eight are different.

    Raises:
        InputError: when both with the gap do not fit the backgrounds, or the gap is negative.
    """
    if gap < 0:
        raise InputError(f"a gap of {gap} letters would let the patterns overlap: at least 0 is needed.")
    width = len(first) + gap + len(second)
    check_fits(width, backgrounds.length, f"{first} and {second} with {gap} letters between them")
    constructs, names = [], []
    for order, (left, right) in (("1 2", (first, second)), ("2 1", (second, first))):
        for arrows, turn_left, turn_right in ORIENTATIONS:
            one = reverse_complement(left) if turn_left else left
            two = reverse_complement(right) if turn_right else right
            begin = middle(one + "N" * gap + two, backgrounds.length)
            constructs.append([Insert(one, begin), Insert(two, begin + len(one) + gap)])
            names.append(_arrowed(order, arrows))
    return cooperativity(predict, backgrounds, constructs, names=names, batch_size=batch_size)


def _arrowed(order: str, arrows: str) -> str:
    pairs = zip(order.split(), arrows.split(), strict=True)
    return " ".join(f"{number}>" if arrow == ">" else f"<{number}" for number, arrow in pairs)
