"""Trials of a search on the workers of an engine: this process proposes and writes down, workers train."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from palindra.cli.sharing import UNITS, forget
from palindra.cli.tracks import sharing
from palindra.cli.tracks.searching import Search, fail, tell, validation_score, words
from palindra.cli.tracks.studies import finished, take_up
from palindra.engine import Engine, Unit, read_result
from palindra.engine.work import alone, bar, one_line, stop_if_full


def share_trials(
    search: Search, study: Any, trials: int, engine: Engine, *, progress: bool, say: Callable[[str], None]
) -> list[str]:
    """Train until so many trials are finished, a proposal for every worker at a time; what failed, in words.

    Only this process reads and writes the study, so any storage will do and a worker that is killed leaves no trial
    open: the engine has its run go on elsewhere.

    Raises:
        InputError: for a full disk, a cluster that cannot be used, or another job in the folder.
    """
    folder = search.output / UNITS
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    with alone(folder):
        take_up(study, say)
        for left in folder.iterdir():  # of an attempt that was killed: whether a run is finished is seen in its folder
            if left.is_dir() and left.name != "locks":
                shutil.rmtree(left, ignore_errors=True)
        before = finished(study)
        proposals = Proposals(search, study, max(0, trials - before))
        with bar(len(proposals) if progress else None) as advance:
            for number, error in engine.completed(proposals, folder, ahead=1) if len(proposals) else ():
                trial, unit, place = proposals.made[number]
                if error is None:
                    result = read_result(unit, folder)
                    value = validation_score(place, search.bin_size) if result is None else result.values
                    tell(study, trial, place, value)
                    said = f"r {value:.4f} on validation: {words(trial.params)}"
                    say(f"[{finished(study)}/{trials}] {said}")
                    advance(1)
                else:
                    stop_if_full(error, folder)
                    fail(study, trial, one_line(error))
                    failed.append(f"{unit.label}: {one_line(error)}")
    if not failed:
        forget(search.output)
    return failed


class Proposals(Sequence[Unit]):
    """Units of a search, each proposed when it is given out, from what is finished by then.

    Args:
        search: what is searched.
        study: that proposes.
        count: how many there will be.
    """

    def __init__(self, search: Search, study: Any, count: int) -> None:
        self.search, self.study, self.size = search, study, count
        self.made: list[tuple[Any, Unit, Path]] = []

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, number: int) -> Unit: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Unit]: ...
    def __getitem__(self, number: int | slice) -> Unit | Sequence[Unit]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self.size))]
        if not 0 <= number < self.size:
            raise IndexError(number)
        while len(self.made) <= number:
            self.made.append(self._proposed())
        return self.made[number][1]

    def _proposed(self) -> tuple[Any, Unit, Path]:
        search = self.search
        trial, settings, folder = search.ask(self.study, others=True)
        data, strategy = search.data[settings["data"]], settings["strategy"]
        label = f"trial {trial.number} ({words(trial.params)})"
        run = sharing.run_unit(data, settings, search.command, strategy, search.seed, search.output, folder, label)
        arguments = {**run.arguments, "bin_size": search.bin_size, "trial": trial.number}
        return trial, replace(run, function=f"{__name__}:train_trial", arguments=arguments), folder


def train_trial(folder: Path, *, bin_size: int, trial: int, **run: Any) -> float:
    """Train one proposal in its own folder of the output; its score on the validation windows."""
    sharing.train(folder, **run)
    return validation_score(Path(run["place"]), bin_size)
