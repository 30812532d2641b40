"""Losses of labelled sequences, and of models that contradict themselves on the other strand."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from palindra.data.task import Task


def label_loss(
    task: Task, outputs: Float[Tensor, "batch outputs"], labels: Float[Tensor, "batch targets"]
) -> Float[Tensor, " batch"]:
    """One loss per sequence: cross-entropy, or squared error of standardised values; missing labels count nothing.

    Args:
        task: what the labels are.
        outputs: logits, or standardised values.
        labels: 0/1, class numbers or standardised values; NaN where missing.
    """
    if task is Task.MULTICLASS:
        return functional.cross_entropy(outputs, labels[:, 0].long(), reduction="none")
    known = ~labels.isnan()
    filled = torch.where(known, labels, torch.zeros_like(labels))
    if task is Task.REGRESSION:
        loss = functional.mse_loss(outputs, filled, reduction="none")
    else:
        loss = functional.binary_cross_entropy_with_logits(outputs, filled, reduction="none")
    return (loss * known).sum(1) / known.sum(1).clamp(min=1)


def consistency_loss(
    task: Task, given: Float[Tensor, "batch outputs"], other: Float[Tensor, "batch outputs"]
) -> Float[Tensor, " batch"]:
    """How far the outputs of the two strands are apart, per sequence.

    Symmetric Kullback-Leibler divergence of the predicted probabilities (classes, or each label), squared difference
    of values (RCCR; arXiv 2509.18529).

    Args:
        task: what the outputs are.
        given: outputs for the sequences.
        other: outputs for their reverse complements, aligned with ``given`` by the target's action.
    """
    if task is Task.REGRESSION:
        return (given - other).square().mean(1)
    if task is Task.MULTICLASS:
        p, q = given.log_softmax(1), other.log_softmax(1)
        return ((p.exp() - q.exp()) * (p - q)).sum(1)
    # KL(p, q) + KL(q, p) of two coins is the difference of probabilities times the difference of logits.
    return ((given.sigmoid() - other.sigmoid()) * (given - other)).mean(1)
