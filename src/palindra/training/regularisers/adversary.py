"""Adversarial training: the change of a sequence, within a limit, that makes its loss as large as possible."""

from __future__ import annotations

import torch
from torch import Tensor

from palindra.sequences.onehot import known_positions
from palindra.training.regularisers.problem import Problem, as_it_predicts


def projected_gradient(problem: Problem, x: Tensor, targets: Tensor, *, radius: float, steps: int) -> Tensor:
    """Inputs of larger loss in the L-infinity ball around ``x`` (projected gradient descent, PGD).

    Every step moves each entry by ``2.5 radius / steps`` (at most the radius) in the direction in which the loss grows,
    and back into the ball. It starts at ``x`` and draws nothing. The network is attacked as it predicts. Positions
    without any letter (N, what a shift moved in) are left alone.

    Args:
        problem: whose loss grows.
        x: ``(rows, letters, length)``.
        targets: of the rows.
        radius: of the ball.
        steps: number of gradients.

    Source: Madry et al. (2018).
    """
    known = (x != 0).any(1, keepdim=True)
    step = min(radius, 2.5 * radius / steps)
    moved = torch.zeros_like(x)
    for _ in range(steps):
        uphill = _loss_gradient(problem, x + moved, targets).sign()
        moved = torch.where(known, moved + step * uphill, moved).clamp(-radius, radius)
    return (x + moved).detach()


def substitutions(problem: Problem, x: Tensor, targets: Tensor, *, count: int) -> Tensor:
    """Sequences with up to ``count`` letters substituted by those that make the loss grow most, to first order.

    The loss of a substitution is estimated from one gradient at the sequence itself, each position on its own; where
    no letter promises a larger loss nothing is substituted. Positions that are not exactly one letter stay.

    Args:
        problem: whose loss grows.
        x: one-hot ``(rows, letters, length)``.
        targets: of the rows.
        count: letters per sequence.

    Source: Ebrahimi et al. (2018), HotFlip.
    """
    gradient = _loss_gradient(problem, x, targets)
    gain, letter = (gradient - (gradient * x).sum(1, keepdim=True)).max(1)
    gain = gain.masked_fill(~known_positions(x), 0.0)
    best, place = gain.topk(min(count, x.shape[2]), dim=1)
    changed = torch.zeros_like(gain, dtype=torch.bool).scatter(1, place, best > 0)
    substituted = torch.nn.functional.one_hot(letter, x.shape[1]).transpose(1, 2).to(x.dtype)
    return torch.where(changed[:, None], substituted, x).detach()


def _loss_gradient(problem: Problem, x: Tensor, targets: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    with as_it_predicts(problem.network):
        outputs = problem.network(x)
    (gradient,) = torch.autograd.grad(problem.loss(outputs, targets).sum(), x)
    return gradient.detach()
