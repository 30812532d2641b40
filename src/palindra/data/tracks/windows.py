"""Windows of a genome: all of one length, in the order in which a split has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.genome import Interval
from palindra.data.tracks.folder import whole
from palindra.data.tracks.regions import Axis, Regions
from palindra.errors import InputError


@dataclass(frozen=True)
class Windows:
    """Windows as two columns of numbers and one length.

    Args:
        chrom: for each window the number of its chromosome in ``names``, int32.
        start: first position, 0-based, int64.
        length: of every window.
        names: the chromosomes of the genome, in its order.

    Examples:
        >>> windows = Windows(np.array([0, 1], np.int32), np.array([100, 0]), 50, ("chr1", "chr2"))
        >>> print(windows[[1, 0]].interval(1), len(windows))
        chr1:100-150 2
    """

    chrom: NDArray[np.int32]
    start: NDArray[np.int64]
    length: int
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: slice | ArrayLike) -> Windows:
        picked = rows if isinstance(rows, slice) else np.asarray(rows)
        return Windows(np.atleast_1d(self.chrom[picked]), np.atleast_1d(self.start[picked]), self.length, self.names)

    @property
    def end(self) -> NDArray[np.int64]:
        """One past the last position of each window."""
        return self.start + self.length

    def interval(self, row: int) -> Interval:
        """One window as an interval."""
        start = int(self.start[row])
        return Interval(self.names[self.chrom[row]], start, start + self.length)


def write_windows(path: Path, windows: Windows) -> None:
    """Write windows as a table ``chrom start end``; read it back with ``read_windows``."""
    import polars as pl

    names = pl.Series(windows.names, dtype=pl.String)
    table = pl.DataFrame({"chrom": names.gather(windows.chrom), "start": windows.start, "end": windows.end})
    with whole(path) as partial:
        table.write_csv(partial, separator="\t")


def read_windows(path: Path, chromosomes: Mapping[str, int] | Sequence[str], length: int) -> Windows:
    """Read what ``write_windows`` wrote.

    Raises:
        InputError: if it is no such table, or a window has another length or chromosome.
    """
    names = tuple(chromosomes)
    chrom, start, end = _read_columns(path, names)
    windows = Windows(chrom, start, length, names)
    wrong = np.flatnonzero(end != windows.end)
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{path} line {row + 2}: {names[chrom[row]]}:{start[row]}-{end[row]} is not a window of {length} bp. "
            "The file was changed: build the data set again."
        )
    return windows


def write_regions(path: Path, regions: Regions, axis: Axis) -> None:
    """Write a set of positions as a table ``chrom start end``."""
    import polars as pl

    chrom, start = axis.split(regions.starts)
    names = pl.Series(axis.names, dtype=pl.String).gather(chrom)
    table = pl.DataFrame({"chrom": names, "start": start, "end": start + regions.lengths})
    with whole(path) as partial:
        table.write_csv(partial, separator="\t")


def read_regions(path: Path, axis: Axis) -> Regions:
    """Read what ``write_regions`` wrote."""
    chrom, start, end = _read_columns(path, axis.names)
    return Regions(axis.at(chrom, start), axis.at(chrom, end))


def _read_columns(path: Path, names: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    import polars as pl

    columns = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}
    try:
        table = pl.read_csv(path, separator="\t", schema=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"{path}: cannot be read as a table of intervals ({error}). Build the data set again."
        ) from error
    chrom = table["chrom"].replace_strict(list(names), list(range(len(names))), default=-1, return_dtype=pl.Int32)
    unknown = np.flatnonzero(chrom.to_numpy() < 0)
    if len(unknown):
        name = table["chrom"][int(unknown[0])]
        raise InputError(
            f"{path} line {unknown[0] + 2}: the genome has no chromosome {name}. Build the data set again."
        )
    return chrom.to_numpy(), table["start"].to_numpy(), table["end"].to_numpy()
