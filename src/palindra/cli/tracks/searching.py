"""Search of hyper-parameters of models of tracks: Optuna proposes, runs are trained, validation decides."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from palindra.cli.inputs import choose
from palindra.cli.tracks.comparing import open_all
from palindra.cli.tracks.grid import TrackGrid, known_settings, place_of, plan_of
from palindra.cli.tracks.running import train_track_run
from palindra.cli.tracks.stores import STORES, contents
from palindra.errors import InputError
from palindra.evaluation.tracks import PredictionStore, whole_pearson
from palindra.evaluation.tracks.correlation import mean_of_defined
from palindra.models.saving import write_text

STUDY, TABLE, BEST = "study.db", "trials.tsv", "best.toml"
RANGE = ("low", "high", "log", "step")
_NAME = "palindra"


def search_tracks(
    grid: TrackGrid,
    output: Path,
    trials: int,
    *,
    seed: int = 0,
    command: str = "",
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
        progress: show a bar for each run.
        say: gets a line for each trial.

    Returns:
        The best settings.

    Raises:
        InputError: without a space, for settings that do not exist, or another search in the same folder.
    """
    import optuna

    space = {name: _checked(name, value) for name, value in grid.search.items()}
    if not space:
        raise InputError(
            "[search] is missing: give at least one setting with its choices or its range, e.g. "
            "learning_rate = {low = 1e-4, high = 1e-2, log = true}."
        )
    data = open_all(grid, output, say)
    output.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=_NAME,
        storage=f"sqlite:///{(output / STUDY).resolve()}",
        sampler=optuna.samplers.TPESampler(seed=seed),
        direction="maximize",
        load_if_exists=True,
    )
    asked = {
        "base": dict(grid.base.settings),
        "search": dict(grid.search),
        "seed": seed,
        "data": {name: contents(some) for name, some in data.items()},
    }
    _require_same(study, json.loads(json.dumps(asked, default=list)), output)
    _take_up(study)
    size = _common_bin(grid, space)
    while (left := trials - _finished(study)) > 0:
        trial = study.ask()
        # Every trial has a sampler state of its own, so that a search that was interrupted proposes on from its trials.
        study.sampler = optuna.samplers.TPESampler(seed=seed + trial.number + 1)
        settings = dict(grid.base.settings) | {name: _proposed(trial, name, value) for name, value in space.items()}
        folder = output / "runs" / place_of("trial", settings)
        try:
            run = train_track_run(
                data[settings["data"]],
                plan_of(settings, command),
                settings["strategy"],
                seed,
                folder,
                progress=progress,
            )
        except InputError as error:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise InputError(f"trial {trial.number} ({_words(trial.params)}): {error}") from None
        trial.set_user_attr("folder", folder.name)
        value = validation_score(run, size)
        study.tell(trial, value if math.isfinite(value) else -1.0)
        say(f"[{trials - left + 1}/{trials}] r {value:.4f} on validation: {_words(trial.params)}")
    best = dict(grid.base.settings) | _values(study.best_trial.params)
    _write(study, grid, best, output)
    return {"settings": best, "validation": study.best_value, "trials": _finished(study), "parameters": list(space)}


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


def _words(parameters: Mapping[str, Any]) -> str:
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


def _take_up(study: Any) -> None:
    """Trials that a kill left unfinished are proposed again; their run folders go on where they stopped."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the method is marked experimental
            study.enqueue_trial(trial.params)


def _finished(study: Any) -> int:
    import optuna

    return len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)))


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
