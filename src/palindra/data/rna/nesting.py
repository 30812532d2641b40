"""Which pairs cross others (pseudoknots), and the largest set of pairs without a crossing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.rna.structure import Pairs


class NestedSplit(NamedTuple):
    """A largest subset of pairs without crossings, and the pairs left over (the pseudoknots)."""

    nested: Pairs
    crossing: Pairs


def crossing_pairs(pairs: Pairs) -> Pairs:
    """The pairs (i, j) that cross at least one other (k, l): i < k < j < l or k < i < l < j.

    Examples:
        >>> crossing_pairs(((0, 6), (1, 5), (3, 9)))
        ((0, 6), (1, 5), (3, 9))
        >>> crossing_pairs(((0, 9), (1, 5), (6, 8)))
        ()
    """
    if not pairs:
        return ()
    first, second = np.array(sorted(pairs), dtype=np.int64).T
    into = (first[:, None] < first) & (first < second[:, None]) & (second[:, None] < second)
    crossed = into.any(axis=1) | into.any(axis=0)
    return tuple(pair for pair, crosses in zip(sorted(pairs), crossed, strict=True) if crosses)


def split_nested(pairs: Pairs) -> NestedSplit:
    """Divide pairs into as many as possible that do not cross each other, and the rest.

    Of several largest subsets the one is taken whose pairs begin first.

    Examples:
        >>> split_nested(((0, 6), (1, 5), (3, 9)))
        NestedSplit(nested=((0, 6), (1, 5)), crossing=((3, 9),))
    """
    ordered = tuple(sorted(pairs))
    if not crossing_pairs(ordered):
        return NestedSplit(ordered, ())
    array = np.array(ordered, dtype=np.int64)
    places, renumbered = np.unique(array, return_inverse=True)  # unpaired bases change nothing, so they are left out
    first, second = renumbered.reshape(array.shape).T
    kept = heaviest_nested(first, second, np.ones(len(array)), len(places))
    chosen = np.zeros(len(array), dtype=bool)
    chosen[kept] = True
    return NestedSplit(
        tuple(pair for pair, keep in zip(ordered, chosen, strict=True) if keep),
        tuple(pair for pair, keep in zip(ordered, chosen, strict=True) if not keep),
    )


def nested_levels(pairs: Pairs) -> list[Pairs]:
    """Pairs divided into levels without crossings inside a level, the largest first; brackets of one kind each.

    Examples:
        >>> nested_levels(((0, 6), (1, 5), (3, 9)))
        [((0, 6), (1, 5)), ((3, 9),)]
    """
    levels: list[Pairs] = []
    rest: Pairs = tuple(pairs)
    while rest:
        nested, rest = split_nested(rest)
        levels.append(nested)
    return levels


def heaviest_nested(
    first: NDArray[np.int64], second: NDArray[np.int64], weight: ArrayLike, length: int
) -> NDArray[np.int64]:
    """Of weighted pairs the set with the largest sum in which none cross and no base occurs twice.

    The dynamic programme of Nussinov et al. (1978) over candidates only: with F(i, j) the best sum of the bases i to
    j - 1, F(i, j) = max(F(i+1, j), w(i, k) + F(i+1, k) + F(k+1, j)) over the candidates (i, k), a whole row of j at a
    time. Time grows with candidates x length, memory with length squared (8 bytes each).

    Args:
        first: smaller position of each candidate, from 0.
        second: larger position of each candidate.
        weight: of each candidate; those that are not above 0 are never taken.
        length: number of bases.

    Returns:
        Which candidates were taken, sorted. Of equal sums the one whose pairs begin first.

    Examples:
        >>> heaviest_nested(np.array([0, 1, 3]), np.array([6, 5, 9]), [1.0, 1.0, 1.5], 10)
        array([0, 1])
    """
    weights = np.asarray(weight, dtype=np.float64)
    order = np.lexsort((second, first))
    order = order[weights[order] > 0]
    starts = np.searchsorted(first[order], np.arange(length + 1))
    ends_of, weight_of = second[order].tolist(), weights[order].tolist()
    best = np.zeros((length + 2, length + 1))
    for i in range(length - 1, -1, -1):
        row, inside = best[i], best[i + 1]
        row[:] = inside
        for at in range(starts[i], starts[i + 1]):
            k = ends_of[at]
            np.maximum(row[k + 1 :], best[k + 1, k + 1 :] + (weight_of[at] + inside[k]), out=row[k + 1 :])
    taken: list[int] = []
    open_parts = [(0, length)]
    while open_parts:
        i, j = open_parts.pop()
        while i < j and best[i, j] > 0:
            for at in range(starts[i], starts[i + 1]):
                k = ends_of[at]
                if k < j and best[k + 1, j] + (weight_of[at] + best[i + 1, k]) == best[i, j]:
                    taken.append(int(order[at]))
                    open_parts += [(i + 1, k), (k + 1, j)]
                    i = j  # both parts are open now
                    break
            else:
                i += 1
    return np.array(sorted(taken), dtype=np.int64)
