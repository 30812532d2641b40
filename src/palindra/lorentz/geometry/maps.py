"""Distances, exponential and logarithmic maps, parallel transport, of ambient points ``(..., 1 + n)``, time first.

All are written in the squared Lorentz length D of the difference of two points, which is computed without
cancellation; nothing is clamped. Functions trust that points are on the manifold (``require_points`` checks it) and
read time coordinates from space ones where that is more exact.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.lorentz.geometry.points import Curved, from_space, inner, require_curvature
from palindra.lorentz.geometry.radial import asinhc, cosh_less_one, safe_root, sinhc


def squared_chord(x: Float[Tensor, "*a n1"], y: Float[Tensor, "*b n1"], curvature: Curved) -> Float[Tensor, "*c"]:
    """``<x - y, x - y>``, exact to a few units of the last place near and far from the origin.

    The textbook form subtracts numbers that agree in all their digits. With ``d = x_s - y_s`` it equals
    ``(4 |d|^2 / K + G) / ((x_0 + y_0)^2 - |d|^2)``, where ``G = 4 (|x_s|^2 |y_s|^2 - (x_s . y_s)^2)`` is read from the
    part of the shortest of d, x_s, y_s that is orthogonal to the longer of the points: sums of squares only. Points far
    apart on opposite sides, where that denominator cancels, have the textbook form, which does not cancel there.
    """
    k = 1.0 / curvature
    xs, ys = torch.broadcast_tensors(x[..., 1:], y[..., 1:])  # type: ignore[no-untyped-call]
    difference = xs - ys
    squared, x_squared, y_squared = (v.square().sum(-1) for v in (difference, xs, ys))
    product = (xs * ys).sum(-1)
    times = (k + x_squared).sqrt() * (k + y_squared).sqrt()
    swap = x_squared > y_squared
    longer = torch.where(swap.unsqueeze(-1), xs, ys)
    shorter = torch.where(swap.unsqueeze(-1), ys, xs)
    length = torch.where(swap, x_squared, y_squared)
    shortest = torch.where((squared < torch.where(swap, y_squared, x_squared)).unsqueeze(-1), difference, shorter)
    one = torch.ones_like(length)
    share = (shortest * longer).sum(-1) / torch.where(length > 0, length, one)
    across = shortest - longer * share.unsqueeze(-1)
    opposite = product < -0.5 * times
    half = torch.where(opposite, one, k + times + product)
    near = 2 * k * squared / half + 2 * across.square().sum(-1) * (length / half)
    return torch.where(opposite, 2 * (times - product - k), near)


def distance(x: Float[Tensor, "*a n1"], y: Float[Tensor, "*b n1"], curvature: Curved) -> Float[Tensor, "*c"]:
    """Geodesic distance ``2 / sqrt K asinh(sqrt(K D) / 2)`` with D the squared chord.

    The gradient at coincident points is zero (the distance has none there).

    Examples:
        >>> x = exp_map(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0]), 1.0)
        >>> distance(torch.tensor([1.0, 0.0]), x, 1.0)
        tensor(3.0000)
    """
    require_curvature(curvature)
    chord = squared_chord(x, y, curvature)
    return safe_root(chord) * asinhc(curvature * chord / 4)


def tangent_length_squared(x: Tensor, u: Tensor, curvature: Curved) -> Tensor:
    """``<u, u>`` of a vector tangent at x: its part across x_s, and the one along x_s shrunk by the time."""
    xs, us = x[..., 1:], u[..., 1:]
    length = xs.square().sum(-1)
    along = (xs * us).sum(-1)
    unit = torch.where(length > 0, length, torch.ones_like(length))
    across = us - xs * (along / unit).unsqueeze(-1)
    return across.square().sum(-1) + along.square() / unit / (1.0 + curvature * length)


def exp_map(x: Float[Tensor, "*a n1"], u: Float[Tensor, "*b n1"], curvature: Curved) -> Float[Tensor, "*c n1"]:
    """The point reached from x along the geodesic that starts with the tangent vector u, after its length.

    ``cosh(r) x + sinh(r) / r u`` with ``r = sqrt K |u|``. The length of a tangent vector far from the origin is as
    exact as its coordinates: rounding them changes it by about eps cosh(sqrt K d(x, o)), relative.
    """
    require_curvature(curvature)
    squared = curvature * tangent_length_squared(x, u, curvature)
    xs, us = x[..., 1:], u[..., 1:]
    moved = xs + cosh_less_one(squared).unsqueeze(-1) * xs + sinhc(squared).unsqueeze(-1) * us
    return from_space(moved, curvature)


def log_map(x: Float[Tensor, "*a n1"], y: Float[Tensor, "*b n1"], curvature: Curved) -> Float[Tensor, "*c n1"]:
    """The tangent vector at x whose geodesic reaches y; its length is their distance.

    ``(asinh(s) / (s sqrt(1 + s^2))) (y - x - K D / 2 x)`` with ``s = sqrt(K D) / 2``: smooth at
    y = x, where it is zero.
    """
    require_curvature(curvature)
    chord = squared_chord(x, y, curvature)
    quarter = curvature * chord / 4
    xs, ys = x[..., 1:], y[..., 1:]
    space = (ys - xs) - (2 * quarter).unsqueeze(-1) * xs
    space = space * (asinhc(quarter) / (1.0 + quarter).sqrt()).unsqueeze(-1)
    return _tangent(xs, space, curvature)


def transport(x: Tensor, y: Tensor, v: Tensor, curvature: Curved) -> Float[Tensor, "*shape n1"]:
    """Parallel transport of v, tangent at x, along the geodesic to y: ``v + <y, v> / (1/K - <x, y>) (x + y)``.

    ``<y, v>`` is taken as ``<y - x, v>``, which is the same for tangent v and exact for near points.
    """
    require_curvature(curvature)
    chord = squared_chord(x, y, curvature)
    share = inner(y - x, v) / (2.0 / curvature + chord / 2)
    space = v[..., 1:] + share.unsqueeze(-1) * (x[..., 1:] + y[..., 1:])
    return _tangent(y[..., 1:], space, curvature)


def _tangent(at: Tensor, space: Tensor, curvature: Curved) -> Tensor:
    """The tangent vector with given space coordinates: ``<x, v> = 0`` gives its time coordinate."""
    time = (at * space).sum(-1) / (1.0 / curvature + at.square().sum(-1)).sqrt()
    return torch.cat([time.unsqueeze(-1), space], dim=-1)
