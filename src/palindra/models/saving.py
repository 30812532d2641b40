"""Run folders: everything that ran, the weights, and their checksums; no pickles."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

import palindra
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.models import MODELS
from palindra.models.mean_variance import SPREADS, MeanVariance
from palindra.models.plain import from_plain, target_from_plain, target_to_plain, to_plain
from palindra.models.predictor import Predictor
from palindra.nn import StrandMean

CONFIG, WEIGHTS, CHECKSUMS = "config.toml", "weights.safetensors", "checksums.json"
FORMAT = 1  # of run folders
TRACKS = "tracks"  # the kind of run folders that hold models of tracks


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
    partial.replace(path)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(save({name: value.contiguous() for name, value in tensors.items()}))
    partial.replace(path)


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
        "palindra": {"version": palindra.__version__, "format": FORMAT},
        **config,
        "prediction": {
            "task": str(predictor.task),
            "target": target_to_plain(predictor.target),
            "offset": predictor.offset.tolist(),
            "scale": predictor.scale.tolist(),
        },
        "members": members,
    }
    write_tensors(folder / WEIGHTS, predictor.state_dict())
    write_text(folder / CONFIG, tomli_w.dumps(whole))


def seal(folder: str | Path) -> None:
    """Write the checksums of all files of a finished run folder; a folder without them is not finished."""
    folder = Path(folder)
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != CHECKSUMS)
    write_text(folder / CHECKSUMS, json.dumps({name: _sha256(folder / name) for name in names}, indent=1) + "\n")


def is_finished(folder: str | Path) -> bool:
    """Whether a folder holds a finished run."""
    return (Path(folder) / CHECKSUMS).is_file()


def read_config(folder: str | Path) -> dict[str, Any]:
    """The configuration of a run folder, everything that ran.

    Raises:
        InputError: if it cannot be read.
    """
    path = Path(folder) / CONFIG
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def verify(folder: str | Path, names: Sequence[str] = (CONFIG, WEIGHTS)) -> None:
    """Make sure that files of a finished run are those that were written.

    Raises:
        InputError: for a file that is missing or was changed.
    """
    folder = Path(folder)
    try:
        recorded = dict(json.loads((folder / CHECKSUMS).read_text(encoding="utf-8")))
        expected = {name: recorded[name] for name in names}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{folder / CHECKSUMS}: is damaged, so the run cannot be trusted. Train again, or restore the folder "
            "from a copy."
        ) from error
    for name, checksum in expected.items():
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: the file is missing. Train again, or restore the folder from a copy.")
        if _sha256(folder / name) != checksum:
            raise InputError(
                f"{folder / name}: the file is not the one that was written (checksum differs): it was edited or "
                "damaged. Train again, or restore the folder from a copy."
            )


def load_run(folder: str | Path, *, finished: bool = True) -> Run:
    """Load a run folder and check that it is whole.

    Args:
        folder: the run folder.
        finished: ask for the checksums of a finished run; off only while a run is being written.

    Raises:
        InputError: if it is no run folder, was not finished, or a file was changed.
    """
    folder = Path(folder)
    with readable(folder):
        config = checked_config(folder, finished=finished)
        if config["palindra"].get("kind") == TRACKS:
            raise InputError(
                f"{folder}: holds a model of tracks, which labelled sequences do not fit. Give the genome or the data "
                "set of tracks that it is to read, or a run that was trained on labelled sequences."
            )
        predictor = _build(config)
        predictor.load_state_dict(load_file(folder / WEIGHTS))
    return Run(folder, predictor.eval(), config)


def checked_config(folder: Path, *, finished: bool = True) -> dict[str, Any]:
    """The configuration of a run folder that is whole, of either kind.

    Raises:
        InputError: if it is no run folder, was not finished, or a file was changed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder.")
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        inner = sorted(str(p.parent.relative_to(folder)) for p in folder.glob(f"**/{WEIGHTS}"))[:3]
        hint = f" There are runs inside it: {', '.join(inner)}." if inner else ""
        raise InputError(f"{folder}: not a run folder, {CONFIG} or {WEIGHTS} is missing.{hint}")
    if finished and not is_finished(folder):
        raise InputError(f"{folder}: this run was not finished ({CHECKSUMS} is missing). Start the same command again.")
    if finished:
        verify(folder)
    config = read_config(folder)
    if (written := config["palindra"]["format"]) != FORMAT:
        raise InputError(
            f"{folder}: this run folder has format {written}, written by palindra {config['palindra']['version']}; "
            f"palindra {palindra.__version__} reads format {FORMAT}. Install that version."
        )
    return config


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Whatever goes wrong while a run folder is read is said of that folder.

    Raises:
        InputError: instead of the errors of files, formats and weights.
    """
    try:
        yield
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{folder}: this run folder cannot be read: {CONFIG} has no entry {error}.") from error
    except (ValueError, TypeError, AttributeError, RuntimeError, OSError, SafetensorError) as error:
        first = " ".join(line.strip() for line in str(error).splitlines()[:2])  # torch lists every weight
        raise InputError(f"{folder}: this run folder cannot be read: {first}") from error


def load(folder: str | Path) -> nn.Module:
    """The trained model of a run folder, in evaluation mode: ``model(one_hot) -> predictions``.

    Predictions are those of the sequences ``(batch, outputs)``; a model of tracks gives the coverage along them
    ``(batch, tracks, bins)``, or probabilities ``(batch, tracks)`` where it was trained on labels of windows.

    Args:
        folder: written by ``palindra train`` or ``palindra compare``.

    Raises:
        InputError: if the folder is not a whole run.
    """
    from palindra.models.track_saving import load_coverage

    place = Path(folder)
    with readable(place):
        tracks = checked_config(place)["palindra"].get("kind") == TRACKS
    return load_coverage(place) if tracks else load_run(place).predictor


def _build(config: Mapping[str, Any]) -> Predictor:
    members, both = [], []
    for described in config["members"]:
        model, kind = MODELS[described["model"]]
        network: nn.Module = model(from_plain(kind, described["config"]))
        spread = described.get("loss")
        members.append(MeanVariance(network, SPREADS[spread]) if spread else network)
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
