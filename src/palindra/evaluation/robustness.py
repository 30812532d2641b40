"""The published consistency scores, each the one operator of :mod:`palindra.evaluation.consistency` for some group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.data.order import integers
from palindra.errors import InputError
from palindra.evaluation.consistency import Consistency, Reading, Transform, apart, group_consistency
from palindra.symmetry import Position, Rep, Target

Array = NDArray[Any]

LETTERS = Reading(Target(Rep(regular=2), Position.REVERSE), axes=1)
"""An attribution map ``(sequences, 4, length)`` in the order ACGT."""

_STREAM = 300  # of random numbers, apart from those of training


def random_shifts(
    rows: ArrayLike, *, number: int = 20, reach: int, seed: int = 0, both_strands: bool = False
) -> list[Transform]:
    """Transformations that move each sequence by its own random number of positions.

    Windows begin 0 to ``2 * reach - 1`` positions after the earliest possible place, as in GOPHER.

    Args:
        rows: number of each sequence; its shifts are a function of that and the seed.
        number: of shifts.
        reach: largest shift.
        seed: of the shifts.
        both_strands: add each shift on the other strand as well.

    Raises:
        InputError: for a reach below 1, or fewer than two shifts.
    """
    if reach < 1 or number < 2:
        raise InputError(f"{number} shifts of up to {reach} positions: at least two of at least one are needed.")
    moved = [-integers(seed, k, rows, _STREAM, -reach, reach) for k in range(number)]
    strands = (False, True) if both_strands else (False,)
    return [Transform(shift, reverse) for shift in moved for reverse in strands]


def variation_score(
    predict: Callable[[Tensor], Any],
    one_hot: Tensor,
    reading: Reading,
    *,
    length: int,
    shifts: int = 20,
    seed: int = 0,
    both_strands: bool = False,
    output: str | int | None = None,
    batch_size: int = 64,
) -> Array:
    """GOPHER's variation score: mean over positions of the deviation over shifts, relative to the mean prediction.

    Every window of ``length`` begins at random places of the sequences, which leave ``(window - length) // 2`` on
    either side on average; positions that all possible windows hold are compared at base resolution. Compare equal
    bin sizes only. Lower is more robust; report the mean over sequences and outputs.

    Args:
        predict: the model.
        one_hot: ``(sequences, 4, window)``, wider than ``length``: 3,072 for 2,048 in the source.
        reading: what its outputs are.
        length: of the model's input.
        shifts: how many.
        seed: of the shifts.
        both_strands: over shifts on both strands together.
        output: which output is meant when there are several.
        batch_size: sequences at a time.

    Returns:
        ``(sequences, outputs)``.

    Raises:
        InputError: when the window has no room for shifts.

    Source: Toneyan, Tang & Koo (2022), Nature Machine Intelligence.
    """
    reach = (one_hot.shape[-1] - length) // 2
    if reach < 1:
        raise InputError(
            f"windows of {one_hot.shape[-1]} bp leave no room to shift an input of {length} bp: give wider windows, "
            f"e.g. of {length * 3 // 2} bp."
        )
    transforms = random_shifts(
        np.arange(len(one_hot)), number=shifts, reach=reach, seed=seed, both_strands=both_strands
    )

    def of(found: Consistency) -> Array:
        return found.relative

    return _in_batches(predict, one_hot, transforms, reading, of, batch_size, length=length, reach=reach, output=output)


def strand_score(
    predict: Callable[[Tensor], Any],
    one_hot: Tensor,
    reading: Reading,
    *,
    output: str | int | None = None,
    batch_size: int = 64,
) -> Array:
    """Strand discrepancy: mean |f(x) - g f(g x)| relative to the mean |output|, ``(sequences, outputs)``.

    Twice the deviation over the group of two; 0 for an exactly equivariant model up to the rounding of its arithmetic.
    """
    both = [Transform(), Transform(reverse=True)]

    def of(found: Consistency) -> Array:
        return 2 * found.relative

    return _in_batches(predict, one_hot, both, reading, of, batch_size, output=output)


def realignment_score(
    attribute: Callable[[Tensor], Any],
    one_hot: Tensor,
    *,
    shifts: Sequence[Transform],
    length: int | None = None,
    reading: Reading = LETTERS,
    batch_size: int = 16,
) -> Array:
    """Robustness of attribution maps: deviation over shifts of the realigned maps relative to the mean |attribution|.

    Args:
        attribute: from one-hot sequences to maps ``(batch, 4, length)``, e.g. input times gradient; it may use
            gradients.
        one_hot: ``(sequences, 4, window)``.
        shifts: e.g. 20 of :func:`random_shifts`, or both strands.
        length: of the model's input; by default the whole window, and N moves in.
        reading: for maps of another layout.
        batch_size: sequences at a time.

    Returns:
        ``(sequences,)``; 0 for maps that move with the sequence.
    """

    def with_gradients(x: Tensor) -> Tensor:
        with torch.enable_grad():
            found: Tensor = attribute(x)
        return found.detach()

    def of(found: Consistency) -> Array:
        return found.pooled

    return _in_batches(with_gradients, one_hot, shifts, reading, of, batch_size, length=length)


def mean_apart(given: ArrayLike, image: ArrayLike) -> float:
    """Mean |difference| of outputs and of their images from the other strand.

    Examples:
        >>> mean_apart([[1.0], [2.0]], [[1.0], [5.0]])
        1.5
    """
    return float(apart(given, image).mean())


def _in_batches(
    predict: Callable[[Tensor], Any],
    one_hot: Tensor,
    transforms: Sequence[Transform],
    reading: Reading,
    score: Callable[[Consistency], Array],
    batch_size: int,
    **options: Any,
) -> Array:
    """A score of all sequences; outputs of a batch alone are held at a time, whose positions may be many."""
    chunks = [slice(start, start + batch_size) for start in range(0, len(one_hot), batch_size)]
    return np.concatenate(
        [
            score(group_consistency(predict, one_hot[at], [g.rows(at) for g in transforms], reading, **options))
            for at in chunks
        ]
    )
