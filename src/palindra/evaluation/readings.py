"""Two readings of the same sequences - on the other strand, or moved by a few letters - and how far they are apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """How far two readings of the same sequences are apart."""

    mean: float  # mean |difference| of the outputs
    largest: float
    relative: float  # mean in units of the standard deviation of the outputs over sequences
    correlation: float  # over sequences, pooled over outputs; NaN when a reading is constant
    flipped: float | None  # fraction of decisions that differ; None when nothing is decided


def difference(first: Tensor, second: Tensor, decide: Callable[[Tensor], Tensor] | None = None) -> Difference:
    """Compare two readings ``(sequences, ...)``; entries that are NaN in the second are left out.

    The standard deviation and the correlation are over sequences, with every output taken from its own mean: that all
    outputs have their own level is not agreement.

    Examples:
        >>> difference(torch.tensor([0., 1., 2.]), torch.tensor([1., 2., 3.])).correlation
        1.0
    """
    known = ~second.isnan()
    gap = (first - second).abs()[known].double()
    a, b = (torch.where(known, values, torch.nan).double() for values in (first, second))
    a, b = (values - values.nanmean(0) for values in (a, b))
    spread, other = float((a**2).nanmean().sqrt()), float((b**2).nanmean().sqrt())
    mean, product = float(gap.mean()), float((a * b).nanmean())
    return Difference(
        mean=mean,
        largest=float(gap.max()),
        relative=mean / spread if spread > 0 else (0.0 if mean == 0 else float("inf")),
        correlation=product / (spread * other) if spread > 0 and other > 0 else float("nan"),
        flipped=None if decide is None else _flipped(decide(first), decide(second), known),
    )


def _flipped(first: Tensor, second: Tensor, known: Tensor) -> float:
    differ = first != second
    return float((differ[known] if differ.shape == known.shape else differ).double().mean())


def move(x: Tensor, shift: int, fill: float = 0.0) -> Tensor:
    """Entries of the last axis moved by ``shift`` to the right (negative: left); freed ones filled.

    Examples:
        >>> move(torch.tensor([1., 2., 3.]), 1), move(torch.tensor([1., 2., 3.]), -2)
        (tensor([0., 1., 2.]), tensor([3., 0., 0.]))
    """
    moved = x.roll(shift, -1)  # a copy, so that filling does not touch x
    moved[..., slice(None, shift) if shift >= 0 else slice(shift, None)] = fill
    return moved


def unshift_track(output: Tensor, shift: int) -> Tensor:
    """A track ``(..., length)`` with one entry per letter moved back by ``shift``; freed entries are NaN.

    Examples:
        >>> unshift_track(torch.tensor([[1., 2., 3.]]), 1)
        tensor([[2., 3., nan]])
    """
    return move(output, -shift, torch.nan)
