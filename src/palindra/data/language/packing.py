"""Short stretches laid side by side into windows of one length."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]


class Packed(NamedTuple):
    """Where each stretch lies: its window, counted from 0, and its first position there."""

    window: Integers
    offset: Integers
    windows: int  # number of windows


def pack(lengths: ArrayLike, window: int, gap: int) -> Packed:
    """Lay stretches into as few windows as a simple rule needs, with a gap between two in one window.

    The longest stretch that is left opens a window, and the shortest ones fill it. Between two stretches lie
    ``gap`` positions; no stretch is cut.

    Args:
        lengths: of the stretches, each at most ``window``.
        window: positions of a window.
        gap: positions between two stretches.

    Raises:
        ValueError: if a stretch is longer than a window.

    Examples:
        >>> pack([3, 9, 4, 2], window=10, gap=1)
        Packed(window=array([2, 0, 1, 1]), offset=array([0, 0, 0, 5]), windows=3)
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if len(sizes) and sizes.max() > window:
        raise ValueError(f"a stretch of {sizes.max()} positions is longer than a window of {window}.")
    place = np.empty((2, len(sizes)), dtype=np.int64)
    order = np.argsort(-sizes, kind="stable").tolist()
    ordered = sizes[order].tolist()
    first, last, windows = 0, len(order) - 1, 0
    while first <= last:
        place[:, order[first]] = windows, 0
        used, first = ordered[first], first + 1
        while first <= last and used + gap + ordered[last] <= window:
            place[:, order[last]] = windows, used + gap
            used, last = used + gap + ordered[last], last - 1
        windows += 1
    return Packed(place[0], place[1], windows)
