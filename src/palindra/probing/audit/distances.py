"""How far two readings of the same sequences are apart, in units of how far different sequences are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palindra.errors import InputError
from palindra.evaluation.statistics import bootstrap_interval

Array = NDArray[Any]

RESAMPLES = 500


@dataclass(frozen=True)
class Apart:
    """The distance between two readings of one sequence.

    ``relative`` is the root mean square distance between both readings of a sequence over that between two different
    sequences: 0 where both readings agree, 1 where the other reading is as far away as another sequence. The interval
    covers the sampling of sequences.
    """

    relative: float
    low: float
    high: float
    distance: float  # root mean square distance of both readings
    spread: float  # the same of two different sequences
    cosine: float  # mean cosine of both readings
    sequences: int


def apart(first: Tensor, second: Tensor, *, seed: int = 0, resamples: int = RESAMPLES) -> Apart:
    """Compare two readings ``(sequences, width)`` or ``(sequences, places, width)``.

    Different sequences are compared place by place, so that what a place alone does to features is no spread. Places
    that are NaN in either reading are left out.

    Args:
        first: of each sequence.
        second: of the same shape.
        seed: of the bootstrap over sequences.
        resamples: of the bootstrap.

    Raises:
        InputError: for fewer than two sequences.

    Examples:
        >>> x = torch.tensor([[0.0], [2.0], [4.0]])
        >>> same, moved = apart(x, x), apart(x, x + 1)
        >>> same.relative, round(moved.relative, 3), moved.distance
        (0.0, 0.354, 1.0)
    """
    if first.shape != second.shape or first.dim() not in (2, 3):
        raise ValueError(f"readings of shapes {tuple(first.shape)} and {tuple(second.shape)} cannot be compared.")
    count = len(first)
    if count < 2:
        raise InputError(f"{count} sequences: an audit compares sequences with each other and needs two or more.")
    one, two = (reading.reshape(count, -1, first.shape[-1]) for reading in (first, second))
    known = ~(one.isnan().any(-1) | two.isnan().any(-1))  # (sequences, places)
    one, two = (reading.masked_fill(~known[..., None], 0.0) for reading in (one, two))
    places = known.sum(1).clamp(min=1)
    rows = known.sum(0).clamp(min=1)
    mean = one.double().sum(0) / rows[:, None]
    gap, around, cosine = (torch.zeros(count, dtype=torch.float64) for _ in range(3))
    for row in range(count):  # one sequence at a time in float64: the whole would be twice as large as what is given
        a, b = one[row].double(), two[row].double()
        gap[row] = (a - b).square().sum(-1).sum() / places[row]
        around[row] = ((a - mean).square().sum(-1) * known[row]).sum() / places[row]
        cosine[row] = (torch.nn.functional.cosine_similarity(a, b, dim=-1) * known[row]).sum() / places[row]
    gaps, spreads = gap.numpy(), 2 * around.numpy() * count / (count - 1)

    def ratio(chosen: NDArray[np.intp]) -> float:
        moved, spread = gaps[chosen].mean(), spreads[chosen].mean()
        return float(np.sqrt(moved / spread)) if spread > 0 else (0.0 if moved == 0 else float("nan"))

    try:
        relative, low, high = bootstrap_interval(ratio, count, seed, resamples=resamples)
    except InputError:  # sequences that (nearly) all have the same features: no interval
        relative, low, high = ratio(np.arange(count)), float("nan"), float("nan")
    return Apart(
        relative=float("inf") if np.isnan(relative) else relative,  # they differ where sequences do not
        low=low,
        high=high,
        distance=float(np.sqrt(gaps.mean())),
        spread=float(np.sqrt(spreads.mean())),
        cosine=float(cosine.mean()),
        sequences=count,
    )


def exchanged(first: Tensor, second: Tensor, *, tolerance: float = 1e-4) -> bool:
    """Whether the columns of one reading are those of the other in another order.

    Every column is summarised by a few random projections over sequences; two tables whose sorted projections agree
    have the same columns.

    Args:
        first: ``(sequences, width)``.
        second: of the same shape.
        tolerance: of sorted projections, in parts of the largest one.

    Examples:
        >>> x = torch.tensor([[1.0, 2.0], [3.0, 5.0], [7.0, 1.0]])
        >>> exchanged(x, x.flip(1)), exchanged(x, x.flip(0))
        (True, False)
    """
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(3, len(first), generator=generator, dtype=torch.float64)
    one, two = ((draws @ reading.double()).sort(dim=1).values for reading in (first, second))
    return bool((one - two).abs().max() <= tolerance * one.abs().max())


def left_after_map(first: Tensor, second: Tensor, *, most: int = 20_000) -> float | None:
    """What is left of a difference when the second reading may be brought to the first by one linear map.

    The map is fitted by least squares on the places of every second sequence and tried on those of the others, so
    that features which are merely exchanged, or mixed in a fixed way, leave next to nothing.

    Args:
        first: ``(sequences, places, width)``.
        second: of the same shape.
        most: places to fit and to try with.

    Returns:
        Root mean square of the rest over the spread of features; None with fewer than four places for each feature.
    """
    width = first.shape[-1]
    x_fit, y_fit = (_flat(reading[::2], most) for reading in (first, second))
    x_held, y_held = (_flat(reading[1::2], most) for reading in (first, second))
    if len(x_fit) < 4 * width or not len(x_held):
        return None
    ones = (torch.ones(len(part), 1, dtype=torch.float64) for part in (y_fit, y_held))
    inputs, tried = (torch.cat([part, one], 1) for part, one in zip((y_fit, y_held), ones, strict=True))
    gram = inputs.T @ inputs
    ridge = 1e-9 * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    weights = torch.linalg.solve(gram + ridge, inputs.T @ x_fit)
    rest = (tried @ weights - x_held).square().sum(1).mean()
    spread = 2 * (x_held - x_held.mean(0)).square().sum(1).mean()
    return float((rest / spread).sqrt()) if spread > 0 else None


def _flat(reading: Tensor, most: int) -> Tensor:
    """Places of all sequences one after the other, evenly thinned, in float64."""
    flat = reading.reshape(-1, reading.shape[-1])
    return flat[:: max(1, -(-len(flat) // most))].double()
