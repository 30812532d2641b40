"""Attention inside maps over pairs: along the rows, and by symmetry along the columns."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from palindra.nn.pair.maps import require_lengths, valid_positions, zero_outside
from palindra.nn.printed import OneLine
from palindra.symmetry import Involution, Position, Rep


class PairAttention(OneLine):
    """Axial or triangle attention of a map, ``y = f(x) + R f(R x)`` with ``f`` attention along each row.

    In row ``s`` the entry ``(s, t)`` attends to all ``(s, u)``; the second term does the same along columns, so the
    layer commutes with transposition whatever the type of the channels. With ``triangle`` the weight of ``u`` for
    ``t`` has a bias read from ``(t, u)``, the third side of the triangle (Jumper et al., 2021). Keys outside a
    sequence's own length have no weight.

    Args:
        rep: type of the channels, unchanged.
        heads: number of heads.
        head_channels: channels of each head.
        triangle: bias by the third side; axial attention (Ho et al., 2019) without.
        own_image: a promise that every input is its own image (all maps behind :class:`OuterConv2d` are); then
            ``R f(R x)`` is ``R f(x)`` and half of the work is done.
        rows_at_once: rows whose weights exist together, ``rows x heads x length x length`` numbers; in training they
            are computed again in the backward pass. All rows at once by default.

    Examples:
        >>> layer = PairAttention(Rep(even=8), heads=2, triangle=True)
        >>> layer(torch.randn(1, 8, 6, 6), torch.tensor([4])).shape
        torch.Size([1, 8, 6, 6])
    """

    takes_lengths: ClassVar[bool] = True
    keeps_type: ClassVar[bool] = True
    shown: ClassVar[dict[str, Any]] = {"heads": None, "triangle": False, "own_image": False}
    position = Position.TRANSPOSE

    def __init__(
        self,
        rep: Rep,
        *,
        heads: int = 4,
        head_channels: int = 8,
        triangle: bool = False,
        own_image: bool = False,
        rows_at_once: int | None = None,
    ) -> None:
        super().__init__()
        if min(heads, head_channels, rows_at_once or 1) < 1:
            raise ValueError(
                f"heads, head_channels and rows_at_once must be positive: {heads}, {head_channels}, {rows_at_once}."
            )
        self.in_rep = self.out_rep = rep
        self.heads, self.head_channels, self.triangle = heads, head_channels, triangle
        self.own_image, self.rows_at_once = own_image, rows_at_once
        inner = heads * head_channels
        self.query_key_value_gate = nn.Linear(rep.channels, 4 * inner)
        self.side = nn.Linear(rep.channels, heads, bias=False) if triangle else None
        self.out = nn.Linear(inner, rep.channels, bias=False)

    def forward(
        self, x: Float[Tensor, "batch channels length length"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch channels length length"]:
        if lengths is not None:
            require_lengths(lengths, x)
            x = zero_outside(x, lengths)
        turn = Involution(self.in_rep, self.position).act
        first = self._along_rows(x, lengths)
        second = first if self.own_image else self._along_rows(turn(x), lengths)
        return zero_outside((first + turn(second)) / math.sqrt(2), lengths)

    def _along_rows(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        entries = x.movedim(1, -1)  # (batch, row, column, channels)
        batch, length = entries.shape[:2]
        query, key, value, gate = (
            part.unflatten(-1, (self.heads, self.head_channels)).transpose(2, 3)  # (batch, row, heads, column, ..)
            for part in self.query_key_value_gate(entries).chunk(4, dim=-1)
        )
        bias = x.new_zeros(batch, 1, 1, 1, length)
        if lengths is not None:
            hidden = ~valid_positions(lengths, length)
            bias = bias.masked_fill(hidden[:, None, None, None], float("-inf"))
        if self.side is not None:
            bias = bias + self.side(entries).movedim(-1, 1)[:, None]
        mixed = []
        for first in range(0, length, self.rows_at_once or length):
            rows = slice(first, first + (self.rows_at_once or length))
            chunk = (query[:, rows], key[:, rows], value[:, rows], bias)
            if self.rows_at_once is not None and torch.is_grad_enabled():
                mixed.append(checkpoint(_attend, *chunk, use_reentrant=False))
            else:
                mixed.append(_attend(*chunk))
        gated = torch.cat(mixed, dim=1) * gate.sigmoid()
        return self.out(gated.transpose(2, 3).flatten(3)).movedim(-1, 1)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
