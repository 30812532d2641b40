"""Geometry in space coordinates alone: the proper-velocity coordinates in which all layers compute.

A point is its space part x in R^n, unconstrained; its time coordinate is ``sqrt(1/K + |x|^2)`` whenever it is asked
for. So no step can leave the manifold, any permutation or change of sign of coordinates is an isometry, and K -> 0 is
Euclidean space without a special case (PVNN, 2026, calls these coordinates proper velocity).

Functions act along ``dim`` (channels, 1), and ``curvature`` is a positive scalar.
"""

from __future__ import annotations

from torch import Tensor

from palindra.lorentz.geometry.points import Curved
from palindra.lorentz.geometry.radial import asinhc, sinhc


def squared_length(x: Tensor, dim: int = 1) -> Tensor:
    """``|x|^2`` along ``dim``, kept with length one."""
    return x.square().sum(dim, keepdim=True)


def scaled_time(squared: Tensor, curvature: Curved) -> Tensor:
    """``sqrt K`` times the time coordinate, of squared lengths: ``sqrt(1 + K |x|^2)``, one at the origin."""
    return (1.0 + curvature * squared).sqrt()


def excess_time(squared: Tensor, curvature: Curved) -> Tensor:
    """Time coordinate above that of the origin, ``sqrt(1/K + |x|^2) - 1 / sqrt K``, without cancellation.

    Tends to zero with K, as ``sqrt K |x|^2 / 2``.
    """
    return curvature**0.5 * squared / (scaled_time(squared, curvature) + 1.0)


def log_origin(x: Tensor, curvature: Curved, dim: int = 1) -> Tensor:
    """The tangent vector at the origin that leads to x (its time coordinate is zero)."""
    return x * asinhc(curvature * squared_length(x, dim))


def exp_origin(v: Tensor, curvature: Curved, dim: int = 1) -> Tensor:
    """The point that the tangent vector v at the origin leads to; overflows beyond 88 / sqrt K in float32."""
    return v * sinhc(curvature * squared_length(v, dim))


def stretch(x: Tensor, factor: Tensor | float, curvature: Curved, dim: int = 1) -> Tensor:
    """Every point moved along its ray so that its distance from the origin is multiplied by ``factor``."""
    squared = curvature * squared_length(x, dim)
    ray = asinhc(squared)
    return x * (factor * ray * sinhc(squared * (factor * ray).square()))


def boost(x: Tensor, to: Tensor, curvature: Curved, *, back: bool = False, dim: int = 1) -> Tensor:
    """The isometry that carries the origin to ``to`` along their geodesic, or (``back``) ``to`` to the origin.

    It moves log-maps as parallel transport does: ``log_o(boost(x, m, back=True)) = PT_{m -> o}(log_m x)``.
    """
    root = curvature**0.5
    axis = root * (-to if back else to)
    gamma = scaled_time(squared_length(to, dim), curvature)
    time = scaled_time(squared_length(x, dim), curvature) / root
    return x + axis * ((axis * x).sum(dim, keepdim=True) / (1.0 + gamma) + time)


def change_curvature(x: Tensor, old: Curved, new: Curved, dim: int = 1) -> Tensor:
    """The same tangent vector at the origin, followed in another space: ``exp_o(log_o(x))`` in the new curvature."""
    return exp_origin(log_origin(x, old, dim), new, dim)
