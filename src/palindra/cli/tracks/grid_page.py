"""The page of a grid, from its table of scores."""

from __future__ import annotations

import datetime
import math
import platform
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli.provenance import commit, versions
from palindra.cli.tracks.concluding import Rows, common_bin
from palindra.cli.tracks.grid import TrackGrid
from palindra.cli.tracks.pictures import data_facts
from palindra.cli.tracks.rows import ScoredSet, predictions_of
from palindra.cli.tracks.stores import contents
from palindra.cli.tracks.table import ABOVE, INSIDE, MEAN, MSE, VARIATION, WHOLE, ScoreTable
from palindra.evaluation import mean_interval
from palindra.evaluation.specific_scores import SPECIFICITY_SCORES
from palindra.report.track_comparison import TrackComparison
from palindra.report.track_records import Robustness, RobustnessPoint, ThresholdCurve, Triangle
from palindra.report.track_results import Claim, GridPanel, GridRow


def page(
    grid: TrackGrid,
    table: ScoreTable,
    claims: list[Claim],
    conclusion: list[str],
    data: Any,
    output: Path,
    command: str,
) -> TrackComparison:
    """Everything that the page of a finished grid shows."""
    rows = {cell.name: cell.settings for cell in grid.cells}
    shown = predictions_of(output, grid, grid.base, grid.seeds[0], ScoredSet("test", data, "test"))[1]
    tracks = [track.name for track in data.tracks]
    panels = [
        made
        for factor, names in grid.factors.items()
        for made in _panels(table, rows, factor, list(names), tracks)
        if made.rows
    ]
    return TrackComparison(
        title=f"Grid of {len(grid.cells)} models on {data.settings.genome.name}",
        task=f"{len(tracks)} tracks, {len(grid.seeds)} seeds",
        conclusion=conclusion,
        claims=claims,
        panels=panels,
        triangles=_triangles(table, rows),
        thresholds=_thresholds(table, rows, grid, data),
        robustness=_robustness(table, rows),
        data=data_facts(data, shown),
        provenance=_provenance(command, grid, data),
    )


def _panels(table: ScoreTable, rows: Rows, factor: str, names: list[str], tracks: list[str]) -> list[GridPanel]:
    """Whole r first, then each track, the squared error and r inside windows; binary rows by their AUROC."""
    size = common_bin(rows, names)
    mixed = len({int(rows[name]["bin_size"]) for name in names}) > 1
    note = f"Rows have different bins; all are scored in bins of {size} bp." if mixed else f"Bins of {size} bp."
    wanted = [(WHOLE, MEAN, True), *((WHOLE, track, True) for track in tracks), (MSE, MEAN, False)]
    specific = [(name, MEAN, up) for name, up in SPECIFICITY_SCORES.items()]
    wanted += [] if mixed else [(INSIDE, MEAN, True), (VARIATION, MEAN, False), *specific]
    wanted += [("AUROC", MEAN, True)]
    found = []
    for metric, track, higher in wanted:
        cells = [_row(table, name, metric, size, track) for name in names]
        cells += [_row(table, name, metric, size, track) for name, kind in table.kinds.items() if kind != "model"]
        kept = [row for row in cells if row.scores]
        if any(row.kind == "model" for row in kept):
            title = f"{metric}, {'mean over tracks' if track == MEAN else track}"
            found.append(GridPanel(factor, title, higher, kept, note))
    return found


def _row(table: ScoreTable, name: str, metric: str, size: int, track: str) -> GridRow:
    values = list(table.seeds(name, metric, size, track=track).values())
    mean, low, high = mean_interval(values) if len(values) > 1 else (math.nan,) * 3
    kind = table.kinds.get(name, "model")
    return GridRow(name, values, kind, (float(mean), float(low), float(high)) if len(values) > 1 else None)


def _triangles(table: ScoreTable, rows: Rows) -> list[Triangle]:
    """One for each group of rows that differ in their bin size alone."""
    found, done = [], set[str]()
    for name, row in rows.items():
        group = {
            int(other["bin_size"]): title
            for title, other in rows.items()
            if {**other, "bin_size": 0} == {**row, "bin_size": 0} and table.seeds(title, WHOLE, int(other["bin_size"]))
        }
        if len(group) < 2 or name in done:
            continue
        done |= set(group.values())
        trained = sorted(group)
        evaluated = sorted({size for title in group.values() for size in table.bins[title]})
        scores = np.array([[table.mean(group[size], WHOLE, column) for column in evaluated] for size in trained])
        ceilings = [title for title, kind in table.kinds.items() if kind == "ceiling"]
        ceiling = np.array([table.mean(ceilings[0], WHOLE, column) for column in evaluated]) if ceilings else None
        found.append(Triangle(f"{group[trained[0]]}, mean over tracks", trained, evaluated, scores, ceiling))
    return found


def _thresholds(table: ScoreTable, rows: Rows, grid: TrackGrid, data: Any) -> list[ThresholdCurve]:
    """The base, the rows that differ in their training set, and the references."""
    thresholds = table.places(ABOVE)
    size = int(grid.base.settings["bin_size"])
    names = [name for name in grid.factors.get("data", (grid.base.name,)) if int(rows[name]["bin_size"]) == size]
    names += [name for name, kind in table.kinds.items() if kind != "model"]
    found = []
    for name in dict.fromkeys(names):
        values = np.array([table.mean(name, ABOVE, size, at=threshold) for threshold in thresholds])
        if len(values) and np.isfinite(values).any():
            counts = np.array([len(data.rows_above("test", threshold)) for threshold in thresholds])
            found.append(ThresholdCurve(name, np.array(thresholds), values, counts))
    return found


def _robustness(table: ScoreTable, rows: Rows) -> list[Robustness]:
    found: dict[int, list[RobustnessPoint]] = {}
    for name, row in rows.items():
        size = int(row["bin_size"])
        one, two = table.seeds(name, VARIATION, size), table.seeds(name, INSIDE, size)
        if seeds := sorted(one.keys() & two.keys()):
            point = RobustnessPoint(name, np.array([one[s] for s in seeds]), np.array([two[s] for s in seeds]))
            found.setdefault(size, []).append(point)
    ceilings = [title for title, kind in table.kinds.items() if kind == "ceiling"]
    return [
        Robustness(size, points, table.mean(ceilings[0], INSIDE, size) if ceilings else None)
        for size, points in sorted(found.items())
    ]


def _provenance(command: str, grid: TrackGrid, data: Any) -> dict[str, str]:
    found = {
        "command": command or "the Python interface",
        "seeds": ", ".join(map(str, grid.seeds)),
        "versions": ", ".join(f"{name} {value}" for name, value in versions().items()),
    }
    if current := commit():
        found["commit"] = current
    found["machine"] = f"{platform.machine()} {platform.system()}"
    found["date"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return found | {"sha256 of the data set": contents(data), "sha256 of the genome": str(data.genome.fingerprint)}
