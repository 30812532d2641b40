"""A finished data set, read at random: sequence codes and track values of windows and of shifted parts of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.genome import Genome
from palindra.data.tracks.binning import bin_means
from palindra.data.tracks.coverage import sources
from palindra.data.tracks.folder import SPLITS, read_manifest
from palindra.data.tracks.reading import ValueReader, Values
from palindra.data.tracks.regions import Axis, Ints
from palindra.data.tracks.settings import BUILT, DataSettings, settings_from
from palindra.data.tracks.threshold import exceeds
from palindra.data.tracks.track import Track, target_of
from palindra.data.tracks.windows import Windows, read_windows
from palindra.errors import InputError

if TYPE_CHECKING:
    from palindra.symmetry import Target


@dataclass(frozen=True, eq=False)
class TrackData:
    """Windows of a genome with their sequence and tracks; open one with ``TrackData.open(folder)``.

    Nothing is held in memory but the lists of windows: codes and values come from memory-mapped files, so that worker
    processes share what the system has cached. A data set can be pickled; it is
    then opened again where it arrives.

    Args:
        folder: the data set.
        genome: its genome.
        settings: what it was built with.
        splits: windows of train, valid, test, and of further test sets by name.
        made: what the build found: counts, statistics of tracks, hashes.

    Examples:
        >>> data = TrackData.open("atac")                                        # doctest: +SKIP
        >>> data.codes("train", [5, 2], offset=[0, 3], length=2048).shape        # doctest: +SKIP
        (2, 2048)
        >>> data.binned("train", [5, 2], offset=0, length=2048, bin_size=32).shape  # doctest: +SKIP
        (2, 15, 64)
    """

    folder: Path
    genome: Genome = field(repr=False)
    settings: DataSettings = field(repr=False)
    splits: dict[str, Windows] = field(repr=False)
    made: dict[str, Any] = field(repr=False)

    @classmethod
    def open(
        cls, folder: str | Path, *, genome: str | Path | None = None, cache: str | Path | None = None
    ) -> TrackData:
        """Open a finished data set.

        Args:
            folder: written by ``build``.
            genome: the FASTA, where it is not at the path that it was built from any more.
            cache: folder for the codes of the genome, see ``Genome.open``.

        Raises:
            InputError: if it is no finished data set, or the genome is missing or has another content.
        """
        folder = Path(folder)
        table = read_manifest(folder)
        path = Path(table["genome"]) if genome is None else Path(genome)
        try:
            opened = Genome.open(path, cache=cache, fingerprint=table[BUILT]["genome"]["fingerprint"])
        except InputError as error:
            hint = "" if genome else " If the genome was moved, say where it is now (genome)."
            raise InputError(f"{folder}: its genome cannot be used: {error}{hint}") from error
        return cls._with(folder, opened)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks in their order."""
        return self.settings.tracks

    @property
    def target(self) -> Target:
        """How the tracks change when the sequence is read from the other strand."""
        return target_of(self.tracks)

    @property
    def window(self) -> int:
        """Length of the stored windows of train, valid and test."""
        return self.settings.windows.window

    @property
    def margin(self) -> int:
        """How far beyond its ends every window can be read."""
        return self.settings.storage.margin

    @cached_property
    def activity(self) -> dict[str, NDArray[np.uint8]] | None:
        """Binary labels (windows, tracks) of each split, None for a data set without peaks of each track."""
        return self._tables("labels") or None

    @cached_property
    def maxima(self) -> dict[str, Values]:
        """The largest value of each track in each window (windows, tracks), NaN where all are missing."""
        return self._tables("maxima")

    @property
    def has_values(self) -> bool:
        """Whether there are tracks with values, and not labels alone."""
        return any(track.path is not None for track in self.tracks)

    @property
    def has_replicate(self) -> bool:
        """Whether some track has a second replicate."""
        return any(track.replicate is not None for track in self.tracks)

    def rows_above(self, split: str, threshold: float) -> Ints:
        """Rows of a split in which some track is above a threshold somewhere in the window, strictly."""
        self._windows(split)
        return np.flatnonzero(exceeds(self.maxima[split], threshold))

    def codes(self, split: str, rows: ArrayLike, offset: ArrayLike = 0, length: int | None = None) -> NDArray[np.uint8]:
        """Sequence codes (rows, length): 0 to 3 for ACGT, 4 for any other letter and outside the chromosome.

        Args:
            split: name of a split.
            rows: of the split, in any order.
            offset: from the start of each window, one number or one for each row; may be negative.
            length: in bp; None for the whole window.
        """
        windows, picked = self._windows(split), _integers(rows)
        starts = windows.start[picked] + np.asarray(offset, dtype=np.int64)
        return self.genome.windows(windows.chrom[picked], starts, windows.length if length is None else length)

    def values(self, split: str, rows: ArrayLike, offset: ArrayLike = 0, length: int | None = None) -> Values:
        """Values (rows, tracks, length) at base resolution; arguments as for ``codes``.

        A position that was not measured, or lies outside the chromosome, is 0 or NaN as the track declares.

        Raises:
            InputError: if a window is shifted beyond the stored margin, or the data set has labels alone.
        """
        return self._read("values", split, rows, offset, length)

    def replicate(self, split: str, rows: ArrayLike, offset: ArrayLike = 0, length: int | None = None) -> Values:
        """Values of the second replicate, as ``values`` has those of the first; NaN for a track without one."""
        some = self._read("replicate", split, rows, offset, length)
        have = [number for number, track in enumerate(self.tracks) if track.replicate is not None]
        every = np.full((len(some), len(self.tracks), some.shape[-1]), np.nan, dtype=np.float32)
        every[:, have] = some
        return every

    def binned(
        self, split: str, rows: ArrayLike, offset: ArrayLike = 0, length: int | None = None, bin_size: int = 1
    ) -> Values:
        """Means (rows, tracks, length // bin_size) over bins, missing values left out; arguments as for ``codes``."""
        return bin_means(self.values(split, rows, offset, length), bin_size)

    def __reduce__(self) -> tuple[Callable[..., TrackData], tuple[Path, Genome]]:
        return TrackData._with, (self.folder, self.genome)

    @classmethod
    def _with(cls, folder: Path, genome: Genome) -> TrackData:
        table = read_manifest(folder)
        made = table[BUILT]
        splits = {
            name: read_windows(folder / SPLITS / f"{name}.tsv", genome.chromosomes, int(some["length"]))
            for name, some in made["splits"].items()
        }
        for name, windows in splits.items():
            if len(windows) != made["splits"][name]["windows"]:
                raise InputError(
                    f"{folder / SPLITS / name}.tsv: has {len(windows)} windows and {made['splits'][name]['windows']} "
                    "were written. The file was changed: build the data set again."
                )
        return cls(folder, genome, settings_from(table), splits, made)

    @cached_property
    def _readers(self) -> dict[str, ValueReader]:
        axis, files = Axis(self.genome.chromosomes), sources(self.tracks)
        roles = dict.fromkeys(source.role for source in files)
        return {
            role: ValueReader(self.folder, role, axis, self.splits, [f for f in files if f.role == role])
            for role in roles
        }

    def _read(self, role: str, split: str, rows: ArrayLike, offset: ArrayLike, length: int | None) -> Values:
        windows = self._windows(split)
        if role not in self._readers:
            lacking = {"values": "track with values, only labels", "replicate": "second replicate"}[role]
            raise InputError(f"{self.folder}: this data set has no {lacking}. Build one whose tracks have it.")
        size = windows.length if length is None else length
        return self._readers[role].read(split, _integers(rows), np.asarray(offset, dtype=np.int64), size)

    def _windows(self, split: str) -> Windows:
        if split not in self.splits:
            raise InputError(f"{self.folder}: there is no split {split!r}; there are {', '.join(self.splits)}.")
        return self.splits[split]

    def _tables(self, kind: str) -> dict[str, NDArray[Any]]:
        paths = {name: self.folder / SPLITS / f"{name}.{kind}.npy" for name in self.splits}
        return {name: np.load(path) for name, path in paths.items() if path.is_file()}


def _integers(rows: ArrayLike) -> Ints:
    return np.atleast_1d(np.asarray(rows, dtype=np.int64))
