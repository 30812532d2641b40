"""Convolution of maps over pairs that knows the lengths of a padded batch and may compute the triangle alone."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from jaxtyping import Float, Int
from torch import Tensor

from palindra.nn.conv import Conv2d
from palindra.nn.pair.maps import zero_outside
from palindra.nn.pair.triangle import triangle_conv2d, triangle_pays
from palindra.symmetry import Position, Rep

Evaluation = Literal["auto", "whole", "triangle"]


class PairConv2d(Conv2d):
    """:class:`palindra.nn.Conv2d` under transposition, for padded batches and for maps that are their own image.

    The constraint Q_ab = Q_ba on even channels is all that a symmetric map needs to stay symmetric, for any padding,
    dilation and stride (the same along both axes); a kernel between even channels has ``m F C (C + 1) / 2`` numbers.

    Args:
        in_rep: type of the maps ``(batch, in_channels, length, length)``; zero outside each sequence's square.
        out_rep: type of the outputs, zero outside the squares of ``out_lengths``.
        kernel_size: taps along each axis.
        stride: the same along both axes.
        padding: at every side, ``"same"`` (the default here; odd extent) or ``"valid"``.
        dilation: the same along both axes.
        groups: blocks of channels, as in :class:`palindra.nn.Conv1d`.
        bias: shared inside a pair, free on even channels, zero on odd ones.
        evaluation: ``"whole"`` computes every entry and is right for any map. ``"triangle"`` computes about half of
            the entries and mirrors them: a promise that every input is its own image, which all maps behind
            :class:`OuterConv2d` are. ``"auto"`` is the same promise and computes the triangle where it is faster.
            Stride 1 only; other strides compute the whole.

    Examples:
        >>> layer = PairConv2d(Rep(even=40), Rep(even=20), 5, evaluation="auto")
        >>> layer
        PairConv2d(40 even -> 20 even, kernel_size=5, padding=2, evaluation=auto)
        >>> sum(p.numel() for p in layer.parameters())
        12020
    """

    takes_lengths: ClassVar[bool] = True
    shown: ClassVar[dict[str, Any]] = {**Conv2d.shown, "evaluation": "whole"}

    def __init__(
        self,
        in_rep: Rep,
        out_rep: Rep,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | Literal["valid", "same"] = "same",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        evaluation: Evaluation = "whole",
    ) -> None:
        extent = dilation * (kernel_size - 1) + 1
        if evaluation not in ("auto", "whole", "triangle"):
            raise ValueError(f'evaluation is "auto", "whole" or "triangle", got {evaluation!r}.')
        if padding == "same":
            if extent % 2 == 0 or stride != 1:
                raise ValueError(
                    f'padding="same" keeps the length for odd extents and stride 1, got extent {extent} and stride '
                    f"{stride}: give the padding as a number."
                )
            padding = (extent - 1) // 2
        elif padding == "valid":
            padding = 0
        if padding >= extent and evaluation == "triangle":
            raise ValueError(f'evaluation="triangle" takes a padding below the extent {extent}, got {padding}.')
        super().__init__(
            in_rep,
            out_rep,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            position=Position.TRANSPOSE,
        )
        self.evaluation, self.pad, self.extent = evaluation, padding, extent

    def out_lengths(self, lengths: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """Lengths of the valid squares of the outputs."""
        return ((lengths + 2 * self.pad - self.extent).div(self.stride[0], rounding_mode="floor") + 1).clamp(min=0)

    def _by_triangle(self, length: int) -> bool:
        if self.evaluation == "whole" or self.stride[0] != 1 or self.pad >= self.extent:
            return False
        made = length + 2 * self.pad - self.extent + 1
        pays = triangle_pays(made, self.kernel_size[0] ** 2, self.in_channels // self.groups)
        return made > 0 and (self.evaluation == "triangle" or pays)

    def forward(
        self, x: Float[Tensor, "batch in_channels length length"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch out_channels out_length out_length"]:
        if self._by_triangle(x.shape[-1]):
            y = triangle_conv2d(
                x,
                self.weight,
                self.bias,
                self.in_rep,
                self.out_rep,
                padding=self.pad,
                dilation=self.dilation[0],
                groups=self.groups,
            )
        else:
            y = super().forward(x)
        return y if lengths is None else zero_outside(y, self.out_lengths(lengths))
