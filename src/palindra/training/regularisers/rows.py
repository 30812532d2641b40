"""The regularisers that change rows while a batch is read: mixup and noise, the same on any number of processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palindra.training.regularisers.mixup import mix, partners, row_shares
from palindra.training.regularisers.noise import add_noise
from palindra.training.regularisers.settings import RegulariserSettings

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class RowChanges:
    """Mixup, then noise, of the rows of a batch.

    Args:
        mixup: alpha of the Beta distribution of shares; 0 for none.
        noise: standard deviation; 0 for none.
        soft: targets as numbers that may be mixed.
    """

    mixup: float
    noise: float
    soft: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, settings: RegulariserSettings, soft: Callable[[Tensor], Tensor]) -> RowChanges | None:
        """What the settings ask for, or None."""
        if not settings.mixup and not settings.input_noise:
            return None
        return cls(settings.mixup, settings.input_noise, soft)

    def read(
        self,
        read: Callable[[Rows], tuple[Tensor, Tensor]],
        whole: Rows,
        own: slice,
        *,
        seed: int,
        epoch: int,
    ) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the rows of one process.

        A partner may belong to another process; then it is read here too, with the strand and the place that it has
        there.

        Args:
            read: gives inputs and targets of rows.
            whole: rows of the batch over all processes.
            own: those of this process.
            seed: of the run.
            epoch: number of the pass.
        """
        rows = whole[own]
        if not self.mixup:
            x, y = read(rows)
        else:
            others = partners(whole, seed=seed, epoch=epoch)[own]
            needed, place = np.unique(np.concatenate([rows, others]), return_inverse=True)
            x, y = read(needed)
            y = self.soft(y)
            mine, theirs = torch.from_numpy(place[: len(rows)]), torch.from_numpy(place[len(rows) :])
            share = row_shares(self.mixup, rows, seed=seed, epoch=epoch)
            x, y = mix(x[mine], x[theirs], share), mix(y[mine], y[theirs], share)
        if self.noise:
            x = add_noise(x, self.noise, rows, seed=seed, epoch=epoch)
        return x, y
