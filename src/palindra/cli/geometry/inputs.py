"""Points of a file: embeddings, distances, sequences or the leaves of a tree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.inputs import choose
from palindra.data import read_sequences
from palindra.data.files import hash_file
from palindra.data.phylogenies import read_alignment, read_newick
from palindra.data.read import FASTA_SUFFIXES, HDF5_SUFFIXES
from palindra.data.tabular import read_delimited
from palindra.errors import InputError
from palindra.evaluation.hyperbolicity import (
    METRICS,
    SITES,
    Subject,
    of_alignment,
    of_distances,
    of_embeddings,
    of_sequences,
    of_tree,
)

NEWICK_SUFFIXES = (".nwk", ".newick", ".tree", ".tre", ".nw")
TABLE_SUFFIXES = (".tsv", ".csv", ".txt")
GIVEN, KMER = "given", "kmer"


@dataclass(frozen=True)
class Settings:
    """Options of the command."""

    metric: str | None = None
    array: str | None = None
    k: float | None = None
    stranded: bool = False
    size: int = 60
    subsets: int = 20
    repeats: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("size", 4), ("subsets", 1), ("repeats", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} {getattr(self, name)}: {least} is the least.")
        if self.k is not None and not 0 < self.k < math.inf:
            raise InputError(f"--k {self.k:g}: a positive number is needed (the curvature is -1/k).")


def read_subject(path: Path, settings: Settings) -> tuple[Subject, str]:
    """What a file holds, ready to be measured, and its hash.

    Raises:
        InputError: for files that cannot be used, metrics that do not fit them, and fewer than four points.
    """
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() != ".gz"), "")
    readers: dict[str, Callable[[Path, Settings], Subject]] = {
        **dict.fromkeys(FASTA_SUFFIXES, _sequences),
        **dict.fromkeys(NEWICK_SUFFIXES, _tree),
        **dict.fromkeys((".npy", ".npz", *HDF5_SUFFIXES, *TABLE_SUFFIXES), _embeddings),
    }
    digest = hash_file(path)
    if suffix not in readers:
        raise InputError(f"{path}: the suffix says nothing that is known; known are {' '.join(readers)}.")
    try:
        subject = readers[suffix](path, settings)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if subject.count < 4:
        notes = " ".join(("", *subject.notes))
        raise InputError(f"{path}: {subject.count} points can be compared, and delta compares four.{notes}")
    return subject, digest


def _tree(path: Path, settings: Settings) -> Subject:
    if settings.metric is not None:
        raise InputError(f"{path}: distances in a tree are its path lengths; leave out --metric.")
    return of_tree(read_newick(path), name=path.name)


def _sequences(path: Path, settings: Settings) -> Subject:
    metric = choose("--metric", settings.metric or "jc69", [*SITES, KMER])
    if metric != KMER:
        return of_alignment(read_alignment(path), name=path.name, metric=metric)
    k = settings.k or 4
    if k != int(k) or k > 8:
        raise InputError(f"--k {k:g}: k-mers have 1 to 8 letters.")
    try:
        letters = read_sequences(path).sequences
    except InputError as error:
        if "'-'" not in str(error):
            raise
        letters = read_alignment(path).sequences()
    return of_sequences(letters, name=path.name, k=int(k), canonical=not settings.stranded)


def _embeddings(path: Path, settings: Settings) -> Subject:
    metric = choose("--metric", settings.metric or "euclidean", [*METRICS, GIVEN])
    x = _array(path, settings)
    if x.ndim != 2 or x.dtype.kind not in "iufb":
        raise InputError(f"{path}: an array {x.shape} of {x.dtype}; numbers (points, dimensions) are needed.")
    if metric == GIVEN:
        return of_distances(x, name=path.name)
    found = np.argwhere(~np.isfinite(x))
    if len(found):
        row, column = map(int, found[0])
        raise InputError(f"{path} row {row + 1}, column {column + 1}: {x[row, column]} is no finite number.")
    return of_embeddings(x, name=path.name, metric=metric, k=settings.k or 1.0)


def _array(path: Path, settings: Settings) -> NDArray[Any]:
    suffix = next(s.lower() for s in reversed(path.suffixes) if s.lower() != ".gz")
    if suffix in TABLE_SUFFIXES:
        return _table(path)
    if suffix in HDF5_SUFFIXES:
        return _hdf5(path, settings.array)
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a NumPy array ({error}).") from error
    if isinstance(found, np.ndarray):
        return found
    with found:
        return np.asarray(found[_choose_array(path, list(found.files), settings.array)])


def _hdf5(path: Path, name: str | None) -> NDArray[Any]:
    try:
        import h5py
    except ImportError:
        raise InputError(
            "reading HDF5 files needs h5py, which is not installed: pip install 'palindra[hdf5]'"
        ) from None
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error}). It may be cut off.") from None
    with file:
        names: list[str] = []
        file.visititems(lambda key, item: names.append(key) if isinstance(item, h5py.Dataset) else None)
        return np.asarray(file[_choose_array(path, names, name)])


def _choose_array(path: Path, names: list[str], name: str | None) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        what = f"holds no array {name!r}" if name is not None else f"holds {len(names)} arrays"
        raise InputError(f"{path}: {what}: choose with --array from {', '.join(names) or 'none'}.")
    return name


def _table(path: Path) -> NDArray[np.float64]:
    """The numeric columns of a table; a first column of names is left out."""
    table = read_delimited(path)
    columns = list(table.columns.values())
    if not _numeric(columns[0][0]):
        columns = columns[1:]
    if not columns:
        raise InputError(f"{path}: holds no columns of numbers.")
    found = np.empty((len(columns[0]), len(columns)))
    for place, column in enumerate(columns):
        for row, text in enumerate(column):
            if not _numeric(text):
                raise InputError(f"{table.where(row)}: {text!r} in column {place + 1} of numbers is not a number.")
            found[row, place] = float(text)
    return found


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
