"""From settings to candidate windows, and from candidates to the windows of each split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from palindra.data.genome import read_bed, require_match
from palindra.data.tracks.coverage import Values
from palindra.data.tracks.partition import PARTS, allowed
from palindra.data.tracks.peaks import Peaks, PeakWindows, Table, overlap_labels, peak_windows
from palindra.data.tracks.regions import EMPTY, Axis, Ints, Regions
from palindra.data.tracks.settings import DataSettings
from palindra.data.tracks.threshold import exceeds, shuffled
from palindra.data.tracks.tiling import contigs, require_room, tile
from palindra.errors import InputError

WHOLE = "whole"  # name of the whole-chromosome test set


@dataclass(frozen=True)
class Candidates:
    """Windows that may be kept: starts on the axis in genome order, one length, labels or None."""

    starts: Ints
    length: int
    labels: Table | None = None


@dataclass(frozen=True)
class Chosen:
    """Rows of a list of candidates that make a split, in their order."""

    candidates: str
    rows: Ints


@dataclass(frozen=True)
class Plan:
    """Candidate windows of each list (train, valid, test, whole), and what was left out on the way."""

    axis: Axis
    candidates: dict[str, Candidates]
    blacklist: Regions
    left_out: dict[str, int]


def bed_regions(path: Path | None, axis: Axis, *, genome: str, map_names: bool = False) -> Regions:
    """The positions that the intervals of a BED cover; intervals on chromosomes that the genome lacks are left out.

    Raises:
        InputError: if it cannot be read, shares no chromosome with the genome, or goes beyond the end of one.
    """
    if path is None:
        return EMPTY
    lengths = axis.chromosomes
    features = read_bed(path)
    names = list(dict.fromkeys(features.chrom))
    known = require_match(str(path), names, genome, lengths, map_names=map_names, partial=True)
    kept = features.take([name in known for name in features.chrom]).on(lengths, genome=genome, map_names=map_names)
    chrom = [axis.number[name] for name in kept.chrom]
    return Regions.of(axis.at(chrom, kept.start), axis.at(chrom, kept.end))


def plan_windows(settings: DataSettings, chromosomes: Mapping[str, int]) -> Plan:
    """Lay out the candidate windows of every list; tracks are not looked at.

    The unmappable filter, the dropped chromosomes and the splits are applied here, in one place, to tiles and peaks,
    quantitative and binary sets alike.

    Raises:
        InputError: if files or splits cannot be used, or no window fits.
    """
    axis, genome = Axis(chromosomes), str(settings.genome)
    rules, windows = settings.exclude, settings.windows
    unmappable = bed_regions(rules.unmappable, axis, genome=genome, map_names=settings.map_names)
    blacklist = bed_regions(rules.blacklist, axis, genome=genome, map_names=settings.map_names)
    places = allowed(settings.splits, axis, margin=settings.storage.margin)
    left_out: dict[str, int] = {}

    def tiled(part: str, length: int, stride: int, **sizes: int | None) -> Ints:
        regions = places[part].minus(unmappable) if rules.max_unmappable == 0 else places[part]
        pieces = contigs(regions, min_contig=sizes.get("min_contig") or 0, max_contig=sizes.get("max_contig"))
        require_room(pieces, length, axis)
        starts = tile(pieces, length, stride)
        return starts[_mappable(starts, length)]

    def _mappable(starts: Ints, length: int) -> np.ndarray:
        return unmappable.covered(starts, starts + length) <= rules.max_unmappable * length

    candidates: dict[str, Candidates] = {}
    found: PeakWindows | None = None
    if isinstance(windows, Peaks):
        for part in PARTS:
            require_room(places[part], windows.window, axis)
        found = peak_windows(windows, settings.tracks, axis, drop=settings.splits.drop, map_names=settings.map_names)
        mappable = _mappable(found.starts, windows.window)
        left_out |= {"peaks": found.left_out, "unmappable windows": int((~mappable).sum())}
        home = {part: places[part].home(found.starts, found.starts + windows.window) >= 0 for part in PARTS}
        left_out["windows between splits"] = int((mappable & ~np.any([*home.values()], axis=0)).sum())
        for part in PARTS:
            rows = np.flatnonzero(mappable & home[part])
            labels = None if found.activity is None else found.activity[rows]
            candidates[part] = Candidates(found.starts[rows], windows.window, labels)
    else:
        sizes = {"min_contig": windows.min_contig, "max_contig": windows.max_contig}
        for part in PARTS:
            starts = tiled(part, windows.window, windows.stride or windows.window, **sizes)
            candidates[part] = Candidates(starts, windows.window)
    if (whole := settings.tests.whole_window) is not None:
        starts = tiled("test", whole, whole)
        labels = None
        if found is not None and found.activity is not None:
            labels = overlap_labels(starts, whole, found, share=settings.tests.label_share)
        candidates[WHOLE] = Candidates(starts, whole, labels)
    return Plan(axis, candidates, blacklist.widened(rules.blacklist_flank, axis), left_out)


def choose_windows(
    settings: DataSettings, candidates: Mapping[str, Candidates], maxima: Mapping[str, Values]
) -> dict[str, Chosen]:
    """The windows of every split: thresholds, order, down-sampling, and test sets at rising thresholds.

    Args:
        settings: of the data set.
        candidates: of each list.
        maxima: for each list the largest value (windows, tracks); without tracks the columns are missing, and
            thresholds are not applied.

    Raises:
        InputError: if a split is left without windows.
    """
    windows = settings.windows
    test = windows.threshold if windows.test_threshold == "same" else windows.test_threshold
    thresholds = {"train": windows.threshold, "valid": windows.threshold, "test": test}
    thresholds[WHOLE] = settings.tests.whole_threshold
    chosen: dict[str, Chosen] = {}
    for name, some in candidates.items():
        measured = maxima[name].shape[1] > 0
        rows = np.flatnonzero(exceeds(maxima[name], thresholds[name] if measured else None))
        if name in ("train", "valid"):
            rows = shuffled(rows, seed=settings.seed, stream=PARTS.index(name), sample=settings.sample)
        if not len(rows):
            raise InputError(
                f"split {name!r} has no window: of {len(some.starts)} candidates none is left by the threshold "
                f"{thresholds[name]} and sample {settings.sample}. Lower the threshold, or give the split more of "
                "the genome."
            )
        chosen[name] = Chosen(name, rows)
    for threshold in settings.tests.thresholds:
        rows = np.flatnonzero(exceeds(maxima["test"], threshold))
        if len(rows):  # rising thresholds may leave nothing at the end
            chosen[f"test_above_{threshold:g}"] = Chosen("test", rows)
    return chosen
