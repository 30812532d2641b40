"""Fully connected layers between hyperbolic spaces."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from palindra import nn
from palindra.lorentz.curvature import Curvature, full, geometry_precision
from palindra.lorentz.forms import Form, TimeColumn, squared_rows
from palindra.lorentz.geometry.space import squared_length
from palindra.nn.printed import OneLine
from palindra.symmetry import Position, Rep


class Linear(OneLine):
    """A fully connected layer of points, in space coordinates.

    Args:
        in_rep: type of the space coordinates of the inputs; their time coordinate is even.
        out_rep: type of those of the outputs.
        curvature: of both spaces.
        form: what makes it hyperbolic: :class:`TimeColumn`, :class:`Hyperplanes` or :class:`Tangent`.
        bias: whether there is a translation.

    Examples:
        >>> import torch
        >>> layer = Linear(Rep(regular=4), Rep(even=3), Curvature(1.0))
        >>> layer(torch.randn(2, 8)).shape
        torch.Size([2, 3])
    """

    position = Position.IDENTITY

    def __init__(
        self, in_rep: Rep, out_rep: Rep, curvature: Curvature, *, form: type[Form] = TimeColumn, bias: bool = True
    ) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.curvature = in_rep, out_rep, curvature
        self.map = nn.Linear(in_rep, out_rep, bias=False)
        self.form = form(out_rep, bias=bias)

    def forward(self, x: Float[Tensor, "batch in_channels"]) -> Float[Tensor, "batch out_channels"]:
        product = self.map(x)
        with geometry_precision(x):
            rows = squared_rows(self.map) if self.form.reads_rows else None
            return self.form(full(product), squared_length(full(x)), rows, self.curvature())
