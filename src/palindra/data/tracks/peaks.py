"""Windows around peaks, with the table of which track has a peak in which window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palindra.data.genome import read_bed
from palindra.data.tracks.merging import merge_peaks
from palindra.data.tracks.partition import matches
from palindra.data.tracks.regions import Axis, Ints, ranges
from palindra.data.tracks.track import Track
from palindra.errors import InputError

Table = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Windows centred on peaks: those of all tracks (``Track.peaks``), or of one common file.

    Args:
        window: length of the stored windows.
        merge: overlap in bp from which neighbours are merged, m; 200 for quantitative and 500 for binary sets.
        bed: one file of regions for all tracks instead of one each; there are no labels then.
        center: the middle of a peak, floor((start + end) / 2), or its summit where the file gives one.
        by_strand: peaks of different strands are merged apart.
        threshold: keep a window if any track is above it at any position (strictly); None keeps all.
        test_threshold: the same for test windows.
    """

    window: int = 3072
    merge: int = 200
    bed: Path | None = None
    center: Literal["middle", "summit"] = "middle"
    by_strand: bool = True
    threshold: float | None = None
    test_threshold: float | Literal["same"] | None = "same"


@dataclass(frozen=True)
class PeakWindows:
    """Merged windows in genome order: starts on the axis, their length, and activity (windows, tracks) or None."""

    starts: Ints
    window: int
    activity: Table | None
    peaks: int  # before merging
    left_out: int  # peaks on chromosomes that are dropped, or shorter than the window


def peak_windows(
    peaks: Peaks,
    tracks: Sequence[Track],
    axis: Axis,
    *,
    drop: Sequence[str] = (),
    map_names: bool = False,
) -> PeakWindows:
    """Merge the peaks of all tracks into windows, one pass over each chromosome and strand.

    The windows are those of the merged list itself: windows that still overlap a little (by less than ``merge``)
    stay two windows, each around its own peaks.

    Args:
        peaks: the rules.
        tracks: with a file of peaks each, unless the rules name one for all.
        axis: of the genome.
        drop: shell patterns of chromosomes whose peaks are left out; the genome need not have those.
        map_names: whether chromosomes that the genome names otherwise (chr1 against 1) are renamed.

    Raises:
        InputError: if a file is missing or cannot be read, or no window is left.
    """
    lengths = axis.chromosomes
    points: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    read = left_out = 0
    for path, bit in _files(peaks, tracks):
        listed = read_bed(path)
        features = listed.take([not matches(name, drop) for name in listed.chrom]).on(lengths, map_names=map_names)
        read, left_out = read + len(listed), left_out + len(listed) - len(features)
        middles = features.center if peaks.center == "summit" else (features.start + features.end) // 2
        for name, middle, strand in zip(features.chrom, middles.tolist(), features.strand, strict=True):
            if matches(name, drop) or lengths[name] < peaks.window:
                left_out += 1
                continue
            points[axis.number[name], str(strand) if peaks.by_strand else "."].append((middle, bit))
    starts: list[Ints] = []
    sets: list[int] = []
    for (number, _), found in points.items():
        found.sort(key=lambda point: point[0])
        merged, targets = merge_peaks(
            [middle for middle, _ in found],
            [bit for _, bit in found],
            window=peaks.window,
            overlap=peaks.merge,
            length=int(axis.lengths[number]),
        )
        starts.append(axis.at(number, merged))
        sets += targets
    if not starts:
        raise InputError(
            f"no peak is left for windows of {peaks.window} bp: {read} were read, {left_out} lie on chromosomes that "
            "are dropped or shorter than the window."
        )
    places = np.concatenate(starts)
    order = np.argsort(places, kind="stable")
    activity = None if peaks.bed is not None else _unpacked(sets, len(tracks))[order]
    return PeakWindows(places[order], peaks.window, activity, read, left_out)


def overlap_labels(starts: Ints, window: int, peaks: PeakWindows, *, share: float = 0.5) -> Table:
    """Labels of any windows: 1 where one peak window of the track covers at least a share of the window.

    Args:
        starts: of the windows on the axis, sorted.
        window: their length.
        peaks: with activity.
        share: of the window that must be covered, above 0.

    Examples:
        >>> peaks = PeakWindows(np.array([15, 100]), 10, np.array([[1, 0], [0, 1]], np.uint8), 2, 0)
        >>> overlap_labels(np.array([0, 10, 20, 95]), 10, peaks).tolist()
        [[0, 0], [1, 0], [1, 0], [0, 1]]
    """
    if peaks.activity is None:
        raise ValueError("labels need the peaks of each track.")
    needed = share * window
    low = np.searchsorted(starts, peaks.starts - window, side="right")
    count = np.maximum(np.searchsorted(starts, peaks.starts + peaks.window, side="left") - low, 0)
    peak = np.repeat(np.arange(len(peaks.starts)), count)
    row = np.repeat(low, count) + ranges(count)
    first = np.maximum(starts[row], peaks.starts[peak])
    last = np.minimum(starts[row] + window, peaks.starts[peak] + peaks.window)
    enough = last - first >= needed
    labels = np.zeros((len(starts), peaks.activity.shape[1]), dtype=np.uint8)
    np.maximum.at(labels, row[enough], peaks.activity[peak[enough]])
    return labels


def _files(peaks: Peaks, tracks: Sequence[Track]) -> list[tuple[Path, int]]:
    if peaks.bed is not None:
        return [(peaks.bed, 0)]
    lacking = [track.name for track in tracks if track.peaks is None]
    if lacking:
        raise InputError(
            f"track {lacking[0]!r} has no file of peaks: windows around peaks need one for every track, or one bed for "
            "all of them."
        )
    return [(track.peaks, 1 << number) for number, track in enumerate(tracks) if track.peaks is not None]


def _unpacked(sets: Sequence[int], tracks: int) -> Table:
    """Sets of tracks, as the bits of numbers, as a table of 0 and 1."""
    size = -(-tracks // 8)
    packed = np.frombuffer(b"".join(some.to_bytes(size, "little") for some in sets), dtype=np.uint8)
    return np.unpackbits(packed.reshape(len(sets), size), axis=1, bitorder="little")[:, :tracks]
