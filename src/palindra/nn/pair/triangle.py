"""Half the work: convolve the upper triangle of a map that transposition leaves alone, and mirror the rest.

Row blocks start at the diagonal, so that with blocks of ``b`` rows about ``1/2 + b / (2 length)`` of the outputs are
computed. The gradient of such a map is one as well, so it is carried back by the same evaluation with the kernel
turned around, and the gradient of the kernel is summed over the blocks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from palindra.nn.pair.maps import symmetrised
from palindra.symmetry import Position, Rep

BLOCK_ROWS = 32
WORK_THAT_PAYS = 90_000
LENGTH_THAT_PAYS = 96


def triangle_pays(length: int, taps: int, channels: int) -> bool:
    """Whether the triangle is expected to be faster than the whole map, by the measurements of the benchmark.

    Args:
        length: of the maps.
        taps: of the kernel, both axes together.
        channels: that each output reads.

    On CPUs blocks cost calls and copies: kernels of 3 x 3, few channels and short maps lose, while larger kernels gain
    1.3 times at length 100 and 1.6 times at length 256 of the 2 that would be ideal (benchmarks/pair_layers.py).

    Examples:
        >>> triangle_pays(256, 13 * 13, 40), triangle_pays(256, 1, 40), triangle_pays(50, 81, 40)
        (True, False, False)
    """
    return length >= LENGTH_THAT_PAYS and taps > 9 and taps * channels * length >= WORK_THAT_PAYS


def _windows(length: int, block: int, extent: int, x: Tensor) -> list[tuple[int, int, Tensor]]:
    """First row, row behind the last, and the part of the padded map that the outputs of that block read."""
    starts = range(0, length, block)
    return [
        (first, min(first + block, length), x[..., first : min(first + block, length) + extent - 1, first:])
        for first in starts
    ]


def _mirrored(padded: Tensor, weight: Tensor, bias: Tensor | None, rep: Rep, options: tuple[int, int, int]) -> Tensor:
    """Upper triangle by blocks, and below the diagonal its image under the action on channels and positions."""
    dilation, groups, block = options
    extent = dilation * (weight.shape[-1] - 1) + 1
    length = padded.shape[-1] - extent + 1
    out = padded.new_empty(padded.shape[0], rep.channels, length, length)
    for first, last, window in _windows(length, block, extent, padded):
        rows = functional.conv2d(window, weight, bias, dilation=dilation, groups=groups)
        out[..., first:last, first:] = rows
        out[..., last:, first:last] = rep.act(Position.TRANSPOSE.act(rows[..., last - first :]))
    return out


class _TriangleConv2d(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, reps: tuple[Rep, Rep], options: tuple[int, ...]
    ) -> Tensor:
        padding, dilation, groups, block = options
        ctx.save_for_backward(x, weight)
        ctx.reps, ctx.options, ctx.has_bias = reps, options, bias is not None
        padded = functional.pad(x, (padding,) * 4)
        return _mirrored(padded, weight, bias, reps[1], (dilation, groups, block))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (in_rep, out_rep), (padding, dilation, groups, block) = ctx.reps, ctx.options
        extent = dilation * (weight.shape[-1] - 1) + 1
        grad = symmetrised(grad, out_rep)
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            # Convolution by the kernel turned around, which is again one that keeps such maps.
            turned = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip(-1, -2)
            around = functional.pad(grad, (extent - 1 - padding,) * 4)
            grad_x = _mirrored(around, turned, None, in_rep, (dilation, groups, block))
        if ctx.needs_input_grad[1]:
            padded, grad_weight = functional.pad(x, (padding,) * 4), torch.zeros_like(weight)
            for first, last, window in _windows(grad.shape[-1], block, extent, padded):
                rows = grad[..., first:last, first:].clone(memory_format=torch.contiguous_format)
                rows[..., last - first :] *= 2  # an entry beyond the square stands for its mirror image as well
                grad_weight += _of_weight(window, rows, weight, dilation, groups)
        if ctx.has_bias and ctx.needs_input_grad[2]:
            grad_bias = grad.sum((0, 2, 3))
        return grad_x, grad_weight, grad_bias, None, None


def _of_weight(window: Tensor, grad: Tensor, weight: Tensor, dilation: int, groups: int) -> Tensor:
    """The gradient of the kernel of a convolution without padding."""
    which = [False, True, False]
    return torch.ops.aten.convolution_backward(
        grad, window, weight, None, [1, 1], [0, 0], [dilation, dilation], False, [0, 0], groups, which
    )[1]


def triangle_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    in_rep: Rep,
    out_rep: Rep,
    *,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    block: int = BLOCK_ROWS,
) -> Tensor:
    """Convolution, stride 1, of a map that transposition leaves alone, by a weight tied under transposition.

    The inputs must be equal to their image (a symmetric map for even channels); below the diagonal they are read near
    it only. Gradients of the inputs are those along such maps, the symmetric part of the gradient of the whole
    evaluation. Gradients of the weight are right for its independent numbers: an entry above the diagonal counts twice
    instead of once and its mirror image once.

    Args:
        x: maps ``(batch, in_channels, length, length)``.
        weight: tied kernel ``(out_channels, in_channels / groups, taps, taps)``.
        bias: tied bias, or None.
        in_rep: type of the inputs.
        out_rep: type of the outputs.
        padding: zeros at every side, less than the extent of the kernel.
        dilation: distance between taps.
        groups: as in the stock layer.
        block: rows of a block.
    """
    extent = dilation * (weight.shape[-1] - 1) + 1
    if padding >= extent:
        raise ValueError(
            f"the triangle takes a padding below the extent of the kernel, got {padding} for extent {extent}."
        )
    if torch.is_autocast_enabled(x.device.type):  # which stock convolutions do by themselves
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    return _TriangleConv2d.apply(  # type: ignore[no-untyped-call]
        x, weight, bias, (in_rep, out_rep), (padding, dilation, groups, block)
    )
