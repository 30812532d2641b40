"""One loop that trains any readout network: early stopping on the validation rows, exact for a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from palindra.data import epoch_order
from palindra.errors import InputError
from palindra.probing.readouts.examples import Array, Batches
from palindra.probing.readouts.losses import Link

_ROWS_AT_ONCE = 256  # outside training


@dataclass(frozen=True)
class Training:
    """How a readout network is trained (Adam); the defaults are those of Tang (2024, chapter 3)."""

    learning_rates: tuple[float, ...] = (1e-3,)  # each is tried, the one of least validation loss is kept
    batch_size: int = 256
    epochs: int = 100
    patience: int = 10  # epochs without a smaller validation loss after which training stops
    plateau: int = 5  # epochs without one after which the learning rate falls
    factor: float = 0.2  # by which it falls
    least_rate: float = 1e-6
    weight_decay: float = 0.0


class Trained(NamedTuple):
    """A network with its weights of least validation loss, and how they came about."""

    network: nn.Module
    learning_rate: float
    epochs: int  # trained, of the one kept
    best_epoch: int  # from 1
    loss: float  # on the validation rows
    losses: dict[float, float]  # by learning rate


def train_network(
    build: Callable[[], nn.Module],
    link: Link,
    train: tuple[Batches, Array],
    valid: tuple[Batches, Array],
    *,
    training: Training,
    seed: int,
    device: str = "cpu",
) -> Trained:
    """Train networks that start alike, one for each learning rate, and give the best.

    First weights, order and dropout follow from the seed alone: the state of torch's own generator is neither used nor
    changed.

    Raises:
        InputError: if the loss is no longer a number at any learning rate.
    """
    candidates = []
    for rate in training.learning_rates:
        with torch.random.fork_rng(devices=[] if device == "cpu" else None):
            torch.manual_seed(seed)
            candidates.append(_train(build().to(device), rate, link, train, valid, training, seed, device))
    best = min(candidates, key=lambda one: one.loss)
    if not math.isfinite(best.loss):
        raise InputError(
            f"the validation loss is no number at learning rates {', '.join(map(str, training.learning_rates))}: the "
            "features are probably very large. Give a smaller learning rate."
        )
    return best._replace(losses={one.learning_rate: one.loss for one in candidates})


def _train(
    network: nn.Module,
    rate: float,
    link: Link,
    train: tuple[Batches, Array],
    valid: tuple[Batches, Array],
    training: Training,
    seed: int,
    device: str,
) -> Trained:
    features, targets = train[0], link.targets(train[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, weight_decay=training.weight_decay)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=training.factor, patience=training.plateau, min_lr=training.least_rate
    )
    least, best_epoch, kept = math.inf, 0, _copy(network)
    epoch = 0
    for epoch in range(1, training.epochs + 1):
        network.train()
        for rows in batches_of(epoch_order(len(features), seed, epoch), training.batch_size):
            optimizer.zero_grad()
            outputs = network(*(part.to(device) for part in features.batch(rows)))
            link.loss(outputs, targets[torch.from_numpy(rows)].to(device)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        loss = _loss(network, link, valid, device)
        if loss < least:
            least, best_epoch, kept = loss, epoch, _copy(network)
        schedule.step(loss)
        if epoch - best_epoch >= training.patience or not math.isfinite(loss):
            break
    network.load_state_dict(kept)
    network.eval()
    return Trained(network, rate, epoch, best_epoch, least, {})


def batches_of(order: Array, size: int) -> list[Array]:
    """Rows in pieces; a single one left over joins the last piece, because batch norm needs two.

    Examples:
        >>> [rows.tolist() for rows in batches_of(np.arange(5), 2)]
        [[0, 1], [2, 3, 4]]
    """
    pieces = np.split(order, range(size, len(order), size))
    if len(pieces) > 1 and len(pieces[-1]) == 1:
        pieces[-2:] = [np.concatenate(pieces[-2:])]
    return pieces


def run_network(network: nn.Module, features: Batches, device: str = "cpu") -> Tensor:
    """Outputs of all rows ``(rows, outputs)``, as in use: without dropout, with the statistics of training."""
    network.eval()
    with torch.inference_mode():
        parts = [
            network(*(part.to(device) for part in features.batch(rows))).cpu()
            for rows in _pieces(len(features), _ROWS_AT_ONCE)
        ]
    return torch.cat(parts)


def _loss(network: nn.Module, link: Link, valid: tuple[Batches, Array], device: str) -> float:
    return float(link.loss(run_network(network, valid[0], device), link.targets(valid[1])))


def _pieces(rows: int, size: int) -> Sequence[Array]:
    return [np.arange(start, min(start + size, rows)) for start in range(0, rows, size)]


def _copy(network: nn.Module) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
