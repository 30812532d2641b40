"""Dropout whose mask is the same on both strands."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.symmetry import Position, Rep


class Dropout(nn.Module):
    """Dropout with one mask per orbit of entries, so that training mode is exactly equivariant too.

    The mask itself is invariant: the two members of a pair are dropped at mirrored positions. With the same seed a
    sequence and its reverse complement lose the same features, and give the same loss.

    Args:
        rep: type of the channels, unchanged.
        p: probability that an entry is dropped.
        channels: drop whole channels, the same at all positions (Dropout1d).
        position: the action on positions, ``Position.IDENTITY`` for vectors.
    """

    def __init__(
        self, rep: Rep, p: float = 0.5, *, channels: bool = False, position: Position = Position.REVERSE
    ) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"a dropout probability lies in [0, 1), got {p}.")
        self.in_rep = self.out_rep = rep
        self.p, self.channels, self.position = p, channels, position
        self.unsigned = Rep(rep.regular, rep.even + rep.odd)

    def forward(self, x: Float[Tensor, "batch channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        if not self.training or self.p == 0:
            return x
        shape = (*x.shape[:2], *[1] * (x.dim() - 2)) if self.channels else x.shape
        uniform = torch.rand(shape, device=x.device)
        # The sum of two uniforms modulo one is uniform again, and does not change when the two are swapped.
        uniform = (uniform + self.unsigned.act(self.position.act(uniform))) % 1
        return x * ((uniform >= self.p).to(x.dtype) / (1 - self.p))

    def extra_repr(self) -> str:
        return f"p={self.p}"
