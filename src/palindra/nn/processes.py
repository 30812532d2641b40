"""Sums over the processes that train one model together, and work that they share; on one process nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from palindra.errors import InputError

_PATIENCE = timedelta(days=30)  # with work of the first process; should that end, others notice at once


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


class _Total(torch.autograd.Function):
    """What every process adds moves the losses of all of them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return summed(value)[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return summed(grad.contiguous())[0]


def total(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes, through which gradients flow to what each of them added."""
    return _Total.apply(value) if several_processes() else value  # type: ignore[no-untyped-call]


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
    whole, squares, counted = summed(
        exact * count, (variance.double() + exact.square()) * count, torch.tensor([count], device=mean.device).double()
    )
    mean_of_all = whole / counted
    spread = (squares / counted - mean_of_all.square()).clamp(min=0)
    return mean_of_all.to(mean.dtype), spread.to(variance.dtype), round(float(counted))


def in_turn(count: int, compute: Callable[[int], Tensor]) -> Iterator[Tensor]:
    """Results ``compute(0)``, ``compute(1)``, ..., each computed by one process and given to all, in their order.

    No process computes a result twice, or one that another computes, and none holds more than a round of them.

    Args:
        count: how many; the same on all processes.
        compute: gives float tensors with as many axes each, on the CPU.

    Examples:
        >>> torch.cat(list(in_turn(3, lambda number: torch.full((number,), float(number)))))
        tensor([1., 2., 2.])
    """
    if not several_processes():
        yield from map(compute, range(count))
        return
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    gpu = distributed.get_backend() == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if gpu else torch.device("cpu")
    for start in range(0, count, processes):
        own = compute(start + rank).float() if start + rank < count else torch.zeros(0)
        axes = torch.zeros(processes, 8, dtype=torch.int64, device=device)
        axes[rank, : own.dim() + 1] = torch.tensor([own.dim(), *own.shape], device=device)
        distributed.all_reduce(axes)
        shapes = [tuple(row[1 : 1 + row[0]]) for row in axes.tolist()]
        sizes = [int(torch.tensor(shape).prod()) for shape in shapes]
        message = torch.zeros(max(sizes), device=device)
        message[: own.numel()] = own.flatten()
        parts = [torch.empty_like(message) for _ in range(processes)]
        distributed.all_gather(parts, message)
        for part, shape, size in list(zip(parts, shapes, sizes, strict=True))[: count - start]:
            yield part[:size].view(shape).cpu()


@contextmanager
def first_alone() -> Iterator[None]:
    """Work of the first process, for which the others wait, however long it takes.

    All processes have to enter. The limits that processes have for each other's messages, minutes, do not count here;
    but where the first process fails or dies, all do.

    Raises:
        InputError: on the other processes, if the work of the first failed.
    """
    if not several_processes():
        yield
        return
    waiting = distributed.new_group(backend="gloo", timeout=_PATIENCE)
    failed = torch.ones(1)
    try:
        yield
        failed = torch.zeros(1)
    finally:
        distributed.all_reduce(failed, group=waiting)
        distributed.destroy_process_group(waiting)
    if failed:
        raise InputError("the first process could not do its part of the work.")
