"""Stems: runs of pairs that stack on each other."""

from __future__ import annotations

from typing import NamedTuple

from palindra.data.rna import Pairs


class Stem(NamedTuple):
    """Pairs (first, second), (first + 1, second - 1), ...; positions from 0."""

    first: int
    second: int
    pairs: int

    def __str__(self) -> str:
        """The stem as a reader counts, from 1."""
        if self.pairs == 1:
            return f"{self.first + 1:,}–{self.second + 1:,}"
        last_first, last_second = self.first + self.pairs, self.second - self.pairs + 2
        return f"{self.first + 1:,} to {last_first:,} with {last_second:,} to {self.second + 1:,}"

    @property
    def members(self) -> Pairs:
        """Its pairs."""
        return tuple((self.first + step, self.second - step) for step in range(self.pairs))


def stems(pairs: Pairs) -> list[Stem]:
    """Pairs as stems without a bulge or loop inside, in the order of their first bases.

    Examples:
        >>> [str(stem) for stem in stems(((0, 20), (1, 19), (2, 17), (5, 10)))]
        ['1 to 2 with 20 to 21', '3–18', '6–11']
    """
    left = set(pairs)
    found = []
    for i, j in sorted(pairs):
        if (i - 1, j + 1) in left:
            continue
        count = 1
        while (i + count, j - count) in left:
            count += 1
        found.append(Stem(i, j, count))
    return found
