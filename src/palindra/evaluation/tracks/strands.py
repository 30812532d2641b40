"""How far predictions of the two strands are apart, read by the target's declared action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.consistency import apart
from palindra.evaluation.tracks.predictions import Predictions
from palindra.symmetry import Target

Array = NDArray[Any]


@dataclass(frozen=True)
class StrandDiscrepancy:
    """Per track, 0 for an exactly equivariant model up to the rounding of its arithmetic."""

    relative: Array  # mean |p(x) - action(p(RC x))| / mean |p(x)|; NaN for a track predicted as 0
    largest: Array  # largest |p(x) - action(p(RC x))|


def strand_discrepancy(given: Predictions, other: Predictions, target: Target) -> StrandDiscrepancy:
    """Compare predictions with those for the reverse-complemented windows, brought back by the target's action.

    A stranded pair must swap and every track must reverse; leaving either out makes an exact model look wrong.

    Args:
        given: predictions of the windows as they are.
        other: predictions for the reverse complements of the same windows, as the model put them out.
        target: how the tracks change on the other strand.

    Raises:
        InputError: when windows, tracks or bins differ, or the target is strand-specific.

    Examples:
        >>> from palindra.symmetry import Position
        >>> forward = Predictions.of([[[1., 2., 3.], [4., 5., 6.]]], np.zeros((1, 2, 3)))
        >>> reverse = Predictions.of([[[6., 5., 4.], [3., 2., 1.]]], np.zeros((1, 2, 3)))
        >>> strand_discrepancy(forward, reverse, Target.paired([1, 0], Position.REVERSE)).relative.tolist()
        [0.0, 0.0]
    """
    if target.rep is None:
        raise InputError(
            "the target is strand-specific: its values on the other strand are unknown, so there is nothing to compare "
            "with. Declare what the tracks become on the other strand."
        )
    if len(given) != len(other) or given.tracks != other.tracks or given.bins != other.bins:
        raise InputError(
            f"{len(given)} windows of {len(given.tracks)} tracks in {given.bins} bins against {len(other)} of "
            f"{len(other.tracks)} in {other.bins}: both strands are predicted for the same windows, tracks and bins."
        )
    shape = len(given.tracks)
    gap, size, largest = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for rows, prediction, _ in given.chunks():
        difference = apart(prediction, on_the_given_strand(other.read(rows, slice(None))[0], target))
        gap += difference.sum((0, 2))
        size += np.abs(prediction).sum((0, 2))
        largest = np.maximum(largest, difference.max((0, 2)))
    return StrandDiscrepancy(np.where(size > 0, gap / np.where(size > 0, size, 1), np.nan), largest)


def on_the_given_strand(prediction: ArrayLike, target: Target) -> Array:
    """Predictions ``(rows, tracks, bins)`` for reverse complements, as predictions for the sequences themselves."""
    return target.act(torch.from_numpy(np.ascontiguousarray(prediction))).numpy()
