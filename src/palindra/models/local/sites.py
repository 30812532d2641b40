"""Where alternates differ from their references: one interval of positions per site."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


class Places:
    """Where sites are: a position on a reference for each, and what is asked of all of them again and again.

    Args:
        rows: number of the reference of each site.
        starts: a position for each.
        alternates: per site; alternates of a site follow each other.
    """

    def __init__(self, rows: Array, starts: Array, alternates: int) -> None:
        self.rows, self.starts, self.alternates = rows, starts, alternates
        self.first, self.last = int(starts.min()), int(starts.max())
        steps = np.diff(starts)
        even = (rows == rows[0]).all() and (len(steps) == 0 or (steps[0] >= 0 and (steps == steps[0]).all()))
        self.step: int | None = (int(steps[0]) if len(steps) else 0) if even else None  # on one reference
        self.count = len(rows) * alternates


class Sites:
    """Intervals of one width on reference sequences, at a distance from places that many tensors share.

    An interval may reach over either end of the sequence.

    Examples:
        >>> sites = Sites.of([0, 0], [3, 7], alternates=1, width=2).moved(-1, 4)
        >>> sites.starts.tolist(), sites.width, sites.inside(10), sites.inside(11)
        ([2, 6], 4, True, True)
    """

    __slots__ = ("offset", "places", "width")

    def __init__(self, places: Places, offset: int, width: int) -> None:
        self.places, self.offset, self.width = places, offset, width

    @classmethod
    def of(cls, rows: ArrayLike, starts: ArrayLike, *, alternates: int, width: int) -> Sites:
        """Sites from the number of the reference and the first position of each."""
        return cls(Places(np.asarray(rows, dtype=np.int64), np.asarray(starts, dtype=np.int64), alternates), 0, width)

    @property
    def rows(self) -> Array:
        """Number of the reference of each site."""
        return self.places.rows

    @property
    def starts(self) -> Array:
        """First position of each interval."""
        return self.places.starts + self.offset

    @property
    def alternates(self) -> int:
        """Alternates of each site."""
        return self.places.alternates

    @property
    def count(self) -> int:
        """Number of alternates of all sites."""
        return self.places.count

    def moved(self, by: int, width: int) -> Sites:
        """The intervals that begin ``by`` positions later."""
        return Sites(self.places, self.offset + by, width)

    def at(self, starts: Array, width: int) -> Sites:
        """The same sites with other intervals."""
        return Sites(Places(self.rows, starts, self.alternates), 0, width)

    def same_place(self, other: Sites) -> bool:
        """Whether the intervals are the same ones."""
        if self.width != other.width:
            return False
        if self.places is other.places:
            return self.offset == other.offset
        return np.array_equal(self.starts, other.starts)

    def inside(self, length: int) -> bool:
        """Whether no interval reaches over an end."""
        return self.places.first + self.offset >= 0 and self.places.last + self.offset + self.width <= length

    def valid(self, length: int) -> Array:
        """Which positions of each interval lie on the sequence ``(sites, width)``."""
        positions = self.starts[:, None] + np.arange(self.width)
        return np.asarray((positions >= 0) & (positions < length))


def overlaps(given: Sites, taken: Sites) -> list[tuple[Any, slice, slice]]:
    """For alternates whose intervals lie alike: which they are, and where the overlap is in either interval."""
    if given.places is taken.places:
        offset = given.offset - taken.offset
        first, last = max(offset, 0), min(offset + given.width, taken.width)
        return [(slice(None), slice(first - offset, last - offset), slice(first, last))] if first < last else []
    offsets = given.starts - taken.starts
    found: list[tuple[Any, slice, slice]] = []
    distinct = np.unique(offsets)
    for offset in distinct.tolist():
        first, last = max(offset, 0), min(offset + given.width, taken.width)
        if first >= last:
            continue
        rows: Any = slice(None)
        if len(distinct) > 1:
            rows = torch.from_numpy(np.flatnonzero(np.repeat(offsets == offset, given.alternates)))
        found.append((rows, slice(first - offset, last - offset), slice(first, last)))
    return found


def hull(parts: list[Sites]) -> Sites:
    """The narrowest intervals of one width that hold those of all parts.

    Examples:
        >>> one, two = (Sites.of([0, 0], at, alternates=1, width=3) for at in ([5, 9], [7, 9]))
        >>> joined = hull([one, two])
        >>> joined.starts.tolist(), joined.width
        ([5, 9], 5)
    """
    if all(parts[0].places is part.places for part in parts[1:]):
        first = min(part.offset for part in parts)
        return Sites(parts[0].places, first, max(part.offset + part.width for part in parts) - first)
    starts = np.minimum.reduce([part.starts for part in parts])
    ends = np.maximum.reduce([part.starts + part.width for part in parts])
    return parts[0].at(starts, int((ends - starts).max()))
