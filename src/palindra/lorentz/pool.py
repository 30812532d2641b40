"""Pooling of points by their centroid."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.lorentz.curvature import Curvature, full, geometry_precision
from palindra.lorentz.geometry.centroids import shrink
from palindra.lorentz.geometry.space import scaled_time, squared_length
from palindra.nn.fit import require_fit
from palindra.symmetry import Position, Rep


class CentroidPool1d(nn.Module):
    """The Lorentzian centroid of windows, or of whole sequences; exact on every type.

    Args:
        rep: type of the space coordinates, unchanged.
        curvature: of the space.
        size: points per window; None pools ``(batch, channels, length)`` to ``(batch, channels)``.
        stride: between windows, ``size`` by default; they must fit the length exactly where positions are reversed.
        position: the action on positions.
    """

    def __init__(
        self,
        rep: Rep,
        curvature: Curvature,
        size: int | None = None,
        *,
        stride: int | None = None,
        position: Position = Position.REVERSE,
    ) -> None:
        super().__init__()
        self.in_rep = self.out_rep = rep
        self.curvature, self.size, self.stride, self.position = curvature, size, stride or size, position
        self.out_position = position if size else Position.IDENTITY

    def forward(
        self, x: Float[Tensor, "batch channels length"], mask: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, "batch channels *windows"]:
        with geometry_precision(x):
            x, curvature = full(x), self.curvature()
            time = scaled_time(squared_length(x), curvature) * curvature.rsqrt()
            if self.size is not None:
                if mask is not None:
                    raise ValueError("masks are for pooling of whole sequences; windows of padding have no centroid.")
                require_fit(
                    "pooling by centroids",
                    x.shape[-1],
                    extent=self.size,
                    stride=self.stride or self.size,
                    padding=0,
                    position=self.position,
                )
                x, time = (functional.avg_pool1d(part, self.size, self.stride or self.size) for part in (x, time))
            elif mask is None:
                x, time = x.mean(2), time.mean(2)
            else:
                weight = mask.unsqueeze(1).to(x.dtype)
                total = weight.sum(2)
                empty = total == 0  # of padding alone: the origin, where time is 1 / sqrt K
                x = (x * weight).sum(2) / total.clamp(min=1.0)
                time = (time * weight).sum(2) / total.clamp(min=1.0) + empty * curvature.rsqrt()
            return x * shrink(squared_length(x), time, curvature)

    def extra_repr(self) -> str:
        return "whole sequence" if self.size is None else f"{self.size}, stride={self.stride}"
