"""Windows and tracks held in memory, for simulations and small data: read like the data sets on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.symmetry import Position, Target

UNKNOWN = 4


class NamedTrack(NamedTuple):
    """A track in memory."""

    name: str
    partner: str | None = None  # the track that it becomes on the other strand; None for itself


@dataclass(frozen=True)
class Letters:
    """The letters of a split; as long as it has windows."""

    codes: NDArray[np.uint8]  # (windows, length)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.codes)

    @property
    def length(self) -> int:
        """Length of a window."""
        return self.codes.shape[1]


class ArrayTracks:
    """Arrays with the methods of :class:`palindra.data.tracks.TrackData` that training and prediction read.

    Args:
        codes: for each split the letters of its windows, ``(windows, window)``, 0..3 and 4 for unknown ones.
        values: for each split the tracks at base resolution, ``(windows, tracks, window)``, NaN where missing.
        tracks: names and partners.
        activity: for each split labels ``(windows, tracks)``, or None.

    Raises:
        InputError: if shapes do not agree.

    Examples:
        >>> codes, values = np.array([[0, 1, 2, 3]], dtype=np.uint8), np.array([[[1.0, 3.0, 5.0, 7.0]]])
        >>> data = ArrayTracks({"train": codes}, {"train": values}, [NamedTrack("MNase")])
        >>> data.codes("train", np.array([0]), 2, 4), data.binned("train", np.array([0]), 0, 4, 2)
        (array([[2, 3, 4, 4]], dtype=uint8), array([[[2., 6.]]], dtype=float32))
    """

    def __init__(
        self,
        codes: Mapping[str, NDArray[np.uint8]],
        values: Mapping[str, NDArray[Any]],
        tracks: Sequence[NamedTrack],
        *,
        activity: Mapping[str, NDArray[np.uint8]] | None = None,
    ) -> None:
        self.window = next(iter(codes.values())).shape[1]
        for split, letters in codes.items():
            wanted = (len(letters), len(tracks), self.window)
            if letters.shape[1] != self.window or values[split].shape != wanted:
                raise InputError(
                    f"split {split!r}: letters {letters.shape} and values {values[split].shape} do not agree; "
                    f"windows of {self.window} letters and values {wanted} are needed."
                )
        names = [track.name for track in tracks]
        self.tracks = tuple(tracks)
        self.target = Target.paired([names.index(track.partner or track.name) for track in tracks], Position.REVERSE)
        self.splits = {split: Letters(letters) for split, letters in codes.items()}
        self.margin, self.activity = 0, activity
        self._values = {split: np.asarray(array, dtype=np.float32) for split, array in values.items()}

    def codes(self, split: str, rows: NDArray[np.int64], offset: Any, length: int) -> NDArray[np.uint8]:
        """Letters ``(rows, length)`` from ``offset`` (one number, or one per row) of each window."""
        places, inside = self._places(rows, offset, length)
        return np.where(inside, self.splits[split].codes[rows[:, None], places], UNKNOWN).astype(np.uint8)

    def values(self, split: str, rows: NDArray[np.int64], offset: Any, length: int) -> NDArray[np.float32]:
        """Tracks at base resolution ``(rows, tracks, length)``."""
        places, inside = self._places(rows, offset, length)
        found = np.take_along_axis(self._values[split][rows], places[:, None, :], 2)
        return np.where(inside[:, None, :], found, np.nan).astype(np.float32)

    def binned(
        self, split: str, rows: NDArray[np.int64], offset: Any, length: int, bin_size: int
    ) -> NDArray[np.float32]:
        """Means over bins ``(rows, tracks, length // bin_size)``; those of known positions where some are missing."""
        values = self.values(split, rows, offset, length)
        parts = values.reshape(*values.shape[:2], length // bin_size, bin_size)
        known = ~np.isnan(parts)
        count = known.sum(3)
        mean = np.where(known, parts, 0).sum(3) / np.maximum(count, 1)
        return np.where(count > 0, mean, np.nan).astype(np.float32)

    def _places(self, rows: NDArray[np.int64], offset: Any, length: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        places = np.broadcast_to(np.asarray(offset), (len(rows),))[:, None] + np.arange(length)
        return places.clip(0, self.window - 1), (places >= 0) & (places < self.window)
