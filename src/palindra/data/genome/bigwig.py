"""bigWig files: values along chromosomes, read at base resolution and written in bins."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.genome.names import listed, require_match
from palindra.errors import InputError

_MAGIC = (0x888FFC26).to_bytes(4, "little"), (0x888FFC26).to_bytes(4, "big")
Piece = tuple[str, int, ArrayLike, int]


class BigWig:
    """The values of a bigWig file; a position without data is NaN.

    A file is opened once in each process that reads it, and pickled as its path.

    Attributes:
        path: of the file.
        chromosomes: name and length of each chromosome. Most writers leave out those without data.
    """

    def __init__(self, path: Path, chromosomes: dict[str, int]) -> None:
        """`BigWig.open` reads what this needs."""
        self.path = path
        self.chromosomes = chromosomes
        self._readers: dict[int, Any] = {}

    @classmethod
    def open(cls, path: str | Path) -> BigWig:
        """Open a bigWig file.

        Raises:
            InputError: if there is no such file, it is another kind of file or damaged, or pybigtools is missing.
        """
        path = Path(path)
        _pybigtools()
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give one bigWig file.")
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such file.") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
        if magic not in _MAGIC:
            raise InputError(f"{path}: is not a bigWig file. Give a .bw made from bedGraph or by a tool for coverage.")
        bigwig = cls(path, {})
        with bigwig._clear_errors("its chromosomes"):
            bigwig.chromosomes = dict(bigwig._reader().chroms())
        return bigwig

    def values(self, chrom: str, start: int, end: int) -> NDArray[np.float32]:
        """The values of one stretch at base resolution; NaN without data and outside the chromosome.

        Raises:
            InputError: if the file has no such chromosome, or its data are damaged or cut off there.
            ValueError: if ``start > end``.
        """
        if start > end:
            raise ValueError(f"{chrom}:{start}-{end}: start is after end.")
        if chrom not in self.chromosomes:
            raise InputError(f"{self.path}: has no chromosome {chrom!r}; it has {listed(self.chromosomes)}.")
        found = np.full(end - start, np.nan, dtype=np.float32)
        first, last = max(start, 0), min(end, self.chromosomes[chrom])
        if first < last:
            with self._clear_errors(f"{chrom}:{first}-{last}"):
                found[first - start : last - start] = self._reader().values(chrom, first, last, fillna=None)
        return found

    def on(
        self, chromosomes: Mapping[str, int], *, genome: str = "the genome", map_names: bool = False
    ) -> dict[str, str]:
        """The name in this file of each chromosome of a genome that has data here.

        Args:
            chromosomes: name and length of each chromosome of the genome.
            genome: what to call it in errors, usually the path of the FASTA.
            map_names: whether names that differ (chr1 against 1) are mapped.

        Raises:
            InputError: if lengths disagree, names differ and may not be mapped, or no chromosome is common.
        """
        names = require_match(str(self.path), self.chromosomes, genome, chromosomes, map_names=map_names, partial=True)
        return {there: here for here, there in names.items()}

    def _reader(self) -> Any:
        # A forked process would share the position in an open file with its parent, so each opens its own.
        process = os.getpid()
        if process not in self._readers:
            self._readers = {process: _pybigtools().open(str(self.path))}
        return self._readers[process]

    @contextlib.contextmanager
    def _clear_errors(self, what: str) -> Iterator[None]:
        """Errors of the reader, and its panics (which are no `Exception`), as one that names file and place."""
        try:
            yield
        except BaseException as error:
            if isinstance(error, InputError) or not (
                isinstance(error, Exception) or type(error).__name__ == "PanicException"
            ):
                raise
            raise InputError(
                f"{self.path}: {what} cannot be read, the file is damaged or cut off ({error}). Copy it again."
            ) from None

    def __reduce__(self) -> tuple[object, ...]:
        return BigWig, (self.path, self.chromosomes)

    def __repr__(self) -> str:
        return f"BigWig({str(self.path)!r}, {len(self.chromosomes)} chromosomes)"


def write_bigwig(path: str | Path, chromosomes: Mapping[str, int], pieces: Iterable[Piece]) -> None:
    """Write a bigWig file from pieces of binned values, which may come from a generator.

    Args:
        path: of the file, which ends in ``.bw`` or ``.bigWig``; it appears only when it is whole.
        chromosomes: name and length of each chromosome.
        pieces: (chromosome, start, values, bin size): value i is that of positions ``start + i * bin_size`` to
            ``start + (i + 1) * bin_size``. All pieces of a chromosome come together and from left to right. NaN is
            written as no data, and neighbours of one value as one record.

    Raises:
        InputError: if there is no value at all, the file cannot be written, or pybigtools is missing.
        ValueError: if a piece is out of order, overlaps the one before, or ends beyond its chromosome.
    """
    path = Path(path)
    if path.suffix.lower() not in (".bw", ".bigwig"):
        raise InputError(f"{path}: a bigWig file is named .bw or .bigWig.")
    part = path.with_name(f".{path.stem}.{os.getpid()}-{time.monotonic_ns()}.bw")
    source = _Records(chromosomes, pieces)
    try:
        writer = _pybigtools().open(str(part), "w")
        writer.write(dict(chromosomes), source.records())
        source.check()  # the writer reports no errors
        if not source.bases:
            raise InputError(f"{path}: there is no value to write: all are missing.")
        written = _pybigtools().open(str(part)).info()["summary"]["basesCovered"]
        if written != source.bases:
            raise InputError(f"{path}: {written:,} positions of {source.bases:,} were written: is there enough space?")
        part.replace(path)
    except InputError:
        raise
    except Exception as error:
        if error is source.error:
            raise
        raise InputError(f"{path}: cannot be written ({error}).") from error
    finally:
        part.unlink(missing_ok=True)


class _Records:
    """Pieces as records (chromosome, start, end, value); what goes wrong is kept, as the writer would swallow it."""

    def __init__(self, chromosomes: Mapping[str, int], pieces: Iterable[Piece]) -> None:
        self.chromosomes = chromosomes
        self.pieces = pieces
        self.bases = 0
        self.error: BaseException | None = None

    def records(self) -> Iterator[tuple[str, int, int, float]]:
        ends: dict[str, int] = {}  # where the data of each chromosome have ended so far; the last one is open
        try:
            for chrom, start, values, bin_size in self.pieces:
                values = np.asarray(values, dtype=np.float32)
                self._check(chrom, start, start + len(values) * bin_size, ends)
                ends[chrom] = start + len(values) * bin_size
                # A run begins where the value differs from the one before; NaN differs from itself, so is its own run.
                first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
                last = np.append(first[1:], len(values))[: len(first)]
                real = ~np.isnan(values[first])
                first, last = first[real], last[real]
                self.bases += int((last - first).sum()) * bin_size
                for begin, end, value in zip(
                    (start + first * bin_size).tolist(),
                    (start + last * bin_size).tolist(),
                    values[first].tolist(),
                    strict=True,
                ):
                    yield chrom, begin, end, value
        except GeneratorExit:
            raise
        except BaseException as error:
            self.error = error

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def _check(self, chrom: str, start: int, end: int, ends: dict[str, int]) -> None:
        length = self.chromosomes.get(chrom)
        if length is None:
            raise ValueError(f"a piece is on {chrom!r}, which is not one of the chromosomes.")
        if not 0 <= start <= end <= length:
            raise ValueError(f"a piece {chrom}:{start}-{end} is not on the chromosome, which has {length} positions.")
        if start < ends.get(chrom, 0) or (chrom in ends and chrom != next(reversed(ends))):
            raise ValueError(f"a piece {chrom}:{start}-{end} comes after later ones; pieces come from left to right.")


def _pybigtools() -> Any:
    try:
        return importlib.import_module("pybigtools")
    except ImportError:
        raise InputError(
            "bigWig files need pybigtools, which is not installed: pip install 'palindra[genome]'"
        ) from None
