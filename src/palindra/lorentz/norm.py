"""Batch normalisation of points: their centroid is moved, their dispersion rescaled."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.lorentz.curvature import Curvature, full, geometry_precision
from palindra.lorentz.forms import invariant_parameter
from palindra.lorentz.geometry.centroids import shrink
from palindra.lorentz.geometry.radial import safe_root
from palindra.lorentz.geometry.space import boost, exp_origin, log_origin, scaled_time, squared_length, stretch
from palindra.nn.printed import OneLine
from palindra.nn.processes import total
from palindra.symmetry import Rep

Dispersion = Literal["mean distance", "frechet"]


class BatchNorm(OneLine):
    """Points carried from their centroid to a learned one, their distances from it divided by their dispersion.

    ``exp_beta(PT_{o -> beta}(PT_{mu -> o}(log_mu x) gamma / (s + eps)))`` with mu the centroid over the batch of the
    centroids over positions. Transport along geodesics to and from the origin is an isometry of the whole space, so the
    layer is two boosts and one stretch of the rays at the origin.

    Args:
        rep: type of the space coordinates, unchanged. The centroid is taken of all points and their images, so that it
            is invariant: a pair shares its coordinates, odd ones are zero; beta likewise.
        curvature: of the space.
        dispersion: s is the ``"mean distance"`` from the centroid (what the code of HGE computes under the name of a
            variance) or its root mean square, the root of the ``"frechet"`` variance.
        eps: added to s.
        momentum: of the running centroid (kept as a tangent vector at the origin, averaged as points) and of s.

    A mask ``(batch, positions)`` keeps padding out of centroid and dispersion.

    Examples:
        >>> layer = BatchNorm(Rep(even=3), Curvature(1.0))
        >>> layer(torch.randn(4, 3, 20)).shape
        torch.Size([4, 3, 20])
    """

    keeps_type = True
    running_mean: Tensor
    running_dispersion: Tensor
    beta: Tensor

    def __init__(
        self,
        rep: Rep,
        curvature: Curvature,
        *,
        dispersion: Dispersion = "mean distance",
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.in_rep = self.out_rep = rep
        self.curvature, self.dispersion, self.eps, self.momentum = curvature, dispersion, eps, momentum
        invariant_parameter(self, "beta", rep, torch.zeros(rep.channels))  # tangent at the origin: unconstrained
        self.gamma = nn.Parameter(torch.ones(()))
        self.register_buffer("running_mean", torch.zeros(rep.channels))
        self.register_buffer("running_dispersion", torch.ones(()))

    def forward(
        self, x: Float[Tensor, "batch channels *positions"], mask: Tensor | None = None
    ) -> Float[Tensor, "batch channels *positions"]:
        with geometry_precision(x):
            x, curvature = full(x), self.curvature()
            flat = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)  # (batch, channels, positions)
            inside = None if mask is None else mask.reshape(x.shape[0], 1, -1)
            column = (1, -1, 1)
            if self.training:
                mean = self._centroid(flat, inside, curvature).view(column)
            else:
                mean = exp_origin(self.running_mean.view(column), curvature)
            centred = boost(flat, mean, curvature, back=True)
            spread = self._dispersion(centred, inside, curvature) if self.training else self.running_dispersion
            if self.training:
                self._remember(mean.detach(), spread.detach(), curvature.detach())
            scaled = stretch(centred, self.gamma / (spread + self.eps), curvature)
            return boost(scaled, exp_origin(self.beta.view(column), curvature), curvature).view_as(x)

    def _centroid(self, x: Tensor, inside: Tensor | None, curvature: Tensor) -> Tensor:
        """Centroid over the batch (and the images of its points) of the centroids over positions, ``(channels,)``."""
        time = scaled_time(squared_length(x), curvature) * curvature.rsqrt()
        if inside is None:
            space, time = x.mean(2), time.mean(2)
        else:
            weight = inside.to(x.dtype)
            weight = weight / weight.sum(2, keepdim=True).clamp(min=1.0)
            space, time = (x * weight).sum(2), (time * weight).sum(2)
        scale = shrink(squared_length(space), time, curvature)
        space, time = space * scale, time * scale
        # A row of padding alone has no centroid.
        rows = torch.ones_like(time) if inside is None else inside.any(2).to(x.dtype)
        sums = total(torch.cat([(space * rows).sum(0), (time * rows).sum(0), rows.sum(0)]))  # of all processes
        space, time = sums[:-2] / sums[-1].clamp(min=1.0), sums[-2:-1] / sums[-1].clamp(min=1.0)
        space = (space + self.in_rep.act(space, dim=0)) / 2
        return space * shrink(space.square().sum(), time, curvature)

    def _dispersion(self, centred: Tensor, inside: Tensor | None, curvature: Tensor) -> Tensor:
        """Mean, or root mean square, of distances from the origin."""
        root = curvature.sqrt()
        distance = torch.asinh(root * safe_root(squared_length(centred))) / root
        values = distance.square() if self.dispersion == "frechet" else distance
        weight = torch.ones_like(values) if inside is None else inside.to(values.dtype).expand_as(values)
        sums = total(torch.stack([(values * weight).sum(), weight.sum()]))
        mean = sums[0] / sums[1].clamp(min=1)
        return safe_root(mean) if self.dispersion == "frechet" else mean

    @torch.no_grad()
    def _remember(self, mean: Tensor, spread: Tensor, curvature: Tensor) -> None:
        column, share = (1, -1, 1), self.momentum
        before = exp_origin(self.running_mean.view(column), curvature)
        space = torch.lerp(before, mean.to(before.dtype), share)
        times = [scaled_time(squared_length(p), curvature) * curvature.rsqrt() for p in (before, mean)]
        space = space * shrink(squared_length(space), torch.lerp(times[0], times[1], share), curvature)
        self.running_mean.copy_(log_origin(space, curvature).flatten())
        self.running_dispersion.lerp_(spread.to(self.running_dispersion.dtype), share)
