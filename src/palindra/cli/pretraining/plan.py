"""The options of a pretraining as one plan: a file, options on top of it, assignments on top of both."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from palindra.cli import inputs
from palindra.errors import InputError
from palindra.models.plain import typed_fields
from palindra.models.strand_lm import StrandLMConfig
from palindra.training.pretraining import PretrainingConfig

_NOT_RESULTS = ("devices", "nodes", "strategy", "precision")  # may change between the attempts at one run


@dataclass(frozen=True)
class PretrainingPlan:
    """What is trained, and how."""

    model: StrandLMConfig
    training: PretrainingConfig
    seed: int = 0
    markov_order: int = 8
    loggers: tuple[str, ...] = ()
    command: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """What must not change between the attempts at one run."""
        training = {k: v for k, v in asdict(self.training).items() if k not in _NOT_RESULTS}
        return {
            "model": ", ".join(f"{name} {value}" for name, value in asdict(self.model).items()),
            "training": ", ".join(f"{name} {value}" for name, value in training.items()),
            "seed": str(self.seed),
        }


def make_pretraining_plan(
    *,
    config: Path | None = None,
    assignments: Sequence[str] | None = None,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    seed: int = 0,
    markov_order: int = 8,
    loggers: Sequence[str] | None = None,
    command: str = "",
) -> PretrainingPlan:
    """Gather options; None stands for what was not given.

    Args:
        config: TOML with tables ``model`` and ``training``.
        assignments: ``model.NAME=VALUE`` and ``training.NAME=VALUE``, on top of all else.
        model: options of the model by name, on top of the file.
        training: options of training by name.
        seed: of the run.
        markov_order: of the baselines, -1 for none.
        loggers: names.
        command: that was typed.

    Raises:
        InputError: for a name or value that cannot be used.

    Examples:
        >>> plan = make_pretraining_plan(assignments=["model.window=64", "training.steps=10"], model={"width": 16})
        >>> plan.model.window, plan.model.width, plan.training.steps
        (64, 16, 10)
    """
    written, assigned = _file(config), inputs.settings(assignments)
    found: dict[str, Any] = {}
    kinds = {"model": (StrandLMConfig, model), "training": (PretrainingConfig, training)}
    for table, (kind, _) in kinds.items():
        known = [f"{table}.{field.name}" for field in fields(kind)]
        for source, given in ((str(config), written.get(table, {})), ("--set", assigned[table])):
            for name in given:
                inputs.choose(source, f"{table}.{name}", known)
    for table, (kind, typed) in kinds.items():
        chosen = {k: v for k, v in (typed or {}).items() if v is not None}
        values = {**written.get(table, {}), **chosen, **assigned[table]}
        try:
            found[table] = kind(**typed_fields(kind, values))
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"{table}.{error}") from None
    for name in loggers or ():
        inputs.choose("--log", name, ["tensorboard", "wandb"])
    return PretrainingPlan(
        found["model"],
        found["training"],
        seed=seed,
        markov_order=markov_order,
        loggers=tuple(loggers or ()),
        command=command,
    )


def _file(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as TOML: {error}") from error
    if unknown := sorted(name for name, value in found.items() if name not in _TABLES or not isinstance(value, dict)):
        raise InputError(f"{path}: {unknown[0]!r} is not one of the tables [model] and [training].")
    return found


_TABLES = ("model", "training")
