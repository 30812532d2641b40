"""Sums over the processes that train one model together; on one process nothing is done."""

from __future__ import annotations

import torch
from torch import Tensor, distributed


def several_processes() -> bool:
    """Whether this is one of several processes that train one model."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def summed(*values: Tensor) -> tuple[Tensor, ...]:
    """The sum of each tensor over all processes, in one message; gradients do not flow through it.

    Every process has to call this with tensors of the same shapes.

    Examples:
        >>> summed(torch.tensor([1.0, 2.0]), torch.tensor(3.0))  # one process
        (tensor([1., 2.]), tensor(3.))
    """
    if not several_processes():
        return values
    message = torch.cat([value.flatten() for value in values])
    distributed.all_reduce(message)
    parts = torch.split(message, [value.numel() for value in values])
    return tuple(part.view(value.shape) for part, value in zip(parts, values, strict=True))


def over_processes(mean: Tensor, variance: Tensor, count: int) -> tuple[Tensor, Tensor, int]:
    """Mean, biased variance and number of values of all processes together, from those of this one.

    Args:
        mean: of each channel, over the values of this process.
        variance: about that mean.
        count: values of a channel.
    """
    if not several_processes():
        return mean, variance, count
    exact = mean.double()  # differences of large squares
    total, squares, counted = summed(
        exact * count, (variance.double() + exact.square()) * count, torch.tensor([count], device=mean.device).double()
    )
    mean_of_all = total / counted
    spread = (squares / counted - mean_of_all.square()).clamp(min=0)
    return mean_of_all.to(mean.dtype), spread.to(variance.dtype), round(float(counted))
