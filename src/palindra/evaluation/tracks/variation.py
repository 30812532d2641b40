"""How much a prediction changes under changes of the input that should not matter: shifts, the other strand, or both.

One operator for any group: the deviation of ``g^-1 f(g x)`` over group elements g, relative to the mean (the variation
score of Toneyan, Tang & Koo 2022 for shifts).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError

Array = NDArray[Any]


def group_deviation(images: Iterable[Array]) -> Array:
    """Mean over positions of the standard deviation over images, relative to the mean of all of them.

    Args:
        images: for each element g of the group ``g^-1 f(g x)``, brought back to the same positions:
            ``(rows, tracks, positions)``. They are read one after the other.

    Returns:
        ``(rows, tracks)``: 0 for a prediction that does not change; NaN where predictions are zero on average.

    Raises:
        InputError: with fewer than two images, which cannot differ.

    Examples:
        >>> same, half = np.full((1, 1, 4), 2.0), np.full((1, 1, 4), 1.0)
        >>> group_deviation([same, same]).item(), round(group_deviation([same, half]).item(), 4)
        (0.0, 0.3333)
    """
    count, mean, squares = 0, np.zeros(()), np.zeros(())
    for image in images:
        count += 1
        step = np.asarray(image, dtype=np.float64) - mean
        mean = mean + step / count
        squares = squares + step * (image - mean)  # Welford: no difference of large numbers
    if count < 2:
        raise InputError(f"a deviation needs at least two images, and there are {count}: ask for more shifts.")
    spread, size = np.sqrt(squares / count).mean(-1), mean.mean(-1)
    return np.where(size > 0, spread / np.where(size > 0, size, 1), np.nan)


def common_positions(values: Array, *, bin_size: int, offset: int, first: int, length: int) -> Array:
    """Binned predictions of a shifted window at base resolution, cut to positions of the window that was not shifted.

    Args:
        values: ``(rows, tracks, bins)``.
        bin_size: positions of one value.
        offset: how many positions later the window began.
        first: first position that is kept, counted from the window that was not shifted.
        length: how many are kept.

    Examples:
        >>> values = np.array([[[1.0, 2.0, 3.0]]])
        >>> common_positions(values, bin_size=2, offset=1, first=2, length=3).tolist()
        [[[1.0, 2.0, 2.0]]]
    """
    start = first - offset
    bins = slice(start // bin_size, -(-(start + length) // bin_size))
    written = np.repeat(values[..., bins], bin_size, axis=-1)
    return written[..., start - bins.start * bin_size :][..., :length]
