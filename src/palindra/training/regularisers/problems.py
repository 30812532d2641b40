"""Labelled sequences and tracks as problems of one kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra.data.task import Task
from palindra.symmetry import DNA_STRAND, Target
from palindra.training.losses import label_loss
from palindra.training.regularisers.problem import Problem, profile_explained
from palindra.training.track_losses import Loss, Reads, Truth
from palindra.training.track_outputs import other_strand


def label_problem(network: nn.Module, *, task: Task, target: Target, source: Any, outputs: int) -> Problem:
    """The training of a network on labelled sequences.

    Attributions explain the sum of logits or values; of classes the logits weighted by their probabilities. Sequences
    with a label of 1 are positive; of classes and numbers all are.

    Args:
        network: gives logits or standardised values.
        task: of the labels.
        target: how labels change with the strand.
        source: the involution on inputs; one that leaves the letters alone says that there is no other strand.
        outputs: number of columns, or of classes.
    """
    yes_or_no = task in (Task.BINARY, Task.MULTILABEL)
    strands = target.rep is not None and source.rep.regular > 0
    return Problem(
        network,
        loss=lambda y, labels: label_loss(task, y.float(), labels),
        explained=profile_explained if task is Task.MULTICLASS else _of_values,
        values=_values,
        soft=soft_classes(outputs) if task is Task.MULTICLASS else _unchanged,
        positive=_positive if yes_or_no else _all,
        source=source,
        aligned=target.act if strands else None,
    )


def track_problem(network: nn.Module, *, loss: Loss, target: Target) -> Problem:
    """The training of a network on tracks, or on labels of windows.

    Attributions explain the mean over bins, summed over tracks; of profiles the logits weighted by shares. Windows
    with a label of 1 are positive; with coverage all are.

    Args:
        network: gives what the loss reads.
        loss: of the training.
        target: how tracks change with the strand.
    """
    profile = loss.reads is Reads.LOGITS and loss.truth is not Truth.LABELS
    explained: Callable[[Any], Tensor] = profile_explained if profile else _total
    if loss.reads is Reads.PROFILE_AND_COUNTS:
        explained = _of_profile
    return Problem(
        network,
        loss=loss,
        explained=explained,
        values=_flat,
        soft=_unchanged,
        positive=_positive if loss.truth is Truth.LABELS else _all,
        source=DNA_STRAND,
        aligned=(lambda y: other_strand(target, y)) if target.rep is not None else None,
    )


def soft_classes(classes: int) -> Callable[[Tensor], Tensor]:
    """Class numbers ``(rows, 1)`` as probabilities ``(rows, classes)``; probabilities stay.

    Examples:
        >>> soft_classes(3)(torch.tensor([[2.0], [0.0]])).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def soft(labels: Tensor) -> Tensor:
        if labels.shape[1] > 1:
            return labels
        return functional.one_hot(labels[:, 0].long(), classes).to(labels.dtype)

    return soft


def _unchanged(targets: Tensor) -> Tensor:
    return targets


def _values(outputs: Tensor) -> Tensor:
    """Of a regression with its spread, ``(rows, targets, parameters)``, the values, which come first."""
    return (outputs[..., 0] if outputs.ndim > 2 else outputs).float()


def _of_values(outputs: Tensor) -> Tensor:
    return _values(outputs).sum(1)


def _total(outputs: Tensor) -> Tensor:
    outputs = outputs.float()
    return outputs.flatten(2).mean(2).sum(1) if outputs.ndim > 2 else outputs.sum(1)


def _of_profile(outputs: Any) -> Tensor:
    return profile_explained(outputs[0])


def _flat(outputs: Any) -> Tensor:
    parts = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    return torch.cat([part.float().flatten(1) for part in parts], dim=1)


def _positive(targets: Tensor) -> Tensor:
    return (targets > 0.5).flatten(1).any(1)


def _all(targets: Tensor) -> Tensor:
    return torch.ones(len(targets), dtype=torch.bool, device=targets.device)
