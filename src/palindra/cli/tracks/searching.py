"""Search of hyper-parameters of models of tracks: Optuna proposes, runs are trained, validation decides."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palindra.cli.inputs import choose
from palindra.cli.sharing import require_one_device
from palindra.cli.tracks.comparing import open_all
from palindra.cli.tracks.grid import TrackGrid, known_settings, place_of, plan_of
from palindra.cli.tracks.running import train_track_run
from palindra.cli.tracks.stores import STORES, contents
from palindra.cli.tracks.studies import STUDY, finished, open_study, sampler, take_up
from palindra.engine import Engine
from palindra.errors import InputError
from palindra.evaluation.tracks import PredictionStore, whole_pearson
from palindra.evaluation.tracks.correlation import mean_of_defined
from palindra.models.saving import write_text

TABLE, BEST = "trials.tsv", "best.toml"
RANGE = ("low", "high", "log", "step")

__all__ = ["BEST", "STUDY", "TABLE", "Search", "search_tracks", "validation_score"]


@dataclass(frozen=True)
class Search:
    """A search that was checked: what proposals are made of, and where their runs lie.

    Args:
        grid: its base and its data.
        data: the opened data sets.
        space: for each setting a list of choices, or a range.
        output: folder of the search.
        seed: of the proposals and of every run.
        command: that was run.
        bin_size: at which all proposals are scored.
    """

    grid: TrackGrid
    data: Mapping[str, Any]
    space: Mapping[str, Any]
    output: Path
    seed: int
    command: str
    bin_size: int

    def ask(self, study: Any, *, others: bool = False) -> tuple[Any, dict[str, Any], Path]:
        """The next trial, its settings, and the folder of its run."""
        trial = study.ask()
        # Every trial has a sampler state of its own, so that a search that was interrupted proposes on from its trials.
        study.sampler = sampler(self.seed + trial.number + 1, others=others)
        proposed = {name: _proposed(trial, name, value) for name, value in self.space.items()}
        settings = dict(self.grid.base.settings) | proposed
        return trial, settings, self.output / "runs" / place_of("trial", settings)


def tell(study: Any, trial: Any, folder: Path, value: float) -> None:
    """Write down what a trial gave."""
    trial.set_user_attr("folder", folder.name)
    study.tell(trial, value if math.isfinite(value) else -1.0)


def fail(study: Any, trial: Any, reason: str) -> None:
    """Write down that a trial gave nothing, and why."""
    import optuna

    trial.set_user_attr("error", reason)
    study.tell(trial, state=optuna.trial.TrialState.FAIL)


def search_tracks(
    grid: TrackGrid,
    output: Path,
    trials: int,
    *,
    seed: int = 0,
    command: str = "",
    storage: str | None = None,
    engine: Engine | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Train ``trials`` proposals (those of earlier calls count) and write the best as a grid of its own.

    The score is whole r on the validation windows, mean over tracks, at the coarsest bin size that is searched; test
    windows are never looked at by the search. A killed search goes on: the proposal that was being trained is taken up
    where its run stopped.

    Args:
        grid: its base, its data and ``[search]``, in which every entry is a list of choices, or a range
            ``{low = 1e-4, high = 1e-2, log = true}``.
        output: folder with the study (SQLite), a table of trials, their run folders, and ``best.toml``.
        trials: how many there shall be in the end.
        seed: of the proposals and of every run.
        command: that was run.
        storage: of the study, see :func:`palindra.cli.tracks.studies.open_study`.
        engine: trains as many proposals at a time as it has workers, and one that fails does not stop the others; None
            trains one after the other in this process. The number of finished trials is the same; from the eleventh
            on, proposals depend on what was finished when they were made.
        progress: show a bar for each run, or one over all of them with an engine.
        say: gets a line for each trial.

    Returns:
        The best settings.

    Raises:
        InputError: without a space, for settings that do not exist, another search in the same folder, or trials that
            failed.
    """
    space = {name: _checked(name, value) for name, value in grid.search.items()}
    if not space:
        raise InputError(
            "[search] is missing: give at least one setting with its choices or its range, e.g. "
            "learning_rate = {low = 1e-4, high = 1e-2, log = true}."
        )
    if engine is not None:
        for devices in [plan_of(grid.base.settings).training.devices, *_choices(space.get("devices", []))]:
            require_one_device(devices)
    data = open_all(grid, output, say)
    output.mkdir(parents=True, exist_ok=True)
    search = Search(grid, data, space, output, seed, command, _common_bin(grid, space))
    asked = {
        "base": dict(grid.base.settings),
        "search": dict(grid.search),
        "seed": seed,
        "data": {name: contents(some) for name, some in data.items()},
    }
    study = open_study(output, storage, seed=seed)
    _require_same(study, json.loads(json.dumps(asked, default=list)), output)
    failed: list[str] = []
    if engine is None:
        take_up(study, say)
        _one_after_the_other(search, study, trials, progress, say)
    else:
        from palindra.cli.tracks.search_sharing import share_trials

        failed = share_trials(search, study, trials, engine, progress=progress, say=say)
    if failed and not finished(study):
        raise InputError(_refusal(failed, command))
    best = dict(grid.base.settings) | _values(study.best_trial.params)
    _write(study, grid, best, output)
    if failed:
        raise InputError(_refusal(failed, command))
    return {"settings": best, "validation": study.best_value, "trials": finished(study), "parameters": list(space)}


def _one_after_the_other(search: Search, study: Any, trials: int, progress: bool, say: Callable[[str], None]) -> None:
    while (left := trials - finished(study)) > 0:
        trial, settings, folder = search.ask(study)
        try:
            run = train_track_run(
                search.data[settings["data"]],
                plan_of(settings, search.command),
                settings["strategy"],
                search.seed,
                folder,
                progress=progress,
            )
        except InputError as error:
            fail(study, trial, str(error))
            raise InputError(f"trial {trial.number} ({words(trial.params)}): {error}") from None
        value = validation_score(run, search.bin_size)
        tell(study, trial, folder, value)
        say(f"[{trials - left + 1}/{trials}] r {value:.4f} on validation: {words(trial.params)}")


def _refusal(failed: list[str], command: str) -> str:
    again = f"\nAgain: {command}" if command else ""
    lines = "\n".join(f"  {line}" for line in failed)
    return f"{len(failed)} of the trials failed; the same command proposes others in their place.\n{lines}{again}"


def _choices(value: Any) -> list[int]:
    """What a setting can be: its choices, or the ends of its range."""
    return value if isinstance(value, list) else [value["low"], value["high"]]


def validation_score(run: Path, bin_size: int) -> float:
    """Whole r of a finished run on its validation windows, mean over tracks, at a bin size that its own divides."""
    predictions = PredictionStore.open(run / STORES / "valid")
    return mean_of_defined(whole_pearson(predictions.coarser(bin_size)))


def _checked(name: str, value: Any) -> Any:
    """A list of choices, or a range."""
    choose("search", name, [known for known in known_settings() if known != "length"])
    if isinstance(value, list) and value:
        return value
    if isinstance(value, dict):
        for part in value:
            choose(f"search.{name}", part, RANGE)
        low, high = value.get("low"), value.get("high")
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (low, high))
        if numbers and low < high and (low > 0 or not value.get("log")):  # type: ignore[operator]
            return value
    raise InputError(
        f"search.{name} is {value!r}; needed is a list of choices, or a range such as "
        "{low = 1e-4, high = 1e-2, log = true} with low below high (and above 0 on a logarithmic scale)."
    )


def _proposed(trial: Any, name: str, value: Any) -> Any:
    if isinstance(value, list):
        # Choices are kept as text, because a study holds no lists.
        return json.loads(trial.suggest_categorical(name, [json.dumps(choice) for choice in value]))
    low, high, log, step = value["low"], value["high"], bool(value.get("log", False)), value.get("step")
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=log, step=step or 1)
    return trial.suggest_float(name, float(low), float(high), log=log, step=step)


def _values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) if isinstance(value, str) else value for name, value in parameters.items()}


def words(parameters: Mapping[str, Any]) -> str:
    """Proposed settings for people."""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in _values(parameters).items()
    )


def _common_bin(grid: TrackGrid, space: Mapping[str, Any]) -> int:
    """A bin size at which all proposals can be scored."""
    sizes = space.get("bin_size", [grid.base.settings["bin_size"]])
    if not isinstance(sizes, list):
        raise InputError("search.bin_size is a range; give a list of sizes, so that all can be scored at one of them.")
    return math.lcm(*map(int, sizes))


def _require_same(study: Any, asked: dict[str, Any], output: Path) -> None:
    before = study.user_attrs.get("asked")
    if before is None:
        study.set_user_attr("asked", asked)
        return
    if changed := [name for name in asked if before.get(name) != asked[name]]:
        raise InputError(
            f"{output}: holds a search with other settings ({', '.join(changed)} differ). Choose another --output, or "
            "remove it."
        )


def _write(study: Any, grid: TrackGrid, best: Mapping[str, Any], output: Path) -> None:
    import optuna
    import tomli_w

    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    names = list(grid.search)
    lines = ["\t".join(["trial", "validation_r", *names, "run"])]
    for trial in sorted(done, key=lambda trial: -trial.value):
        values = _values(trial.params)
        cells = [str(trial.number), f"{trial.value:.6g}", *(str(values[name]) for name in names)]
        lines.append("\t".join([*cells, trial.user_attrs.get("folder", "")]))
    write_text(output / TABLE, "\n".join(lines) + "\n")
    table = {
        "data": {name: str(path.resolve()) for name, path in grid.data.items()},
        "base": {name: value for name, value in best.items() if value is not None},
        "seeds": list(grid.seeds),
    }
    write_text(output / BEST, tomli_w.dumps({"seeds": table.pop("seeds"), **table}))
