"""Base-resolution values to bins of any size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError


def bin_means(values: NDArray[np.float32], bin_size: int) -> NDArray[np.float32]:
    """Mean of non-overlapping bins along the last axis; missing values (NaN) are left out of the mean.

    A bin without any measured value is NaN.

    Args:
        values: (..., length).
        bin_size: in positions; must divide the length.

    Raises:
        InputError: if the bins do not fit.

    Examples:
        >>> bin_means(np.array([[1, 3, np.nan, 5, np.nan, np.nan]], dtype=np.float32), 2)
        array([[ 2.,  5., nan]], dtype=float32)
    """
    length = values.shape[-1]
    if bin_size < 1 or length % bin_size:
        fitting = [size for size in range(1, length + 1) if length % size == 0]
        raise InputError(
            f"bins of {bin_size} bp do not fit windows of {length} bp. Sizes that fit are "
            f"{', '.join(map(str, fitting))}."
        )
    if bin_size == 1:
        return values
    binned = values.reshape(*values.shape[:-1], length // bin_size, bin_size)
    means = np.einsum("...b->...", binned) / np.float32(bin_size)  # several times faster than mean() for small bins
    lacking = np.isnan(means)
    if lacking.any():
        some = binned[lacking]
        present = ~np.isnan(some)
        count = present.sum(axis=-1)
        sums = np.where(present, some, np.float32(0)).sum(axis=-1)
        means[lacking] = np.divide(sums, count, out=np.full(len(some), np.nan, np.float32), where=count > 0)
    return means
