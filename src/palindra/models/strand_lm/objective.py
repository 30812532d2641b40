"""What CrossDNA learns from besides the masked letters: agreement with a slow teacher, and which strand is which."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from palindra.models.strand_lm.config import StrandLMConfig


class ObjectiveWeights(NamedTuple):
    """Weights of the parts of the objective at a step of training."""

    semantic: float
    gate: float
    fixed_gate: bool  # whether both strands are weighed alike


def objective_weights(
    step: int,
    *,
    semantic: float = 0.12,
    semantic_steps: int = 10_000,
    gate: float = 0.02,
    gate_step: int = 5_000,
    supervised: bool = True,
) -> ObjectiveWeights:
    """The published schedule: the agreement rises linearly, the gate is fixed at first and supervised afterwards.

    Args:
        step: of the optimiser, from 0.
        semantic: weight of the agreement after so many
        semantic_steps: steps.
        gate: weight of the supervision of the gate from
        gate_step: this step on; until then the gate is fixed.
        supervised: off for tied models, whose gate must not tell the strands apart.

    Examples:
        >>> objective_weights(2_500), objective_weights(20_000)
        (ObjectiveWeights(semantic=0.03, gate=0.0, fixed_gate=True),
         ObjectiveWeights(semantic=0.12, gate=0.02, fixed_gate=False))
    """
    share = min(step / semantic_steps, 1.0) if semantic_steps else 1.0
    fixed = step < gate_step
    return ObjectiveWeights(semantic * share, gate if supervised and not fixed else 0.0, fixed)


def semantic_loss(
    teacher: Float[Tensor, "batch length width"],
    student: Float[Tensor, "batch length width"],
    mask: Bool[Tensor, "batch length"] | None = None,
    *,
    difference: float = 0.5,
    gram: float = 0.2,
) -> Float[Tensor, ""]:
    """How far the student is from the teacher: values, first differences along positions, and normalised Gram matrices.

    ``MSE(S, T) + 0.5 MSE(diff S, diff T) + 0.2 MSE(S S' / |S S'|, T T' / |T T'|)`` with Frobenius norms, averaged over
    windows. The Gram matrices of ``length x length`` are never formed: with ``|S S'| = |S' S|`` and
    ``<S S', T T'> = |S' T|^2`` the same number comes from matrices of ``width x width``.

    Args:
        teacher: what is agreed with; no gradient flows into it.
        student: the same shape.
        mask: True at real positions; the others count nowhere.
        difference: weight of the second part.
        gram: weight of the third part.

    Examples:
        >>> x = torch.randn(2, 9, 4)
        >>> bool(semantic_loss(x, x).abs() < 1e-6), bool(semantic_loss(x, -x) > 1)
        (True, True)
    """
    teacher = teacher.detach()
    real = torch.ones_like(student[:, :, :1]) if mask is None else mask[:, :, None].to(student.dtype)
    letters = real.sum((1, 2))
    values = _mean_square(student - teacher, real)
    steps = _mean_square(student.diff(dim=1) - teacher.diff(dim=1), real[:, 1:] * real[:, :-1])
    s, t = student * real, teacher * real
    own, other, both = (torch.linalg.matrix_norm(a.mT @ b) for a, b in ((s, s), (t, t), (s, t)))
    tiny = torch.finfo(student.dtype).tiny
    cosine = both.square() / (own * other).clamp(min=tiny)
    grams = (2 - 2 * cosine) * (letters > 0) / letters.clamp(min=1).square()
    return values + difference * steps + gram * grams.mean()


def _mean_square(x: Tensor, real: Tensor) -> Tensor:
    per_window = (x.square() * real).sum((1, 2)) / (real.sum((1, 2)) * x.shape[2]).clamp(min=1)
    return per_window.mean()


def agreement_loss(
    config: StrandLMConfig,
    teacher: Float[Tensor, "batch strands length width"],
    student: Float[Tensor, "batch strands length width"],
    mask: Bool[Tensor, "batch length"] | None = None,
) -> Float[Tensor, ""]:
    """The sum of :func:`semantic_loss` over the strands, block by block where the model has blocks."""
    blocks = config.blocks(student.shape[2])
    real = blocks.split_mask(mask, student)
    pairs = zip(teacher.unbind(1), student.unbind(1), strict=True)
    return torch.stack([semantic_loss(blocks.split(t), blocks.split(s), real) for t, s in pairs]).sum()


def gate_supervision_loss(
    config: StrandLMConfig,
    gate: Float[Tensor, "batch length gates"],
    mask: Bool[Tensor, "batch length"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy of the mean gate logit of each block with whether the first branch holds the forward strand.

    Raises:
        ValueError: for a model with tied branches, whose gate must not tell the strands apart.
    """
    if config.mixer != "untied":
        raise ValueError(
            f"the gate of a {config.mixer} model cannot be supervised: it changes sign with the strand, and being told "
            "which is which would break that. Leave this part out."
        )
    blocks = config.blocks(gate.shape[1])
    rows, real = blocks.split(gate), blocks.split_mask(mask, gate)
    weights = torch.ones_like(rows[:, :, 0]) if real is None else real.to(rows.dtype)
    letters = weights.sum(1)
    means = (rows.mean(2) * weights).sum(1) / letters.clamp(min=1)
    block = torch.arange(len(means), device=gate.device) % blocks.count
    forward = 1 - block % 2 if config.alternating else torch.ones_like(block)
    losses = functional.binary_cross_entropy_with_logits(means, forward.to(means.dtype), reduction="none")
    filled = (letters > 0).to(losses.dtype)
    return (losses * filled).sum() / filled.sum().clamp(min=1)
