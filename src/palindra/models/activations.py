"""Point-wise functions by the names that configurations use."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from palindra.errors import InputError
from palindra.nn import Activation, gelu
from palindra.nn.activation import Pointwise, is_odd
from palindra.symmetry import Rep


def identity(x: Tensor) -> Tensor:
    """Nothing done."""
    return x


def quick_gelu(x: Tensor) -> Tensor:
    """``x * sigmoid(1.702 x)``, the approximation of GELU that Basenji uses (Hendrycks & Gimpel, 2016)."""
    return x * torch.sigmoid(1.702 * x)


POINTWISE: dict[str, Pointwise] = {
    "relu": torch.relu,
    "exponential": torch.exp,
    "gelu": gelu,
    "quick_gelu": quick_gelu,
    "silu": functional.silu,
    "elu": functional.elu,
    "softplus": functional.softplus,
    "tanh": torch.tanh,
    "softsign": functional.softsign,
    "identity": identity,
}
"""Functions by name; on odd channels the ones that are not odd themselves give way to the hyperbolic tangent."""


def activation(rep: Rep, name: str) -> Activation:
    """The layer of a named function on channels of a type.

    Raises:
        InputError: for an unknown name.

    Examples:
        >>> activation(Rep(regular=1), "exponential")(torch.zeros(1, 2))
        tensor([[1., 1.]])
    """
    function = POINTWISE[require_activation(name)]
    return Activation(rep, function, odd=function if rep.odd and is_odd(function) else torch.tanh)


def require_activation(name: str) -> str:
    """The name of a known function, as it is.

    Raises:
        InputError: for an unknown name.
    """
    if name not in POINTWISE:
        raise InputError(f"no activation is called {name!r}; choose one of {', '.join(POINTWISE)}.")
    return name
