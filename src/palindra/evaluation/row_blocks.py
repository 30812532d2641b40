"""Which rows of a test set are drawn together in a bootstrap: chromosomes, or stretches of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FEWEST = 5  # groups: with fewer the percentiles are those of a handful of draws
_WANTED = 50


class RowBlocks(NamedTuple):
    """The group of each row, and what the groups are in words; no groups where rows are taken as independent."""

    groups: NDArray[np.intp] | None
    words: str


def row_blocks(chromosomes: ArrayLike | None) -> RowBlocks:
    """Neighbours on a chromosome are alike, so they are drawn together.

    Whole chromosomes where there are five or more; otherwise stretches of rows that follow each other on one
    chromosome in the order of the file, about 50 of them. Without chromosomes, or with fewer than ten rows, rows are
    taken as independent.

    Args:
        chromosomes: name for each row, or None.

    Examples:
        >>> row_blocks(["chr8"] * 100 + ["chr9"] * 100).groups[[0, 3, 4, 100]].tolist()
        [0, 0, 1, 25]
        >>> row_blocks(list("ABCDEABCDE")).words
        'whole chromosomes'
        >>> row_blocks(None).groups is None
        True
    """
    if chromosomes is None or len(np.asarray(chromosomes)) < 2 * _FEWEST:
        return RowBlocks(None, "sequences")
    names, number = np.unique(np.asarray(chromosomes), return_inverse=True)
    if len(names) >= _FEWEST:
        return RowBlocks(number.astype(np.intp), "whole chromosomes")
    size = max(2, -(-len(number) // _WANTED))
    order = np.argsort(number, kind="stable")
    rank = np.empty(len(number), dtype=np.int64)  # place of a row on its chromosome
    starts = np.concatenate([[0], np.cumsum(np.bincount(number))[:-1]])
    rank[order] = np.arange(len(number)) - starts[number[order]]
    stretches = np.unique(np.stack([number, rank // size], axis=1), axis=0, return_inverse=True)[1]
    return RowBlocks(stretches.reshape(-1).astype(np.intp), "stretches of chromosomes")
