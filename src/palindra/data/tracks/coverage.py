"""Values of one bigWig as the data set holds them, streamed along the genome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.genome import BigWig
from palindra.data.tracks.regions import Axis, Ints, Regions
from palindra.data.tracks.track import Track
from palindra.errors import InputError

CHUNK = 1 << 20  # positions read at once: 4 MB, so that memory does not grow with the genome
Values = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """One file that is read into the data set: a track's own, or its replicate."""

    role: str  # "values" or "replicate"
    number: int  # of the track
    track: Track
    path: Path

    def __str__(self) -> str:
        return self.track.name + (" (replicate)" if self.role == "replicate" else "")


def sources(tracks: Sequence[Track]) -> list[Source]:
    """The files of all tracks, first replicates first."""
    first = [Source("values", n, track, track.path) for n, track in enumerate(tracks) if track.path is not None]
    second = [Source("replicate", n, t, t.replicate) for n, t in enumerate(tracks) if t.replicate is not None]
    return first + second


class Coverage:
    """A bigWig on the axis of a genome, its values changed as its track says.

    Raises:
        InputError: if the file cannot be read, or disagrees with the genome about the names or lengths of chromosomes.
    """

    def __init__(self, source: Source, axis: Axis, *, genome: str, dtype: str = "float32", map_names: bool = False):
        self.source, self.axis, self.dtype = source, axis, np.dtype(dtype)
        self._bigwig = BigWig.open(source.path)
        self._own = self._bigwig.on(axis.chromosomes, genome=genome, map_names=map_names)
        self.chromosomes = dict(self._bigwig.chromosomes)
        self.measured = 0  # positions with a value among those read so far

    def has(self, chromosome: str) -> bool:
        """Whether the file has data on a chromosome of the genome; most writers leave out those without."""
        return chromosome in self._own

    def read(self, start: int, end: int) -> Values:
        """Values of an interval of the axis, within one chromosome.

        Raises:
            InputError: at a value that is infinite, or too large to be stored.
        """
        chrom, position = (int(part[0]) for part in self.axis.split([start]))
        name = self.axis.names[chrom]
        if position + end - start > self.axis.lengths[chrom]:
            raise ValueError(f"{self.axis.text(start, end)} is not on one chromosome.")
        if self.has(name):
            raw = self._bigwig.values(self._own[name], position, position + end - start)
        else:
            raw = np.full(end - start, np.nan, dtype=np.float32)
        self.measured += len(raw) - int(np.isnan(raw).sum())
        values = self.source.track.transformed(raw)
        with np.errstate(over="ignore"):
            stored = values.astype(self.dtype).astype(np.float32)
        wrong = np.isinf(stored) | (np.isnan(values) & ~np.isnan(raw))
        if wrong.any():
            bad = int(wrong.argmax())
            raise InputError(
                f"{self.source.path}, {self.axis.text(start + bad, start + bad + 1)}: the value {raw[bad]:g} of track "
                f"{self.source.track.name!r} becomes {stored[bad]:g} in {self.dtype}. Set clip or scale for the track, "
                "leave log1p out, or store float32."
            )
        return stored

    def chunks(self, regions: Regions, size: int = CHUNK) -> Iterator[tuple[int, Values]]:
        """Place on the axis and values of consecutive pieces of some regions."""
        for first, last in zip(regions.starts.tolist(), regions.ends.tolist(), strict=True):
            for start in range(first, last, size):
                yield start, self.read(start, min(start + size, last))


def runs(starts: Ints, chrom: Ints, length: int, *, size: int = CHUNK, gap: int = 10_000) -> Iterator[tuple[int, int]]:
    """Ranges of sorted windows that are worth reading in one piece.

    They lie on one chromosome, close together, and the piece is not longer than a chunk (or is one window).

    Examples:
        >>> list(runs(np.array([0, 5, 12, 900, 905, 5000]), np.array([0, 0, 1, 1, 1, 1]), 10, size=900, gap=1000))
        [(0, 2), (2, 4), (4, 5), (5, 6)]
    """
    places, chroms = starts.tolist(), chrom.tolist()
    first = 0
    for number in range(1, len(places) + 1):
        if (
            number == len(places)
            or chroms[number] != chroms[first]
            or places[number] + length - places[first] > size
            or places[number] - places[number - 1] - length > gap
        ):
            yield first, number
            first = number
