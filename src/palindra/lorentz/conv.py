"""Convolutions of sequences of points."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from palindra import nn
from palindra.lorentz.curvature import Curvature, full, geometry_precision
from palindra.lorentz.forms import Form, TimeColumn, squared_rows
from palindra.lorentz.geometry import log_radius_scale
from palindra.lorentz.geometry.space import squared_length
from palindra.nn.printed import OneLine
from palindra.symmetry import Position, Rep


class Conv1d(OneLine):
    """The points of each window joined to one point, then a fully connected layer; in space coordinates.

    The time coordinate of a window of points is ``sqrt(1/K + sum |x_s|^2)``, right for every K. So the layer is a stock
    convolution of space coordinates and, on one channel, sums of squared lengths over windows. Padding is done with
    origins, which are zeros here. With one tap it is :class:`Linear` at every position.

    Args:
        in_rep: type of the space coordinates ``(batch, in_channels, length)``.
        out_rep: type of those of the outputs.
        kernel_size: points per window.
        curvature: of both spaces.
        form: what makes it hyperbolic, as in :class:`Linear`.
        stride: between windows; they must fit the length exactly where positions are reversed.
        padding: origins added at each end.
        dilation: distance between points of a window.
        equal_log_radius: join with equal expected log-radius (ILNN) instead of directly.
        bias: whether there is a translation.
        position: the action on positions.

    Examples:
        >>> layer = Conv1d(Rep(regular=2), Rep(regular=8), 9, Curvature(1.0), padding=4)
        >>> layer(torch.randn(3, 4, 50)).shape
        torch.Size([3, 16, 50])
    """

    shown: ClassVar[dict[str, Any]] = {"kernel_size": None, "stride": 1, "padding": 0, "dilation": 1}
    windows: Tensor

    def __init__(
        self,
        in_rep: Rep,
        out_rep: Rep,
        kernel_size: int,
        curvature: Curvature,
        *,
        form: type[Form] = TimeColumn,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        equal_log_radius: bool = False,
        bias: bool = True,
        position: Position = Position.REVERSE,
    ) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.position, self.curvature = in_rep, out_rep, position, curvature
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        self.map = nn.Conv1d(
            in_rep,
            out_rep,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=False,
            position=position,
        )
        self.form = form(out_rep, bias=bias)
        self.scale = log_radius_scale(kernel_size, in_rep.channels) if equal_log_radius else 1.0
        self.register_buffer("windows", torch.ones(1, 1, kernel_size), persistent=False)

    def forward(self, x: Float[Tensor, "batch in_channels length"]) -> Float[Tensor, "batch out_channels out_length"]:
        product = self.map(x)
        with geometry_precision(x):
            squared = squared_length(full(x))
            steps = (None, self.stride, self.padding, self.dilation)
            squared = functional.conv1d(squared, self.windows.to(squared.dtype), *steps)
            rows = squared_rows(self.map) if self.form.reads_rows else None
            if self.scale != 1.0:
                product, squared = product * self.scale, squared * self.scale**2
            return self.form(full(product), squared, rows, self.curvature())
