"""Values of windows, shifted or not, from the one array in which they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.tracks.arrays import RowFile
from palindra.data.tracks.coverage import Source
from palindra.data.tracks.folder import BLACKLIST, BLOCKS, NAMES, SPLITS
from palindra.data.tracks.regions import EMPTY, Axis, Ints, Regions
from palindra.data.tracks.threshold import cut
from palindra.data.tracks.windows import Windows, read_regions
from palindra.errors import InputError

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Placed:
    """Where the windows of a split lie in the stored array; one entry for each window.

    Args:
        column: of its first position.
        before: positions stored on its left.
        after: positions stored from its first one on.
        begins: whether there are no more on the left because the chromosome begins there.
        ends: the same on the right.
    """

    column: Ints
    before: Ints
    after: Ints
    begins: NDArray[np.bool_]
    ends: NDArray[np.bool_]

    @classmethod
    def of(cls, windows: Windows, blocks: Regions, axis: Axis) -> Placed:
        """Find the windows in the stored blocks of the genome."""
        starts = axis.at(windows.chrom, windows.start)
        home = blocks.home(starts, starts + windows.length)
        before, after = starts - blocks.starts[home], blocks.ends[home] - starts
        begins, ends = before == windows.start, windows.start + after == axis.lengths[windows.chrom]
        return cls(blocks.rank(starts), before, after, begins, ends)


class ValueReader:
    """The stored values of one role (the tracks themselves, or their replicates) of a data set.

    Args:
        folder: of the data set.
        role: ``values`` or ``replicate``.
        axis: of the genome.
        splits: windows by name.
        files: the sources of that role, in the order of the rows of the array.
    """

    def __init__(self, folder: Path, role: str, axis: Axis, splits: dict[str, Windows], files: list[Source]) -> None:
        self.folder, self.role, self.axis, self.splits = folder, role, axis, splits
        self.array = RowFile(folder / NAMES[role])
        self.fills = np.array([source.track.fill for source in files], dtype=np.float32)
        self._placed: dict[str, Placed] = {}
        self._ceilings: dict[str, Values] = {}
        if self.array.rows != len(files) or self.array.columns != self.blocks.total:
            raise InputError(
                f"{self.array.path}: has {self.array.rows} tracks of {self.array.columns} positions, and needed are "
                f"{len(files)} of {self.blocks.total}. The folder was changed: build the data set again."
            )

    def read(self, split: str, rows: Ints, offset: Ints, length: int) -> Values:
        """Values (rows, tracks, length) from ``offset`` on, counted from the start of each window.

        Raises:
            InputError: at a row that reaches beyond what is stored, though the chromosome goes on there.
        """
        placed, windows = self._place(split), self.splits[split]
        offset = np.broadcast_to(offset, rows.shape)
        lacking = np.maximum(-offset - placed.before[rows], 0)  # positions on the left that are not stored
        surplus = np.maximum(offset + length - placed.after[rows], 0)
        beyond = (lacking > 0) | (surplus > 0)
        if beyond.any():
            refused = ((lacking > 0) & ~placed.begins[rows]) | ((surplus > 0) & ~placed.ends[rows])
            if refused.any():
                at = int(refused.argmax())
                raise InputError(
                    f"{self.folder}: window {windows.interval(int(rows[at]))} ({split} row {rows[at]}) is read from "
                    f"offset {offset[at]} for {length} bp, {max(lacking[at], surplus[at])} bp beyond what is "
                    "stored. Shift by less, or build the data set with a larger margin."
                )
            values = self._with_ends(placed, rows, offset, length, lacking, surplus)
        else:
            values = self.array.gather(placed.column[rows] + offset, length)
        if len(self.blacklist):
            starts = self.axis.at(windows.chrom[rows], windows.start[rows] + offset)
            ceilings = self._ceiling(split)[rows]
            for track in range(values.shape[1]):
                values[:, track] = cut(values[:, track], starts, ceilings[:, track], self.blacklist)
        return values

    @cached_property
    def blocks(self) -> Regions:
        """The parts of the genome that are stored, in the order of the columns."""
        return read_regions(self.folder / BLOCKS, self.axis)

    @cached_property
    def blacklist(self) -> Regions:
        """Positions at which values are cut to the ceiling of their window."""
        path = self.folder / BLACKLIST
        return read_regions(path, self.axis) if path.is_file() else EMPTY

    def _place(self, split: str) -> Placed:
        if split not in self._placed:
            self._placed[split] = Placed.of(self.splits[split], self.blocks, self.axis)
        return self._placed[split]

    def _ceiling(self, split: str) -> Values:
        if split not in self._ceilings:
            self._ceilings[split] = np.load(self.folder / SPLITS / f"{split}.ceilings.{self.role}.npy")
        return self._ceilings[split]

    def _with_ends(self, placed: Placed, rows: Ints, offset: Ints, length: int, lacking: Ints, surplus: Ints) -> Values:
        """Values of windows of which some reach over the ends of their chromosome."""
        values = np.empty((len(rows), self.array.rows, length), dtype=np.float32)
        values[:] = self.fills[:, None]
        inside = (lacking == 0) & (surplus == 0)
        columns = placed.column[rows] + offset
        values[inside] = self.array.gather(columns[inside], length)
        for row in np.flatnonzero(~inside).tolist():
            first, last = int(min(lacking[row], length)), int(max(length - surplus[row], 0))
            if first < last:
                values[row, :, first:last] = self.array.gather(columns[row : row + 1] + first, last - first)[0]
        return values
