"""Functions of a squared length, smooth at zero: what exponential and logarithmic maps do along a ray.

They choose between a series and a formula, entry by entry, though the function is smooth. To what follows tensors
through a model (attribution) each is one operation, as the functions of torch are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

SMOOTH: list[Callable[..., Tensor]] = []  # functions of one number, filled below


def _one_operation(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that ``__torch_function__`` sees whole."""

    @wraps(function)
    def whole(*tensors: Tensor) -> Tensor:
        if has_torch_function(tensors):
            found: Any = handle_torch_function(whole, tensors, *tensors)
            return found
        return function(*tensors)

    SMOOTH.append(whole)
    return whole


_NEAR = 1e-3  # below it five terms of the series are exact to 1e-17


@_one_operation
def safe_root(squared: Tensor) -> Tensor:
    """Square root whose gradient at zero is zero (the subgradient of a length), not infinite."""
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, torch.ones_like(squared)).sqrt(), squared * 0.0)


def _by_series(squared: Tensor, coefficients: tuple[float, ...], far: Tensor, near: Tensor) -> Tensor:
    """``far`` away from zero, and near it the power series, whose derivatives exist there."""
    small = torch.where(near, squared, torch.zeros_like(squared))
    series = torch.full_like(small, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        series = series * small + coefficient
    return torch.where(near, series, far)


def _away(squared: Tensor) -> tuple[Tensor, Tensor]:
    """Where the series is used, and the root everywhere else (one where it is used)."""
    near = squared < _NEAR
    return near, torch.where(near, torch.ones_like(squared), squared).sqrt()


@_one_operation
def sinhc(squared: Tensor) -> Tensor:
    """``sinh(r) / r`` of ``r**2``.

    Overflows to infinity above r = 88 in float32 and 709 in float64.

    Examples:
        >>> sinhc(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 1.1752])
    """
    near, r = _away(squared)
    return _by_series(squared, (1.0, 1 / 6, 1 / 120, 1 / 5040, 1 / 362880), r.sinh() / r, near)


def cosh_less_one(squared: Tensor) -> Tensor:
    """``cosh(r) - 1`` of ``r**2``, without cancellation: ``2 sinh(r / 2)**2``."""
    return 0.5 * squared * sinhc(squared / 4).square()


@_one_operation
def asinhc(squared: Tensor) -> Tensor:
    """``asinh(r) / r`` of ``r**2``: the inverse of :func:`sinhc` along a ray.

    Examples:
        >>> asinhc(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.8814])
    """
    near, r = _away(squared)
    return _by_series(squared, (1.0, -1 / 6, 3 / 40, -5 / 112, 35 / 1152), r.asinh() / r, near)


@_one_operation
def asinh_scaled(x: Tensor, exponent: Tensor) -> Tensor:
    """``asinh(exp(exponent) * x)`` for ``exponent >= 0``, where the exponential alone would overflow.

    Far from zero it is ``sign(x) (exponent + log(|x| + sqrt(x**2 + exp(-2 exponent))))``.

    Examples:
        >>> asinh_scaled(torch.tensor([0.5, -2.0]), torch.tensor([0.0, 200.0]))
        tensor([   0.4812, -201.3863])
    """
    shrunk = torch.exp(-exponent) + torch.finfo(x.dtype).tiny  # never zero
    inside = x.abs() < shrunk
    near = torch.asinh(torch.where(inside, x, torch.zeros_like(x)) / shrunk)
    outside = torch.where(inside, torch.ones_like(x), x)
    far = exponent + outside.abs().log() + torch.log1p((1.0 + (shrunk / outside).square()).sqrt())
    return torch.where(inside, near, outside.sign() * far)
