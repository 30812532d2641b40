"""Training of maps of base pairs: weighted cross entropy of the triangle, batches by length, crops, checkpointing."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from palindra.data.rna import PairBatch, Structure, batch_rows, pair_batch
from palindra.nn.pair import triangle_mean


@dataclass(frozen=True)
class PairTraining:
    """How a network over pairs is trained; weight, rate and batch are the published ones.

    Raises:
        ValueError: for numbers out of range.
    """

    epochs: int = 20
    batch_size: int = 10
    learning_rate: float = 2e-3
    l2: float = 1e-5  # added to the gradient of every stored number (a tied entry counts once)
    positive_weight: float = 5.0
    crop: int | None = None  # longest piece that is trained on, anew in each epoch
    most_cells: int | None = None  # of a batch, batch x longest squared
    clip: float = 1.0  # largest norm of the gradient
    checkpointing: bool = False  # spend time instead of memory
    seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.epochs, self.batch_size, self.learning_rate, self.positive_weight, self.clip) <= 0 or self.l2 < 0:
            raise ValueError(f"epochs, sizes, rates and weights must be positive and l2 at least 0, got {self}.")


class Validated(NamedTuple):
    """What validation says."""

    score: float  # to be maximised, such as F1
    threshold: float  # of probabilities, at which it was reached


class PairEpoch(NamedTuple):
    """One line of the log."""

    epoch: int
    loss: float
    validated: Validated | None
    seconds: float


@dataclass(frozen=True)
class TrainedPairs:
    """A network at its best epoch, in evaluation mode."""

    model: nn.Module
    log: tuple[PairEpoch, ...]
    best: int  # epoch, from 0
    threshold: float


class GivenMaps(Protocol):
    """Pair probabilities of a molecule, ``(maps, length, length)``, by its number in the list of structures."""

    def __call__(self, row: int, /) -> NDArray[np.float32]: ...


def pair_loss(
    logits: Float[Tensor, "batch 1 length length"],
    pairs: Float[Tensor, "batch 1 length length"],
    lengths: Int[Tensor, " batch"] | None = None,
    *,
    positive_weight: float = 5.0,
) -> Float[Tensor, ""]:
    """Cross entropy, pairs weighted, averaged over the valid upper triangle with its diagonal.

    Published code averages over all ``length x length`` entries of the padded square, the zeros below the diagonal
    included, which is about half of this and depends on the padding.

    Args:
        logits: of pairs.
        pairs: 1 where bases pair.
        lengths: of the sequences of a padded batch.
        positive_weight: of entries that are pairs.

    Examples:
        >>> pair_loss(torch.zeros(1, 1, 2, 2), torch.tensor([[[[0., 1.], [1., 0.]]]])).item()  # (1 + 5 + 1) / 3 log 2
        1.6173...
    """
    weight = logits.new_tensor(positive_weight)
    losses = functional.binary_cross_entropy_with_logits(logits, pairs, pos_weight=weight, reduction="none")
    return triangle_mean(losses, lengths)


def given_batch(given: GivenMaps, batch: PairBatch) -> Float[Tensor, "batch maps length length"]:
    """Maps of the molecules of a batch, cut where their sequences were cut, zero in the padding."""
    length = batch.one_hot.shape[-1]
    rows: list[Tensor] = []
    for row, offset, size in zip(batch.rows.tolist(), batch.offsets.tolist(), batch.lengths.tolist(), strict=True):
        piece = np.ascontiguousarray(given(row)[:, offset : offset + size, offset : offset + size], dtype=np.float32)
        rows.append(functional.pad(torch.from_numpy(piece), (0, length - size) * 2))
    return torch.stack(rows)


def pair_logits(model: nn.Module, batch: PairBatch, given: GivenMaps | None = None) -> Tensor:
    """Logits of a batch, with the maps that the network is given, if it is."""
    more: tuple[Tensor, ...] = () if given is None else (given_batch(given, batch),)
    return model(batch.one_hot, batch.lengths, *more)


def fit_pairs(
    build: Callable[[], nn.Module],
    structures: Sequence[Structure],
    settings: PairTraining,
    validate: Callable[[nn.Module], Validated] | None = None,
    *,
    given: GivenMaps | None = None,
    report: Callable[[PairEpoch], None] | None = None,
) -> TrainedPairs:
    """Train and keep the epoch with the highest validation score; the last one without validation.

    Args:
        build: makes the network; its initial numbers are a function of the seed.
        structures: to train on; no others are looked at.
        settings: of the training.
        validate: score of a network in evaluation mode, on validation molecules.
        given: pair probabilities for networks that read them.
        report: called after each epoch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model: Any = build()
        if settings.checkpointing:
            model.checkpointing = True
        optimiser = torch.optim.Adam(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=settings.learning_rate,
            weight_decay=settings.l2,
        )
        log: list[PairEpoch] = []
        best, kept, threshold = -1, None, 0.5
        for epoch in range(settings.epochs):
            began = time.monotonic()
            loss = _pass(model, optimiser, structures, settings, epoch, given)
            model.eval()
            validated = validate(model) if validate is not None else None
            log.append(PairEpoch(epoch, loss, validated, time.monotonic() - began))
            if report is not None:
                report(log[-1])
            before = None if best < 0 else log[best].validated
            if validated is None or before is None or validated.score > before.score:
                best = epoch
                kept = copy.deepcopy(model.state_dict())
                threshold = validated.threshold if validated is not None else threshold
    if kept is not None:
        model.load_state_dict(kept)
    return TrainedPairs(model.eval(), tuple(log), best, threshold)


def _pass(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    structures: Sequence[Structure],
    settings: PairTraining,
    epoch: int,
    given: GivenMaps | None,
) -> float:
    """One pass over the molecules; the mean loss of its batches."""
    model.train()
    losses = []
    lengths = [min(len(one), settings.crop or len(one)) for one in structures]
    batches = batch_rows(
        lengths, batch_size=settings.batch_size, most_cells=settings.most_cells, seed=settings.seed, epoch=epoch
    )
    for rows in batches:
        batch = pair_batch(structures, rows, crop=settings.crop, seed=settings.seed, epoch=epoch)
        logits = pair_logits(model, batch, given)
        loss = pair_loss(logits, batch.pairs, batch.lengths, positive_weight=settings.positive_weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))
