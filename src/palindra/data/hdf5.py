"""One-hot sequences in HDF5 files, in the layouts that are in use."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import hash_file
from palindra.data.records import Records
from palindra.errors import InputError
from palindra.sequences import DNA, Alphabet, decode_codes

_LAYOUTS = (
    "one-hot arrays x_train and y_train, x_valid and y_valid, x_test and y_test (also in capitals, also dev or val), "
    "or x and y with or without split"
)
_CHUNK_ROWS = 1 << 14


def read_hdf5(path: str | Path, alphabet: Alphabet = DNA) -> Records:
    """Read one-hot sequences (rows, letters, length) or (rows, length, letters) and their labels.

    The channels are taken to be in the order of the alphabet; zeros and equal shares become N. Rows are numbered
    from 1 in each array.

    Raises:
        InputError: if h5py is not installed, the file is not HDF5, the arrays have other names, shapes or numbers of
            rows, or an array is not one-hot.
    """
    h5py = _h5py()
    digest = hash_file(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error}). It may be cut off.") from None
    with file:
        arrays = {name.lower(): file[name] for name in file if isinstance(file[name], h5py.Dataset)}
        pairs = _pairs(arrays, path)
        parts, sequences, labels, splits, lines = [], [], [], [], []
        for part, (x, y, split) in enumerate(pairs):
            place = f"{path} {x.name.lstrip('/')}"
            if x.shape[:1] != y.shape[:1]:
                raise InputError(
                    f"{place}: holds {x.shape[0]} rows but {y.name.lstrip('/')} holds {y.shape[0]} labels."
                )
            parts.append(place)
            sequences.append(_sequences(x, alphabet, place))
            labels.append(_labels(y, f"{path} {y.name.lstrip('/')}"))
            splits.append(_splits(arrays, path, x.shape[0]) if split is None else [split] * x.shape[0])
            lines.append(np.stack([np.arange(1, x.shape[0] + 1), np.full(x.shape[0], part)]))
    widths = sorted({label.shape[1] for label in labels})
    if len(widths) > 1:
        raise InputError(
            f"{path}: the label arrays have {' and '.join(map(str, widths))} columns: one number is needed."
        )
    numbered = np.concatenate(lines, axis=1).astype(np.int64)
    names = ("label",) if widths[0] == 1 else tuple(f"target_{n + 1}" for n in range(widths[0]))
    all_splits = [name for some in splits for name in some]
    return Records(
        source=str(path),
        sha256=digest,
        sequences=[sequence for some in sequences for sequence in some],
        labels=np.concatenate(labels),
        target_names=names,
        lines=numbered[0],
        splits=all_splits or None,
        unit="row",
        parts=tuple(parts),
        part_of_row=numbered[1],
    )


def _h5py() -> ModuleType:
    try:
        import h5py
    except ImportError:
        raise InputError(
            "reading HDF5 files needs h5py, which is not installed: pip install 'palindra[hdf5]'"
        ) from None
    return h5py


def _pairs(arrays: dict[str, Any], path: str | Path) -> list[tuple[Any, Any, str | None]]:
    """Arrays of sequences and labels, with the split that their names say or None."""
    names = [match for match in (re.fullmatch(r"x(?:_(\w+))?", name) for name in arrays) if match]
    if not names:
        raise InputError(f"{path}: holds {', '.join(arrays) or 'no arrays'}; needed are {_LAYOUTS}.")
    for name in names:
        if "y" + name[0][1:] not in arrays:
            raise InputError(f"{path}: holds {arrays[name[0]].name.lstrip('/')} but no y{name[0][1:]} with its labels.")
    if len(names) > 1 and any(name[1] is None for name in names):
        raise InputError(f"{path}: holds x beside {', '.join(n[0] for n in names if n[1])}; needed are {_LAYOUTS}.")
    return [(arrays[name[0]], arrays["y" + name[0][1:]], name[1]) for name in names]


def _sequences(x: Any, alphabet: Alphabet, place: str) -> list[str]:
    import torch

    from palindra.sequences.onehot import codes_from_one_hot

    letters = len(alphabet.letters)
    shape = x.shape
    axes = [axis for axis in (1, 2) if len(shape) == 3 and shape[axis] == letters]
    if len(axes) != 1 or not shape[0] or x.dtype.kind not in "iufb":
        why = "which axis holds the letters is not clear" if len(axes) == 2 else "not one-hot sequences"
        raise InputError(
            f"{place}: an array {shape} of {x.dtype}, {why}; needed is (rows, {letters}, length) or "
            f"(rows, length, {letters}) of numbers, with at least one row."
        )
    sequences: list[str] = []
    for start in range(0, shape[0], _CHUNK_ROWS):
        chunk = torch.from_numpy(np.asarray(x[start : start + _CHUNK_ROWS], dtype=np.float32))
        try:
            codes = codes_from_one_hot(chunk if axes == [1] else chunk.transpose(1, 2), alphabet)
        except ValueError as error:
            raise InputError(f"{place} from row {start + 1} on: {error} (rows counted from 0 here)") from None
        sequences += decode_codes(codes, alphabet)
    return sequences


def _labels(y: Any, place: str) -> NDArray[np.floating]:
    if y.dtype.kind not in "iufb" or y.ndim not in (1, 2):
        raise InputError(f"{place}: an array {y.shape} of {y.dtype}; labels are numbers, (rows,) or (rows, targets).")
    return np.asarray(y, dtype=np.float64).reshape(y.shape[0], -1)


def _splits(arrays: dict[str, Any], path: str | Path, rows: int) -> list[str]:
    """The array ``split`` as text; empty where there is none."""
    if "split" not in arrays:
        return []
    values = arrays["split"][()]
    if np.shape(values) != (rows,):
        raise InputError(f"{path} split: an array {np.shape(values)}; one name for each of the {rows} rows is needed.")
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
