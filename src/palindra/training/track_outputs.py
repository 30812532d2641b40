"""What models of tracks put out: the other strand of it, its mean over strands, and the coverage that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.symmetry import DNA_STRAND, Position, Target
from palindra.training.track_losses import Loss, Reads, Truth


def each(function: Callable[..., Tensor], *outputs: Any) -> Any:
    """A function of every tensor of some outputs: of the tensors themselves, or of the fields of named tuples."""
    if isinstance(outputs[0], Tensor):
        return function(*outputs)
    return type(outputs[0])(*(function(*fields) for fields in zip(*outputs, strict=True)))


def other_strand(target: Target, outputs: Any) -> Any:
    """Outputs for sequences as those for their reverse complements: stranded tracks swapped, positions reversed.

    Tensors of three dimensions are tracks ``(batch, tracks, bins)``; those of two are one value per track (counts,
    labels), of which the tracks swap and no position moves.

    Raises:
        ValueError: for a strand-specific target.

    Examples:
        >>> stranded = Target.paired([1, 0], Position.REVERSE)
        >>> other_strand(stranded, torch.tensor([[[1, 2], [3, 4]]])).tolist()
        [[[4, 3], [2, 1]]]
        >>> other_strand(stranded, torch.tensor([[1, 3]])).tolist()
        [[3, 1]]
    """
    totals = Target(target.rep, Position.IDENTITY, target.order)
    return each(lambda y: (target if y.ndim == 3 else totals).act(y), outputs)


class TrackStrandMean(nn.Module):
    """A model of tracks averaged over both strands, whatever it puts out: ``(f(x) + R f(R x)) / 2``.

    Outputs are averaged as they are (rates, logits, log counts).

    Args:
        module: the model; its outputs are a tensor or a named tuple of tensors.
        target: how tracks change with the strand.

    Raises:
        ValueError: for a strand-specific target, which has no average over strands.
    """

    def __init__(self, module: nn.Module, target: Target) -> None:
        super().__init__()
        if target.rep is None:
            raise ValueError("a strand-specific target has no average over strands; use the model as it is.")
        self.module, self.target = module, target

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Any:
        given, other = both_strands(self.module, self.target, x)
        return each(lambda a, b: (a + b) / 2, given, other)


def both_strands(network: nn.Module, target: Target, x: Tensor) -> tuple[Any, Any]:
    """Outputs for sequences, and outputs for their reverse complements aligned with them, in one pass."""
    outputs = network(torch.cat([x, DNA_STRAND.act(x)]))
    rows = x.shape[0]
    return each(lambda y: y[:rows], outputs), other_strand(target, each(lambda y: y[rows:], outputs))


def coverage(loss: Loss, outputs: Any) -> Tensor:
    """The coverage (or probability) that outputs stand for, by what the loss took them for.

    Rates and values are themselves; logits of labels become probabilities; logits of a profile become shares, which
    add up to 1 over a window; with log counts beside them they become counts, ``softmax(profile) * (exp(log counts) -
    1)``.

    Args:
        loss: that the model was trained with.
        outputs: of the model.

    Examples:
        >>> from palindra.training.track_losses import LOSSES
        >>> coverage(LOSSES["bpnet"], (torch.zeros(1, 1, 4), torch.tensor([[9.0]]).log()))
        tensor([[[2., 2., 2., 2.]]])
    """
    if loss.reads is Reads.PROFILE_AND_COUNTS:
        profile, log_counts = outputs
        return profile.float().softmax(-1) * torch.expm1(log_counts.float()).clamp(min=0)[..., None]
    if loss.reads is Reads.LOGITS:
        return outputs.float().sigmoid() if loss.truth is Truth.LABELS else outputs.float().softmax(-1)
    return outputs.float()


def inconsistency(loss: Loss, given: Any, other: Any) -> Float[Tensor, ""]:
    """How far the outputs for the two strands are apart, on the scale of the loss (RCCR, arXiv 2509.18529).

    Symmetric Kullback-Leibler divergence of Poisson rates, of labels, or of profiles (summed over positions); squared
    difference of values and of log counts. Mean over what is left.

    Args:
        loss: that the model is trained with.
        given: outputs for the sequences.
        other: outputs for their reverse complements, aligned with ``given``.
    """
    if loss.reads is Reads.PROFILE_AND_COUNTS:
        counts = (given[1].float() - other[1].float()).square().mean()
        return _profiles_apart(given[0].float(), other[0].float()) + counts
    a, b = given.float(), other.float()
    if loss.reads is Reads.RATES:
        return ((a - b) * (torch.log(a + 1e-7) - torch.log(b + 1e-7))).mean()
    if loss.reads is Reads.VALUES:
        return (a - b).square().mean()
    return ((a.sigmoid() - b.sigmoid()) * (a - b)).mean() if loss.truth is Truth.LABELS else _profiles_apart(a, b)


def _profiles_apart(a: Tensor, b: Tensor) -> Tensor:
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    return ((p.exp() - q.exp()) * (p - q)).sum(-1).mean()
