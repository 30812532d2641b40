"""Batches and augmentation as a function of (seed, epoch, index), on any number of processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from palindra.data import LabelledSequences, Task
from palindra.data.order import epoch_order, integers, uniform
from palindra.sequences import encode, shift
from palindra.symmetry import Target
from palindra.training.regularisers.rows import RowChanges

STRAND_STREAM, SHIFT_STREAM = 0, 1


class Batch(NamedTuple):
    """One-hot sequences, labels, and how many rows the batch has over all processes together."""

    one_hot: Tensor  # (rows, letters, length) float32
    labels: Tensor  # (rows, targets) float32
    rows: int


class Encoded:
    """Labelled sequences as arrays: codes of letters and labels.

    Args:
        data: rows of one split.
        offset: subtracted from the labels (regression), one per column.
        scale: by which labels are divided afterwards.
    """

    def __init__(self, data: LabelledSequences, *, offset: Any = 0.0, scale: Any = 1.0) -> None:
        self.codes = torch.from_numpy(np.ascontiguousarray(encode(data.sequences, data.alphabet)))
        self.labels = torch.from_numpy(((data.labels - offset) / scale).astype(np.float32))
        self.letters = len(data.alphabet.letters)
        self.outputs = data.outputs  # columns, or classes

    def __len__(self) -> int:
        return len(self.codes)

    def one_hot(self, rows: Tensor | slice) -> Tensor:
        """Float one-hot ``(rows, letters, length)``; ambiguous letters are zeros."""
        return (self.codes[rows].unsqueeze(1) == torch.arange(self.letters, dtype=torch.uint8)[:, None]).float()


@dataclass(frozen=True)
class Augmentation:
    """What is changed at random in training sequences.

    Args:
        reverse_complement: replace each sequence by its reverse complement with probability 1/2, labels by the
            target's action.
        shift: move each sequence by up to this many positions either way; N enters at the end.
        task: what the labels are.
        target: how labels change with the strand.
        source: the involution on inputs, anything with ``act``.
    """

    reverse_complement: bool
    shift: int
    task: Task
    target: Target
    source: Any


def other_strand(task: Task, target: Target, labels: Tensor) -> Tensor:
    """Labels ``(rows, targets)`` of the sequences read from the other strand.

    The target describes outputs, which for classes are one per class; their labels are class numbers.

    Examples:
        >>> plus_minus_none = Target.paired([1, 0, 2])
        >>> other_strand(Task.MULTICLASS, plus_minus_none, torch.tensor([[0.0], [1.0], [2.0]])).squeeze(1).tolist()
        [1.0, 0.0, 2.0]
    """
    if task is not Task.MULTICLASS or target.rep is None:
        return target.act(labels)
    classes = torch.arange(target.rep.channels, dtype=labels.dtype)[None]
    return target.act(classes)[0, labels[:, 0].long()][:, None]


def epoch_rows(rows: int, *, seed: int, epoch: int, batch_size: int) -> list[NDArray[np.int64]]:
    """The row numbers of every batch of an epoch, over all processes."""
    order = epoch_order(rows, seed, epoch)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    # A last batch of a few rows would give batch normalisation poor statistics; its rows come in other epochs.
    # The rule knows nothing of processes, so that their number changes nothing.
    if len(batches) > 1 and len(batches[-1]) < max(batch_size // 4, 2):
        batches.pop()
    return batches


class EpochBatches(Dataset[Batch]):
    """The batches of one epoch, by number.

    The order of rows and all augmentation depend on (seed, epoch, row) only. With several processes batch b is the
    same set of rows on any number of them; process r takes every ``processes``-th row of it.

    Args:
        data: the training rows.
        seed: of the run.
        epoch: number of the pass.
        batch_size: rows of a batch over all processes.
        augmentation: what is changed at random.
        rank: number of this process.
        processes: number of processes.
        changes: mixup and noise, after the augmentation.
        parts: that every batch is read in; item n is part ``n % parts`` of batch ``n // parts``.
    """

    def __init__(
        self,
        data: Encoded,
        *,
        seed: int,
        epoch: int,
        batch_size: int,
        augmentation: Augmentation,
        rank: int = 0,
        processes: int = 1,
        changes: RowChanges | None = None,
        parts: int = 1,
    ) -> None:
        self.batches = epoch_rows(len(data), seed=seed, epoch=epoch, batch_size=batch_size)
        self.data, self.seed, self.epoch, self.augmentation = data, seed, epoch, augmentation
        self.rank, self.processes, self.changes, self.parts = rank, processes, changes, parts

    def __len__(self) -> int:
        return len(self.batches) * self.parts

    def __getitem__(self, number: int) -> Batch:
        batch, part = divmod(number, self.parts)
        whole = self.batches[batch]
        own = slice(part * self.processes + self.rank, None, self.parts * self.processes)
        if self.changes is None:
            return Batch(*self.read(whole[own]), len(whole))
        x, y = self.changes.read(self.read, whole, own, seed=self.seed, epoch=self.epoch)
        return Batch(x, y, len(whole))

    def read(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """One-hot sequences and labels of some rows, augmented."""
        index = torch.from_numpy(rows)
        x, y = self.data.one_hot(index), self.data.labels[index]
        plan = self.augmentation
        if plan.shift:
            steps = integers(self.seed, self.epoch, rows, SHIFT_STREAM, -plan.shift, plan.shift + 1)
            x = shift(x, torch.from_numpy(steps))
        if plan.reverse_complement:
            other = torch.from_numpy(uniform(self.seed, self.epoch, rows, STRAND_STREAM) < 0.5)
            x[other] = plan.source.act(x[other])
            y = y.clone()
            y[other] = other_strand(plan.task, plan.target, y[other])
        return x, y


class GivenBatches(Dataset[Batch]):
    """All rows as they are and in their order, the same on every process."""

    def __init__(self, data: Encoded, batch_size: int) -> None:
        self.data, self.batch_size = data, batch_size

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < len(self):
            raise IndexError(number)
        rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
        labels = self.data.labels[rows]
        return Batch(self.data.one_hot(rows), labels, len(labels))
