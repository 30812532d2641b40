"""Training and scoring of rows of a grid of tracks as pieces of work, with settings and data sets by their paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from palindra.cli.sharing import held
from palindra.cli.tracks.grid import Evaluation, GridCell, TrackGrid, plan_of
from palindra.cli.tracks.rows import Measures, ScoredSet, kept_scores, run_folder, score_row, trained_cell
from palindra.cli.tracks.running import train_track_run
from palindra.cli.tracks.stores import contents
from palindra.data.tracks import TrackData
from palindra.engine import Unit
from palindra.errors import InputError
from palindra.models.saving import is_finished

Place = Mapping[str, str]
"""A data set for workers: its folder, and the hash of what is in it."""


def place_of_data(data: Any) -> dict[str, str]:
    """Where workers find a data set, and how they know it."""
    return {"folder": str(Path(data.folder).absolute()), "contents": contents(data)}


def open_place(place: Place) -> TrackData:
    """The data set at a place, kept open while this process works on it.

    Raises:
        InputError: if another data set lies there.
    """
    return _opened(place["folder"], place["contents"])


@lru_cache(maxsize=4)
def _opened(folder: str, wanted: str) -> TrackData:
    data = TrackData.open(folder)
    if contents(data) != wanted:
        raise InputError(f"{folder}: is another data set for this worker than for the command. Use a shared disk.")
    return data


def run_unit(
    data: Any, settings: Mapping[str, Any], command: str, strategy: str, seed: int, output: Path, place: Path, name: str
) -> Unit:
    """One training run, in its own folder of the output."""
    arguments = {
        "data": place_of_data(data),
        "settings": dict(settings),
        "command": command,
        "strategy": strategy,
        "seed": seed,
        "output": str(output.absolute()),
        "place": str(place.absolute()),
    }
    return Unit(f"{__name__}:train", arguments, name)


def train(
    folder: Path,
    *,
    data: Place,
    settings: dict[str, Any],
    command: str,
    strategy: str,
    seed: int,
    output: str,
    place: str,
) -> str:
    """Do one run in its own folder of the output, from wherever an earlier attempt stopped."""
    with held(Path(output), Path(place)):
        train_track_run(open_place(data), plan_of(settings, command), strategy, seed, place)
    return Path(place).name


def runs_as_units(
    grid: TrackGrid, data: Mapping[str, Any], jobs: Sequence[tuple[GridCell, int]], output: Path, command: str
) -> list[Unit]:
    """One unit for each run that is not finished; finished ones are checked to be of the same settings.

    Raises:
        InputError: for a finished run of other settings.
    """
    units = []
    for cell, seed in jobs:
        folder, some = run_folder(output, grid, cell, seed), data[cell.settings["data"]]
        strategy, _ = trained_cell(cell, grid.base)
        if is_finished(folder):
            train_track_run(some, plan_of(cell.settings, command), strategy, seed, folder)
        else:
            name = f"{cell.name}, seed {seed}"
            units.append(run_unit(some, cell.settings, command, strategy, seed, output, folder, name))
    return units


def scores_as_units(grid: TrackGrid, sets: Sequence[ScoredSet], measures: Measures, output: Path) -> list[Unit]:
    """One unit for the scores of each row and seed of which none were kept."""
    common = {
        "grid": grid_to_plain(grid),
        "sets": [{"name": on.name, "data": place_of_data(on.data), "split": on.split} for on in sets],
        "measures": {"bins": measures.bins, "thresholds": measures.thresholds, "shifts": measures.shifts},
        "output": str(output.absolute()),
    }
    return [
        Unit(f"{__name__}:score", {**common, "cell": cell.name, "seed": seed}, f"scores of {cell.name}, seed {seed}")
        for cell in grid.cells
        for seed in grid.seeds
        if kept_scores(output, grid, cell, seed, sets, measures) is None
    ]


def score(
    folder: Path,
    *,
    grid: dict[str, Any],
    sets: list[dict[str, Any]],
    measures: dict[str, Any],
    output: str,
    cell: str,
    seed: int,
) -> int:
    """Predict and score one row and seed; the scores are kept in the output."""
    whole = grid_from_plain(grid)
    place = Path(output) / "scores" / whole.cell(cell).place / f"seed-{seed}"
    with held(Path(output), place):
        found = score_row(
            Path(output),
            whole,
            whole.cell(cell),
            seed,
            [ScoredSet(on["name"], open_place(on["data"]), on["split"]) for on in sets],
            Measures(tuple(measures["bins"]), tuple(measures["thresholds"]), measures["shifts"]),
        )
    return len(found)


def grid_to_plain(grid: TrackGrid) -> dict[str, Any]:
    """What scoring needs of a grid, as values that JSON can hold."""
    return {
        "base": grid.base.name,
        "cells": [{"name": cell.name, "settings": dict(cell.settings)} for cell in grid.cells],
        "seeds": list(grid.seeds),
    }


def grid_from_plain(plain: dict[str, Any]) -> TrackGrid:
    """Cells and seeds of the grid that :func:`grid_to_plain` described; its data sets come by their places."""
    cells = tuple(GridCell(cell["name"], cell["settings"]) for cell in plain["cells"])
    base = next(cell for cell in cells if cell.name == plain["base"])
    return TrackGrid({}, base, cells, {}, tuple(plain["seeds"]), Evaluation(base.settings["data"], {}), {})
