"""Means and joins of points: the Lorentzian centroid, concatenation directly or with equal expected log-radius."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.lorentz.geometry.points import Curved, from_space, require_curvature


def centroid(
    points: Float[Tensor, "*batch points n1"],
    curvature: Curved,
    *,
    weight: Float[Tensor, "*batch points"] | None = None,
) -> Float[Tensor, "*batch n1"]:
    """The point nearest to many in squared Lorentz distance: their weighted mean, scaled back to the manifold.

    Args:
        points: along the last axis but one.
        curvature: K > 0.
        weight: not negative; equal weights by default. Only ratios matter.

    ``-<a, a>`` of a mean is never below 1/K; rounding that takes it below is taken back, which is the only bound here.

    Source: Law et al. (2019), Chen et al. (2022).
    """
    require_curvature(curvature)
    if weight is None:
        mean = points.mean(-2)
    else:
        share = weight / weight.sum(-1, keepdim=True)
        mean = (share.unsqueeze(-1) * points).sum(-2)
    return from_space(
        mean[..., 1:] * shrink(mean[..., 1:].square().sum(-1), mean[..., 0], curvature).unsqueeze(-1), curvature
    )


def shrink(squared: Tensor, time: Tensor, curvature: Curved) -> Tensor:
    """By what a mean ``(time, space)`` of points is multiplied to be a point: ``1 / sqrt(K (time^2 - |space|^2))``."""
    root = (1.0 / curvature + squared).sqrt()  # <= time, because the hyperboloid is convex
    above = torch.relu((time - root) * (time + root))
    return (1.0 + curvature * above).rsqrt()


def concatenate(
    points: Float[Tensor, "*batch points n1"], curvature: Curved, *, equal_log_radius: bool = False
) -> Float[Tensor, "*batch joined"]:
    """Join N points of n dimensions to one of N n dimensions.

    Space parts are stacked; the time coordinate is ``sqrt(sum t_i^2 - (N - 1) / K)``, so that N origins give the
    origin, for every K. With ``equal_log_radius`` the space part is then multiplied by :func:`log_radius_scale`.

    Examples:
        >>> concatenate(torch.tensor([[2.0, 0.0], [2.0, 0.0]]), 0.25)
        tensor([2., 0., 0.])

    Source: Qu & Zou (2022) for the direct form; ILNN (2026) for the log-radius.
    """
    space = points[..., 1:]
    count, dimension = space.shape[-2:]
    flat = space.flatten(-2)
    return from_space(flat * log_radius_scale(count, dimension) if equal_log_radius else flat, curvature)


def log_radius_scale(count: int, dimension: int) -> float:
    """``exp((psi(N d / 2) - psi(d / 2)) / 2)`` with psi the digamma function.

    Of normal vectors this is the ratio of the expected log-lengths of N d and of d numbers, about sqrt N.

    Examples:
        >>> round(log_radius_scale(9, 31), 2)
        3.04
    """
    half = torch.tensor([count * dimension / 2, dimension / 2], dtype=torch.float64)
    joined, single = torch.digamma(half).tolist()
    return math.exp((joined - single) / 2)
