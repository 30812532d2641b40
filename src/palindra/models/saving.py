"""Run folders: everything that ran, the weights, and their checksums; no pickles."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import palindra
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.models import MODELS
from palindra.models.plain import from_plain, target_from_plain, target_to_plain, to_plain
from palindra.models.predictor import Predictor
from palindra.nn import StrandMean

CONFIG, WEIGHTS, CHECKSUMS = "config.toml", "weights.safetensors", "checksums.json"


@dataclass(frozen=True)
class Run:
    """A loaded run folder."""

    folder: Path
    predictor: Predictor  # in evaluation mode
    config: dict[str, Any]  # everything that ran, as in config.toml

    @property
    def length(self) -> int:
        """Letters per sequence that the model was trained on."""
        return int(self.config["data"]["length"])


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def save_run(
    folder: str | Path, predictor: Predictor, *, models: Sequence[Mapping[str, Any]], config: Mapping[str, Any]
) -> None:
    """Write ``config.toml`` and ``weights.safetensors`` into a folder.

    Args:
        folder: created where it does not exist.
        predictor: what is saved.
        models: for each member its ``model`` name, and whatever else describes it (strategy, seed).
        config: all other tables of the configuration; ``data`` must give the ``length``.
    """
    import tomli_w

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    members = []
    for member, described in zip(predictor.members, models, strict=True):
        network: Any = member.module if isinstance(member, StrandMean) else member
        members.append(
            {**described, "both_strands": isinstance(member, StrandMean), "config": to_plain(network.config)}
        )
    whole = {
        "palindra": {"version": palindra.__version__, "format": 1},
        **config,
        "prediction": {
            "task": str(predictor.task),
            "target": target_to_plain(predictor.target),
            "offset": predictor.offset.tolist(),
            "scale": predictor.scale.tolist(),
        },
        "members": members,
    }
    partial = folder / (WEIGHTS + ".partial")
    save_file({name: value.contiguous() for name, value in predictor.state_dict().items()}, partial)
    os.replace(partial, folder / WEIGHTS)
    write_text(folder / CONFIG, tomli_w.dumps(whole))


def seal(folder: str | Path) -> None:
    """Write the checksums of all files of a finished run folder; a folder without them is not finished."""
    folder = Path(folder)
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != CHECKSUMS)
    write_text(folder / CHECKSUMS, json.dumps({name: _sha256(folder / name) for name in names}, indent=1) + "\n")


def is_finished(folder: str | Path) -> bool:
    """Whether a folder holds a finished run."""
    return (Path(folder) / CHECKSUMS).is_file()


def load_run(folder: str | Path, *, finished: bool = True) -> Run:
    """Load a run folder and check that it is whole.

    Args:
        folder: the run folder.
        finished: ask for the checksums of a finished run; off only while a run is being written.

    Raises:
        InputError: if it is no run folder, was not finished, or a file was changed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder.")
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        inner = sorted(str(p.parent.relative_to(folder)) for p in folder.glob(f"**/{WEIGHTS}"))[:3]
        hint = f" There are runs inside it: {', '.join(inner)}." if inner else ""
        raise InputError(f"{folder}: not a run folder, {CONFIG} or {WEIGHTS} is missing.{hint}")
    if finished and not is_finished(folder):
        raise InputError(f"{folder}: this run was not finished ({CHECKSUMS} is missing). Start the same command again.")
    try:
        recorded = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8")) if finished else {}
        for name in recorded.keys() & {CONFIG, WEIGHTS}:
            if _sha256(folder / name) != recorded[name]:
                raise InputError(
                    f"{folder / name}: the file is not the one that was written (checksum differs): it was edited or "
                    "damaged. Train again, or restore the folder from a copy."
                )
        config = tomllib.loads((folder / CONFIG).read_text(encoding="utf-8"))
        predictor = _build(config)
        predictor.load_state_dict(load_file(folder / WEIGHTS))
    except InputError:
        raise
    except (KeyError, ValueError, TypeError, RuntimeError, OSError, SafetensorError) as error:
        raise InputError(f"{folder}: this run folder cannot be read: {error}") from error
    return Run(folder, predictor.eval(), config)


def load(folder: str | Path) -> Predictor:
    """The trained model of a run folder, in evaluation mode: ``model(one_hot) -> predictions``.

    Args:
        folder: written by ``palindra train`` or ``palindra compare``.

    Raises:
        InputError: if the folder is not a whole run.
    """
    return load_run(folder).predictor


def _build(config: Mapping[str, Any]) -> Predictor:
    members, both = [], []
    for described in config["members"]:
        model, kind = MODELS[described["model"]]
        members.append(model(from_plain(kind, described["config"])))
        both.append(described["both_strands"])
    prediction = config["prediction"]
    return Predictor(
        members,
        both_strands=both,
        task=Task(prediction["task"]),
        target=target_from_plain(prediction["target"]),
        offset=prediction["offset"],
        scale=prediction["scale"],
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
