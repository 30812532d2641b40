"""Normalisation: a pair shares its statistics and its affine parameters; odd channels have no mean and no shift."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from palindra.nn.printed import OneLine
from palindra.nn.processes import over_processes, several_processes, summed
from palindra.symmetry import Position, Rep, moved_entries, tie


def _tie_affine(layer: nn.Module, rep: Rep) -> None:
    """Scales are shared inside a pair and free elsewhere; shifts are also zero on odd channels."""
    unsigned = Rep(rep.regular, rep.even + rep.odd)
    tie(layer, "weight", moved_entries([unsigned], [], Position.IDENTITY))
    tie(layer, "bias", moved_entries([rep], [], Position.IDENTITY))


def orbit_statistics(mean: Tensor, variance: Tensor, rep: Rep) -> tuple[Tensor, Tensor]:
    """Pool per-channel moments over the orbits of ``rep``.

    The mean is projected onto invariant vectors (averaged inside a pair, zero on odd channels) and the second moment
    is taken about that mean, so replacing any sequence by its reverse complement changes neither.
    """
    pooled = (mean + rep.act(mean, dim=0)) / 2
    about = variance + (mean - pooled).square()
    return pooled, (about + about[rep.permutation]) / 2


class _PooledBatchNorm(torch.autograd.Function):
    """Normalise by pooled batch statistics with the fused kernels of the stock layer.

    Writing the same in autograd operations costs four times as much as the stock layer, more than a short convolution.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, rep: Rep, eps: float) -> tuple[Tensor, ...]:
        # Float running statistics, though unused, make the kernel return float ones for bfloat16 inputs.
        unused = torch.zeros_like(weight)
        mean, variance = torch.batch_norm_update_stats(x, unused, unused, 0.0)
        mean, variance, count = over_processes(mean, variance, x.numel() // x.shape[1])
        mean, variance = orbit_statistics(mean, variance, rep)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.rep, ctx.eps, ctx.count = rep, eps, count
        values = torch.tensor(count)
        ctx.mark_non_differentiable(mean, variance, values)
        return functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps), mean, variance, values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        rep, permutation = ctx.rep, ctx.rep.permutation
        grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grad.contiguous(), x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        # The statistics depend on x as well: subtract the pooled mean of the gradient and its pooled projection.
        count = 2 * ctx.count
        inverse = (variance + ctx.eps).rsqrt()
        by_bias, by_weight = summed(weight * grad_bias, weight * grad_weight)
        shift = (by_bias + rep.act(by_bias, dim=0)) * inverse / count
        slope = (by_weight + by_weight[permutation]) * inverse.square() / count
        # slope * (x - mean) + shift, by the fused kernel again: twice as fast as addcmul in bfloat16.
        unit = torch.ones_like(variance)
        grad_x.sub_(functional.batch_norm(x, mean, unit, slope, shift, False, 0.0, 0.0))
        return grad_x, grad_weight, grad_bias, None, None


class BatchNorm(OneLine, nn.BatchNorm1d):
    """Batch normalisation over batch and positions; statistics belong to orbits of channels, not to channels.

    A regular pair pools its mean and variance; even channels are normalised as usual; odd channels are divided by the
    root of their mean square, without centring (Mallet & Vert, 2021). Serves vectors, sequences and maps over pairs.

    Args:
        rep: type of the channels, unchanged by the layer.
        eps: added to the variance.
        momentum: of the running statistics used in evaluation (the running variance is bias-corrected).

    Statistics are those of the batches of all processes that train one model together, so that a model does not depend
    on their number.

    Second derivatives in training mode are refused by autograd; in evaluation mode they work as in the stock layer.

    Examples:
        >>> layer = BatchNorm(Rep(regular=2, odd=1))
        >>> layer(torch.randn(8, 5, 30)).shape
        torch.Size([8, 5, 30])
    """

    keeps_type = True
    running_mean: Tensor
    running_var: Tensor
    members: Tensor
    centred: Tensor

    def __init__(self, rep: Rep, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(rep.channels, eps=eps, momentum=momentum)
        self.in_rep = self.out_rep = rep
        _tie_affine(self, rep)
        self._pooled = bool(rep.regular or rep.odd)
        # For the bias correction: channels that share a variance, and the means taken from the data (none if odd).
        pairs, single = 2 * rep.regular, rep.even + rep.odd
        self.register_buffer("members", torch.tensor([2.0] * pairs + [1.0] * single), persistent=False)
        self.register_buffer("centred", torch.tensor([1.0] * (pairs + rep.even) + [0.0] * rep.odd), persistent=False)

    def forward(self, x: Float[Tensor, "batch channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        if not self.training:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        momentum = self.momentum if self.momentum is not None else 0.1
        if not self._pooled and not several_processes():
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, True, momentum, self.eps
            )
        if x.numel() // x.shape[1] < 2 and self.in_rep.even:
            raise ValueError(f"batch normalisation needs more than one value per channel, got shape {tuple(x.shape)}.")
        y, mean, variance, values = _PooledBatchNorm.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, self.in_rep, self.eps
        )
        with torch.no_grad():
            self.running_mean.lerp_(mean, momentum)
            seen = self.members * values
            self.running_var.lerp_(variance * (seen / (seen - self.centred)), momentum)
        return y

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of positions is fine."""


class LayerNorm(OneLine):
    """Layer normalisation over channels, at every position, of regular and even channels.

    Mean and variance over all channels are invariant when no channel changes sign, so this is the stock formula with
    tied affine parameters.

    Args:
        rep: type of the channels, without odd ones.
        eps: added to the variance.

    Raises:
        ValueError: for odd channels, whose mean is not an invariant: use :class:`RMSNorm`.
    """

    keeps_type = True
    weight: Tensor
    bias: Tensor

    def __init__(self, rep: Rep, *, eps: float = 1e-5) -> None:
        super().__init__()
        if rep.odd:
            raise ValueError(
                f"layer normalisation subtracts a mean over channels, which changes when the {rep.odd} odd channels of "
                f"({rep}) change sign. Use RMSNorm, which needs no mean."
            )
        self.in_rep = self.out_rep = rep
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(rep.channels))
        self.bias = nn.Parameter(torch.zeros(rep.channels))
        _tie_affine(self, rep)

    def forward(self, x: Float[Tensor, "batch channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        last = x.movedim(1, -1)
        return functional.layer_norm(last, last.shape[-1:], self.weight, self.bias, self.eps).movedim(-1, 1)


class RMSNorm(OneLine):
    """Root-mean-square normalisation over channels, at every position; exact on every type.

    Args:
        rep: type of the channels.
        eps: added to the mean square.
    """

    keeps_type = True
    weight: Tensor
    bias: Tensor

    def __init__(self, rep: Rep, *, eps: float = 1e-6) -> None:
        super().__init__()
        self.in_rep = self.out_rep = rep
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(rep.channels))
        self.bias = nn.Parameter(torch.zeros(rep.channels))
        _tie_affine(self, rep)

    def forward(self, x: Float[Tensor, "batch channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        shape = (-1, *[1] * (x.dim() - 2))
        inverse = (x.square().mean(1, keepdim=True) + self.eps).rsqrt()
        return x * inverse * self.weight.view(shape) + self.bias.view(shape)


class InstanceNorm(OneLine):
    """Normalise every channel of every sequence by its own mean and variance over positions.

    The statistics move with the channel, so any type is exact; only the affine parameters are tied.
    """

    keeps_type = True
    weight: Tensor
    bias: Tensor

    def __init__(self, rep: Rep, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.in_rep = self.out_rep = rep
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(rep.channels))
        self.bias = nn.Parameter(torch.zeros(rep.channels))
        _tie_affine(self, rep)

    def forward(self, x: Float[Tensor, "batch channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        return functional.instance_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
