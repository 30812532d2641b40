"""From points to declared targets: distances to hyperplanes (multinomial logistic regression)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.lorentz.curvature import Curvature, full, geometry_precision
from palindra.lorentz.forms import invariant_parameter, signed_distance, squared_rows
from palindra.lorentz.geometry.space import squared_length
from palindra.nn import Linear
from palindra.symmetry import Position, Rep, Target


class HyperplaneHead(nn.Module):
    """One logit per output: the signed distance of a point to a hyperplane, times the length of its normal.

    Divided by ``|z|`` and not by ``sqrt(cosh^2 - sinh^2) |z|``, which is the same number but zero in
    float32 from a = 9 on.

    Args:
        in_rep: type of the space coordinates ``(batch, channels)``.
        target: declared outputs; for a strand-specific one nothing is tied.
        outputs: their number.
        curvature: of the space.

    Raises:
        ValueError: for a target whose positions move, or with another number of outputs.

    Source: Bdeir et al. (2024); Khan et al. (2025).
    """

    position = Position.IDENTITY
    offset: Tensor

    def __init__(self, in_rep: Rep, target: Target, outputs: int, curvature: Curvature) -> None:
        super().__init__()
        if target.rep is not None and target.rep.channels != outputs:
            raise ValueError(
                f"the target declares {target.rep.channels} outputs ({target.rep}), but {outputs} are asked."
            )
        if target.rep is not None and target.position is not Position.IDENTITY:
            raise ValueError(
                f"the target declares Position.{target.position.name}, but this head gives one value per sequence."
            )
        self.in_rep, self.target, self.curvature = in_rep, target, curvature
        self.out_rep = target.rep if target.rep is not None else Rep(even=outputs)
        read = in_rep if target.rep is not None else Rep(even=in_rep.channels)
        bound = in_rep.channels**-0.5
        self.map = Linear(read, self.out_rep, bias=False)  # drawn from U(-1/sqrt n, 1/sqrt n), as published
        invariant_parameter(self, "offset", self.out_rep, torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch outputs"]:
        with geometry_precision(x):
            x = full(x)
            squared, rows = squared_length(x), squared_rows(self.map)
            logits = signed_distance(self.map(x), squared, rows, self.offset, self.curvature())
        return self.target.from_layout(logits)
