"""Regression models that say how sure they are: a mean with its variance, or three quantiles, for each target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.symmetry import Target

LOWER, UPPER = 0.05, 0.95
"""Outer quantiles of a model of quantiles; conformal intervals of any coverage can be made from them."""

_LOG_VARIANCE = 8.0  # of standardised values: standard deviations from 0.02 to 55 times that of the labels


@dataclass(frozen=True)
class Spread:
    """What a model says of each target besides its value.

    Args:
        name: the loss that it is trained with, as on the command line.
        parameters: outputs for each target; the first is always the value itself.
        finish: numbers of a network ``(batch, targets, parameters)`` as these outputs.
    """

    name: str
    parameters: int
    finish: Callable[[Tensor], Tensor]


def _mean_and_log_variance(y: Tensor) -> Tensor:
    # A smooth bound: a clamp has no gradient beyond its ends, from where a network would not come back.
    return torch.stack([y[..., 0], _LOG_VARIANCE * torch.tanh(y[..., 1] / _LOG_VARIANCE)], dim=-1)


def _ordered_quantiles(y: Tensor) -> Tensor:
    middle, below, above = y.unbind(-1)
    return torch.stack([middle, middle - functional.softplus(below), middle + functional.softplus(above)], dim=-1)


SPREADS: dict[str, Spread] = {
    "gaussian": Spread("gaussian", 2, _mean_and_log_variance),
    "quantiles": Spread("quantiles", 3, _ordered_quantiles),
}
"""Gaussian: mean and log-variance (Nix & Weigend, 1994). Quantiles: median, lower and upper one, which never cross."""


def parameter_target(target: Target, parameters: int) -> Target:
    """How ``parameters`` blocks of all targets change with the strand: each block as the targets do.

    Raises:
        ValueError: for targets that change their sign, because a variance does not.

    Examples:
        >>> y = torch.tensor([[1., 2., 3., 4.]])  # values of plus and minus, then their log-variances
        >>> parameter_target(Target.paired([1, 0]), 2).act(y)
        tensor([[2., 1., 4., 3.]])
    """
    if target.rep is None:
        return target
    if target.rep.odd:
        raise ValueError(
            f"a target that changes its sign ({target.rep}) has no variance or quantiles of the same kind."
        )
    partners = target.act(torch.arange(target.rep.channels)[None])[0].tolist()
    return Target.paired([p + block * len(partners) for block in range(parameters) for p in partners])


class MeanVariance(nn.Module):
    """A network with several numbers for each target, read as the parameters of a distribution.

    Outputs are ``(batch, targets, parameters)``, so that a target's action on dimension 1 moves value and spread
    together: a model that is equivariant in its values is so in its uncertainty.

    Args:
        network: gives ``(batch, parameters * targets)``, in blocks, with :func:`parameter_target` as its target.
        spread: one of :data:`SPREADS`.

    Examples:
        >>> model = MeanVariance(nn.Linear(4, 6), SPREADS["gaussian"])
        >>> model(torch.zeros(5, 4)).shape  # mean and log-variance of three targets
        torch.Size([5, 3, 2])
    """

    def __init__(self, network: nn.Module, spread: Spread) -> None:
        super().__init__()
        self.network, self.spread = network, spread

    @property
    def config(self) -> Any:
        """The configuration of the network inside."""
        return self.network.config

    def forward(self, x: Float[Tensor, "batch letters *length"]) -> Float[Tensor, "batch targets parameters"]:
        blocks = self.network(x).unflatten(1, (self.spread.parameters, -1))
        return self.spread.finish(blocks.transpose(1, 2))


def values(outputs: Tensor) -> Float[Tensor, "batch targets"]:
    """The values alone, of outputs with or without a spread."""
    return outputs[..., 0] if outputs.dim() == 3 else outputs
