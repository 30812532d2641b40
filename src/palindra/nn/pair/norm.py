"""Batch normalisation of maps over pairs: each pair counts once, padding never."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from palindra.nn.norm import BatchNorm
from palindra.nn.pair.maps import require_lengths, zero_outside
from palindra.nn.processes import summed
from palindra.symmetry import Position, Rep


def _diagonal(x: Tensor) -> Tensor:
    return x.diagonal(dim1=-2, dim2=-1)


def _pooled(x: Tensor, rep: Rep) -> Tensor:
    """A quantity that both members of a pair share, whatever its sign: the mean of the two."""
    return (x + x[rep.permutation]) / 2


class _TriangleBatchNorm(torch.autograd.Function):
    """Normalise by statistics of the valid triangle; one map is saved for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, rep: Rep, lengths: Tensor | None, eps: float, diagonal: bool
    ) -> tuple[Tensor, ...]:
        shape = (-1, 1, 1)
        own = torch.full(x.shape[:1], x.shape[-1], device=x.device) if lengths is None else lengths
        counted = (own.square().sum() + (own.sum() if diagonal else -own.sum())).to(weight.dtype) / 2
        weigh = 1.0 if diagonal else -1.0
        x = zero_outside(x, lengths)

        def triangle_sum(values: Tensor) -> Tensor:
            # Off the diagonal an entry and its image count half each.
            return (values.sum((0, 2, 3)) + weigh * _diagonal(values).sum((0, 2))) / 2

        counted, whole = summed(counted, triangle_sum(x))
        mean = whole / counted
        mean = (mean + rep.act(mean, dim=0)) / 2
        centred = zero_outside(x - mean.view(shape), lengths)
        variance = _pooled(summed(triangle_sum(centred.square()))[0] / counted, rep)
        inverse = (variance + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, inverse, counted, lengths)
        ctx.rep, ctx.weigh = rep, weigh
        y = zero_outside(centred.mul_((weight * inverse).view(shape)).add_(bias.view(shape)), lengths)
        ctx.mark_non_differentiable(mean, variance, counted)
        return y, mean, variance, counted

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse, counted, lengths = ctx.saved_tensors
        rep, shape = ctx.rep, (-1, 1, 1)
        grad = zero_outside(grad, lengths)
        normal = (x - mean.view(shape)).mul_(inverse.view(shape))
        grad_bias, grad_weight = grad.sum((0, 2, 3)), (grad * normal).sum((0, 2, 3))
        scaled = weight * inverse
        by_mean, by_spread = summed(scaled * grad_bias, scaled * grad_weight)
        shift = (by_mean + rep.act(by_mean, dim=0)) / (2 * counted)
        slope = _pooled(by_spread, rep) / counted
        # How much an entry moves the statistics: half off the diagonal, whole or nothing on it.
        moved = normal.mul_(slope.view(shape)).add_(shift.view(shape)).mul_(0.5)
        _diagonal(moved).mul_(1 + ctx.weigh)
        grad_x = zero_outside((grad * scaled.view(shape)).sub_(moved), lengths)
        return grad_x, grad_weight, grad_bias, None, None, None, None


class PairBatchNorm(BatchNorm):
    """Batch normalisation of maps over pairs by statistics of the valid upper triangle.

    Every valid pair of positions counts once, the diagonal too: off the diagonal ``(s, t)`` and ``(t, s)`` count half
    each, so the statistics are those of the triangle for maps that are their own image and do not change under
    transposition for any map. Padding counts neither in the statistics (of training or evaluation) nor in the
    gradients, and stays zero. Pairs of channels share their statistics, odd channels have no mean.

    Args:
        rep: type of the channels, unchanged by the layer.
        eps: added to the variance.
        momentum: of the running statistics used in evaluation (the running variance is bias-corrected).
        diagonal: count the diagonal; without it, the pairs of two different positions only.

    Examples:
        >>> layer = PairBatchNorm(Rep(even=3))
        >>> layer(torch.randn(2, 3, 9, 9), torch.tensor([9, 4])).shape
        torch.Size([2, 3, 9, 9])
    """

    takes_lengths: ClassVar[bool] = True
    position = Position.TRANSPOSE

    def __init__(self, rep: Rep, *, eps: float = 1e-5, momentum: float = 0.1, diagonal: bool = True) -> None:
        super().__init__(rep, eps=eps, momentum=momentum)
        self.diagonal = diagonal

    def forward(
        self, x: Float[Tensor, "batch channels length length"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch channels length length"]:
        if lengths is not None:
            require_lengths(lengths, x)
        if not self.training:
            y = functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
            return zero_outside(y, lengths)
        # Sums over a map are taken in the precision of the statistics, also where autocast has lowered that of the map.
        y, mean, variance, counted = _TriangleBatchNorm.apply(  # type: ignore[no-untyped-call]
            x.to(self.running_mean.dtype), self.weight, self.bias, self.in_rep, lengths, self.eps, self.diagonal
        )
        if not torch.compiler.is_compiling() and float(counted) < 2:
            raise ValueError(
                f"batch normalisation needs at least two pairs of positions, got {int(counted)} in a batch of shape "
                f"{tuple(x.shape)}: give longer or more sequences, or evaluate with eval()."
            )
        momentum = self.momentum if self.momentum is not None else 0.1
        with torch.no_grad():
            self.running_mean.lerp_(mean, momentum)
            seen = self.members * counted
            self.running_var.lerp_(variance * (seen / (seen - self.centred)), momentum)
        return y.to(x.dtype)
