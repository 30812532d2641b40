"""From sequences to maps: a convolution of all pairs of positions as an outer sum, with the pairs never written down.

Read aloud: a kernel on ``[x(s) ; x(t)]`` gives a map that transposition leaves alone if its second half is the first
one with the two axes swapped. So the first half alone is stored, applied to the rows, and the result is added to its
own image. A kernel that reads ``x(s)`` alone is a sequence convolution for each column of taps, and a column of taps
counts where it lies inside the sequence: two thin matrices, multiplied once.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn.pair.maps import require_lengths, valid_positions
from palindra.nn.printed import OneLine
from palindra.symmetry import Position, Rep, moved_entries, tie


def _tied_bias(layer: nn.Module, rep: Rep, fan_in: int) -> None:
    """A bias with the stock spread, shared inside a pair and zero on odd channels."""
    layer.bias = nn.Parameter(torch.empty(rep.channels).uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in)))
    tie(layer, "bias", moved_entries([rep], [], Position.IDENTITY))


class OuterConv2d(OneLine):
    """Convolution of the self-Cartesian product of a sequence, in ``O(length^2)`` memory: the layer that makes maps.

    Equal, borders included, to the 2-D convolution of ``y(s, t) = [x(s) ; x(t)]`` by the full kernel that
    :meth:`full_weight` writes out, with zero padding around each sequence's own square. Without a non-linearity before
    it, such a layer adds what the two positions say: there is no product of ``x(s)`` and ``x(t)``.

    Args:
        features: channels of the sequences ``(batch, features, length)``; transposition does not touch them.
        out_rep: type of the maps: even channels are symmetric, odd ones antisymmetric, a regular pair a map and its
            transpose.
        kernel_size: taps along each axis of the map, odd for ``"same"``.
        padding: ``"same"`` or ``"valid"``.
        dilation: distance between taps.
        kernel: ``"complete"`` stores all ``n F C^2`` independent numbers (W_ij,k = W_ji,k+n up to the action on the
            outputs; all kernels that give such maps); ``"paper"`` is the doubly constrained kernel of the article,
            W_ij,k = W_ji,k = W_ij,k+n, with ``n F C (C + 1) / 2`` numbers.
        bias: shared inside a pair, free on even channels, zero on odd ones.

    Examples:
        >>> layer = OuterConv2d(20, Rep(even=32), 7)
        >>> layer
        OuterConv2d(20 even -> 32 even, kernel_size=7, padding=same)
        >>> layer(torch.randn(2, 20, 50), torch.tensor([50, 31])).shape
        torch.Size([2, 32, 50, 50])

    Source: Maduranga, Zadorozhnyy & Ye (2022), eq. 2 for the doubly constrained kernel; the complete one is larger.
    """

    takes_lengths: ClassVar[bool] = True
    shown: ClassVar[dict[str, Any]] = {"kernel_size": None, "padding": None, "dilation": 1, "kernel": "complete"}
    position, out_position = Position.IDENTITY, Position.TRANSPOSE
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        features: int,
        out_rep: Rep,
        kernel_size: int = 1,
        *,
        padding: Literal["same", "valid"] = "same",
        dilation: int = 1,
        kernel: Literal["complete", "paper"] = "complete",
        bias: bool = True,
    ) -> None:
        super().__init__()
        extent = dilation * (kernel_size - 1) + 1
        if padding not in ("same", "valid"):
            raise ValueError(f'padding is "same" or "valid", got {padding!r}.')
        if kernel not in ("complete", "paper"):
            raise ValueError(f'kernel is "complete" or "paper", got {kernel!r}.')
        if padding == "same" and extent % 2 == 0:
            raise ValueError(
                f'padding="same" keeps the length for odd extents only, got {extent}: use {kernel_size + 1} taps.'
            )
        self.in_rep, self.out_rep = Rep(even=features), out_rep
        self.kernel_size, self.padding, self.dilation, self.kernel = kernel_size, padding, dilation, kernel
        self.lost = 0 if padding == "same" else extent - 1
        fan_in = 2 * features * kernel_size**2
        bound = 1 / math.sqrt(fan_in)  # the spread of a stock convolution of the full 2n channels
        shape = (out_rep.channels, features, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        if kernel == "paper":
            outputs = Rep(even=out_rep.channels)
            tie(self, "weight", moved_entries([outputs, self.in_rep], [kernel_size] * 2, Position.TRANSPOSE))
        if bias:
            _tied_bias(self, out_rep, fan_in)
        else:
            self.bias = None

    def out_lengths(self, lengths: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """Lengths of the valid squares of the outputs."""
        return (lengths - self.lost).clamp(min=0)

    def forward(
        self, x: Float[Tensor, "batch features length"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch out_channels out_length out_length"]:
        length, taps = x.shape[-1], self.kernel_size
        if length <= self.lost:
            raise ValueError(
                f"{self.lost + 1} positions are needed by {taps} taps without padding, got length {length}: use "
                'padding="same", or longer sequences.'
            )
        if lengths is None:
            own = torch.full(x.shape[:1], length, device=x.device)
        else:
            require_lengths(lengths, x)
            own = lengths
            x = x.masked_fill(~valid_positions(own, length)[:, None], 0.0)
        half = 0 if self.lost else self.dilation * (taps - 1) // 2
        # For each column b of taps a convolution along the rows: P_b(i) = sum_a W[:, :, a, b] x(i + a).
        columns = self.weight.movedim(-1, 1).flatten(0, 1)
        rows = functional.conv1d(x, columns, padding=half, dilation=self.dilation)
        made = rows.shape[-1]
        valid = valid_positions(self.out_lengths(own), made)
        rows = rows.reshape(len(rows), -1, taps, made) * valid[:, None, None]
        # Whether column b of the taps lies inside the sequence when the window is at j.
        at = torch.arange(made, device=x.device) - half + self.dilation * torch.arange(taps, device=x.device)[:, None]
        inside = (at >= 0) & (at < own[:, None, None]) & valid[:, None]
        # term(i, j) = sum_b P_b(i) inside_b(j); map = term + image of term, as one product of thin matrices.
        inside = inside[:, None].to(rows.dtype).expand_as(rows)
        image = rows[:, self.out_rep.permutation] * rows.new_tensor(self.out_rep.signs)[:, None, None]
        left, right = [rows, inside], [inside, image]
        if self.bias is not None:
            ones = valid[:, None, None].to(rows.dtype).expand(-1, rows.shape[1], -1, -1)
            left, right = [*left, ones * self.bias[:, None, None]], [*right, ones]
        return torch.cat(left, dim=2).transpose(-1, -2) @ torch.cat(right, dim=2)

    def full_weight(self) -> Float[Tensor, "out_channels twice_features kernel kernel"]:
        """The kernel on ``[x(s) ; x(t)]`` that this layer stands for, in the order of the article."""
        signs = self.weight.new_tensor(self.out_rep.signs)[:, None, None, None]
        second = signs * self.weight[self.out_rep.permutation].transpose(-1, -2)
        return torch.cat([self.weight, second], dim=1)


class OuterSum(OneLine):
    """``Z(s, t) = g(s) + g(t)`` with a convolution ``g`` of the sequence: invariant under shifts, borders or not.

    Another layer than :class:`OuterConv2d`, though equal to it far from the borders: there a kernel that leaves the
    square loses the part of *both* positions, here a position only knows its own distance to the ends.
    For regular and odd channels the second term is the image of the first: ``g(s) - g(t)`` on odd ones.

    Args:
        features: channels of the sequences.
        out_rep: type of the maps.
        kernel_size: taps of ``g``, odd.
        dilation: distance between taps.
        bias: shared inside a pair, free on even channels, zero on odd ones.

    Examples:
        >>> OuterSum(20, Rep(even=32), 7)(torch.randn(2, 20, 50)).shape
        torch.Size([2, 32, 50, 50])
    """

    takes_lengths: ClassVar[bool] = True
    shown: ClassVar[dict[str, Any]] = {"kernel_size": None, "dilation": 1}
    position, out_position = Position.IDENTITY, Position.TRANSPOSE
    bias: Tensor | None

    def __init__(
        self, features: int, out_rep: Rep, kernel_size: int = 1, *, dilation: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"an odd number of taps keeps the length, got {kernel_size}: use {kernel_size + 1}.")
        self.in_rep, self.out_rep = Rep(even=features), out_rep
        self.kernel_size, self.dilation = kernel_size, dilation
        fan_in = 2 * features * kernel_size  # the two terms add their variances
        bound = 1 / math.sqrt(fan_in)
        self.weight = nn.Parameter(torch.empty(out_rep.channels, features, kernel_size).uniform_(-bound, bound))
        if bias:
            _tied_bias(self, out_rep, fan_in)
        else:
            self.bias = None

    def forward(
        self, x: Float[Tensor, "batch features length"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch out_channels length length"]:
        if lengths is not None:
            require_lengths(lengths, x)
            x = x.masked_fill(~valid_positions(lengths, x.shape[-1])[:, None], 0.0)
        half = self.dilation * (self.kernel_size - 1) // 2
        g = functional.conv1d(x, self.weight, padding=half, dilation=self.dilation)
        image = g[:, self.out_rep.permutation] * g.new_tensor(self.out_rep.signs)[:, None]
        if self.bias is not None:
            g = g + self.bias[:, None]
        z = g[..., :, None] + image[..., None, :]
        if lengths is None:
            return z
        valid = valid_positions(lengths, x.shape[-1])
        return z.mul_((valid[:, :, None] & valid[:, None, :])[:, None])
