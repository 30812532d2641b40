"""A grid of models of tracks: run what is missing, score all rows on the same windows, test claims, draw."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli.sharing import do_all, forget, require_one_device
from palindra.cli.tracks import grid_page as track_grid_page
from palindra.cli.tracks.claim_evidence import TrainingSet
from palindra.cli.tracks.claims import claims
from palindra.cli.tracks.concluding import best_row, conclude, paired_rows
from palindra.cli.tracks.grid import TrackGrid, plan_of
from palindra.cli.tracks.plan import resolved, strategy_of
from palindra.cli.tracks.references import ceiling_row, others_row, trivial_rows
from palindra.cli.tracks.rows import Measures, ScoredSet, predictions_of, reference_scores, run_folder, score_row
from palindra.cli.tracks.rows import trained_cell as trained
from palindra.cli.tracks.running import check_trainable, train_track_run
from palindra.cli.tracks.scoring import plain
from palindra.cli.tracks.sharing import runs_as_units, scores_as_units
from palindra.cli.tracks.table import Score, ScoreTable, to_tsv
from palindra.data.tracks import Peaks, TrackData, build, load_settings
from palindra.engine import Engine
from palindra.errors import InputError
from palindra.evaluation.tracks import Places, Predictions, block_difference
from palindra.models.saving import write_text
from palindra.ranks import first_process
from palindra.report.track_comparison import TrackComparison, write

Say = Callable[[str], None]


def compare_tracks(
    grid: TrackGrid,
    output: Path,
    *,
    command: str = "",
    engine: Engine | None = None,
    progress: bool = False,
    say: Say = lambda _: None,
) -> TrackComparison:
    """Run a grid and write ``report.html``, ``comparison.json`` and ``scores.tsv``.

    Every model is a run folder below ``output/runs``; finished ones are not trained again and an interrupted one goes
    on where it stopped, so rows and seeds can be added later. All rows are scored on the same windows, those of
    ``grid.evaluation``, whatever they were trained on; nothing is chosen on test windows.

    Args:
        grid: what is compared.
        output: folder of the comparison.
        command: that was run.
        engine: trains and scores rows wherever its workers are, and a run that fails does not stop the others; None
            does so in this process, one after the other.
        progress: show a bar for each run, or one over all of them with an engine.
        say: gets a line for each run.

    Raises:
        InputError: before any training, for whatever cannot be trained or compared.
    """
    data = open_all(grid, output, say)
    whole = data[grid.evaluation.data]
    check_grid(grid, data)
    jobs = {(trained(cell, grid.base)[1], seed): (cell, seed) for seed in grid.seeds for cell in grid.cells}
    if engine is not None:
        for cell in grid.cells:
            require_one_device(plan_of(cell.settings).training.devices)
        units = runs_as_units(grid, data, list(jobs.values()), output, command)
        do_all(engine, units, output, command=command, progress=progress, say=say)
    for number, (cell, seed) in enumerate(jobs.values() if engine is None else (), start=1):
        folder = run_folder(output, grid, cell, seed)
        if not folder.exists():
            say(f"[{number}/{len(jobs)}] {cell.name}, seed {seed}")
        strategy, _ = trained(cell, grid.base)
        plan = plan_of(cell.settings, command)
        train_track_run(data[cell.settings["data"]], plan, strategy, seed, folder, progress=progress, say=say)
    if not first_process():
        raise SystemExit(0)
    sets = scored_sets(grid, data)
    sizes = tuple(sorted({int(cell.settings["bin_size"]) for cell in grid.cells}))
    measures = Measures(sizes, grid.evaluation.thresholds, grid.evaluation.variation)
    if engine is not None:
        units = scores_as_units(grid, sets, measures, output)
        do_all(engine, units, output, command=command, progress=progress)
    scores: list[Score] = []
    for cell in grid.cells:
        for seed in grid.seeds:
            scores += score_row(output, grid, cell, seed, sets, measures)
        say(f"scored  {cell.name}")
    length = resolved(plan_of(grid.base.settings), whole).length
    scores += _references(whole, sets, measures, length)
    table = ScoreTable(scores)
    rows = {cell.name: cell.settings for cell in grid.cells}
    found = claims(scores, rows, _training(grid, data, sets))
    tests = paired_rows(table, rows, grid.base.name)
    best = best_row(table, rows)
    block = _block_difference(output, grid, best, sets) if best != grid.base.name else None
    comparison = track_grid_page.page(
        grid, table, found, conclude(table, rows, best, tests, found, len(grid.seeds), block), whole, output, command
    )
    write_text(output / "scores.tsv", to_tsv(scores))
    record = {
        "conclusion": comparison.conclusion,
        "chosen on validation": best,
        "rows": {name: dict(settings) for name, settings in rows.items()},
        "factors": {name: list(cells) for name, cells in grid.factors.items()},
        "tests against base": [test._asdict() for test in tests],
        "block bootstrap, chosen minus base, first seed": block,
        "claims": [vars(claim) for claim in found],
        "provenance": comparison.provenance,
    }
    write_text(output / "comparison.json", json.dumps(plain(record), indent=1, default=list) + "\n")
    write(comparison, output / "report.html")
    forget(output)
    return comparison


def open_all(grid: TrackGrid, output: Path, say: Say) -> dict[str, Any]:
    """The data sets of a grid; settings (a path that ends in .toml) are built below the output first."""
    found = {}
    for name, path in grid.data.items():
        if path.suffix == ".toml":
            say(f"building data set {name}")
            found[name] = build(output / "data" / name, load_settings(path))
        else:
            found[name] = TrackData.open(path)
    return found


def check_grid(grid: TrackGrid, data: dict[str, Any]) -> None:
    """Find out before any training whether all rows can be trained and scored on the same windows.

    Raises:
        InputError: names the row or the data set.
    """
    whole = data[grid.evaluation.data]
    names = [track.name for track in whole.tracks]
    for split in ("valid", "test"):
        if not len(whole.splits.get(split, ())):
            raise InputError(f"{whole.folder}: has no windows in split {split!r}; a grid is scored on valid and test.")
    for name, (folder, split) in grid.evaluation.sets.items():
        if not len(data[folder].splits.get(split, ())):
            known = ", ".join(data[folder].splits)
            raise InputError(
                f"evaluation.sets.{name}: {data[folder].folder} has no split {split!r}; there are {known}."
            )
    for name, some in data.items():
        if [track.name for track in some.tracks] != names:
            raise InputError(
                f"data set {name!r} has other tracks than {grid.evaluation.data!r}: they must be the same."
            )
        for on in scored_sets(grid, data):
            if shared := overlap(some.splits["train"], on.data.splits[on.split]):
                raise InputError(
                    f"{shared} windows of {on.name} overlap training windows of data set {name!r}: give all data sets "
                    "the same [splits]."
                )
    lengths = set()
    for cell in grid.cells:
        some = data[cell.settings["data"]]
        try:
            plan = resolved(plan_of(cell.settings), some)
            check_trainable(some, plan, strategy_of(cell.settings["strategy"]))
        except InputError as error:
            raise InputError(f"row {cell.name!r}: {error}") from None
        lengths.add(plan.length)
    if len(lengths) > 1:
        raise InputError(
            f"the rows read {', '.join(map(str, sorted(lengths)))} bp, and all are scored on the same windows: set "
            "length in [base]."
        )


def scored_sets(grid: TrackGrid, data: dict[str, Any]) -> list[ScoredSet]:
    """Valid and test of the evaluation's data set, then the further sets."""
    whole = data[grid.evaluation.data]
    further = [ScoredSet(name, data[folder], split) for name, (folder, split) in grid.evaluation.sets.items()]
    return [ScoredSet("valid", whole, "valid"), ScoredSet("test", whole, "test"), *further]


def overlap(first: Any, second: Any) -> int:
    """How many of the second windows share a position with one of the first.

    Examples:
        >>> overlap(Places(np.zeros(2), np.array([0, 90]), 50), Places(np.zeros(2), np.array([50, 130]), 40))
        1
    """
    found = 0
    for chrom in np.unique(second.chrom):
        starts = np.sort(first.start[first.chrom == chrom])
        mine = second.start[second.chrom == chrom]
        before = np.searchsorted(starts, mine + second.length) - 1  # the last that begins before its end
        reach = np.where(before >= 0, starts[np.maximum(before, 0)] + first.length if len(starts) else 0, -1)
        found += int((reach > mine).sum())
    return found


def _training(grid: TrackGrid, data: dict[str, Any], sets: list[ScoredSet]) -> dict[str, TrainingSet]:
    """How the windows of data sets and of scored sets were chosen."""
    found = {}
    for name, some in data.items():
        windows = some.settings.windows
        kind = "peaks" if isinstance(windows, Peaks) else "tiles"
        found[name] = TrainingSet(kind, windows.threshold)
    for on in sets:
        peaks = isinstance(on.data.settings.windows, Peaks) and on.split != "whole"
        found.setdefault(on.name, TrainingSet("peaks" if peaks else "tiles"))
    return found


def _references(data: Any, sets: list[ScoredSet], measures: Measures, length: int) -> list[Score]:
    """Trivial predictors fitted at every bin size of the grid, and the replicate, on valid and test."""
    found: list[Score] = []
    for on in sets[:2]:
        for size in measures.bins:
            truth = _truth(on, length, size)
            alone = Measures((size,), measures.thresholds if size == measures.bins[0] else ())
            for name, view in trivial_rows(data, on.split, truth, length=length).items():
                found += reference_scores(name, "trivial", on, view, alone)
            for name, view in others_row(data, truth).items():
                found += reference_scores(name, "trivial", on, view, alone)
            for name, view in ceiling_row(data, on.split, truth, length=length).items():
                found += reference_scores(name, "ceiling", on, view, alone)
    return found


def _truth(on: ScoredSet, length: int, bin_size: int) -> Predictions:
    """Windows with their truth, beside which any prediction can be put."""
    windows = on.data.splits[on.split]
    middle = (int(windows.length) - length) // 2

    def read(rows: Any, which: slice) -> tuple[Any, Any]:
        truth = on.data.binned(on.split, rows, middle, length, bin_size)[:, which].astype(float)
        return np.zeros_like(truth), truth

    places = Places(windows.chrom, windows.start + middle, length)
    return Predictions(tuple(t.name for t in on.data.tracks), places, bin_size, length // bin_size, read)


def _block_difference(output: Path, grid: TrackGrid, best: str, sets: list[ScoredSet]) -> dict[str, float] | None:
    """Chosen row minus base on the test windows, over blocks of the genome, first seed, at their common bin size."""
    chosen, base = (
        predictions_of(output, grid, grid.cell(name), grid.seeds[0], sets[1])[1] for name in (best, grid.base.name)
    )
    size = math.lcm(chosen.bin_size, base.bin_size)
    try:
        found = block_difference(chosen.coarser(size), base.coarser(size), seed=0).mean
    except InputError:  # too few windows, or no common bin
        return None
    return {"difference": found.difference, "low": found.low, "high": found.high, "bin_size": size}
