"""Training of sequential recommenders: items taken next against items not taken, with selection on validation."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from palindra.data.order import epoch_order, random_bits
from palindra.data.recommendation import PADDING, Histories, Unseen, windows
from palindra.models.cosrec import CosRec, CosRecConfig

_DROPOUT_STREAM = 402


@dataclass(frozen=True)
class RecommendationTraining:
    """How a recommender is trained; the defaults are the published ones for MovieLens-1M.

    The published code lowered its rate, and chose its epoch, by the score on the *test* set. Here both look at the
    validation items.
    """

    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 1e-3
    l2: float = 5e-6  # added to the gradient of every stored number (a tied entry counts once)
    targets: int = 3  # items after each window
    negatives: int = 3  # per window, drawn anew in each epoch
    factor: float = 0.15  # of the rate
    patience: int = 3  # epochs without a better validation score before the rate is lowered
    stop_after: int = 8  # epochs without a better validation score before training ends
    seed: int = 0
    bfloat16: bool = False  # of products and convolutions (autocast); loss, norms and stored numbers stay float32

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            ValueError: naming the field.
        """
        for name in ("epochs", "batch_size", "targets", "negatives", "stop_after"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: needed is at least 1.")
        if self.learning_rate <= 0 or self.l2 < 0 or not 0 < self.factor <= 1 or self.patience < 0:
            raise ValueError(f"learning_rate > 0, l2 >= 0, 0 < factor <= 1 and patience >= 0 are needed, got {self}.")


class Epoch(NamedTuple):
    """One line of the log."""

    epoch: int
    learning_rate: float
    loss: float
    validation: float | None
    seconds: float


@dataclass(frozen=True)
class Trained:
    """A model at its best epoch, in evaluation mode."""

    model: CosRec
    log: tuple[Epoch, ...]
    best: int  # epoch, from 0

    @property
    def rates(self) -> tuple[float, ...]:
        """Learning rates up to the best epoch: the recipe of a last fit."""
        return tuple(line.learning_rate for line in self.log[: self.best + 1])


def recommendation_loss(
    scores: Float[Tensor, "batch targets_and_negatives"], positive: Float[Tensor, "batch targets"]
) -> Float[Tensor, ""]:
    """Mean of -log sigma(s) over targets plus mean of -log(1 - sigma(s)) over negatives.

    Written with the logarithm of the sigmoid, it is finite for any score; the logarithm of a rounded sigmoid is not.

    Args:
        scores: of the targets, then of the negatives.
        positive: 1 for a target, 0 for padding in its place.

    Examples:
        >>> recommendation_loss(torch.tensor([[0.0, 200.0]]), torch.ones(1, 1)).item()
        200.69...
    """
    targets = positive.shape[1]
    taken = -(functional.logsigmoid(scores[:, :targets]) * positive).sum() / positive.sum().clamp(min=1)
    return taken - functional.logsigmoid(-scores[:, targets:]).mean()


def build(config: CosRecConfig, seed: int) -> CosRec:
    """A model whose initial numbers are a function of the seed; the random state outside is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CosRec(config)


def fit_recommender(
    config: CosRecConfig,
    histories: Histories,
    settings: RecommendationTraining,
    validate: Callable[[CosRec], float],
    *,
    report: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train on ``histories.train`` and keep the epoch with the highest validation score.

    Args:
        config: the model.
        histories: training items; validation and test items are not looked at.
        settings: of the training.
        validate: a score of a model in evaluation mode, higher is better, e.g. MAP of the validation items.
        report: told of every epoch.
    """
    model, batches = build(config, settings.seed), _Batches(config, histories, settings)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.l2)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=settings.factor, patience=settings.patience
    )
    log: list[Epoch] = []
    best, best_score, kept = 0, -np.inf, copy.deepcopy(model.state_dict())
    for epoch in range(settings.epochs):
        started, rate = time.perf_counter(), optimizer.param_groups[0]["lr"]
        loss = _run_epoch(model, optimizer, batches, settings, epoch)
        score = validate(model.eval())
        schedule.step(score)
        log.append(Epoch(epoch, rate, loss, score, time.perf_counter() - started))
        if report:
            report(log[-1])
        if score > best_score:
            best, best_score, kept = epoch, score, copy.deepcopy(model.state_dict())
        elif epoch - best >= settings.stop_after:
            break
    model.load_state_dict(kept)
    return Trained(model.eval(), tuple(log), best)


def refit_recommender(
    config: CosRecConfig,
    histories: Histories,
    settings: RecommendationTraining,
    rates: Sequence[float],
    *,
    report: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train anew, from the same seed, for as many epochs as there are learning rates; nothing is selected.

    Meant for ``histories.with_validation()`` and the ``rates`` of a model that was selected without them.
    """
    model, batches = build(config, settings.seed), _Batches(config, histories, settings)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.l2)
    log: list[Epoch] = []
    for epoch, rate in enumerate(rates):
        started = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _run_epoch(model, optimizer, batches, settings, epoch)
        log.append(Epoch(epoch, rate, loss, None, time.perf_counter() - started))
        if report:
            report(log[-1])
    return Trained(model.eval(), tuple(log), len(log) - 1)


class _Batches:
    """The batches of an epoch: windows in a random order, with negatives of this epoch."""

    def __init__(self, config: CosRecConfig, histories: Histories, settings: RecommendationTraining) -> None:
        self.windows = windows(histories.train, length=config.length, targets=settings.targets)
        self.unseen = Unseen(histories.train, histories.known)
        self.settings = settings

    def __len__(self) -> int:
        return -(-len(self.windows.user) // self.settings.batch_size)

    def batch(self, epoch: int, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        user, past, targets = (torch.from_numpy(np.ascontiguousarray(part[rows])) for part in self.windows)
        drawn = self.unseen.draw(
            self.windows.user[rows], rows, self.settings.negatives, seed=self.settings.seed, epoch=epoch
        )
        positive = (targets != PADDING).float()
        # Padding has no score; item 1 stands in for it and is left out of the loss.
        return user, past, torch.cat([targets.clamp(min=1), torch.from_numpy(drawn)], 1), positive


def _run_epoch(
    model: CosRec, optimizer: torch.optim.Optimizer, batches: _Batches, settings: RecommendationTraining, epoch: int
) -> float:
    model.train()
    order = epoch_order(len(batches.windows.user), settings.seed, epoch)
    total = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(random_bits(settings.seed, epoch, [0], _DROPOUT_STREAM)[0]))
        for number in range(len(batches)):
            rows = order[number * settings.batch_size : (number + 1) * settings.batch_size]
            if len(rows) == 1 and len(order) > 1:
                continue  # batch norm of a single 1 x 1 map has no variance
            user, past, items, positive = batches.batch(epoch, rows)
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
                scores = model(user, past, items)
            loss = recommendation_loss(scores.float(), positive)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(rows)
    return total / len(order)
