"""Positions folded into channels and back, so that dense layers over a whole window know what the strands do to it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.symmetry import Position, Rep


class _Fold(nn.Module):
    """The type of all entries of a ``(channels, length)`` map, and the order and signs that lay them out for it.

    The involution moves a numbered map. Entries that swap become the regular pairs of a vector (with one member's sign
    changed where they swap with a sign), entries that stay become even or odd ones. Regular channels flattened in
    their own order are laid out already, because reversing both axes reverses the flat index.
    """

    order: Tensor
    inverse: Tensor
    signs: Tensor

    def __init__(self, rep: Rep, length: int, position: Position) -> None:
        super().__init__()
        self.sequence_rep, self.length = rep, length
        entry = torch.arange(rep.channels * length, device="cpu")
        moved = rep.act(position.act((entry + 1).view(1, rep.channels, length))).flatten()
        partner, sign = moved.abs() - 1, moved.sign()
        first, stays = entry[partner > entry], entry[partner == entry]
        even, odd = stays[sign[stays] > 0], stays[sign[stays] < 0]
        order = torch.cat([first, partner[first].flip(0), even, odd])
        signs = torch.cat([torch.ones_like(first), sign[first].flip(0), torch.ones_like(stays)])
        self.vector_rep = Rep(len(first), len(even), len(odd))
        self.moves = not torch.equal(order, entry)
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("inverse", order.argsort(), persistent=False)
        self.register_buffer("signs", signs.to(torch.int8), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.sequence_rep} x {self.length} <-> {self.vector_rep}"


class Flatten(_Fold):
    """``(batch, channels, length)`` to ``(batch, channels * length)``, typed: linear maps after it may mix positions.

    A :class:`palindra.nn.Linear` on it has the kernel constraint of a convolution over the whole length.

    Args:
        rep: type of the inputs.
        length: number of positions, fixed.
        position: the action on positions.

    Examples:
        >>> print(Flatten(Rep(regular=3), 10).out_rep, "|", Flatten(Rep(even=1, odd=1), 5).out_rep)
        30 regular | 4 regular + 1 even + 1 odd
    """

    out_position = Position.IDENTITY

    def __init__(self, rep: Rep, length: int, *, position: Position = Position.REVERSE) -> None:
        super().__init__(rep, length, position)
        self.in_rep, self.out_rep, self.position = rep, self.vector_rep, position

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch entries"]:
        flat = x.flatten(1)
        return flat[:, self.order] * self.signs.to(x.dtype) if self.moves else flat


class Unflatten(_Fold):
    """``(batch, channels * length)`` to ``(batch, channels, length)``: the inverse of :class:`Flatten`.

    After a :class:`palindra.nn.Linear` of the type ``in_rep`` this is a dense layer that makes positions: its outputs
    for the other strand are the reversed ones.

    Args:
        rep: type of the outputs.
        length: number of positions that are made.
        position: the action on positions.
    """

    position = Position.IDENTITY

    def __init__(self, rep: Rep, length: int, *, position: Position = Position.REVERSE) -> None:
        super().__init__(rep, length, position)
        self.in_rep, self.out_rep, self.out_position = self.vector_rep, rep, position

    def forward(self, x: Float[Tensor, "batch entries"]) -> Float[Tensor, "batch channels length"]:
        if self.moves:
            x = (x * self.signs.to(x.dtype))[:, self.inverse]
        return x.reshape(-1, self.sequence_rep.channels, self.length)
