"""The average profile of training windows: what a predictor knows that only knows where in the window it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.symmetry import Target

Array = NDArray[Any]


def mean_profile(values: Iterable[Array], target: Target) -> Array:
    """Mean over windows at each position, the same for both strands; for windows that are centred on something.

    Args:
        values: batches ``(rows, tracks, bins)`` of training windows, NaN where missing; read once.
        target: how the tracks change on the other strand; a strand-specific one is left as it is.

    Returns:
        ``(tracks, bins)``; a position that is missing in every window gets the mean of its track.

    Raises:
        InputError: without windows, or for a track without any value.

    Examples:
        >>> from palindra.symmetry import Position
        >>> both = Target.invariant(1, Position.REVERSE)
        >>> mean_profile([np.array([[[0.0, 4.0, 1.0]], [[0.0, 2.0, np.nan]]])], both).tolist()
        [[0.5, 3.0, 0.5]]
    """
    total, count = np.zeros(()), np.zeros(())
    for batch in values:
        known = ~np.isnan(batch)
        total, count = total + np.where(known, batch, 0).sum(0, dtype=float), count + known.sum(0)
    if total.ndim != 2 or not count.any(1).all():
        raise InputError("an average profile needs training windows in which every track has a value somewhere.")
    overall = total.sum(1, keepdims=True) / count.sum(1, keepdims=True)
    profile: Array = np.where(count > 0, total / np.maximum(count, 1), overall)
    if target.rep is None:
        return profile
    return (profile + target.act(torch.from_numpy(profile)[None])[0].numpy()) / 2
