"""Histories of users in the order of time, divided into past, validation and future."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from palindra.data.recommendation.interactions import Interactions
from palindra.errors import InputError

Items = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """For each user the items taken in training, validation and test, in the order of time; items count from 1.

    Number 0 is left for padding: it is never the number of an item.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]  # item number i is items[i - 1]
    train: tuple[Items, ...]
    valid: tuple[Items, ...]
    test: tuple[Items, ...]
    source: str

    @property
    def known(self) -> Items:
        """The items of the training part, sorted: the candidates. Nothing can be learnt of the others."""
        return np.unique(np.concatenate(self.train))

    def with_validation(self) -> Histories:
        """Training and validation joined, as for a last fit before the test (80/20)."""
        joined = tuple(np.concatenate(pair) for pair in zip(self.train, self.valid, strict=True))
        return replace(self, train=joined, valid=tuple(part[:0] for part in self.valid))


def keep_frequent(
    rows: Interactions, *, user_least: int = 5, item_least: int = 5, until_stable: bool = True
) -> Interactions:
    """Leave out users and items with few interactions, as published: at least five of each.

    Leaving out items takes interactions from users and the other way round. Articles do not say whether they count
    once; here counting is repeated until every user and item left has enough (the k-core), or done once, of users and
    items at the same time.

    Args:
        rows: all interactions.
        user_least: interactions that a user needs.
        item_least: interactions that an item needs.
        until_stable: repeat until nothing changes.

    Raises:
        InputError: if nothing is left.
    """
    kept = np.arange(len(rows))
    while True:
        of_user = np.bincount(rows.user[kept], minlength=len(rows.users))
        of_item = np.bincount(rows.item[kept], minlength=len(rows.items))
        enough = (of_user[rows.user[kept]] >= user_least) & (of_item[rows.item[kept]] >= item_least)
        kept = kept[enough]
        if not len(kept):
            raise InputError(
                f"{rows.source}: no user with at least {user_least} interactions with items that have at least "
                f"{item_least} is left of {len(rows.users)} users. Give more data, or ask for fewer "
                "(--user-least, --item-least)."
            )
        if enough.all() or not until_stable:
            break
    users, user = np.unique(rows.user[kept], return_inverse=True)
    items, item = np.unique(rows.item[kept], return_inverse=True)
    return Interactions(
        tuple(rows.users[u] for u in users),
        tuple(rows.items[i] for i in items),
        user,
        item,
        rows.time[kept],
        rows.lines[kept],
        rows.source,
        rows.sha256,
        rows.unit,
    )


def split_in_time(rows: Interactions, *, train: int = 70, valid: int = 10) -> Histories:
    """Divide every user's history: the first 70 % to train, 10 % for validation, the last 20 % to test.

    Counts are rounded down where training and where validation end, so 70/10/20 and 80/0/20 have the same test items.

    Args:
        rows: sorted interactions.
        train: per cent of the history.
        valid: per cent; 0 leaves no validation.

    Raises:
        InputError: with file and line, for a user whose training history would be empty.

    Examples:
        >>> rows = Interactions.from_rows([("ann", str(day), day) for day in range(10)])
        >>> parts = split_in_time(rows)
        >>> parts.train[0], parts.valid[0], parts.test[0]
        (array([1, 2, 3, 4, 5, 6, 7]), array([8]), array([ 9, 10]))
    """
    if not (0 < train <= 100 and valid >= 0 and train + valid < 100):
        raise InputError(
            f"a split of {train}/{valid}/{100 - train - valid} per cent: training and test need more than 0 each."
        )
    parts: tuple[list[Items], list[Items], list[Items]] = ([], [], [])
    bounds = np.searchsorted(rows.user, np.arange(len(rows.users) + 1))
    for user, (start, stop) in enumerate(itertools.pairwise(bounds.tolist())):
        history = rows.item[start:stop] + 1
        ends = (len(history) * train // 100, len(history) * (train + valid) // 100)
        if not ends[0]:
            raise InputError(
                f"{rows.where(start)}: user {rows.users[user]!r} has {len(history)} interaction"
                f"{'s' if len(history) > 1 else ''} only, so {train} % of the history are empty. Leave out users with "
                "few interactions (--user-least 5)."
            )
        for part, items in zip(parts, np.split(history, ends), strict=True):
            part.append(items)
    first, second, third = map(tuple, parts)
    return Histories(rows.users, rows.items, first, second, third, rows.source)
