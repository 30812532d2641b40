"""Batches of genome windows with their tracks, each a function of (seed, epoch, index), read when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from palindra.data.order import integers, uniform
from palindra.errors import InputError
from palindra.symmetry import Target
from palindra.training.batches import SHIFT_STREAM, STRAND_STREAM, epoch_rows
from palindra.training.evoaug import EvoAug
from palindra.training.regularisers.rows import RowChanges
from palindra.training.track_outputs import other_strand

Rows = NDArray[np.int64]
_LETTERS = np.arange(4, dtype=np.uint8)[:, None]
_COMPLEMENT = np.array([3, 2, 1, 0, 4], dtype=np.uint8)


class TrackBatch(NamedTuple):
    """One-hot sequences, what is to be predicted, and how many rows the batch has over all processes together."""

    one_hot: Tensor  # (rows, 4, length) float32; letters other than A, C, G, T are zeros
    targets: Tensor  # (rows, tracks, bins) float32, NaN where missing; (rows, tracks) for labels
    rows: int


@dataclass(frozen=True)
class TrackRows:
    """The windows of one split, cut to what a model reads and predicts.

    Args:
        data: a :class:`palindra.data.tracks.TrackData`.
        split: name of the split.
        length: letters that the model reads, at most those of the stored windows.
        bin_size: positions whose mean is one target.
        labels: ``"tracks"`` for coverage, ``"activity"`` for one label per window and track.

    Raises:
        InputError: if the split or its labels do not exist, or the sizes do not fit the stored windows.
    """

    data: Any
    split: str
    length: int
    bin_size: int = 1
    labels: Literal["tracks", "activity"] = "tracks"

    def __post_init__(self) -> None:
        if self.split not in self.data.splits or not len(self):
            raise InputError(f"there are no windows in split {self.split!r}; there are {', '.join(self.data.splits)}.")
        if not 0 < self.length <= self.window:
            raise InputError(
                f"the model reads {self.length} bp and the windows of split {self.split!r} have {self.window}: build "
                "the data set with longer windows, or choose a shorter input."
            )
        if self.bin_size < 1 or self.length % self.bin_size:
            raise InputError(
                f"{self.length} bp cannot be cut into bins of {self.bin_size}: choose a bin size that divides the "
                "length, so that bins of both strands coincide."
            )
        if self.labels == "activity" and (self.data.activity is None or self.split not in self.data.activity):
            raise InputError(f"split {self.split!r} has no activity labels: build the data set from peaks.")

    def __len__(self) -> int:
        return len(self.data.splits[self.split])

    @property
    def window(self) -> int:
        """Length of the stored windows of this split."""
        return int(self.data.splits[self.split].length)

    @property
    def slack(self) -> int:
        """Positions of a stored window that the model does not read."""
        return self.window - self.length

    @property
    def room(self) -> int:
        """How far the place that is read may move either way: the stored margin is kept free of other splits."""
        return self.slack // 2 + int(self.data.margin)

    def codes(self, rows: Rows, offset: Rows | int) -> NDArray[np.uint8]:
        """Letters ``(rows, length)``."""
        return self.data.codes(self.split, rows, offset, self.length)

    def targets(self, rows: Rows, offset: Rows | int) -> NDArray[np.float32]:
        """What is to be predicted at these windows, ``(rows, tracks, bins)`` or ``(rows, tracks)``."""
        if self.labels == "activity":
            return self.data.activity[self.split][rows].astype(np.float32)
        return self.data.binned(self.split, rows, offset, self.length, self.bin_size)


@dataclass(frozen=True)
class TrackAugmentation:
    """What is changed at random in training windows.

    Args:
        target: how tracks change with the strand.
        reverse_complement: replace each sequence by its reverse complement with probability 1/2, independently of the
            others of its batch; tracks by the target's action.
        crop: ``"centre"`` reads the middle of the stored window, ``"random"`` any place of it, all equally likely.
        shift: with ``crop="centre"``, move the place by up to this many positions either way.
        evoaug: changes of the letters; targets stay as they are.

    Sequence and targets are read at the same place, so targets move along with a shift.
    """

    target: Target
    reverse_complement: bool = False
    crop: Literal["centre", "random"] = "centre"
    shift: int = 0
    evoaug: EvoAug = field(default=EvoAug())

    def check(self, rows: TrackRows) -> None:
        """Make sure that the windows have room for what is asked.

        Raises:
            InputError: if a shift would read letters and values that are not of this split, or a change is longer
                than a sequence.
        """
        if self.crop == "random" and self.shift:
            raise InputError(f"crop 'random' reads any place already: a shift of {self.shift} has no meaning with it.")
        if self.shift > rows.room:
            raise InputError(
                f"a shift of {self.shift} leaves the stored windows ({rows.window} bp, of which the model reads "
                f"{rows.length}, and a margin of {rows.data.margin}), and beyond them other splits may begin: shift by "
                f"at most {rows.room}, or build the data set with longer windows or a larger margin."
            )
        if self.evoaug.longest > rows.length:
            raise InputError(
                f"evoaug changes up to {self.evoaug.longest} bp, but sequences have {rows.length}: shorten the ranges."
            )

    def offsets(self, rows: Rows, slack: int, *, seed: int, epoch: int) -> Rows:
        """Where in its stored window each row is read; both ends of the range are drawn."""
        middle = slack // 2
        low, high = (0, slack) if self.crop == "random" else (middle - self.shift, middle + self.shift)
        return integers(seed, epoch, rows, SHIFT_STREAM, low, high + 1)


class TrackEpochBatches(Dataset[TrackBatch]):
    """The batches of one epoch, by number, each read when it is asked for.

    The order of windows and all augmentation depend on (seed, epoch, window) only: not on workers, and not on
    processes, of which process r takes every ``processes``-th row of every batch.

    Args:
        rows: the training windows.
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
        rows: TrackRows,
        *,
        seed: int,
        epoch: int,
        batch_size: int,
        augmentation: TrackAugmentation,
        rank: int = 0,
        processes: int = 1,
        changes: RowChanges | None = None,
        parts: int = 1,
    ) -> None:
        augmentation.check(rows)
        self.batches = epoch_rows(len(rows), seed=seed, epoch=epoch, batch_size=batch_size)
        self.rows, self.seed, self.epoch, self.augmentation = rows, seed, epoch, augmentation
        self.rank, self.processes, self.changes, self.parts = rank, processes, changes, parts

    def __len__(self) -> int:
        return len(self.batches) * self.parts

    def __getitem__(self, number: int) -> TrackBatch:
        batch, part = divmod(number, self.parts)
        whole = self.batches[batch]
        own = slice(part * self.processes + self.rank, None, self.parts * self.processes)
        if self.changes is None:
            return TrackBatch(*self.read(whole[own]), len(whole))
        x, y = self.changes.read(self.read, whole, own, seed=self.seed, epoch=self.epoch)
        return TrackBatch(x, y, len(whole))

    def read(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """One-hot sequences and targets of some windows, augmented."""
        plan = self.augmentation
        offsets = plan.offsets(rows, self.rows.slack, seed=self.seed, epoch=self.epoch)
        codes = plan.evoaug.edit(self.rows.codes(rows, offsets), seed=self.seed, epoch=self.epoch, rows=rows)
        y = torch.from_numpy(self.rows.targets(rows, offsets))
        if plan.reverse_complement:
            turned = uniform(self.seed, self.epoch, rows, STRAND_STREAM) < 0.5
            codes[turned] = _COMPLEMENT[codes[turned, ::-1]]  # of codes, which are 16 times smaller than one-hot
            here = torch.from_numpy(turned)
            y[here] = other_strand(plan.target, y[here])
        floats = one_hot(codes)
        plan.evoaug.add_noise(floats, seed=self.seed, epoch=self.epoch, rows=rows)
        return torch.from_numpy(floats), y


class GivenTrackBatches(Dataset[TrackBatch]):
    """All windows in their order, read at their middle; process r takes every ``processes``-th batch.

    Whole batches, so that a loss that is a statistic of a batch is the same on any number of processes. A process for
    which there is none reads the first one, which says that none of its rows count: all processes have to take part.
    """

    def __init__(self, rows: TrackRows, batch_size: int, *, rank: int = 0, processes: int = 1) -> None:
        starts = range(0, len(rows), batch_size)
        self.idle = rank >= len(starts)
        self.rows = rows
        mine = starts[:1] if self.idle else starts[rank::processes]
        self.batches = [np.arange(start, min(start + batch_size, len(rows))) for start in mine]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> TrackBatch:
        rows, offset = self.batches[number], self.rows.slack // 2
        x, y = one_hot(self.rows.codes(rows, offset)), self.rows.targets(rows, offset)
        return TrackBatch(torch.from_numpy(x), torch.from_numpy(y), 0 if self.idle else len(rows))


def one_hot(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Float one-hot ``(rows, 4, length)`` of codes; letters other than A, C, G, T are zeros.

    Examples:
        >>> one_hot(np.array([[2, 4]], dtype=np.uint8))[0].T.tolist()
        [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    return (codes[:, None, :] == _LETTERS).astype(np.float32)
