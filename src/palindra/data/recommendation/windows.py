"""What a sequential model trains on: the last items, the next ones, and items that were not taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import uniform
from palindra.data.recommendation.splits import Items
from palindra.errors import InputError

PADDING = 0
"""In place of an item before the first one; items count from 1."""


_NEGATIVE_STREAM = 401


class Windows(NamedTuple):
    """Training examples, one per row."""

    user: NDArray[np.int64]  # (windows,)
    past: NDArray[np.int64]  # (windows, length), padded in front
    targets: NDArray[np.int64]  # (windows, targets), padded in front


def windows(histories: Sequence[Items], *, length: int = 5, targets: int = 3) -> Windows:
    """Every run of ``length`` items and the ``targets`` items after them.

    A user with fewer than ``length + targets`` items has one window, padded in front: the last items are its targets
    (Tang & Wang, 2018). Targets that are padding belong in no loss.

    Examples:
        >>> found = windows([np.arange(1, 10), np.array([4, 2])])
        >>> found.past.tolist()
        [[1, 2, 3, 4, 5], [2, 3, 4, 5, 6], [0, 0, 0, 0, 0]]
        >>> found.targets.tolist()
        [[6, 7, 8], [7, 8, 9], [0, 4, 2]]
    """
    whole = length + targets
    rows = [np.lib.stride_tricks.sliding_window_view(_padded(items, whole), whole) for items in histories]
    user = np.repeat(np.arange(len(histories)), [len(some) for some in rows])
    table = np.concatenate(rows)
    return Windows(user, table[:, :length], table[:, length:])


def last_items(histories: Sequence[Items], length: int = 5) -> NDArray[np.int64]:
    """The last ``length`` items of every user ``(users, length)``, padded in front."""
    return np.stack([_padded(items, length)[-length:] for items in histories])


def _padded(items: Items, length: int) -> Items:
    return np.pad(items, (max(0, length - len(items)), 0), constant_values=PADDING)


class Unseen:
    """Items that a user has not taken in training, drawn evenly among the candidates.

    Args:
        histories: training items of every user.
        known: the candidates, sorted (see :attr:`Histories.known`); they hold all training items.

    Raises:
        InputError: for a user who has taken every item.

    Examples:
        >>> unseen = Unseen([np.array([1, 2, 4])], np.arange(1, 6))
        >>> drawn = unseen.draw(np.zeros(50, dtype=int), np.arange(50), 3, seed=0, epoch=0)
        >>> np.unique(drawn)
        array([3, 5])
    """

    def __init__(self, histories: Sequence[Items], known: Items) -> None:
        self.known = known
        seen = [np.searchsorted(known, np.unique(items)) for items in histories]
        self.left = np.array([len(known) - len(places) for places in seen])
        if not self.left.all():
            raise InputError(
                f"user number {int(self.left.argmin()) + 1} has taken all {len(known)} items, so none is left to be a "
                "negative. Give more items, or leave this user out."
            )
        # The r-th place not seen is r plus the seen places in front of it: those with (place - rank) <= r. Keys that
        # grow from user to user let one search serve all of them.
        self.start = np.concatenate([[0], np.cumsum([len(places) for places in seen])])
        self.keys = np.concatenate(
            [user * (len(known) + 1) + places - np.arange(len(places)) for user, places in enumerate(seen)]
        )

    def draw(
        self, user: NDArray[np.int64], index: NDArray[np.int64], count: int, *, seed: int, epoch: int
    ) -> NDArray[np.int64]:
        """``(rows, count)`` items: a function of (seed, epoch, number of the window), the same in any batch."""
        numbers = index[:, None] * count + np.arange(count)
        rank = (uniform(seed, epoch, numbers, _NEGATIVE_STREAM) * self.left[user, None]).astype(np.int64)
        before = np.searchsorted(self.keys, user[:, None] * (len(self.known) + 1) + rank, side="right")
        return self.known[rank + before - self.start[user, None]]
