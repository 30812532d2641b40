"""Training of a network that corrects thermodynamic pair probabilities, held close to them by a penalty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from palindra.data.order import epoch_order
from palindra.data.rna import Structure
from palindra.models.stem_features import StemRows
from palindra.models.stem_net import StemNet, StemNetConfig


@dataclass(frozen=True)
class StemTraining:
    """How a :class:`palindra.models.stem_net.StemNet` is trained.

    Raises:
        ValueError: for numbers out of range.
    """

    epochs: int = 4
    batch_size: int = 2048  # pairs
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    penalty: float = 0.03  # of the mean square of the correction, which keeps it where the data speak for it
    seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.batch_size, self.learning_rate) <= 0 or min(self.epochs, self.weight_decay, self.penalty) < 0:
            raise ValueError(f"sizes and rates must be positive and the rest at least 0, got {self}.")


def pair_weights(structures: Sequence[Structure], rows: Sequence[StemRows]) -> list[float]:
    """Weight of the pairs of each molecule: families count alike, and so do the molecules of a family.

    Examples:
        >>> two = [Structure("a", "GAAAC", [(0, 4)], "5S"), Structure("b", "GAAAC", [(0, 4)], "tRNA")]
        >>> row = StemRows(np.array([0]), np.array([4]), np.zeros(1), np.zeros((1, 49)), 5)
        >>> pair_weights([*two, two[1]], [row] * 3)
        [1.5, 0.75, 0.75]
    """
    families = [structure.family for structure in structures]
    weights = [1 / (max(1, len(one.pairs)) * families.count(one.family)) for one in structures]
    total = sum(weight * len(row) for weight, row in zip(weights, rows, strict=True))
    pairs = sum(len(row) for row in rows)
    return [weight * pairs / total for weight in weights]


def fit_stems(
    config: StemNetConfig,
    structures: Sequence[Structure],
    rows: Sequence[StemRows],
    settings: StemTraining,
    *,
    report: Callable[[int, StemNet], None] | None = None,
) -> StemNet:
    """Train on the likely pairs of some molecules.

    Args:
        config: the network.
        structures: to train on, with their families.
        rows: what :func:`palindra.models.stem_features.stem_rows` gives for each of them.
        settings: of the training.
        report: called with the number of epochs done, 0 for the untrained network, and the network in evaluation mode.
    """
    prior = torch.from_numpy(np.concatenate([row.prior for row in rows]))
    features = torch.from_numpy(np.concatenate([row.features for row in rows]))
    native = torch.from_numpy(np.concatenate([_native(*both) for both in zip(structures, rows, strict=True)]))
    weights = pair_weights(structures, rows)
    weight = torch.cat([torch.full((len(row),), one) for one, row in zip(weights, rows, strict=True)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net = StemNet(config)
        net.standardise(features)
        optimiser = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
        for epoch in range(settings.epochs):
            if report is not None:
                report(epoch, net.eval())
            net.train()
            order = torch.from_numpy(epoch_order(len(prior), settings.seed, epoch))
            for some in torch.split(order, settings.batch_size):
                _step(net, optimiser, settings.penalty, prior[some], features[some], native[some], weight[some])
    if report is not None:
        report(settings.epochs, net.eval())
    return net.eval()


def _native(structure: Structure, row: StemRows) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (structure.partners[row.first] == row.second).astype(np.float32)


def _step(
    net: StemNet,
    optimiser: torch.optim.Optimizer,
    penalty: float,
    prior: torch.Tensor,
    features: torch.Tensor,
    native: torch.Tensor,
    weight: torch.Tensor,
) -> None:
    correction = net.correction(features)
    losses = functional.binary_cross_entropy_with_logits(prior + correction, native, reduction="none")
    loss = (weight * (losses + penalty * correction.square())).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
