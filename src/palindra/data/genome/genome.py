"""The sequence of a genome, read as codes from a file that all processes share."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Int8
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.data.genome.fasta_codes import OTHER
from palindra.data.genome.names import listed
from palindra.data.genome.stored_codes import StoredCodes, stored_codes
from palindra.errors import InputError
from palindra.sequences.onehot import one_hot

# A file up to this size is mapped whole, and its windows cost no system calls. Mapped pages count as memory of the
# process, and Linux maps up to 2 MiB around each one that is touched; so of a larger file only the windows are read.
_MAPPED = 64 << 20


class Genome:
    r"""The chromosomes of a FASTA file, any window of which is read without the others.

    The codes lie in a file that is built on first use, one byte per base (0 to 3 for ACGT, 4 for everything else). All
    processes share the pages that the system keeps of it; a process itself holds at most 64 MiB, whatever the length of
    the genome. A genome is pickled as the path of that file.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> folder = TemporaryDirectory()
        >>> fasta = Path(folder.name, "small.fa")
        >>> _ = fasta.write_text(">one first\nACGT\nNacg\n>two\nTTTT\n")
        >>> genome = Genome.open(fasta)
        >>> dict(genome.chromosomes)
        {'one': 8, 'two': 4}
        >>> genome.codes("one", 2, 6)
        array([2, 3, 4, 0], dtype=uint8)
        >>> genome.windows([0, 1], [-2, 1], 5)
        array([[4, 4, 0, 1, 2],
               [3, 3, 3, 4, 4]], dtype=uint8)
        >>> folder.cleanup()
    """

    def __init__(self, fasta: Path, stored: StoredCodes) -> None:
        """Map the codes of a FASTA; `Genome.open` finds or builds them."""
        self.fasta = fasta
        self.path = stored.path
        self.fingerprint = stored.fingerprint
        self.chromosomes: Mapping[str, int] = MappingProxyType(stored.chromosomes)
        self._lengths = np.array(list(stored.chromosomes.values()), dtype=np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self._lengths)[:-1]])
        self._size = int(self._lengths.sum())
        self._file = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) if self._size <= _MAPPED else None

    @classmethod
    def open(cls, fasta: str | Path, *, cache: str | Path | None = None, fingerprint: str | None = None) -> Genome:
        """Open the genome of a FASTA file, building its codes if there are none that are valid.

        Args:
            fasta: the file, gzipped or not; it needs no index.
            cache: folder for the codes; by default next to the FASTA, or the user's cache folder where that cannot be
                written.
            fingerprint: what the SHA-256 of the FASTA must be, for data that were made from it before.

        Raises:
            InputError: if the file is not FASTA with DNA (file and line), is cut off, has another fingerprint, or has
                an index ``.fai`` that is not its own. Codes of an earlier content are never used: they are built anew,
                with a warning.
        """
        fasta = Path(fasta)
        stored = stored_codes(fasta, None if cache is None else Path(cache))
        if fingerprint is not None and stored.fingerprint != fingerprint:
            raise InputError(
                f"{fasta}: has changed: its SHA-256 is {stored.fingerprint[:12]}..., but {fingerprint[:12]}... was "
                "used before. Give the file that was used, or build the data again from this one."
            )
        _check_index(fasta, stored.chromosomes)
        return cls(fasta, stored)

    def codes(self, chrom: str, start: int, end: int) -> NDArray[np.uint8]:
        """The codes of one stretch of a chromosome, a copy; positions outside the chromosome are 4.

        Raises:
            InputError: if there is no such chromosome.
            ValueError: if ``start > end``.
        """
        length = self._length(chrom)
        if start > end:
            raise ValueError(f"{chrom}:{start}-{end}: start is after end.")
        found = np.full(end - start, OTHER, dtype=np.uint8)
        first, last = max(start, 0), min(end, length)
        if first < last:
            offset = int(self._offsets[list(self.chromosomes).index(chrom)])
            self._fill(found.data[first - start : last - start], offset + first)
        return found

    def windows(self, chrom_index: ArrayLike, start: ArrayLike, length: int) -> NDArray[np.uint8]:
        """The codes of many windows of one length; positions outside a chromosome are 4.

        Args:
            chrom_index: for each window, the place of its chromosome in ``chromosomes``, or one for all.
            start: for each window its first position, which may be negative.
            length: of all windows.

        Returns:
            Codes of shape (windows, length).

        Raises:
            ValueError: if an index is not one of a chromosome or the length is negative.
        """
        starts = np.asarray(start, dtype=np.int64).reshape(-1)
        index = np.broadcast_to(np.asarray(chrom_index, dtype=np.int64), starts.shape)
        if length < 0 or (len(index) and not 0 <= index.min() <= index.max() < len(self._lengths)):
            raise ValueError(f"windows of {length} positions on chromosomes {index} of {len(self._lengths)}.")
        places = self._offsets[index] + starts
        inside = (starts >= 0) & (starts + length <= self._lengths[index])
        if inside.all():
            return self._gather(places, length)
        found = np.full((len(starts), length), OTHER, dtype=np.uint8)
        found[inside] = self._gather(places[inside], length)
        names = list(self.chromosomes)
        for row in np.flatnonzero(~inside).tolist():
            found[row] = self.codes(names[index[row]], int(starts[row]), int(starts[row]) + length)
        return found

    def one_hot(self, chrom_index: ArrayLike, start: ArrayLike, length: int) -> Int8[Tensor, "windows 4 length"]:
        """The same windows as one-hot int8 tensor; N and positions outside a chromosome are zeros."""
        return one_hot(self.windows(chrom_index, start, length))

    def _gather(self, places: NDArray[np.int64], length: int) -> NDArray[np.uint8]:
        """Copy windows that lie inside chromosomes, given where they begin in the file."""
        found = np.empty((len(places), length), dtype=np.uint8)
        if self._map is not None and found.size:
            every = np.ndarray((self._size - length + 1, length), np.uint8, buffer=self._map, strides=(1, 1))
            return every[places]
        flat = found.reshape(-1).data
        for at, place in zip(range(0, found.size, max(length, 1)), places.tolist(), strict=False):
            self._fill(flat[at : at + length], place)
        return found

    def _fill(self, view: memoryview, place: int) -> None:
        """Read the bytes of the file from a place on, until the view is full."""
        read = os.preadv(self._file, (view,), place)
        while read < len(view):
            more = os.preadv(self._file, (view[read:],), place + read)
            if not more:
                raise InputError(f"{self.path}: was cut off while it was open. Remove it; it will be built anew.")
            read += more

    def _length(self, chrom: str) -> int:
        try:
            return self.chromosomes[chrom]
        except KeyError:
            raise InputError(f"{self.fasta}: has no chromosome {chrom!r}; it has {listed(self.chromosomes)}.") from None

    def __reduce__(self) -> tuple[object, ...]:
        return _opened_again, (self.fasta, self.path, self.fingerprint)

    def __repr__(self) -> str:
        return f"Genome({str(self.fasta)!r}, {len(self.chromosomes)} chromosomes, {self._size:,} bp)"


def _opened_again(fasta: Path, path: Path, fingerprint: str) -> Genome:
    """A genome in another process: the same codes, without looking at the FASTA again."""
    stored = StoredCodes.read(path)
    if stored.fingerprint != fingerprint:
        raise InputError(f"{path}: was built anew from another content of {fasta} in the meantime. Start again.")
    return Genome(fasta, stored)


def _check_index(fasta: Path, chromosomes: Mapping[str, int]) -> None:
    """Refuse a FASTA whose ``.fai`` says something else: other tools go by that index."""
    index = fasta.with_name(f"{fasta.name}.fai")
    if not index.exists():
        return
    rows = [line.split("\t") for line in index.read_text("utf-8", "replace").splitlines() if line]
    listed_lengths = [(row[0], row[1] if len(row) > 1 else "") for row in rows]
    real = [(name, str(length)) for name, length in chromosomes.items()]
    if sorted(listed_lengths) != sorted(real):
        line = next((n for n, (a, b) in enumerate(zip(listed_lengths, real, strict=False), 1) if a != b), 0)
        line = line or min(len(listed_lengths), len(real)) + 1
        there = " of ".join(reversed(listed_lengths[line - 1])) + " bp" if line <= len(rows) else "nothing"
        here = " of ".join(reversed(real[line - 1])) + " bp" if line <= len(real) else "nothing"
        raise InputError(
            f"{index} line {line}: is not the index of {fasta} as it is now: it has {there} where the FASTA has {here}"
            ". The FASTA has changed; remove the index or make it anew (samtools faidx)."
        )
