"""Convolutions that commute with an involution.

Read aloud: a convolution is equivariant if its kernel stays the same when its taps are moved as positions are moved
and its channels are acted on at both ends, W = rho_out . reflect(W) . rho_in. ``moved_entries`` lets the involution
move a numbered kernel, ``tie`` keeps one number per orbit of entries, and all else is the stock layer of PyTorch.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.nn.fit import require_fit
from palindra.nn.printed import OneLine
from palindra.symmetry import Position, Rep, moved_entries, tie

_SHOWN: dict[str, Any] = {
    "kernel_size": None,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "padding_mode": "zeros",
}


class Conv1d(OneLine, torch.nn.Conv1d):
    """Convolution of sequences between two types of channels.

    Args:
        in_rep: type of the inputs ``(batch, in_channels, length)``.
        out_rep: type of the outputs.
        kernel_size: number of taps, odd or even.
        stride: step; the windows must fit the length exactly.
        padding: positions added at *each* end, ``"valid"`` for none, ``"same"`` (odd extent only) to keep the length.
        dilation: distance between taps.
        groups: blocks of channels; they must be moved onto each other (one per channel always works).
        bias: shared inside a pair, free on even channels, zero on odd ones.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``; all commute with reversal.
        position: ``Position.REVERSE`` for strands; ``Position.IDENTITY`` with even types is the stock layer.

    Examples:
        >>> layer = Conv1d(Rep(regular=2), Rep(regular=8, even=4), 15, padding="same")
        >>> layer
        Conv1d(2 regular -> 8 regular + 4 even, kernel_size=15, padding=7)
        >>> layer(torch.randn(1, 4, 100)).shape
        torch.Size([1, 20, 100])

    Source: Mallet & Vert (2021); Shrikumar et al. (2017) for regular types (RCPS).
    """

    shown: ClassVar[dict[str, Any]] = _SHOWN

    def __init__(
        self,
        in_rep: Rep,
        out_rep: Rep,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | Literal["valid", "same"] = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
        position: Position = Position.REVERSE,
    ) -> None:
        extent = dilation * (kernel_size - 1) + 1
        if padding == "same":
            if extent % 2 == 0 and position is Position.REVERSE:
                raise ValueError(
                    f'padding="same" with an even extent of {extent} pads one end more than the other, which is not '
                    f"the same on both strands. Use an odd kernel ({kernel_size + 1}) or an explicit padding."
                )
            if stride != 1:
                raise ValueError(f'padding="same" needs stride 1, got {stride}. Give the padding as a number.')
            padding = (extent - 1) // 2 if extent % 2 else "same"
        elif padding == "valid":
            padding = 0
        super().__init__(
            in_rep.channels, out_rep.channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode
        )
        self.in_rep, self.out_rep, self.position, self.extent = in_rep, out_rep, position, extent
        tie(self, "weight", moved_entries([out_rep, in_rep], [kernel_size], position, groups))
        if bias:
            tie(self, "bias", moved_entries([out_rep], [], Position.IDENTITY))

    def forward(self, x: Float[Tensor, "batch in_channels length"]) -> Float[Tensor, "batch out_channels out_length"]:
        if self.stride[0] != 1:
            padding, stride = int(self.padding[0]), self.stride[0]
            require_fit(
                "a convolution", x.shape[-1], extent=self.extent, stride=stride, padding=padding, position=self.position
            )
        return super().forward(x)


class ConvTranspose1d(OneLine, torch.nn.ConvTranspose1d):
    """Transposed convolution of sequences: ``stride`` times longer outputs, cropped by ``padding`` at each end.

    There is no ``output_padding``: it would lengthen one end only.

    Args:
        in_rep: type of the inputs ``(batch, in_channels, length)``.
        out_rep: type of the outputs ``(batch, out_channels, (length-1) stride - 2 padding + extent)``.
        kernel_size: number of taps.
        stride: upsampling factor.
        padding: positions cropped at each end.
        dilation: distance between taps.
        groups: blocks of channels, as in :class:`Conv1d`.
        bias: shared inside a pair, free on even channels, zero on odd ones.
        position: as in :class:`Conv1d`.
    """

    shown: ClassVar[dict[str, Any]] = _SHOWN

    def __init__(
        self,
        in_rep: Rep,
        out_rep: Rep,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        position: Position = Position.REVERSE,
    ) -> None:
        super().__init__(in_rep.channels, out_rep.channels, kernel_size, stride, padding, 0, groups, bias, dilation)
        self.in_rep, self.out_rep, self.position = in_rep, out_rep, position
        tie(self, "weight", moved_entries([in_rep, out_rep], [kernel_size], position, groups), out_axis=1)
        if bias:
            tie(self, "bias", moved_entries([out_rep], [], Position.IDENTITY))


class Conv2d(OneLine, torch.nn.Conv2d):
    """Convolution of maps over pairs that commutes with their transposition (and the channel action).

    Args:
        in_rep: type of the inputs ``(batch, in_channels, length, length)``; even channels hold symmetric maps, odd
            ones antisymmetric maps, a regular pair a map and its transpose.
        out_rep: type of the outputs.
        kernel_size: taps along each axis.
        stride: the same along both axes; transposition keeps corners, so any length fits.
        padding: at every side, or ``"same"`` / ``"valid"``.
        dilation: the same along both axes.
        groups: blocks of channels, as in :class:`Conv1d`.
        bias: shared inside a pair, free on even channels, zero on odd ones.
        position: ``Position.TRANSPOSE``; ``Position.IDENTITY`` with even types is the stock layer.
    """

    shown: ClassVar[dict[str, Any]] = _SHOWN

    def __init__(
        self,
        in_rep: Rep,
        out_rep: Rep,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | Literal["valid", "same"] = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        position: Position = Position.TRANSPOSE,
    ) -> None:
        super().__init__(in_rep.channels, out_rep.channels, kernel_size, stride, padding, dilation, groups, bias)
        self.in_rep, self.out_rep, self.position = in_rep, out_rep, position
        tie(self, "weight", moved_entries([out_rep, in_rep], [kernel_size, kernel_size], position, groups))
        if bias:
            tie(self, "bias", moved_entries([out_rep], [], Position.IDENTITY))
