"""Losses of labelled sequences, and of models that contradict themselves on the other strand."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from palindra.data.task import Task
from palindra.models.mean_variance import LOWER, UPPER


def label_loss(
    task: Task, outputs: Float[Tensor, "batch outputs *parameters"], labels: Float[Tensor, "batch targets"]
) -> Float[Tensor, " batch"]:
    """One loss per sequence: cross-entropy, or squared error of standardised values; missing labels count nothing.

    Regression models with a spread (:class:`palindra.models.mean_variance.MeanVariance`) have a third dimension: with
    mean and log-variance the loss is that of :func:`gaussian_nll`, with three quantiles that of :func:`pinball`.

    Args:
        task: what the labels are.
        outputs: logits, or standardised values, alone or with their spread.
        labels: 0/1, class numbers (or a probability for each class) or standardised values; NaN where missing.
    """
    if task is Task.MULTICLASS:
        if labels.shape[1] > 1:
            return functional.cross_entropy(outputs, labels, reduction="none")
        return functional.cross_entropy(outputs, labels[:, 0].long(), reduction="none")
    known = ~labels.isnan()
    filled = torch.where(known, labels, torch.zeros_like(labels))
    if task is Task.REGRESSION and outputs.dim() == 3:
        loss = {2: gaussian_nll, 3: pinball}[outputs.shape[2]](outputs, filled)
    elif task is Task.REGRESSION:
        loss = functional.mse_loss(outputs, filled, reduction="none")
    else:
        loss = functional.binary_cross_entropy_with_logits(outputs, filled, reduction="none")
    return (loss * known).sum(1) / known.sum(1).clamp(min=1)


def gaussian_nll(
    outputs: Float[Tensor, "batch targets 2"], labels: Float[Tensor, "batch targets"]
) -> Float[Tensor, "batch targets"]:
    """Negative log-likelihood, in nats, of values under a mean and a log-variance (Nix & Weigend, 1994).

    Examples:
        >>> nll = gaussian_nll(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[1.0]]))
        >>> round(nll.item(), 4)  # log(2 pi) / 2
        0.9189
    """
    mean, log_variance = outputs.unbind(-1)
    return 0.5 * (math.log(2 * math.pi) + log_variance + (labels - mean).square() * torch.exp(-log_variance))


def pinball(
    outputs: Float[Tensor, "batch targets 3"], labels: Float[Tensor, "batch targets"]
) -> Float[Tensor, "batch targets"]:
    """Mean quantile loss of the median, the 5 % and the 95 % quantile, in this order (Koenker & Bassett, 1978).

    Examples:
        >>> pinball(torch.tensor([[[0.0, -1.0, 1.0]]]), torch.tensor([[2.0]]))  # (.5 * 2 + .05 * 3 + .95 * 1) / 3
        tensor([[0.7000]])
    """
    level = outputs.new_tensor([0.5, LOWER, UPPER])
    above = labels[..., None] - outputs
    return torch.maximum(level * above, (level - 1) * above).mean(-1)


def consistency_loss(
    task: Task, given: Float[Tensor, "batch outputs *parameters"], other: Float[Tensor, "batch outputs *parameters"]
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
        return (given - other).square().flatten(1).mean(1)
    if task is Task.MULTICLASS:
        p, q = given.log_softmax(1), other.log_softmax(1)
        return ((p.exp() - q.exp()) * (p - q)).sum(1)
    # KL(p, q) + KL(q, p) of two coins is the difference of probabilities times the difference of logits.
    return ((given.sigmoid() - other.sigmoid()) * (given - other)).mean(1)
