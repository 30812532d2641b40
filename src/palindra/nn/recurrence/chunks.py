"""Sequences cut into chunks, and what a decaying state keeps between any two positions of one."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

SEGMENT = 2048  # positions whose intermediate results are held at once; the state goes on to the next segment


def with_skip(y: Tensor, x: Tensor, skip: Tensor | None) -> Tensor:
    """``y + skip x`` in the dtype of x, with one number of ``skip`` for each entry of the second dimension."""
    if skip is not None:
        y = y + skip.view(-1, *[1] * (x.dim() - 2)).to(y.dtype) * x.to(y.dtype)
    return y.to(x.dtype)


def compute_dtype(*tensors: Tensor | None) -> torch.dtype:
    """Dtype in which a recurrence runs: that of the most precise argument, and float32 at least."""
    dtype = torch.float32
    for tensor in tensors:
        dtype = dtype if tensor is None else torch.promote_types(dtype, tensor.dtype)
    return dtype


def into_chunks(x: Tensor, chunk: int) -> Tensor:
    """``(batch, heads, length, ...)`` to ``(chunks, batch * heads, chunk, ...)``, the last chunk filled with zeros."""
    x = x.flatten(0, 1)
    missing = -x.shape[1] % chunk
    if missing:
        x = functional.pad(x, (*[0, 0] * (x.dim() - 2), 0, missing))
    return torch.unflatten(x, 1, (-1, chunk)).transpose(0, 1).contiguous()


def from_chunks(x: Tensor, batch: int, length: int) -> Tensor:
    """Undo :func:`into_chunks`: ``(chunks, batch * heads, chunk, ...)`` to ``(batch, heads, length, ...)``."""
    return torch.unflatten(x.transpose(0, 1).flatten(1, 2)[:, :length], 0, (batch, -1))


class Decay(NamedTuple):
    """What is left at one position of a chunk of what was there at another.

    ``within[t, j]`` of the input at j after step t (zero for j > t), ``before[t, j]`` just before step t (zero for
    j >= t); ``entering`` and ``entering_before`` of the state that entered the chunk; ``leaving[j]`` and ``whole``
    after the last step.
    """

    within: Tensor
    before: Tensor
    entering: Tensor
    entering_before: Tensor
    leaving: Tensor
    whole: Tensor


def decay_within(log_decay: Float[Tensor, "*batch chunk"]) -> Decay:
    """Products of decays between all pairs of positions of every chunk.

    Each is the exponential of a sum of its own logarithms, at most zero: nothing overflows, and no large sums are
    subtracted. Entries that look ahead are minus infinity before the exponential.

    Examples:
        >>> import torch
        >>> decay_within(torch.tensor([0.5, 0.25, 0.5]).log()).within
        tensor([[1.0000, 0.0000, 0.0000],
                [0.2500, 1.0000, 0.0000],
                [0.1250, 0.5000, 1.0000]])
    """
    steps = functional.pad(log_decay, (1, 0))  # position 0 is the state that enters
    size = steps.shape[-1]
    later = torch.ones(size, size, dtype=torch.bool, device=steps.device).tril(-1)
    sums = torch.where(later, steps.unsqueeze(-1), 0.0).cumsum(-2)
    kept = sums.masked_fill(later.mT, -math.inf).exp()
    return Decay(
        kept[..., 1:, 1:], kept[..., :-1, 1:], kept[..., 1:, :1], kept[..., :-1, :1],
        kept[..., -1, 1:].unsqueeze(-1), kept[..., -1, :1].unsqueeze(-1),
    )  # fmt: skip
