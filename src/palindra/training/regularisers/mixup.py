"""Mixup: sequences and targets of two rows averaged, in shares drawn anew for every row and epoch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palindra.data.order import random_bits, uniform

PARTNER_STREAM, SHARE_STREAM = 40, 41


def beta_shares(alpha: float, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draws of a Beta(alpha, alpha) distribution, from even ones in [0, 1).

    Examples:
        >>> beta_shares(1.0, np.array([0.25])), beta_shares(5.0, np.array([0.5]))
        (array([0.25]), array([0.5]))
    """
    from scipy.special import betaincinv

    return np.asarray(betaincinv(alpha, alpha, numbers)).clip(0, 1)


def partners(rows: NDArray[np.int64], *, seed: int, epoch: int) -> NDArray[np.int64]:
    """For each row of a whole batch another row of it: neighbours in a random circle, so that each is taken once.

    Args:
        rows: of the batch over all processes.
        seed: of the run.
        epoch: number of the pass.

    Examples:
        >>> sorted(partners(np.array([4, 9, 2]), seed=0, epoch=0).tolist())
        [2, 4, 9]
    """
    circle = np.argsort(random_bits(seed, epoch, rows, PARTNER_STREAM), kind="stable")
    chosen = np.empty_like(rows)
    chosen[circle] = rows[np.roll(circle, -1)]
    return chosen


def row_shares(alpha: float, rows: NDArray[np.int64], *, seed: int, epoch: int) -> Tensor:
    """How much each row keeps of itself, float32 ``(rows,)``."""
    return torch.from_numpy(beta_shares(alpha, uniform(seed, epoch, rows, SHARE_STREAM))).float()


def mix(given: Tensor, other: Tensor, share: Tensor | float) -> Tensor:
    """``share * given + (1 - share) * other``, exactly one of them where the share is 1 or 0.

    What is missing (NaN) in either is missing in the mixture: nobody knows what two sequences together would show. Two
    rows of stranded targets mix strand by strand, since a mixture of types is of that type.

    Args:
        given: ``(rows, ...)``.
        other: the row that each is mixed with.
        share: one per row, or one for all.

    Source: Zhang et al. (2018), mixup.

    Examples:
        >>> mix(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, float("nan")]]), 0.75)
        tensor([[1.5000,    nan]])
        >>> mix(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, float("nan")]]), 1.0)
        tensor([[1., 2.]])
    """
    weight = torch.as_tensor(share, device=given.device).to(given.dtype).reshape(-1, *[1] * (given.ndim - 1))
    mixed = weight * given + (1 - weight) * other
    return torch.where(weight == 1, given, torch.where(weight == 0, other, mixed))
