"""Whether two sets can be told apart by the nearest neighbour of each member."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class NearestNeighbourTest(NamedTuple):
    """Leave-one-out accuracy of the nearest neighbour: .5 where two sets cannot be told apart, 1 where they can."""

    accuracy: float  # mean of the two below
    of_first: float  # share of the first set whose nearest neighbour is of the first set
    of_second: float  # low with the first one low: one set copies the other
    rows: int  # of each set that were compared


def nearest_neighbour_test(first: ArrayLike, second: ArrayLike, *, seed: int = 0) -> NearestNeighbourTest:
    """1-nearest-neighbour two-sample test (Lopez-Paz and Oquab, 2017; Xu et al., 2018).

    The larger set is reduced at random to the size of the smaller one, without which accuracy says which is larger.
    Of several nearest neighbours at the same distance (copies), the share that is of the own set counts. Accuracies
    below .5 say that members of one set lie on members of the other.

    Args:
        first: features ``(rows, features)``, e.g. square roots of k-mer frequencies, or embeddings.
        second: features of the other set.
        seed: of the reduction.

    Raises:
        ValueError: for fewer than two rows, or other features.

    Examples:
        >>> nearest_neighbour_test([[0.0], [0.1], [0.2]], [[5.0], [5.1], [5.2]]).accuracy
        1.0
        >>> nearest_neighbour_test([[0.0], [5.0], [9.0]], [[0.0], [5.0], [9.0]]).accuracy          # copies
        0.0
    """
    one, two = (np.asarray(rows, dtype=np.float64) for rows in (first, second))
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1]:
        raise ValueError(f"features of shapes {one.shape} and {two.shape}: both need (rows, the same features).")
    rows = min(len(one), len(two))
    if rows < 2:
        raise ValueError(f"sets of {len(one)} and {len(two)} rows: two of each are needed at least.")
    rng = np.random.default_rng(seed)
    one, two = (part if len(part) == rows else part[np.sort(rng.permutation(len(part))[:rows])] for part in (one, two))
    both = np.concatenate([one, two])
    own = np.arange(2 * rows) < rows
    shares = np.concatenate([_own_share(both, own, start) for start in range(0, 2 * rows, 512)])
    of_first, of_second = float(shares[:rows].mean()), float(shares[rows:].mean())
    return NearestNeighbourTest((of_first + of_second) / 2, of_first, of_second, rows)


def _own_share(both: NDArray[np.float64], own: NDArray[np.bool_], start: int) -> NDArray[np.float64]:
    block = both[start : start + 512]
    squares = (both**2).sum(axis=1)
    gaps = squares[start : start + 512, None] + squares - 2 * block @ both.T
    gaps = np.maximum(gaps, 0)
    gaps[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
    nearest = gaps <= gaps.min(axis=1, keepdims=True) + 1e-12 * float(squares.max(initial=1e-300))
    same = own[start : start + 512, None] == own
    return np.asarray((nearest & same).sum(axis=1) / nearest.sum(axis=1))
