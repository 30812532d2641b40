"""One .npy file of rows along the genome: written piece by piece, read at random places."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from palindra.data.tracks.regions import Ints
from palindra.errors import InputError

_RESIDENT = 256 << 20  # bytes of the file that a process may have mapped in at once
_AROUND = 2 << 20  # bytes that the system maps in around one that is touched: up to a huge page


def allocate(path: Path, shape: tuple[int, int], dtype: np.dtype) -> None:
    """Make a .npy file of zeros that takes no time and, until it is written, hardly any space."""
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(np.empty((0, 0), dtype)) | {"shape": shape})
        file.truncate(file.tell() + shape[0] * shape[1] * dtype.itemsize)


class RowWriter:
    """An open .npy file of two dimensions to whose rows pieces are written; used in a ``with`` statement."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> RowWriter:
        self._rows, self._columns, self._dtype, self._offset = _header(self.path)
        # Not a memory map: on a full disk that would end the process instead of raising an error.
        self._file = self.path.open("r+b", buffering=0)
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, row: int, first: int, values: NDArray[np.float32]) -> None:
        """Write consecutive values of a row from a column on."""
        data = np.ascontiguousarray(values, dtype=self._dtype).data.cast("B")
        place = self._offset + (row * self._columns + first) * self._dtype.itemsize
        while data:
            written = os.pwrite(self._file.fileno(), data, place)
            data, place = data[written:], place + written

    def flush(self) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(self._file.fileno())


class RowFile:
    """A .npy file of two dimensions, in which pieces of all rows are read at random places.

    They come from a memory map, so that processes share what the system has cached. Pages of a map count as memory of
    the process, and pieces at random places touch ever more of them: once they may be too many they are let go, while
    the system keeps them in its cache.

    Raises:
        InputError: if it is no such file, or is shorter than it says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows, self.columns, self.dtype, self._offset = _header(path)
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._touched = 0

    def gather(self, firsts: Ints, length: int) -> NDArray[np.float32]:
        """Pieces of all rows: (pieces, rows, length) as float32, from the given columns on, which must be inside."""
        if not len(firsts) or not length:
            return np.empty((len(firsts), self.rows, length), dtype=np.float32)
        step = self.dtype.itemsize
        pieces = np.ndarray(  # the piece at every column
            (self.columns - length + 1, self.rows, length),
            self.dtype,
            buffer=self._map,
            offset=self._offset,
            strides=(step, self.columns * step, step),
        )
        touched = self.rows * (length * step + _AROUND)
        if min(len(firsts) * touched, len(self._map)) <= _RESIDENT:
            found = pieces[firsts]
            self._forget(len(firsts) * touched)
            return found.astype(np.float32, copy=False)
        found = np.empty((len(firsts), self.rows, length), dtype=np.float32)
        some = max(1, _RESIDENT // touched)
        for low in range(0, len(firsts), some):
            found[low : low + some] = pieces[firsts[low : low + some]]
            self._forget(some * touched)
        return found

    def _forget(self, touched: int) -> None:
        self._touched += touched
        if min(self._touched, len(self._map)) > _RESIDENT and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0


def _header(path: Path) -> tuple[int, int, np.dtype, int]:
    """Rows, columns, type and place of the values of a .npy file of two dimensions."""
    try:
        with path.open("rb") as file:
            if npy.read_magic(file) != (1, 0):
                raise ValueError("it has another version of the format")
            (rows, columns), fortran, dtype = npy.read_array_header_1_0(file)
            offset, size = file.tell(), path.stat().st_size
            if fortran or size != offset + rows * columns * dtype.itemsize:
                raise ValueError(f"it has {size} bytes, which do not fit shape ({rows}, {columns}) of {dtype}")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as an array ({error}). Build the data set again.") from error
    return rows, columns, dtype, offset
