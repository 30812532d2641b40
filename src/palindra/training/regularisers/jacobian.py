"""Jacobian penalty: the squared norm of the gradients of the outputs with respect to the input."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.training.regularisers.problem import Moment, Problem, as_it_predicts

SIGN_STREAM = 46
MOST_EXACT = 8  # outputs per row whose gradients are computed one by one


def jacobian_penalty(problem: Problem, x: Tensor, moment: Moment) -> Float[Tensor, " rows"]:
    """Mean over outputs of the squared norm of their gradient, per row: ``|J|^2 / outputs``.

    Of up to eight outputs the gradients are computed one by one; of more (tracks) the norm is estimated without bias
    from one random combination ``v' J`` with independent signs ``v`` (Hutchinson). The network is taken as it predicts.

    Args:
        problem: whose network it is.
        x: inputs.
        moment: that decides the signs.

    Source: Hoffman, Roberts & Yaida (2019).
    """
    x = x.detach().requires_grad_()
    with as_it_predicts(problem.network):
        values = problem.values(problem.network(x))
    outputs = values.shape[1]
    exact = outputs <= MOST_EXACT
    combined = list(values.unbind(1)) if exact else [(moment.signs(SIGN_STREAM, values) * values).sum(1)]
    total = torch.zeros(len(x), device=x.device)
    for value in combined:
        (gradient,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        total = total + gradient.float().square().flatten(1).sum(1)
    return total / outputs
