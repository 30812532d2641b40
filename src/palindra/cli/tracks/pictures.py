"""What the page of a model of tracks shows, taken from stored predictions and from the data set."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.provenance import commit, versions
from palindra.cli.tracks.stores import contents
from palindra.data.tracks import describe
from palindra.evaluation.tracks import Predictions, resolution_triangle, threshold_curve
from palindra.report.comparison import DataCheck
from palindra.report.track_records import Density, Locus, ThresholdCurve, TrackView, Triangle
from palindra.report.track_results import DataFacts, Excluded, SplitFacts, TrackFacts

LOCI, LOCUS_BINS = 4, 240  # loci on a page, and bins of each where windows touch
COLUMNS = 8  # bin sizes of the triangle
SCATTER = 4_000_000  # values of a track in its scatter

Floats = NDArray[np.float64]


def loci(data: Any, split: str, given: Predictions, other: Predictions) -> list[Locus]:
    """The windows of highest truth, of one track after the other, with the windows that touch them.

    They are chosen by the data alone, so that no model chooses where it looks good.
    """
    totals = np.concatenate([_means(truth) for _, _, truth in given.chunks()])  # (windows, tracks)
    found: list[Locus] = []
    taken: set[int] = set()
    for number in range(len(given.tracks)):
        for row in np.argsort(-np.nan_to_num(totals[:, number], nan=-np.inf), kind="stable")[: len(given)]:
            stretch = _stretch(given, int(row))
            if not taken & set(stretch) and np.isfinite(totals[row, number]):
                taken |= set(stretch)
                why = f"highest {given.tracks[number]} of {split}"
                found.append(_locus(data, given, other, stretch, why))
                break
        if len(found) == LOCI:
            break
    return found


def _means(truth: Floats) -> Floats:
    known = ~np.isnan(truth)
    count = known.sum(-1)
    return np.where(count > 0, np.where(known, truth, 0).sum(-1) / np.maximum(count, 1), np.nan)


def _stretch(given: Predictions, row: int) -> list[int]:
    """A window and those that touch it on either side, in genome order, as many as can be looked at."""
    places = given.places
    at = {
        (chrom, start): number
        for number, (chrom, start) in enumerate(zip(places.chrom.tolist(), places.start.tolist(), strict=True))
    }
    rows, chrom = [row], int(places.chrom[row])
    left = right = int(places.start[row])
    while (len(rows) + 2) * given.bins <= LOCUS_BINS:
        left, right = left - places.length, right + places.length
        sides = at.get((chrom, left)), at.get((chrom, right))
        if None in sides:
            break
        rows = [sides[0], *rows, sides[1]]  # type: ignore[list-item]
    return rows


def _locus(data: Any, given: Predictions, other: Predictions, rows: list[int], why: str) -> Locus:
    at = np.array(rows)
    prediction, truth = (np.concatenate(list(part), axis=-1) for part in given.read(at, slice(None)))
    turned = np.concatenate(list(other.read(at, slice(None))[0]), axis=-1)
    views = [
        TrackView(track.name, truth[c], prediction[c], turned=turned[c], partner=track.partner)
        for c, track in enumerate(data.tracks)
    ]
    start = int(given.places.start[rows[0]])
    chrom = list(data.genome.chromosomes)[given.places.chrom[rows[0]]]
    return Locus(chrom, start, start + len(rows) * given.places.length, views, why)


def densities(data: Any, given: Predictions, pearson: list[float]) -> list[Density]:
    """Predicted against measured bins of every track; evenly spaced windows where there are millions of bins."""
    step = max(1, -(-len(given) * given.bins // SCATTER))
    rows, found = np.arange(0, len(given), step), []
    for number, track in enumerate(data.tracks):
        prediction, truth = (part[:, 0] for part in given.read(rows, slice(number, number + 1)))
        known = truth[~np.isnan(truth)]
        long_tail = len(known) > 0 and known.min() >= 0 and known.max() > 20 * known.mean()
        scale = "log(1 + x)" if long_tail and prediction.min() >= 0 else "linear"
        found.append(Density.of(track.name, truth, prediction, pearson=pearson[number], scale=scale))
    return found


def triangle(name: str, given: Predictions, ceiling: Predictions | None) -> Triangle:
    """Whole Pearson at the model's own bin size and at coarser ones."""
    sizes = given.coarser_sizes()
    most = np.unique(np.linspace(0, len(sizes) - 1, min(len(sizes), COLUMNS)).round().astype(int))
    chosen = [sizes[number] for number in most]
    model = resolution_triangle({name: given}, chosen)
    best = None if ceiling is None else resolution_triangle({name: ceiling}, chosen).mean[0]
    return Triangle(f"{name}, mean over tracks", [given.bin_size], chosen, model.mean, best)


def threshold_rows(data: Any, split: str, rows: dict[str, Predictions]) -> list[ThresholdCurve]:
    """Per-sequence Pearson on the windows above each threshold for which the data set has a test set.

    Test windows hold these sets whole unless a higher threshold chose them; then the lower ones are not drawn.
    """
    if split != "test" or not data.settings.tests.thresholds:
        return []
    maxima = data.maxima[split]
    largest = np.where(np.isnan(maxima), -np.inf, maxima).max(1)
    sets = {t: len(data.splits.get(f"test_above_{t:g}", ())) for t in sorted(data.settings.tests.thresholds)}
    thresholds = [t for t, windows in sets.items() if windows and int((largest > t).sum()) == windows]
    if not thresholds:
        return []
    curves = {name: threshold_curve(view, thresholds, maxima=largest) for name, view in rows.items()}
    return [
        ThresholdCurve(name, curve.thresholds, curve.mean_per_sequence, curve.windows) for name, curve in curves.items()
    ]


def data_facts(data: Any, given: Predictions) -> DataFacts:
    """What a model was trained and evaluated on, and what a reader should look out for."""
    found = describe(data.folder)
    splits = [
        SplitFacts(name, _regions(data, windows), len(windows), _covered(windows))
        for name, windows in data.splits.items()
    ]
    numbers = {row["track"]: row for row in found.tracks}
    tracks = []
    for track in data.tracks:
        row = numbers.get(track.name, {})
        missing = {"stored positions": float(row["missing"])} if row else {}
        source = Path(track.path).name if track.path is not None else "labels alone"
        mean, largest = float(row.get("mean", np.nan)), float(row.get("max", np.nan))
        tracks.append(TrackFacts(track.name, source, missing, mean, largest, track.partner))
    left_out = {name: value for name, value in found.left_out.items() if isinstance(value, int) and value}
    facts = {
        "genome": data.settings.genome.name,
        "stored windows": f"{data.window:,} bp from {type(data.settings.windows).__name__.lower()}",
        "windows of the model": f"{given.places.length:,} bp in bins of {given.bin_size:,}",
        **{name: str(value) for name, value in found.left_out.items() if not isinstance(value, int)},
        **{name: f"{value:,}" for name, value in left_out.items()},
    }
    return DataFacts(splits, tracks, list[Excluded](), _checks(data), facts)


def _checks(data: Any) -> list[DataCheck]:
    shared = _shared(data)
    checks = [
        DataCheck(
            "splits", "warning", f"{shared:,} positions are in windows of more than one of train, valid and test."
        )
        if shared
        else DataCheck("splits", "ok", "No position is in windows of two of train, valid and test.")
    ]
    if not data.has_replicate:
        checks.append(DataCheck("replicate", "note", "No second replicate was given, so there is no ceiling."))
    pairs = [track.name for track in data.tracks if track.partner not in (None, track.name)]
    said = f"Stranded: {', '.join(pairs)}." if pairs else "No track is declared as stranded."
    return [*checks, DataCheck("strands", "ok", said)]


def _shared(data: Any) -> int:
    """Positions in windows of more than one split."""
    parts = [data.splits[name] for name in ("train", "valid", "test") if name in data.splits]
    return sum(_covered(some) for some in parts) - _covered(*parts)


def _covered(*parts: Any) -> int:
    """Positions in at least one window."""
    chrom = np.concatenate([part.chrom for part in parts])
    start = np.concatenate([part.start for part in parts])
    end = np.concatenate([part.end for part in parts])
    total = 0
    for number in np.unique(chrom):
        here = chrom == number
        order = np.argsort(start[here], kind="stable")
        begins, reach = start[here][order], np.maximum.accumulate(end[here][order])
        before = np.concatenate([begins[:1], reach[:-1]])
        total += int(np.maximum(0, reach - np.maximum(begins, before)).sum())
    return total


def _regions(data: Any, windows: Any) -> str:
    """The chromosomes of some windows with the stretch that they lie in."""
    names = list(data.genome.chromosomes)
    parts = []
    for number in np.unique(windows.chrom):
        here = windows.chrom == number
        parts.append(f"{names[number]}:{windows.start[here].min()}-{windows.end[here].max()}")
    return ", ".join(parts[:6]) + (f" and {len(parts) - 6} more" if len(parts) > 6 else "")


def provenance(command: str, data: Any, run: dict[str, Any]) -> dict[str, str]:
    """The exact command, versions and hashes."""
    found = {
        "command": command,
        "trained by": str(run["run"]["command"]) or "the Python interface",
        "seed": str(run["run"]["seed"]),
        "versions": ", ".join(f"{name} {value}" for name, value in versions().items()),
    }
    if current := commit():
        found["commit"] = current
    found["machine"] = f"{platform.machine()} {platform.system()}"
    found["date"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return found | {"sha256 of the data set": contents(data), "sha256 of the genome": str(data.genome.fingerprint)}
