"""The steps of a build, each kept on disk when it is done."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import hash_file
from palindra.data.genome import Genome
from palindra.data.tracks.arrays import RowWriter, allocate
from palindra.data.tracks.coverage import Coverage, Source, Values, sources
from palindra.data.tracks.folder import (
    BLACKLIST,
    BLOCKS,
    FORMAT,
    HEADER,
    MANIFEST,
    NAMES,
    SPLITS,
    WORK,
    files_of,
    read_json,
    whole,
    write_json,
)
from palindra.data.tracks.plan import Chosen, Plan, choose_windows, plan_windows
from palindra.data.tracks.regions import EMPTY, Regions
from palindra.data.tracks.settings import BUILT, DataSettings, settings_to_plain
from palindra.data.tracks.threshold import scan
from palindra.data.tracks.windows import Windows, write_regions, write_windows
from palindra.errors import InputError

Progress = Callable[[str, int, int], None]  # what is done, pieces done, pieces in all


@dataclass
class Steps:
    """One build of one folder.

    Args:
        folder: of the data set, held against other builders.
        settings: with absolute paths.
        report: called with what is being done.
        cache: folder for the codes of the genome, or None.
    """

    folder: Path
    settings: DataSettings
    report: Progress
    cache: str | Path | None = None

    @cached_property
    def genome(self) -> Genome:
        return Genome.open(self.settings.genome, cache=self.cache)

    @cached_property
    def header(self) -> dict[str, Any]:
        """What decides the content: settings, hashes of the inputs, versions."""
        settings = self.settings
        paths = [source.path for source in sources(settings.tracks)]
        paths += [track.peaks for track in settings.tracks if track.peaks is not None]
        paths += [path for path in (settings.exclude.unmappable, settings.exclude.blacklist) if path is not None]
        paths += [path for path in (getattr(settings.windows, "bed", None),) if path is not None]
        made = {
            "format": FORMAT,
            "versions": {"palindra": version("palindra"), "python": sys.version.split()[0], **_versions()},
            "genome": {"fingerprint": self.genome.fingerprint, "chromosomes": dict(self.genome.chromosomes)},
            "inputs": {str(path): hash_file(path) for path in dict.fromkeys(paths)},
        }
        return settings_to_plain(settings) | {BUILT: made}

    def run(self) -> None:
        """Do what is not done yet; the manifest comes last."""
        work = self.folder / WORK
        write_json(work / HEADER, self.header)
        plan = plan_windows(self.settings, self.genome.chromosomes)
        files = sources(self.settings.tracks)
        scans = []
        for done, source in enumerate(files):
            self.report(f"largest values of {source}", done, 2 * len(files))
            scans.append(self._scan(source, plan))
        maxima = {name: _columns(files, scans, "values", f"{name}.maxima", plan) for name in plan.candidates}
        chosen = choose_windows(self.settings, plan.candidates, maxima)
        blocks = self._write_splits(plan, chosen, files, scans, maxima)
        statistics: dict[str, dict[str, float]] = {}
        for role, name in NAMES.items():
            some = [source for source in files if source.role == role]
            if some:
                statistics |= self._write_values(name, some, blocks, plan, files)
        self._finish(plan, chosen, blocks, statistics)

    def _scan(self, source: Source, plan: Plan) -> dict[str, Values]:
        path = self.folder / WORK / f"scan-{source.role}-{source.number}.npz"
        if not path.is_file():
            coverage, rules = self._coverage(source, plan), self.settings.exclude
            found: dict[str, Values] = {}
            for name, some in plan.candidates.items():
                found[f"{name}.maxima"], found[f"{name}.ceilings"] = scan(
                    coverage,
                    some.starts,
                    some.length,
                    blacklist=plan.blacklist,
                    percentile=rules.blacklist_percentile,
                    margin=self.settings.storage.margin,
                )
            if not coverage.measured:
                raise InputError(
                    f"{source.path}: track {source.track.name!r} has no value in any window: it is empty, or NaN only, "
                    "on the chromosomes of the splits. Leave it out, or give the right file."
                )
            with whole(path) as partial, partial.open("wb") as file:
                np.savez(file, **found)  # type: ignore[arg-type]  # of numpy: names against its options
        with np.load(path) as arrays:
            return dict(arrays)

    def _coverage(self, source: Source, plan: Plan) -> Coverage:
        settings = self.settings
        return Coverage(
            source, plan.axis, genome=str(settings.genome), dtype=settings.storage.dtype, map_names=settings.map_names
        )

    def _write_splits(
        self,
        plan: Plan,
        chosen: dict[str, Chosen],
        files: list[Source],
        scans: list[dict[str, Values]],
        maxima: dict[str, Values],
    ) -> Regions:
        """Write windows, labels, largest values and ceilings of every split; returns what must be stored."""
        stored = EMPTY
        for name, some in chosen.items():
            candidates, rows = plan.candidates[some.candidates], some.rows
            starts = candidates.starts[rows]
            chrom, position = plan.axis.split(starts)
            windows = Windows(chrom.astype(np.int32), position, candidates.length, plan.axis.names)
            stored = stored.join(Regions.of(starts, starts + candidates.length))
            place = self.folder / SPLITS
            write_windows(place / f"{name}.tsv", windows)
            arrays: dict[str, NDArray[Any]] = {"maxima": maxima[some.candidates][rows]}
            if candidates.labels is not None:
                arrays["labels"] = candidates.labels[rows]
            if len(plan.blacklist):
                for role in {source.role for source in files}:
                    table = _columns(files, scans, role, f"{some.candidates}.ceilings", plan)
                    arrays[f"ceilings.{role}"] = table[rows]
            for kind, array in arrays.items():
                with whole(place / f"{name}.{kind}.npy") as partial, partial.open("wb") as file:
                    np.save(file, array)
        blocks = stored.widened(self.settings.storage.margin, plan.axis)
        write_regions(self.folder / BLOCKS, blocks, plan.axis)
        if len(plan.blacklist):
            write_regions(self.folder / BLACKLIST, plan.blacklist, plan.axis)
        return blocks

    def _write_values(
        self, name: str, files: list[Source], blocks: Regions, plan: Plan, every: list[Source]
    ) -> dict[str, dict[str, float]]:
        work, final = self.folder / WORK, self.folder / name
        growing, dtype = work / name, np.dtype(self.settings.storage.dtype)
        records = [work / f"written-{source.role}-{source.number}.json" for source in files]
        if not final.is_file() and not growing.is_file():
            needed, free = len(files) * blocks.total * dtype.itemsize, shutil.disk_usage(self.folder).free
            if needed > free:
                raise InputError(
                    f"{final}: would have {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free. Store float16, keep "
                    "fewer windows (threshold, sample), a smaller margin, or choose another disk."
                )
            with whole(growing) as partial:
                allocate(partial, (len(files), blocks.total), dtype)
                for record in records:
                    record.unlink(missing_ok=True)  # of a file that is gone
        for row, (source, record) in enumerate(zip(files, records, strict=True)):
            if record.is_file():
                continue
            self.report(f"storing {source}", len(every) + every.index(source), 2 * len(every))
            first, total, largest, missing = 0, 0.0, -np.inf, 0
            with RowWriter(growing) as array:
                for _, values in self._coverage(source, plan).chunks(blocks):
                    array.write(row, first, values)
                    first += len(values)
                    absent = int(np.isnan(values).sum())
                    missing += absent
                    total += float(np.nansum(values, dtype=np.float64))
                    largest = max(largest, float(np.nanmax(values))) if absent < len(values) else largest
                array.flush()
            summary = {"mean": total / max(first - missing, 1), "max": largest, "missing": missing / max(first, 1)}
            write_json(record, summary)
        if not final.is_file():
            growing.replace(final)
        return {str(source): read_json(record) for source, record in zip(files, records, strict=True)}

    def _finish(
        self, plan: Plan, chosen: dict[str, Chosen], blocks: Regions, statistics: dict[str, dict[str, float]]
    ) -> None:
        import tomli_w

        counts = {
            name: {
                "windows": len(some.rows),
                "length": plan.candidates[some.candidates].length,
                "candidates": len(plan.candidates[some.candidates].starts),
            }
            for name, some in chosen.items()
        }
        wanted = [f"test_above_{threshold:g}" for threshold in self.settings.tests.thresholds]
        table = dict(self.header)
        table[BUILT] = table[BUILT] | {
            "splits": counts,
            "empty_test_sets": [name for name in wanted if name not in chosen],
            "dropped_chromosomes": self.settings.splits.dropped(self.genome.chromosomes),
            "left_out": plan.left_out,
            "positions": blocks.total,
            "statistics": statistics,
            "files": files_of(self.folder),
        }
        with whole(self.folder / MANIFEST) as partial:
            partial.write_text(tomli_w.dumps(table), encoding="utf-8")


def _columns(files: list[Source], scans: list[dict[str, Values]], role: str, key: str, plan: Plan) -> Values:
    """One table (windows, tracks of that role) from the scans of all files."""
    columns = [scan[key] for source, scan in zip(files, scans, strict=True) if source.role == role]
    rows = len(plan.candidates[key.rpartition(".")[0]].starts)
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0), dtype=np.float32)


def _versions() -> dict[str, str]:
    found = {}
    for package in ("numpy", "pybigtools"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
