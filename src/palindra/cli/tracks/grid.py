"""A grid of models of tracks in a TOML file: base settings, what is changed in them, seeds, and what is scored.

A *row* of a grid is one full choice of settings; every row is trained once for each seed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from palindra.cli.inputs import choose, integers
from palindra.cli.tracks.plan import DECIDED, TrackPlan, strategy_of
from palindra.cli.tracks.training import DEFAULTS
from palindra.errors import InputError
from palindra.models.plain import typed_fields
from palindra.models.track_models import TRACK_MODELS
from palindra.training.track_config import TrackTrainingConfig

OWN: dict[str, Any] = {
    "data": None,
    "strategy": "regular",
    **{
        field.name: field.default
        for field in fields(TrackPlan)
        if field.name in ("model", "partners", "scale", "width")
    },
}
"""Settings of a row that belong neither to the training nor to the model's configuration, with their defaults."""

SECTIONS = ("data", "base", "axes", "cross", "rows", "seeds", "evaluation", "search")
EVALUATION = ("data", "sets", "thresholds", "variation")
BASE = "base"
FURTHER = "further rows"


@dataclass(frozen=True)
class GridCell:
    """One row of a grid: its name and all its settings, those of other rows filled with their defaults."""

    name: str
    settings: Mapping[str, Any]

    @property
    def place(self) -> str:
        """The folder of its runs: readable, and different for other settings."""
        return place_of(self.name, self.settings)


@dataclass(frozen=True)
class Evaluation:
    """On what all rows are scored alike.

    Args:
        data: name of the data set whose valid and test windows are scored.
        sets: further test sets by name, each as data set and split.
        thresholds: of the curve of per-sequence correlations.
        variation: shifted windows per window for the variation score; 0 leaves it out.
    """

    data: str
    sets: Mapping[str, tuple[str, str]]
    thresholds: tuple[float, ...] = ()
    variation: int = 20


@dataclass(frozen=True)
class TrackGrid:
    """What is compared.

    Args:
        data: folders of data sets, or settings that build them, by name.
        base: the row that others are changes of.
        cells: all rows, the base first.
        factors: for each factor the names of its rows, the base among them where it is one.
        seeds: of every row.
        evaluation: what all rows are scored on.
        search: the parameters of ``palindra search``, as they are written.
    """

    data: Mapping[str, Path]
    base: GridCell
    cells: tuple[GridCell, ...]
    factors: Mapping[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    evaluation: Evaluation
    search: Mapping[str, Any]

    def cell(self, name: str) -> GridCell:
        """A row by its name."""
        return next(cell for cell in self.cells if cell.name == name)


def load_grid(path: str | Path) -> TrackGrid:
    """Read a grid; paths in it are relative to its folder.

    Raises:
        InputError: names file and entry, with the nearest known one for a word that is not known.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a grid: {error}") from error
    try:
        return grid_from(table, path.resolve().parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def grid_from(table: Mapping[str, Any], folder: Path) -> TrackGrid:
    """A grid from the tables of a TOML file.

    ``[axes]`` changes one setting at a time; each ``[[cross]]`` changes all of its settings with each other; each
    ``[[rows]]`` is one row, with a name and a factor if it likes.

    Raises:
        InputError: names the entry.

    Examples:
        >>> grid = grid_from({"data": {"all": "d"}, "seeds": [0, 1], "axes": {"loss": ["poisson", "mse"]}}, Path("."))
        >>> [cell.name for cell in grid.cells], grid.factors
        (['base', 'loss mse'], {'loss': ('base', 'loss mse')})
        >>> grid_from({"data": {"all": "d"}, "seeds": [0], "axes": {"los": ["mse"]}}, Path("."))
        Traceback (most recent call last):
        palindra.errors.InputError: axes 'los' is not known. Did you mean 'loss'? ...
    """
    for name in table:
        choose("grid", name, SECTIONS)
    data = _table(table, "data")
    if not data or not all(isinstance(value, str) for value in data.values()):
        raise InputError('data: name at least one data set, e.g. [data] with all = "dataset".')
    folders = {name: folder / value for name, value in data.items()}
    base = dict(_table(table, "base"))
    base.setdefault("data", next(iter(data)))
    wanted: list[tuple[str, str | None, dict[str, Any]]] = []  # factor, name, changes
    for name, values in _table(table, "axes").items():
        wanted += [(name, None, {name: value}) for value in _values("axes", name, values)]
    for number, block in enumerate(_tables(table, "cross"), start=1):
        names = list(block)
        columns = [_values(f"cross {number}", name, block[name]) for name in names]
        wanted += [
            (" × ".join(names), None, dict(zip(names, some, strict=True))) for some in itertools.product(*columns)
        ]
    for block in _tables(table, "rows"):
        changes = {name: value for name, value in block.items() if name not in ("name", "factor")}
        wanted.append((str(block.get("factor", FURTHER)), block.get("name"), changes))
    for where, changes in [("base", base), *((factor, changes) for factor, _, changes in wanted)]:
        for name in changes:
            choose("axes" if where in table.get("axes", {}) else where, name, known_settings())
            if name == "length" and where != "base":
                raise InputError(
                    f"{where}: length belongs to the base, because all rows are scored on the same windows."
                )
    names = sorted({name for _, _, changes in wanted for name in changes} | set(base))
    root = GridCell(BASE, _full(base, names))
    cells, factors = {_key(root.settings): root}, dict[str, list[str]]()
    for factor, title, changes in wanted:
        settings = _full(base | changes, names)
        name = title or _difference(root.settings, settings)
        cell = cells.setdefault(_key(settings), GridCell(name, settings))
        rows = factors.setdefault(factor, [BASE] if factor in changes or factor == FURTHER else [])
        if cell.name not in rows:
            rows.append(cell.name)
    _unique([cell.name for cell in cells.values()])
    for cell in cells.values():
        choose(f"{cell.name}: data", cell.settings["data"], data)
        try:
            plan_of(cell.settings)
            strategy_of(cell.settings["strategy"])
        except InputError as error:
            raise InputError(f"row {cell.name!r}: {error}") from None
    return TrackGrid(
        data=folders,
        base=root,
        cells=tuple(cells.values()),
        factors={factor: tuple(rows) for factor, rows in factors.items()},
        seeds=_seeds(table.get("seeds", [0, 1, 2])),
        evaluation=_evaluation(_table(table, "evaluation"), base["data"], data),
        search=_table(table, "search"),
    )


def plan_of(settings: Mapping[str, Any], command: str = "") -> TrackPlan:
    """What is trained for a row; what it leaves open has the default of the command line.

    Raises:
        InputError: for a value that cannot be used, or an option that the model does not have.
    """
    names = _training()
    given = {name: value for name, value in settings.items() if name in names and name != "length"}
    loss = "bce" if settings.get("labels") == "activity" else "poisson"
    try:
        training = TrackTrainingConfig(**DEFAULTS | {"loss": loss} | typed_fields(TrackTrainingConfig, given))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from None
    model = choose("model", settings.get("model", OWN["model"]), TRACK_MODELS)
    known = _free(model)
    options = {
        name: value
        for name, value in settings.items()
        if name not in OWN and name not in names and (name in known or value is not None)
    }
    return TrackPlan(
        model=model,
        options=options,
        training=training,
        length=int(settings.get("length", 0)),
        width=settings.get("width"),
        partners=settings.get("partners", OWN["partners"]),
        scale=settings.get("scale", OWN["scale"]),
        command=command,
    )


def place_of(name: str, settings: Mapping[str, Any]) -> str:
    """A folder name for settings: the words, and a hash of the values."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")[:60]
    return f"{words}-{hashlib.sha256(_key(settings).encode()).hexdigest()[:8]}"


def known_settings() -> list[str]:
    """Every setting that a row can have."""
    return [*OWN, *_training(), *_options()]


def shown(value: Any) -> str:
    """A value of a setting in the name of a row.

    Examples:
        >>> shown([1, 2]), shown(True), shown("mse"), shown(75)
        ('1-2', 'on', 'mse', '75')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return "-".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _full(settings: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Settings with the defaults of everything that some row of the grid sets, so that rows can be compared."""
    found = dict(OWN) | dict(settings)
    training = {field.name: field.default for field in fields(TrackTrainingConfig)} | DEFAULTS
    training["loss"] = "bce" if settings.get("labels") == "activity" else "poisson"
    kind = TRACK_MODELS[choose("model", found["model"], TRACK_MODELS)][1]
    options = {field.name: field.default for field in fields(kind)}
    for name in (*names, "bin_size", "loss", "labels"):
        found.setdefault(name, training.get(name, options.get(name)))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _difference(base: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    changed = [f"{name} {shown(value)}" for name, value in settings.items() if base.get(name) != value]
    return ", ".join(changed) or BASE


def _training() -> list[str]:
    return [field.name for field in fields(TrackTrainingConfig)]


def _free(model: str) -> list[str]:
    return [field.name for field in fields(TRACK_MODELS[model][1]) if field.name not in DECIDED]


def _options() -> list[str]:
    return sorted({name for model in TRACK_MODELS for name in _free(model)})


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, default=list)


def _table(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise InputError(f"{name} is {value!r}; a table [{name}] is needed.")
    return value


def _tables(table: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise InputError(f"{name} is a list of tables: write [[{name}]] for each.")
    return value


def _values(where: str, name: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise InputError(f"{where}: {name} is {values!r}; a list of values is needed, e.g. {name} = [{values!r}].")
    return values


def _seeds(given: Any) -> tuple[int, ...]:
    if isinstance(given, str):
        return tuple(integers(given, "seeds"))
    if not isinstance(given, list) or not given or not all(type(seed) is int for seed in given):
        raise InputError(f'seeds is {given!r}; a list of whole numbers or a range is needed, e.g. "0-4".')
    return tuple(dict.fromkeys(given))


def _evaluation(given: Mapping[str, Any], base: str, data: Mapping[str, Any]) -> Evaluation:
    for name in given:
        choose("evaluation", name, EVALUATION)
    whole = choose("evaluation.data", given.get("data", base), data)
    sets = {}
    for name, place in dict(given.get("sets", {})).items():
        folder, slash, split = str(place).partition("/")
        if not slash or not split or name in ("valid", "test"):
            raise InputError(f'evaluation.sets.{name} is {place!r}; another name, and "DATA/SPLIT" are needed.')
        sets[name] = (choose(f"evaluation.sets.{name}", folder, data), split)
    thresholds = tuple(float(value) for value in given.get("thresholds", ()))
    if list(thresholds) != sorted(set(thresholds)):
        raise InputError(f"evaluation.thresholds is {list(thresholds)}; rising numbers are needed.")
    variation = given.get("variation", Evaluation.variation)
    if type(variation) is not int or variation == 1 or variation < 0:
        raise InputError(f"evaluation.variation is {variation!r}; a number of shifts, at least 2, or 0 is needed.")
    return Evaluation(whole, sets, thresholds, variation)


def _unique(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two rows are named {twice[0]!r} and have other settings: give each its own name.")
