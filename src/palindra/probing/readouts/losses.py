"""From what a network gives to a loss and to predictions, for each kind of task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from palindra.probing.psi import CLIP, deviations, mean_logit

Array = NDArray[Any]


def bernoulli_kl(psi: Tensor, logit: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of predicted from measured PSI over tissues that were measured.

    Args:
        psi: measured ``(batch, tissues)``, NaN where not measured.
        logit: predicted, as logits.

    Examples:
        >>> half = torch.tensor([[0.5, float("nan")]])
        >>> bernoulli_kl(half, torch.zeros(1, 2)).item(), round(bernoulli_kl(half, torch.full((1, 2), 2.0)).item(), 4)
        (0.0, 0.4338)

    Source: Cheng et al. (2021), MTSplice.
    """
    measured = torch.isfinite(psi)
    p = psi[measured].clamp(CLIP, 1 - CLIP)
    q = logit[measured].sigmoid().clamp(CLIP, 1 - CLIP)
    return (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()


def _masked(loss: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def known(outputs: Tensor, labels: Tensor) -> Tensor:
        there = torch.isfinite(labels)
        return loss(outputs[there], labels[there])

    return known


def _psi(outputs: Tensor, labels: Tensor) -> Tensor:
    level = torch.from_numpy(mean_logit(labels.numpy(force=True))).to(outputs)
    return bernoulli_kl(labels, outputs + level)


_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "binary": _masked(functional.binary_cross_entropy_with_logits),
    "multilabel": _masked(functional.binary_cross_entropy_with_logits),
    "multiclass": lambda outputs, labels: functional.cross_entropy(outputs, labels[:, 0].long()),
    "regression": _masked(functional.mse_loss),
    "psi": _psi,
}


@dataclass(frozen=True)
class Link:
    """The loss of a task, and the step from the numbers of a network (logits, standardised values) to predictions.

    Predictions are probabilities for classes, values in the units of the labels for regression, and deviations from
    the exon's level (see :func:`palindra.probing.psi.deviations`) for PSI.
    """

    kind: str
    mean: Array  # of the training labels of a regression
    spread: Array

    @classmethod
    def of(cls, kind: str, labels: Array) -> Link:
        """Fitted on training labels ``(rows, columns)``."""
        if kind != "regression":
            return cls(kind, np.zeros(1), np.ones(1))
        spread = np.nanstd(labels.astype(np.float64), axis=0)
        return cls(kind, np.nanmean(labels.astype(np.float64), axis=0), np.where(spread > 0, spread, 1.0))

    def targets(self, labels: Array) -> Tensor:
        """Labels as the loss takes them, float32."""
        return torch.from_numpy(((labels - self.mean) / self.spread).astype(np.float32))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean over labels that are known."""
        return _LOSSES[self.kind](outputs, targets)

    def predictions(self, outputs: Tensor) -> Array:
        """Float64 ``(rows, columns)``."""
        numbers = outputs.double()
        if self.kind in ("binary", "multilabel"):
            return numbers.sigmoid().numpy()
        if self.kind == "multiclass":
            return numbers.softmax(1).numpy()
        return numbers.numpy() * self.spread + self.mean


def values_to_fit(kind: str, labels: Array) -> Array:
    """Labels as a linear regression takes them: PSI as deviations, others as they are."""
    return deviations(labels) if kind == "psi" else labels.astype(np.float64)
