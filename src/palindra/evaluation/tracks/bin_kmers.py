"""k-mers of genome bins and their neighbours, the same for both strands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.sequences import count_kmers

Array = NDArray[Any]


def bin_kmers(codes: NDArray[np.uint8], bin_size: int, k: int, neighbours: int) -> Array:
    """Counts of k-mers in each bin, then in the bins at distance 1, 2, ... on both sides together.

    A k-mer counts as its reverse complement does, and in the bin that holds it whole; both neighbours at one distance
    share their columns. So the features of a bin do not depend on the strand that it is read from.

    Args:
        codes: ``(rows, (bins + 2 * neighbours) * bin_size)``, 0 to 3 for ACGT and more for anything else: the windows
            with ``neighbours`` bins on each side (4 beyond the ends of a chromosome).
        bin_size: bases per bin.
        k: 1 to 8, or 0 for no features at all.
        neighbours: bins on each side.

    Returns:
        ``(rows, bins, features)``; with k = 4 there are 136 features per distance.

    Raises:
        InputError: when the codes are no whole bins, or bins are shorter than k.

    Examples:
        >>> codes = np.array([[0, 0, 1, 1, 2, 0]], dtype=np.uint8)      # AA|CC|GA
        >>> bin_kmers(codes, 2, 1, 1).tolist()                          # (A or T, C or G) of the middle, of its sides
        [[[0.0, 2.0, 3.0, 1.0]]]
    """
    rows, length = codes.shape
    bins = length // bin_size - 2 * neighbours
    if length % bin_size or bins < 1 or bin_size < k:
        raise InputError(
            f"windows of {length} bp do not hold bins of {bin_size} bp with {neighbours} neighbours on each side and "
            f"{k}-mers inside: give the windows with {neighbours * bin_size} bp more on each side, and bins of at "
            f"least {max(k, 1)} bp."
        )
    if k == 0:
        return np.zeros((rows, bins, 0))
    counts = count_kmers(codes.reshape(-1, bin_size), k).reshape(rows, bins + 2 * neighbours, -1).astype(float)

    def shifted(by: int) -> Array:
        return counts[:, neighbours + by : neighbours + by + bins]

    sides = [shifted(-distance) + shifted(distance) for distance in range(1, neighbours + 1)]
    return np.concatenate([shifted(0), *sides], axis=2)
