"""The options of a training on tracks as one plan, and the training itself."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from palindra.cli import inputs
from palindra.cli.tracks.inputs import open_data
from palindra.cli.tracks.options import ONLY_SEQUENCES, refuse
from palindra.cli.tracks.plan import TrackPlan
from palindra.errors import InputError
from palindra.models.plain import typed_fields
from palindra.training.track_config import TrackTrainingConfig

DEFAULTS: dict[str, Any] = {
    "epochs": 0,
    "optimizer": "adamw",
    "schedule": "cosine",
    "weight_decay": 0.01,
    "learning_rate": 2e-3,
    "batch_size": 16,
    "patience": 0,
}
"""What the command line takes instead of the published settings, which are for 100,000 windows and more."""

_TRAINING = (
    "epochs",
    "batch_size",
    "learning_rate",
    "patience",
    "shift",
    "precision",
    "devices",
    "nodes",
    "loss",
    "bin_size",
)


def train_tracks(path: Path, output: Path, options: Mapping[str, Any]) -> None:
    """Train one model on a data set of tracks, as the typed options say.

    Args:
        path: folder of the data set.
        output: run folder to write.
        options: that were typed, by their names in Python.

    Raises:
        InputError: for options that do not fit a data set of tracks, and for values that cannot be used.
    """
    from palindra.cli.tracks.evaluating import write_track_page
    from palindra.cli.tracks.running import train_track_run
    from palindra.data.tracks import describe

    plan = make_track_plan(options, command=shlex.join(["palindra", *sys.argv[1:]]))
    data = open_data(path, options.get("genome"))
    typer.echo(str(describe(path)))
    folder = train_track_run(
        data,
        plan,
        str(options.get("strategy", "regular")),
        int(options.get("seed", 0)),
        output,
        progress=bool(options.get("progress", True)),
        say=typer.echo,
        finish=lambda partial: write_track_page(partial, data, command=plan.command, name=output.name),
    )
    typer.echo(f"run folder  {folder}\npage        {folder / 'report.html'}")


def make_track_plan(options: Mapping[str, Any], *, command: str = "") -> TrackPlan:
    """Gather options; what is not given has the default of the command line.

    Raises:
        InputError: for a value that cannot be used.

    Examples:
        >>> plan = make_track_plan({"loss": "mse", "bin_size": 75, "set_": ["model.dilations=[1, 2]"]})
        >>> plan.training.loss, plan.training.schedule, plan.options["dilations"]
        ('mse', 'cosine', (1, 2))
    """
    refuse(options, ONLY_SEQUENCES, what="does not go with a data set of tracks: its build has decided that.")
    given = inputs.settings(options.get("set_"))
    names = [field.name for field in fields(TrackTrainingConfig)]
    for name in given["training"]:
        inputs.choose("--set", f"training.{name}", [f"training.{known}" for known in names if known != "length"])
    for name in options.get("log") or ():
        inputs.choose("--log", name, ["tensorboard", "wandb"])
    labels = inputs.choose("--labels", options.get("labels") or "tracks", ["tracks", "activity"])
    length = options.get("length") or 0
    if length < 0:
        raise InputError(f"--length {length}: must be a number of positions, at least 1.")
    chosen = DEFAULTS | {"labels": labels, "loss": "bce" if labels == "activity" else "poisson"}
    chosen |= {name: options[name] for name in _TRAINING if options.get(name) is not None}
    try:
        training = TrackTrainingConfig(**chosen | typed_fields(TrackTrainingConfig, given["training"]))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"--set training.{error}") from None
    return TrackPlan(
        model=options.get("model") or "track_resnet",
        options=given["model"],
        training=training,
        length=length,
        width=options.get("width"),
        partners=options.get("partners") or "declared",
        scale=options.get("scale") or "spread",
        loggers=tuple(options.get("log") or ()),
        command=command,
    )
