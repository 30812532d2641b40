"""The curvature of a space as a module: positive by construction, shared by many layers, trained at its own rate."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from palindra.lorentz.geometry import require_curvature
from palindra.lorentz.geometry.space import change_curvature


class Curvature(nn.Module):
    """A positive curvature K, stored as its logarithm, so that a step of the optimiser changes it by a factor.

    One instance may be given to any number of layers; it is one parameter then. In a state dict each of them has its
    own entry, with the same value and memory of its own, as files that refuse shared memory ask.

    Args:
        initial: K at the start.
        learned: whether it is trained.
        learning_rate: of the logarithm, whatever the rate of the weights: the optimiser puts parameters of a layer
            that has this attribute into a group of their own, without weight decay. At 0.01 two hundred steps in one
            direction change K by a factor of 7.

    Raises:
        InputError: unless ``initial`` is positive and finite.

    Examples:
        >>> Curvature(0.5)()
        tensor(0.5000, grad_fn=<ExpBackward0>)
        >>> Curvature(-1.0)
        Traceback (most recent call last):
        palindra.errors.InputError: a curvature of -1 is given and a positive number K is needed, ...
    """

    def __init__(self, initial: float = 1.0, *, learned: bool = True, learning_rate: float = 1e-2) -> None:
        super().__init__()
        require_curvature(initial)
        self.learning_rate = learning_rate
        self.logarithm = nn.Parameter(torch.tensor(math.log(initial)), requires_grad=learned)

    def forward(self) -> Tensor:
        """K, a scalar in the dtype of the parameter, float32 at least; autocast does not touch it."""
        return self.logarithm.exp()

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        name = f"{prefix}logarithm"
        destination[name] = destination[name] if keep_vars else destination[name].clone()

    def extra_repr(self) -> str:
        return f"K={self().item():.4g}" + ("" if self.logarithm.requires_grad else ", fixed")


class ChangeCurvature(nn.Module):
    """Features carried from one space to another: ``exp_o`` in the new curvature of ``log_o`` in the old one.

    Distances from the origin are kept. Between equal curvatures it does nothing.

    Args:
        old: curvature of the inputs.
        new: curvature of the outputs.
    """

    def __init__(self, old: Curvature, new: Curvature) -> None:
        super().__init__()
        self.old, self.curvature = old, new

    def forward(self, x: Tensor) -> Tensor:
        with geometry_precision(x):
            return change_curvature(full(x), self.old(), self.curvature())


def geometry_precision(x: Tensor) -> torch.autocast:
    """No autocast: geometry is computed in float32 at least, whatever the matrix products around it use."""
    return torch.autocast(x.device.type, enabled=False)


def full(x: Tensor) -> Tensor:
    """Half-precision coordinates as float32 ones, others as they are.

    bfloat16 from a matrix product is a rounding of space coordinates (0.4 %), which leaves a point a point.

    Raises:
        ValueError: for float16, which overflows at 65,504.
    """
    if x.dtype is torch.float16:
        raise ValueError(
            "hyperbolic layers got float16, in which coordinates overflow at a distance of 11 / sqrt K: train in "
            "float32 or bfloat16 (--precision)."
        )
    return x.float() if x.dtype is torch.bfloat16 else x
