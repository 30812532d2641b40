"""Files of embeddings: npz, zarr or HDF5, filled row by row and seen only when they are whole."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError

ROWS_TOGETHER = 1024  # rows of a chunk

Rows = Any  # an array, memory map or data set that takes ``rows[start:stop] = values``


@contextmanager
def open_store(
    path: Path,
    *,
    shape: tuple[int, int],
    dtype: str,
    ids: Sequence[str],
    offsets: NDArray[np.int64] | None,
    provenance: Mapping[str, Any],
) -> Iterator[Rows]:
    """Rows of embeddings to fill; the file gets its name when the block ends without an error.

    Every kind of file holds ``embeddings`` (rows, width), ``ids`` and the provenance as JSON. Where rows are
    positions, ``offsets`` (sequences + 1) say which are whose: ``embeddings[offsets[i]:offsets[i + 1]]``.

    Args:
        path: ends in ``.npz``, ``.zarr``, ``.h5`` or ``.hdf5``.
        shape: of the embeddings.
        dtype: ``"float32"`` or ``"float16"``.
        ids: names of the sequences in their order.
        offsets: of sequences whose rows are positions.
        provenance: what the numbers are and where they come from.

    Raises:
        InputError: for another suffix, a library that is missing, or a folder that is no zarr store.
    """
    kind = KINDS[checked_suffix(path)]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    _remove(partial)
    tables: dict[str, Any] = {} if offsets is None else {"offsets": offsets}
    with kind(partial, shape, dtype, list(ids), tables, json.dumps(dict(provenance), indent=1)) as rows:
        yield rows
    _remove(path)
    partial.replace(path)


def checked_suffix(path: Path) -> str:
    """The suffix of a file of embeddings.

    Raises:
        InputError: for one that is not known, or a folder that would be overwritten.
    """
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise InputError(f"{path}: embeddings are written to {', '.join(KINDS)}, which the suffix chooses.")
    if path.is_dir() and not any((path / name).exists() for name in ("zarr.json", ".zgroup")):
        raise InputError(f"{path}: a folder that is no zarr store lies here; choose another name, or remove it.")
    return suffix


@contextmanager
def _npz(
    path: Path, shape: tuple[int, int], dtype: str, ids: list[str], tables: dict[str, Any], provenance: str
) -> Iterator[Rows]:
    plain = path.with_name(path.name + ".npy")
    rows = np.lib.format.open_memmap(plain, mode="w+", dtype=dtype, shape=shape)
    try:
        yield rows
        rows.flush()
        del rows
        with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
            archive.write(plain, "embeddings.npy")
            for name, values in {"ids": np.array(ids), "provenance": np.array(provenance), **tables}.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)
    finally:
        plain.unlink(missing_ok=True)


@contextmanager
def _zarr(
    path: Path, shape: tuple[int, int], dtype: str, ids: list[str], tables: dict[str, Any], provenance: str
) -> Iterator[Rows]:
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise InputError("zarr is not installed: pip install 'palindra[zarr]', or write .npz or .h5.") from error
    group = zarr.create_group(str(path))
    group.attrs.update(json.loads(provenance))
    rows = group.create_array("embeddings", shape=shape, dtype=dtype, chunks=_chunks(shape))
    names = group.create_array("ids", shape=(len(ids),), dtype=str)
    names[:] = np.array(ids, dtype=object)
    for name, values in tables.items():
        group.create_array(name, data=values)
    yield rows


@contextmanager
def _hdf5(
    path: Path, shape: tuple[int, int], dtype: str, ids: list[str], tables: dict[str, Any], provenance: str
) -> Iterator[Rows]:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise InputError("h5py is not installed: pip install 'palindra[hdf5]', or write .npz.") from error
    with h5py.File(path, "w") as file:
        file.attrs["provenance"] = provenance
        rows = file.create_dataset("embeddings", shape=shape, dtype=dtype, chunks=_chunks(shape))
        file.create_dataset("ids", data=ids, dtype=h5py.string_dtype())
        for name, values in tables.items():
            file.create_dataset(name, data=values)
        yield rows


KINDS: dict[str, Callable[..., Any]] = {".npz": _npz, ".zarr": _zarr, ".h5": _hdf5, ".hdf5": _hdf5}


def _chunks(shape: tuple[int, int]) -> tuple[int, int]:
    return max(1, min(shape[0], ROWS_TOGETHER)), max(1, shape[1])


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
