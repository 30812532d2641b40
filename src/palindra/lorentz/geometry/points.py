"""Points of the Lorentz model: their time coordinate, inner products, and how far a vector is from being one.

Points and tangent vectors are ambient, ``(..., 1 + n)`` with the time coordinate first; ``curvature`` is the positive
number K of a space of sectional curvature -K: ``<x, x> = -1/K``, origin ``(1/sqrt K, 0)``. Papers that write k mean
``k = 1/K``.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.errors import InputError

Curved = float | Tensor
"""A curvature K > 0: a number, or a tensor that broadcasts against points without their last axis."""


def require_curvature(curvature: Curved) -> None:
    """Raise unless a curvature is positive and finite.

    Raises:
        InputError: with the value, and what to give for a flat space.
    """
    if isinstance(curvature, Tensor):
        if torch.compiler.is_compiling() or curvature.device.type != "cpu":
            return  # reading it would stop a graph or wait for a device; Curvature is positive by construction
        wrong = curvature.detach()[~(curvature.detach() > 0) | ~curvature.detach().isfinite()].flatten()
        given = wrong[0].item() if len(wrong) else None
    else:
        given = None if curvature > 0 and math.isfinite(curvature) else curvature
    if given is not None:
        raise InputError(
            f"a curvature of {given:g} is given and a positive number K is needed, for a space of sectional "
            "curvature -K. For a flat space use the Euclidean layers, which are the limit K -> 0."
        )


def inner(u: Float[Tensor, "*shape ambient"], v: Float[Tensor, "*shape ambient"]) -> Float[Tensor, "*shape"]:
    """Lorentz inner product ``-u_0 v_0 + u_s . v_s``.

    Examples:
        >>> inner(torch.tensor([2.0, 1.0]), torch.tensor([3.0, 1.0]))
        tensor(-5.)
    """
    product = u * v
    return product[..., 1:].sum(-1) - product[..., 0]


def origin(dimension: int, curvature: float, *, dtype: torch.dtype | None = None) -> Float[Tensor, " ambient"]:
    """The point ``(1/sqrt K, 0, ..., 0)`` of a space of ``dimension`` dimensions."""
    require_curvature(curvature)
    point = torch.zeros(dimension + 1, dtype=dtype)
    point[0] = curvature**-0.5
    return point


def from_space(space: Float[Tensor, "*shape n"], curvature: Curved) -> Float[Tensor, "*shape ambient"]:
    """The point with given space coordinates: the time coordinate ``sqrt(1/K + |x_s|^2)`` is put first.

    Any ambient vector is put (back) on the manifold by ``from_space(x[..., 1:], K)``. In float32 the squares overflow
    at coordinates of 1.8e19, a distance of 45 / sqrt K from the origin (355 / sqrt K in float64); the time coordinate
    is then infinite, never clamped.

    Examples:
        >>> from_space(torch.tensor([0.0, 0.0, 0.0]), 0.25)
        tensor([2., 0., 0., 0.])
    """
    require_curvature(curvature)
    return torch.cat([(1.0 / curvature + space.square().sum(-1)).sqrt().unsqueeze(-1), space], dim=-1)


def manifold_error(point: Float[Tensor, "*shape ambient"], curvature: Curved) -> Float[Tensor, "*shape"]:
    """How far ambient vectors are from the manifold, relative to their size: ``|x_0 - t| / t`` with t the right time.

    A rounding error in either coordinate gives about one unit of the last place, at any distance from the origin, while
    ``<x, x> + 1/K`` itself grows with the square of the coordinates.
    """
    require_curvature(curvature)
    time = (1.0 / curvature + point[..., 1:].square().sum(-1)).sqrt()
    return (point[..., 0] - time).abs() / time


def require_points(point: Tensor, curvature: Curved, *, tolerance: float | None = None, what: str = "a point") -> None:
    """Raise unless ambient vectors are points of the manifold.

    Args:
        point: ``(..., 1 + n)``, time first.
        curvature: K > 0.
        tolerance: largest :func:`manifold_error`; 8 units of the last place of the dtype times sqrt(n) by default.
        what: their name, for the message.

    Raises:
        InputError: with the largest distance from the manifold and where it is.

    Examples:
        >>> require_points(torch.tensor([[1.0, 0.0], [2.0, 1.0]]), 1.0)
        Traceback (most recent call last):
        palindra.errors.InputError: a point at index [1] is off the manifold of curvature K = 1: its time coordinate
        is 2 and sqrt(1/K + |space|^2) = 1.41421 is needed, a relative distance of 0.41 (allowed 1e-06). ...
    """
    error = manifold_error(point, curvature)
    if tolerance is None:
        tolerance = 8 * torch.finfo(point.dtype).eps * max(1.0, (point.shape[-1] - 1) ** 0.5)
    worst = torch.where(error.isnan(), torch.full_like(error, math.inf), error)
    if not (worst <= tolerance).all():
        where = [int(i) for i in torch.unravel_index(worst.argmax(), worst.shape)] if worst.dim() else []
        vector, found = point[tuple(where)], worst.max().item()
        of = curvature if isinstance(curvature, Tensor) else torch.tensor(curvature)
        own = of.broadcast_to(worst.shape)[tuple(where)].item()
        needed = (1 / own + vector[1:].square().sum().item()) ** 0.5
        raise InputError(
            f"{what} at index {where} is off the manifold of curvature K = {own:g}: its time coordinate is "
            f"{vector[0].item():g} and sqrt(1/K + |space|^2) = {needed:g} is needed, a relative distance of "
            f"{found:.2g} (allowed {tolerance:.0e}). Was it made with another curvature? from_space(x[..., 1:], K) "
            "puts it on the manifold."
        )


def to_tangent(point: Tensor, vector: Tensor, curvature: Curved) -> Tensor:
    """The part of an ambient vector that is tangent at a point: ``v + K <v, x> x``."""
    return vector + (curvature * inner(vector, point)).unsqueeze(-1) * point


def riemannian_gradient(point: Tensor, gradient: Tensor, curvature: Curved) -> Tensor:
    """The gradient on the manifold of a function with ambient gradient ``gradient``: time flipped, made tangent."""
    flipped = torch.cat([-gradient[..., :1], gradient[..., 1:]], dim=-1)
    return to_tangent(point, flipped, curvature)
