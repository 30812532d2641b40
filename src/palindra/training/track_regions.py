"""Predictions along chromosomes: a whole genome or the regions of a BED file, overlapping windows averaged."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from palindra.errors import InputError
from palindra.symmetry import Target
from palindra.training.track_losses import Loss
from palindra.training.track_predict import Letters, Predictions, predict_batches

_PIECE = 1 << 16  # values of one track that are yielded at once


class Piece(NamedTuple):
    """Predicted values along a stretch of one chromosome, as a bigWig file takes them."""

    chrom: str
    start: int
    values: NDArray[np.float32]  # (tracks, values)
    bin_size: int  # positions of one value


@dataclass(frozen=True)
class Tiling:
    """How windows are laid over regions.

    Args:
        length: letters that the model reads.
        bin_size: positions of one predicted value.
        stride: from one window to the next, a multiple of the bin; None for half of what each window keeps.
        margin: positions at either end of a window whose predictions are left out, a multiple of the bin: there the
            model sees one side only.

    Raises:
        InputError: for numbers that do not fit each other.
    """

    length: int
    bin_size: int = 1
    stride: int | None = None
    margin: int = 0

    def __post_init__(self) -> None:
        if self.length < 1 or self.bin_size < 1 or self.length % self.bin_size:
            raise InputError(f"windows of {self.length} bp cannot be cut into bins of {self.bin_size}.")
        if self.margin < 0 or self.margin % self.bin_size or self.kept < 1:
            raise InputError(
                f"a margin of {self.margin} bp at both ends of {self.length} bp: a multiple of the bin size "
                f"{self.bin_size} that leaves something is needed."
            )
        if self.stride is not None and not (0 < self.stride <= self.kept and self.stride % self.bin_size == 0):
            raise InputError(
                f"a stride of {self.stride} bp: a multiple of the bin size {self.bin_size} up to {self.kept} is "
                "needed, so that no position is left out."
            )

    @property
    def kept(self) -> int:
        """Positions of a window whose predictions count."""
        return self.length - 2 * self.margin

    def starts(self, start: int, end: int) -> NDArray[np.int64]:
        """Where windows begin so that what they keep covers a region; a short region is in the middle of one window.

        Examples:
            >>> Tiling(length=10, stride=5).starts(100, 121).tolist()
            [100, 105, 110, 115]
            >>> Tiling(length=10, margin=2, stride=6).starts(0, 8).tolist()      # letters before 0 are unknown
            [-2, 4]
            >>> Tiling(length=10).starts(100, 104).tolist()
            [97]
        """
        if end - start <= self.kept:
            return np.array([start - self.margin - (self.kept - (end - start)) // 2])
        stride = self.stride or max(self.bin_size, self.kept // 2 // self.bin_size * self.bin_size)
        count = 1 + math.ceil((end - start - self.kept) / stride)
        return start - self.margin + stride * np.arange(count)


def predict_regions(
    model: nn.Module,
    genome: Any,
    regions: Iterable[tuple[str, int, int]] | None,
    tiling: Tiling,
    *,
    loss: Loss,
    batch_size: int = 64,
    both_strands: Target | None = None,
    shifts: Sequence[int] = (0,),
    devices: Sequence[torch.device | str] = ("cpu",),
    scratch: str | Path | None = None,
    predicted: Iterator[Predictions] | None = None,
) -> Generator[Piece, None, None]:
    """Predictions along regions, every position the mean over the windows that hold it, chromosome by chromosome.

    Sums and counts of one chromosome at a time are kept in files, so memory does not grow with the genome. Windows lie
    on one grid of bins where they can (a whole genome, regions that begin on multiples of the bin); otherwise values
    are averaged on the coarsest grid that holds all their bins, at the finest base by base. Regions may overlap;
    predictions beyond them are left out, and a bin that a region cuts becomes a value of fewer positions.

    Args:
        model: a trained network.
        genome: a :class:`palindra.data.genome.Genome`.
        regions: chromosome, start and end of each; None for all of every chromosome.
        tiling: how windows are laid over them.
        loss: that the model was trained with.
        batch_size: windows at a time on each device.
        both_strands: average both strands, tracks changing as this target says.
        shifts: average over shifted windows.
        devices: where to compute.
        scratch: folder for the files; a temporary one by default.
        predicted: of all batches in the order of :func:`window_batches`, where they are computed elsewhere (by
            :func:`predict_windows`); the model is not read then.

    Yields:
        Stretches in the order of the genome's chromosomes and of their positions.

    Raises:
        InputError: for a region that is not in the genome, or a model that gives no tracks.
    """
    for chrom, parts, batches in window_batches(genome.chromosomes, regions, tiling, batch_size):
        found = predicted
        if found is None:
            found = predict_windows(
                model,
                genome,
                chrom,
                batches,
                tiling,
                loss=loss,
                both_strands=both_strands,
                shifts=shifts,
                devices=devices,
            )
        with tempfile.TemporaryDirectory(dir=scratch, prefix="palindra-") as place:
            sums = _Sums(Path(place), np.concatenate(batches), parts, tiling)
            for starts in batches:
                sums.add(starts, next(found))
            yield from sums.pieces(chrom)


def window_batches(
    chromosomes: Mapping[str, int],
    regions: Iterable[tuple[str, int, int]] | None,
    tiling: Tiling,
    batch_size: int,
) -> Iterator[tuple[str, list[tuple[int, int]], list[NDArray[np.int64]]]]:
    """For each chromosome its regions, united, and where the windows of each batch over them begin.

    Raises:
        InputError: for a region that is not in the genome.
    """
    for chrom, parts in _sorted_regions(chromosomes, regions).items():
        starts = np.unique(np.concatenate([tiling.starts(start, end) for start, end in parts]))
        yield chrom, parts, [starts[at : at + batch_size] for at in range(0, len(starts), batch_size)]


def predict_windows(
    model: nn.Module,
    genome: Any,
    chrom: str,
    batches: Sequence[NDArray[np.int64]],
    tiling: Tiling,
    *,
    loss: Loss,
    both_strands: Target | None = None,
    shifts: Sequence[int] = (0,),
    devices: Sequence[torch.device | str] = ("cpu",),
) -> Iterator[Predictions]:
    """Predictions for batches of windows of one chromosome; arguments as in :func:`predict_regions`."""
    number = list(genome.chromosomes).index(chrom)

    def letters(starts: NDArray[np.int64]) -> Letters:
        return lambda shift: genome.windows(np.full(len(starts), number), starts + shift, tiling.length)

    return predict_batches(
        model,
        (letters(starts) for starts in batches),
        loss=loss,
        bin_size=tiling.bin_size,
        both_strands=both_strands,
        shifts=shifts,
        devices=devices,
    )


class _Sums:
    """Sum and number of the predictions at every place of one chromosome, in files."""

    def __init__(self, folder: Path, starts: NDArray[np.int64], parts: list[tuple[int, int]], tiling: Tiling) -> None:
        self.folder, self.parts, self.tiling = folder, parts, tiling
        self.origin = int(starts[0]) + tiling.margin
        # Every bin begins and ends, and every region begins, at a multiple of the step.
        edges = [*(starts - starts[0]).tolist(), *(edge - self.origin for part in parts for edge in part[:1])]
        self.step = math.gcd(tiling.bin_size, *map(int, edges))
        self.size = (int(starts[-1] - starts[0]) + tiling.kept) // self.step
        self.counts = np.memmap(folder / "counts", np.uint32, "w+", shape=(self.size,))
        self.sums: NDArray[np.float32] | None = None

    def add(self, starts: NDArray[np.int64], values: Predictions) -> None:
        if values.ndim != 3:
            raise InputError("this model gives one value per window and track: there is no track along the genome.")
        bins = self.tiling.margin // self.tiling.bin_size
        values = values[:, :, bins : values.shape[2] - bins]
        if values.shape[2] * self.tiling.bin_size != self.tiling.kept:
            raise InputError(
                f"the model gives {values.shape[2] + 2 * bins} values for {self.tiling.length} bp, which are no "
                f"bins of {self.tiling.bin_size}: set the bin size to the model's."
            )
        fine = np.repeat(values, self.tiling.bin_size // self.step, axis=2)
        if self.sums is None:
            self.sums = np.memmap(self.folder / "sums", np.float32, "w+", shape=(values.shape[1], self.size))
        for start, row in zip(starts, fine, strict=True):
            at = (int(start) + self.tiling.margin - self.origin) // self.step
            self.sums[:, at : at + row.shape[1]] += row
            self.counts[at : at + row.shape[1]] += 1

    def pieces(self, chrom: str) -> Iterator[Piece]:
        if self.sums is None:
            return
        for start, end in self.parts:
            first, last = (start - self.origin) // self.step, (end - self.origin) // self.step
            for at in range(first, last, _PIECE):
                yield self._piece(chrom, at, min(at + _PIECE, last), self.step)
            if rest := (end - self.origin) % self.step:  # a region ends where it ends, not where a bin does
                yield self._piece(chrom, last, last + 1, rest)

    def _piece(self, chrom: str, first: int, last: int, bin_size: int) -> Piece:
        assert self.sums is not None
        mean = (self.sums[:, first:last] / self.counts[first:last]).astype(np.float32)
        return Piece(chrom, self.origin + first * self.step, mean, bin_size)


def _sorted_regions(
    chromosomes: Mapping[str, int], regions: Iterable[tuple[str, int, int]] | None
) -> dict[str, list[tuple[int, int]]]:
    """Regions by chromosome in the order of the genome, overlapping and touching ones united.

    Raises:
        InputError: for a region that is not in the genome.
    """
    if regions is None:
        return {chrom: [(0, length)] for chrom, length in chromosomes.items()}
    found: dict[str, list[tuple[int, int]]] = {chrom: [] for chrom in chromosomes}
    for chrom, start, end in regions:
        if chrom not in chromosomes:
            raise InputError(f"region {chrom}:{start}-{end}: the genome has no chromosome {chrom!r}.")
        if not 0 <= start < end <= chromosomes[chrom]:
            raise InputError(f"region {chrom}:{start}-{end} is not inside {chrom}, which has {chromosomes[chrom]} bp.")
        found[chrom].append((start, end))
    return {chrom: _united(sorted(parts)) for chrom, parts in found.items() if parts}


def _united(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    united = parts[:1]
    for start, end in parts[1:]:
        if start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united
