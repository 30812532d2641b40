"""Sets of positions of one chromosome: union, difference and complement of sorted spans.

Spans are an int64 array (number, 2) of starts and ends, 0-based and half-open. Every function returns them sorted,
disjoint and with a gap between neighbours, so that equal sets are equal arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.genome.features import Features

Spans = NDArray[np.int64]

_NONE: Spans = np.empty((0, 2), dtype=np.int64)


def union(*parts: ArrayLike) -> Spans:
    """All positions that are in any of the spans; spans that overlap or touch become one.

    Raises:
        ValueError: if an array is not (number, 2) or a span ends before its start. Empty spans are left out.

    Examples:
        >>> union([[5, 9], [0, 2]], [[2, 3], [8, 12]]).tolist()
        [[0, 3], [5, 12]]
    """
    spans = np.concatenate([_NONE, *map(_checked, parts)])
    spans = spans[spans[:, 0] < spans[:, 1]]
    if not len(spans):
        return spans
    start, end = spans[np.argsort(spans[:, 0], kind="stable")].T
    reach = np.maximum.accumulate(end)
    first = np.concatenate([[True], start[1:] > reach[:-1]])  # a span begins where all before it have ended
    last = np.concatenate([first[1:], [True]])
    return np.stack([start[first], reach[last]], axis=1)


def complement(spans: ArrayLike, length: int) -> Spans:
    """The positions of a chromosome of this length that are in none of the spans.

    Examples:
        >>> complement([[2, 4], [4, 5], [9, 30]], 20).tolist()
        [[0, 2], [5, 9]]
    """
    taken = np.clip(union(spans), 0, length)
    edges = np.concatenate([[0], taken.ravel(), [length]]).reshape(-1, 2)
    return edges[edges[:, 0] < edges[:, 1]]


def subtract(spans: ArrayLike, holes: ArrayLike) -> Spans:
    """The positions that are in the spans and not in the holes.

    Examples:
        >>> subtract([[0, 10], [20, 30]], [[4, 6], [8, 25]]).tolist()
        [[0, 4], [6, 8], [25, 30]]
    """
    kept = union(spans)
    length = int(kept[-1, 1]) if len(kept) else 0
    return complement(union(complement(kept, length), holes), length)


def covered(windows: ArrayLike, spans: ArrayLike) -> NDArray[np.int64]:
    """How many positions of each window are in the spans; windows may overlap each other.

    Examples:
        >>> covered([[0, 10], [5, 15], [20, 22]], [[8, 12], [4, 6]]).tolist()
        [4, 5, 0]
    """
    taken = union(spans)
    before = np.concatenate([[0], np.cumsum(taken[:, 1] - taken[:, 0])])  # positions in all spans before this one

    def up_to(positions: NDArray[np.int64]) -> NDArray[np.int64]:
        index = np.searchsorted(taken[:, 0], positions)  # spans that begin before the position
        over = taken[index - 1, 1] - positions if len(taken) else positions
        return before[index] - np.where(index > 0, np.maximum(over, 0), 0)

    start, end = _checked(windows).T
    return up_to(end) - up_to(start)


def touches(windows: ArrayLike, spans: ArrayLike) -> NDArray[np.bool_]:
    """Whether a window shares a position with the spans; one next to a span does not.

    Examples:
        >>> touches([[0, 4], [3, 9], [6, 7]], [[4, 6]]).tolist()
        [False, True, False]
    """
    return covered(windows, spans) > 0


def regions(features: Features) -> dict[str, Spans]:
    """The union of the features on each chromosome that has some.

    Examples:
        >>> from palindra.data.genome import Interval
        >>> some = Features.of([Interval.parse(text) for text in ("chr2:5-9", "chr1:0-3", "chr2:8-12")])
        >>> {name: spans.tolist() for name, spans in regions(some).items()}
        {'chr2': [[5, 12]], 'chr1': [[0, 3]]}
    """
    chrom = np.array(features.chrom)
    spans = np.stack([features.start, features.end], axis=1)
    return {name: union(spans[chrom == name]) for name in dict.fromkeys(features.chrom)}


def _checked(spans: ArrayLike) -> Spans:
    array = np.asarray(spans, dtype=np.int64)
    if array.size == 0:
        return array.reshape(-1, 2)
    if array.ndim != 2 or array.shape[1] != 2 or (array[:, 0] > array[:, 1]).any():
        raise ValueError(f"spans are an array (number, 2) of start <= end, not of shape {array.shape}.")
    return array
