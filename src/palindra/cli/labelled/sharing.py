"""Training runs of a comparison as pieces of work: the rows in a file that all workers see, and the plan as text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli.labelled.plan import Plan
from palindra.cli.labelled.running import train_run
from palindra.cli.labelled.scoring import run_folder, subset
from palindra.cli.sharing import UNITS, held
from palindra.data import LabelledSequences, Task
from palindra.engine import Unit
from palindra.models.plain import target_from_plain, target_to_plain, to_plain, typed_fields
from palindra.models.saving import is_finished
from palindra.sequences import DNA, PROTEIN, RNA
from palindra.training.module import TrainingConfig

Job = tuple[int | None, str, int]
"""Training sequences (None for all), strategy, seed."""

_ALPHABETS = {alphabet.name: alphabet for alphabet in (DNA, RNA, PROTEIN)}
_WORDS = ("target_names", "class_names", "source", "sha256", "unit", "parts")
_COLUMNS = ("labels", "splits", "lines", "chromosomes", "part_of_row")


def title(job: Job) -> str:
    """A run in words."""
    size, strategy, seed = job
    return f"{strategy}, seed {seed}" + (f", {size} sequences" if size else "")


def runs_as_units(data: LabelledSequences, plan: Plan, jobs: Sequence[Job], output: Path) -> list[Unit]:
    """One unit for each run that is not finished; finished ones are checked to be of the same settings.

    Raises:
        InputError: for a finished run of other settings.
    """
    missing = []
    for size, strategy, seed in jobs:
        folder = run_folder(output, size, strategy, seed)
        if is_finished(folder):
            train_run(subset(data, size, seed), plan, strategy, seed, folder)
        else:
            missing.append((size, strategy, seed))
    if not missing:
        return []
    rows = write_rows(data, output / UNITS)
    common = {"rows": str(rows.absolute()), "plan": plan_to_plain(plan), "output": str(output.absolute())}
    return [
        Unit(
            f"{__name__}:train",
            {**common, "size": size, "strategy": strategy, "seed": seed},
            title((size, strategy, seed)),
        )
        for size, strategy, seed in missing
    ]


def train(
    folder: Path, *, rows: str, plan: dict[str, Any], output: str, size: int | None, strategy: str, seed: int
) -> str:
    """Do one run in its own folder of the output, from wherever an earlier attempt stopped."""
    place = run_folder(Path(output), size, strategy, seed)
    with held(Path(output), place):
        train_run(subset(read_rows(rows), size, seed), plan_from_plain(plan), strategy, seed, place)
    return place.name


def plan_to_plain(plan: Plan) -> dict[str, Any]:
    """A plan as values that JSON can hold.

    Raises:
        ValueError: for options that would not come back as they are.
    """
    plain = {
        "target": target_to_plain(plan.target),
        "model": plan.model,
        "width": plan.width,
        "options": dict(plan.options),
        "training": to_plain(plan.training),
        "loggers": list(plan.loggers),
        "command": plan.command,
        "loss": plan.loss,
    }
    if plan_from_plain(json.loads(json.dumps(plain))) != plan:
        raise ValueError(f"the options {dict(plan.options)} cannot be sent to workers: use plain values and tuples.")
    return plain


def plan_from_plain(plain: dict[str, Any]) -> Plan:
    """The plan that :func:`plan_to_plain` described."""
    return Plan(
        target=target_from_plain(plain["target"]),
        model=plain["model"],
        width=plain["width"],
        options={name: tuple(value) if isinstance(value, list) else value for name, value in plain["options"].items()},
        training=TrainingConfig(**typed_fields(TrainingConfig, plain["training"])),
        loggers=tuple(plain["loggers"]),
        command=plain["command"],
        loss=plain["loss"],
    )


def write_rows(data: LabelledSequences, folder: Path) -> Path:
    """Write labelled sequences into a file named by its content; :func:`read_rows` gives them back."""
    if _ALPHABETS.get(data.alphabet.name) != data.alphabet:
        raise ValueError(f"sequences of alphabet {data.alphabet.name} cannot be sent to workers.")
    words = {name: getattr(data, name) for name in _WORDS} | {"task": str(data.task), "alphabet": data.alphabet.name}
    letters = np.frombuffer("".join(data.sequences).encode(), dtype=np.uint8).reshape(len(data), -1)
    columns = {name: getattr(data, name) for name in _COLUMNS if getattr(data, name) is not None}
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for part in (letters, *columns.values()):
        digest.update(np.ascontiguousarray(part).tobytes())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rows-{digest.hexdigest()[:20]}.npz"
    partial = path.with_name(path.name + ".unfinished")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, letters=letters, words=np.array(json.dumps(words)), **columns)
    partial.replace(path)
    return path


@lru_cache(maxsize=1)
def read_rows(path: str) -> LabelledSequences:
    """Labelled sequences from a file of :func:`write_rows`, kept while this process works on them."""
    with np.load(path, allow_pickle=False) as arrays:
        words = json.loads(str(arrays["words"]))
        columns: dict[str, Any] = {name: arrays[name] if name in arrays.files else None for name in _COLUMNS}
        sequences = [row.tobytes().decode() for row in arrays["letters"]]
    task, alphabet = Task(words.pop("task")), _ALPHABETS[words.pop("alphabet")]
    others: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in words.items()}
    return LabelledSequences(sequences=sequences, task=task, alphabet=alphabet, **others, **columns)
