"""What makes a linear map hyperbolic, after the matrix product: three published ways behind one interface.

Each form turns ``W x``, the squared length of x and the lengths of the rows of W into space coordinates of the output.
That is all a layer needs, for vectors as for the windows of a convolution: the direct concatenation of a window has the
squared length of all its space coordinates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from palindra.lorentz.curvature import full
from palindra.lorentz.geometry.radial import asinh_scaled, asinhc, safe_root
from palindra.lorentz.geometry.space import excess_time, exp_origin, scaled_time
from palindra.symmetry import Position, Rep, moved_entries, tie


class Form(nn.Module, ABC):
    """The hyperbolic part of a linear map with outputs of type ``rep``; its parameters are invariant vectors.

    Args:
        rep: type of the outputs.
        bias: whether there is a translation.

    Attributes:
        reads_rows: whether it needs the lengths of the rows of W.
    """

    reads_rows: ClassVar[bool] = False

    @abstractmethod
    def forward(self, product: Tensor, squared: Tensor, rows: Tensor | None, curvature: Tensor) -> Tensor:
        """Space coordinates of the output.

        Args:
            product: ``W x``, ``(batch, out_channels, *positions)``.
            squared: ``|x|^2``, ``(batch, 1, *positions)``.
            rows: squared lengths of the rows of W, ``(out_channels,)``, where the form reads them.
            curvature: K.
        """


def invariant_parameter(layer: nn.Module, name: str, rep: Rep, initial: Tensor) -> None:
    """Register a vector of channels that the involution leaves as it is: shared in pairs, zero on odd channels."""
    layer.register_parameter(name, nn.Parameter(initial))
    tie(layer, name, moved_entries([rep], [], Position.IDENTITY))


def squared_rows(linear: nn.Module) -> Tensor:
    """Squared lengths of the rows of the weight of a linear map or convolution, float32 at least."""
    weight: Tensor = linear.weight  # type: ignore[assignment]
    return full(weight).square().flatten(1).sum(1)


def per_channel(vector: Tensor, like: Tensor) -> Tensor:
    """A vector of channels, shaped to broadcast against ``(batch, channels, *positions)``."""
    return vector.view(1, -1, *[1] * (like.dim() - 2))


class TimeColumn(Form):
    """``y = W x + w (x_0 - 1 / sqrt K) + b``: a linear map of all coordinates, time included (Chen et al., 2022).

    The time coordinate is counted from that of the origin, so that the map tends to ``W x + b`` with K -> 0 and takes
    the origin to b. The published ``W x + w x_0 + b'`` is the same family, with ``b' = b - w / sqrt K``. There is no
    row for the time coordinate of the output, which would be dead.
    """

    time: Tensor
    bias: Tensor

    def __init__(self, rep: Rep, *, bias: bool = True) -> None:
        super().__init__()
        invariant_parameter(self, "time", rep, torch.empty(rep.channels).uniform_(-0.02, 0.02))
        if bias:
            invariant_parameter(self, "bias", rep, torch.zeros(rep.channels))
        self.has_bias = bias

    def forward(self, product: Tensor, squared: Tensor, rows: Tensor | None, curvature: Tensor) -> Tensor:
        y = torch.addcmul(product, per_channel(self.time, product), excess_time(squared, curvature))
        return y + per_channel(self.bias, y) if self.has_bias else y


class Hyperplanes(Form):
    """Every output coordinate is a signed distance to a hyperplane, re-read exactly (ILNN, 2026).

    With v the signed, weighted distance of :func:`signed_distance`, ``y = sinh(sqrt K v) / sqrt K``: the signed
    distance of the output to each coordinate hyperplane is v. Tends to ``W x - a |w|`` with K -> 0.
    """

    reads_rows = True
    offset: Tensor

    def __init__(self, rep: Rep, *, bias: bool = True) -> None:
        super().__init__()
        invariant_parameter(self, "offset", rep, torch.zeros(rep.channels))
        self.has_bias = bias
        if not bias:
            self.requires_grad_(False)

    def forward(self, product: Tensor, squared: Tensor, rows: Tensor | None, curvature: Tensor) -> Tensor:
        if rows is None:
            raise ValueError("hyperplanes need the squared lengths of the rows of the weight.")
        distance = signed_distance(product, squared, rows, self.offset, curvature)
        root = curvature.sqrt()
        return torch.sinh(root * distance) / root


class Tangent(Form):
    """``y = exp_o(W log_o(x) + b)``: a linear map of the tangent space at the origin (the layers of PVNN, 2026)."""

    bias: Tensor

    def __init__(self, rep: Rep, *, bias: bool = True) -> None:
        super().__init__()
        if bias:
            invariant_parameter(self, "bias", rep, torch.zeros(rep.channels))
        self.has_bias = bias

    def forward(self, product: Tensor, squared: Tensor, rows: Tensor | None, curvature: Tensor) -> Tensor:
        v = product * asinhc(curvature * squared)
        return exp_origin(v + per_channel(self.bias, v) if self.has_bias else v, curvature)


def signed_distance(product: Tensor, squared: Tensor, rows: Tensor, offset: Tensor, curvature: Tensor) -> Tensor:
    """``|z|`` times the signed distance of x to the hyperplane (a, z), for every row z of a matrix.

    ``|z| / sqrt K asinh(sqrt K (cosh(sqrt K a) <z, x_s> / |z| - sinh(sqrt K a) x_0))``. At the origin it is ``-a |z|``,
    for K -> 0 it tends to ``<z, x_s> - a |z|``. The factor ``exp(sqrt K |a|)`` is taken out of the asinh, so nothing
    overflows for large a; it is exact while ``sqrt K |a|`` is below 87 in float32 (708 in float64), beyond which points
    near the hyperplane cannot be represented.

    Args:
        product: ``<z, x_s>``, ``(batch, rows, *positions)``.
        squared: ``|x_s|^2``, ``(batch, 1, *positions)``.
        rows: ``|z|^2``, one per row.
        offset: a, one per row.
        curvature: K.
    """
    length = per_channel(safe_root(rows), product)
    unit = product / torch.where(length > 0, length, torch.ones_like(length))
    root = curvature.sqrt()
    signed = per_channel(root * offset, product)
    exponent = signed.detach().abs()  # the result does not depend on it, so no gradient goes through it
    up, down = torch.exp(signed - exponent), torch.exp(-signed - exponent)
    near = exponent < 1
    small = torch.sinh(torch.where(near, signed, torch.zeros_like(signed))) * torch.exp(-exponent)
    slope = torch.where(near, small, 0.5 * (up - down))
    inside = 0.5 * (up + down) * root * unit - slope * scaled_time(squared, curvature)
    return length * asinh_scaled(inside, exponent) / root
