"""Attribution consistency: what explains a sequence explains it too when it is shifted or read on the other strand."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.sequences import shift
from palindra.training.regularisers.problem import Problem, attributions


def attribution_consistency(problem: Problem, x: Tensor, step: int) -> Float[Tensor, " rows"]:
    """How much realigned attributions of one sequence differ, per row: 0 equal, 1 unrelated, 2 opposite.

    The sequence is shifted by ``step`` one way, and by ``step`` the other way and then reverse-complemented (where it
    is known what outputs are on the other strand). Both maps, gradient times input, are brought back to the sequence's
    own positions and compared where both have all letters: ``|a - b|^2 / (|a|^2 + |b|^2)``. The two are each other's
    mirror image, so the number is the same for a sequence and its reverse complement if the network is equivariant, and
    0 without a shift.

    Args:
        problem: whose network is explained.
        x: inputs ``(rows, letters, length)``.
        step: positions.
    """
    offsets = torch.full((len(x),), step, device=x.device)
    first, second = shift(x, offsets), shift(x, -offsets)
    one = attributions(problem, first)
    if problem.aligned is None:
        other = attributions(problem, second)
    else:
        other = problem.source.act(attributions(problem, problem.source.act(second), other_strand=True))
    one, other = one[..., 2 * step :], other[..., : x.shape[-1] - 2 * step]
    difference = (one - other).square().flatten(1).sum(1)
    size = one.square().flatten(1).sum(1) + other.square().flatten(1).sum(1)
    return difference / torch.where(size > 0, size, torch.ones_like(size))
