"""Sets of positions of a genome, on one axis on which all chromosomes lie end to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.genome.exclude import subtract, union

Ints = NDArray[np.int64]


class Axis:
    """All chromosomes end to end, with one free position between neighbours, so that they never touch.

    Examples:
        >>> axis = Axis({"chr1": 10, "chr2": 5})
        >>> axis.at([0, 1], [3, 3]).tolist(), [part.tolist() for part in axis.split([3, 14])]
        ([3, 14], [[0, 1], [3, 3]])
    """

    def __init__(self, chromosomes: Mapping[str, int]) -> None:
        self.chromosomes = dict(chromosomes)
        self.names = tuple(chromosomes)
        self.lengths: Ints = np.array(list(chromosomes.values()), dtype=np.int64)
        self.offsets: Ints = np.concatenate([[0], np.cumsum(self.lengths + 1)[:-1]]).astype(np.int64)
        self.number = {name: number for number, name in enumerate(self.names)}

    def at(self, chrom: ArrayLike, position: ArrayLike) -> Ints:
        """Places on the axis of positions of chromosomes, given by their numbers."""
        return self.offsets[np.asarray(chrom)] + np.asarray(position, dtype=np.int64)

    def split(self, places: ArrayLike) -> tuple[Ints, Ints]:
        """Number of the chromosome, and the position in it, of places on the axis."""
        places = np.asarray(places, dtype=np.int64)
        chrom = np.searchsorted(self.offsets, places, side="right") - 1
        return chrom, places - self.offsets[chrom]

    def chromosome(self, number: int) -> tuple[int, int]:
        """Where a chromosome begins and ends on the axis."""
        return int(self.offsets[number]), int(self.offsets[number] + self.lengths[number])

    def text(self, start: int, end: int) -> str:
        """An interval of the axis as ``chrom:start-end``."""
        chrom, position = self.split([start])
        return f"{self.names[chrom[0]]}:{position[0]}-{position[0] + end - start}"


@dataclass(frozen=True)
class Regions:
    """Sorted intervals of an axis that neither overlap nor touch: a set of positions. Make one with ``of``.

    Examples:
        >>> some = Regions.of([0, 4, 20], [5, 9, 30])
        >>> print(some, "minus 8..25:", some.minus(Regions.of([8], [25])))
        0-9 20-30 minus 8..25: 0-8 25-30
        >>> some.covered([5], [25]).tolist(), some.home([1, 8], [9, 10]).tolist()
        ([9], [0, -1])
    """

    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, starts: ArrayLike, ends: ArrayLike) -> Regions:
        """The positions of any intervals, in any order, overlapping or empty ones among them."""
        return cls(*union(np.stack([np.asarray(starts, np.int64), np.asarray(ends, np.int64)], axis=1)).T)

    def __len__(self) -> int:
        return len(self.starts)

    def __str__(self) -> str:
        return " ".join(f"{start}-{end}" for start, end in zip(self.starts, self.ends, strict=True))

    @cached_property
    def lengths(self) -> Ints:
        """Positions in each interval."""
        return self.ends - self.starts

    @property
    def _spans(self) -> Ints:
        return np.stack([self.starts, self.ends], axis=1)

    @cached_property
    def _before(self) -> Ints:
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @property
    def total(self) -> int:
        """Number of positions."""
        return int(self._before[-1])

    def rank(self, places: ArrayLike) -> Ints:
        """How many positions of the set lie before each place; for a place of the set, its number in the set."""
        places = np.asarray(places, dtype=np.int64)
        if not len(self):
            return np.zeros(places.shape, dtype=np.int64)
        upto = np.searchsorted(self.starts, places, side="right")
        last = np.maximum(upto - 1, 0)
        inside = np.clip(places - self.starts[last], 0, self.lengths[last])
        return self._before[last] + np.where(upto > 0, inside, 0)

    def covered(self, starts: ArrayLike, ends: ArrayLike) -> Ints:
        """Number of positions of the set in each given interval."""
        return self.rank(ends) - self.rank(starts)

    def home(self, starts: ArrayLike, ends: ArrayLike) -> Ints:
        """For each given interval, the number of the interval of the set that holds it whole, or -1."""
        starts, ends = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)
        found = np.searchsorted(self.starts, starts, side="right") - 1
        if not len(self):
            return found
        return np.where((found >= 0) & (ends <= self.ends[np.maximum(found, 0)]), found, -1)

    def meet(self, other: Regions) -> Regions:
        """Positions that are in both."""
        return self.minus(self.minus(other))

    def join(self, other: Regions) -> Regions:
        """Positions that are in either."""
        return Regions(*union(self._spans, other._spans).T)

    def minus(self, other: Regions) -> Regions:
        """Positions that are not in the other."""
        return Regions(*subtract(self._spans, other._spans).T)

    def widened(self, by: int, axis: Axis) -> Regions:
        """Every interval extended on both sides, as far as its chromosome goes."""
        chrom = axis.split(self.starts)[0]
        low, high = axis.offsets[chrom], axis.offsets[chrom] + axis.lengths[chrom]
        return Regions.of(np.maximum(self.starts - by, low), np.minimum(self.ends + by, high))


def ranges(counts: Ints) -> Ints:
    """``0 .. n-1`` for each count, one after the other.

    Examples:
        >>> ranges(np.array([2, 0, 3])).tolist()
        [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


EMPTY = Regions.of([], [])
