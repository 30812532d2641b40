"""The order of rows, and every random number of a row, as a function of (seed, epoch, index)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: steps of it visit all 64-bit numbers
_ORDER_STREAM = -1  # kept for epoch_order, so that no stream of a caller repeats the order
_MASK = (1 << 64) - 1


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit numbers one to one: the last step of SplitMix64 (Steele, Lea & Flood 2014).

    Examples:
        >>> mix(np.array([0x9E3779B97F4A7C15], dtype=np.uint64))  # first output of SplitMix64 seeded with 0
        array([16294208416658607535], dtype=uint64)
    """
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def random_bits(seed: int, epoch: int, indices: ArrayLike, stream: int) -> NDArray[np.uint64]:
    """64 random bits per row, a hash of (seed, epoch, stream, row): the same in any batch, worker and device."""
    key = np.zeros(1, dtype=np.uint64)
    for part in (seed, epoch, stream):
        key = mix(key + np.array([part & _MASK], dtype=np.uint64) * _GOLDEN + _GOLDEN)
    rows = np.asarray(indices, dtype=np.int64).astype(np.uint64)
    return mix(mix(key + rows * _GOLDEN) + key)


def uniform(seed: int, epoch: int, indices: ArrayLike, stream: int) -> NDArray[np.float64]:
    """One number in [0, 1) per row.

    Args:
        seed: of the run; any integer.
        epoch: number of the pass over the data.
        indices: row numbers in the whole data set (not in the batch), any shape.
        stream: which decision this is (0 = strand, 1 = shift, ...); different streams are independent.

    Examples:
        >>> whole = uniform(7, 0, range(10), stream=0)
        >>> bool((whole[[8, 3]] == uniform(7, 0, [8, 3], stream=0)).all())
        True
    """
    return (random_bits(seed, epoch, indices, stream) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(seed: int, epoch: int, indices: ArrayLike, stream: int, low: int, high: int) -> NDArray[np.int64]:
    """One integer in ``[low, high)`` per row; arguments as in ``uniform``.

    Raises:
        ValueError: if the range is empty or wider than 2^32 (beyond that the draw would no longer be even).

    Examples:
        >>> shifts = integers(7, 0, range(1000), stream=1, low=-3, high=4)
        >>> sorted(set(shifts.tolist()))
        [-3, -2, -1, 0, 1, 2, 3]
    """
    if not 0 < high - low <= 1 << 32:
        raise ValueError(f"integers from {low} up to {high}, {high} excluded: the range must hold 1 to 2^32 numbers.")
    return low + np.floor(uniform(seed, epoch, indices, stream) * (high - low)).astype(np.int64)


def epoch_order(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order in which an epoch visits its rows: a permutation of ``range(rows)``.

    Examples:
        >>> sorted(epoch_order(5, seed=7, epoch=0).tolist())
        [0, 1, 2, 3, 4]
    """
    bits = random_bits(seed, epoch, np.arange(rows), _ORDER_STREAM)
    return np.argsort(bits, kind="stable")
