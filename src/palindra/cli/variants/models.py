"""The model that variants are scored with: a run folder of labels or tracks, or anybody's function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from palindra.cli import inputs
from palindra.cli.auditing import ACTIVATIONS, find_model
from palindra.cli.tracks.inputs import is_track_run
from palindra.data.files import hash_file
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.evaluation.predicting import predictor
from palindra.evaluation.variants import Reading
from palindra.models.saving import CHECKSUMS, load_run
from palindra.models.track_saving import Coverage, load_track_run
from palindra.symmetry import Target

KINDS = ("coverage", "probability", "value")


@dataclass(frozen=True)
class VariantModel:
    """A model and what its outputs are.

    Args:
        network: takes one-hot windows ``(batch, 4, length)``.
        names: of its outputs.
        length: letters that it reads.
        reading: how outputs become one number per target, and what the other strand does with them.
        identity: what says whether it is the same model when a command goes on.
    """

    network: nn.Module
    names: tuple[str, ...]
    length: int
    reading: Reading
    identity: str

    @property
    def knows_strands(self) -> bool:
        """Whether the target says what the other strand reads."""
        return self.reading.target.rep is not None


@dataclass(frozen=True)
class Declaration:
    """What the options say of a model that is not in a run folder."""

    window: int | None = None
    activation: str = "none"
    outputs: str = "invariant"
    field: str | None = None
    kind: str | None = None
    bin_size: int | None = None


def open_model(name: str, declared: Declaration) -> VariantModel:
    """The model of a run folder, or of ``module:function``.

    Raises:
        InputError: if it cannot be found or called, options do not go with it, or no variant can change its outputs.
    """
    if Path(name).is_dir():
        given = declared != Declaration(window=declared.window)
        if given:
            raise InputError(
                f"{name}: a run folder says itself what its outputs are; leave out --activation, --outputs, "
                "--output-field, --kind and --bin-size."
            )
        found = _of_tracks(Path(name)) if is_track_run(name) else _of_labels(Path(name))
        if declared.window not in (None, found.length):
            raise InputError(f"--window {declared.window}: the model of {name} reads {found.length} bp.")
        return found
    return _of_anybody(name, declared)


def chosen(text: str | None, names: tuple[str, ...]) -> list[int]:
    """The numbers of the targets that an option names, all of them by default.

    Examples:
        >>> chosen("liver, brain", ("brain", "heart", "liver"))
        [2, 0]
    """
    if text is None:
        return list(range(len(names)))
    wanted = [part.strip() for part in text.split(",")]
    found = [names.index(inputs.choose("--targets", name, names)) for name in wanted]
    return list(dict.fromkeys(found))


def _of_labels(folder: Path) -> VariantModel:
    run = load_run(folder)
    if run.config["data"]["alphabet"].lower() == "protein":
        raise InputError(f"{folder}: reads proteins; variants of a genome need a model of DNA.")
    task = run.predictor.task
    names = run.config["data"]["classes" if task is Task.MULTICLASS else "targets"]
    kind = "value" if task is Task.REGRESSION else "probability"
    reading = Reading(run.predictor.target, kind)  # type: ignore[arg-type]
    return VariantModel(run.predictor, tuple(names), run.length, reading, hash_file(folder / CHECKSUMS))


def _of_tracks(folder: Path) -> VariantModel:
    run = load_track_run(folder)
    if run.loss == "multinomial":
        raise InputError(
            f"{folder}: gives shares of each window, whose sum no variant changes. Use a run whose loss predicts "
            "coverage (poisson, mse, bpnet) or labels."
        )
    signed = run.table["model"]["config"].get("output") == "linear" and run.loss != "bpnet"
    kind = "probability" if run.loss == "bce" else "value" if signed else "coverage"
    network = Coverage(run.network, run.loss, run.target if run.both_strands else None).eval()
    reading = Reading(run.target, kind)  # type: ignore[arg-type]
    return VariantModel(network, run.tracks, run.length, reading, hash_file(folder / CHECKSUMS))


def _of_anybody(name: str, declared: Declaration) -> VariantModel:
    inputs.choose("--activation", declared.activation, ACTIVATIONS)
    kind = declared.kind or ("value" if declared.activation == "none" else "probability")
    inputs.choose("--kind", kind, KINDS)
    if declared.window is None or declared.window < 1:
        raise InputError(f"--window: say how many letters {name} reads, e.g. --window 2114.")
    model = find_model(name)
    field = int(declared.field) if declared.field is not None and declared.field.isdigit() else declared.field
    activation = ACTIVATIONS[declared.activation]
    if not isinstance(model, nn.Module) or field is not None or activation is not None:
        model = _Adapted(model, field, activation)
    example = torch.zeros(2, 4, declared.window)
    try:
        with predictor(model) as run:
            outputs = run(example)
        if outputs.ndim == 1:
            model = _Adapted(model, None, None)
            outputs = outputs[:, None]
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{name}: cannot read one-hot windows of shape (2, 4, {declared.window}): {error}") from error
    if outputs.ndim > 3 or len(outputs) != len(example):
        raise InputError(
            f"{name}: outputs have shape {tuple(outputs.shape)} for 2 windows; (batch, outputs) or (batch, tracks, "
            "bins) are needed. Choose one of several with --output-field."
        )
    count = outputs.shape[1]
    reading = Reading(_target(declared.outputs, count), kind, declared.bin_size)  # type: ignore[arg-type]
    return VariantModel(model, tuple(f"output{n + 1}" for n in range(count)), declared.window, reading, name)


def _target(text: str, count: int) -> Target:
    if text in ("invariant", "track"):
        return Target.invariant(count)
    if text == "strand-specific":
        return Target.strand_specific()
    numbers = text.split(",")
    if not all(n.strip().isdigit() for n in numbers) or len(numbers) != count:
        raise InputError(
            f"--outputs {text}: give invariant, strand-specific, or for each of the {count} outputs the number, from "
            "0, of the one that it becomes on the other strand, e.g. 1,0."
        )
    try:
        return Target.paired([int(n) for n in numbers])
    except ValueError as error:
        raise InputError(f"--outputs {text}: {error}") from error


class _Adapted(nn.Module):
    """Anybody's function as a module that gives one tensor ``(batch, outputs, ...)``."""

    def __init__(self, model: Any, field: str | int | None, activation: Callable[[Tensor], Tensor] | None) -> None:
        super().__init__()
        self.inner = model  # registered as a part if it is a module
        self.field, self.activation = field, activation

    def forward(self, x: Tensor) -> Tensor:
        # One batch is one call: as many rows as there are, so nothing is split or reordered here.
        with predictor(self.inner, output=self.field, batch_size=max(len(x), 1)) as run:
            outputs = run(x)
        outputs = outputs[:, None] if outputs.ndim == 1 else outputs
        return outputs if self.activation is None else self.activation(outputs)
