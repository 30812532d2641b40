"""Tracks of very different size made alike for training, so that no track dominates the loss by its unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.symmetry import Target
from palindra.training.track_batches import Rows, TrackRows

SCALED = ("poisson", "mse", "pearson-mse")
"""Losses that depend on the units of tracks and read what is in these units; the others are left as they are."""

_MOST = 4096  # windows from which means are taken
_CHUNK = 64


def training_scale(rows: TrackRows, loss: str, by: str = "spread") -> list[float]:
    """What each track is divided by, from training windows (4,096 of them, evenly spaced, where there are more).

    By ``"spread"`` every track gets the spread that the loss takes for granted, and so the same weight in it: for
    ``poisson`` a variance as large as its mean (tracks are divided by variance / mean), for the others a variance of 1.
    By ``"mean"`` every track gets a mean of 1; one that varies little around its mean then has little weight.

    Partners on the two strands share theirs, so that dividing keeps their symmetry; a track without spread has 1.

    Args:
        rows: of the training split, with tracks as targets.
        loss: one of :data:`SCALED`.
        by: ``"spread"`` or ``"mean"``.
    """
    picked = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST)).astype(np.int64))
    sums = np.zeros((4, len(rows.data.tracks)))  # of ones, sizes, values, squares
    for start in range(0, len(picked), _CHUNK):
        values = rows.targets(picked[start : start + _CHUNK], rows.slack // 2).astype(np.float64)
        known = ~np.isnan(values)
        y = np.where(known, values, 0)
        sums += np.stack([part.sum((0, 2)) for part in (known.astype(np.float64), np.abs(y), y, y * y)])
    shared = torch.from_numpy(sums)
    shared = (shared + rows.data.target.act(shared[..., None])[..., 0]) / 2
    count, size, total, squares = shared.numpy()
    size, mean = size / np.maximum(count, 1), total / np.maximum(count, 1)
    variance = squares / np.maximum(count, 1) - mean**2
    wanted = (
        size if by == "mean" else variance / np.maximum(size, 1e-12) if loss == "poisson" else np.sqrt(variance.clip(0))
    )
    return np.where(np.isfinite(wanted) & (wanted > 0), wanted, 1).astype(np.float32).tolist()


@dataclass(frozen=True)
class ScaledData:
    """A data set whose tracks are divided by one number each; letters and labels are those of the data set.

    Args:
        data: a :class:`palindra.data.tracks.TrackData`.
        scale: of each track.
    """

    data: Any
    scale: tuple[float, ...]

    @property
    def splits(self) -> Any:
        """Windows of each split."""
        return self.data.splits

    @property
    def tracks(self) -> Any:
        """The tracks in their order."""
        return self.data.tracks

    @property
    def target(self) -> Target:
        """How the tracks change with the strand."""
        return self.data.target

    @property
    def margin(self) -> int:
        """How far beyond its ends every window can be read."""
        return int(self.data.margin)

    @property
    def activity(self) -> Any:
        """Labels of each split, or None."""
        return self.data.activity

    def codes(self, split: str, rows: Rows, offset: Rows | int, length: int) -> NDArray[np.uint8]:
        """Letters ``(rows, length)``."""
        return self.data.codes(split, rows, offset, length)

    def binned(self, split: str, rows: Rows, offset: Rows | int, length: int, bin_size: int) -> NDArray[np.float32]:
        """Means over bins ``(rows, tracks, bins)``, divided."""
        return self.data.binned(split, rows, offset, length, bin_size) / np.array(self.scale, dtype=np.float32)[:, None]
