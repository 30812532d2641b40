"""The options of training commands as one plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from palindra.cli import inputs
from palindra.errors import InputError

if TYPE_CHECKING:
    from palindra.cli.labelled.plan import Plan
    from palindra.data import LabelledSequences


def make_plan(
    rows: LabelledSequences,
    *,
    target: str,
    model: str,
    width: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    shift: int,
    precision: str,
    devices: int,
    assignments: Sequence[str] | None,
    loggers: Sequence[str] | None,
    command: str,
    nodes: int = 1,
) -> Plan:
    """Check every option and gather them.

    Raises:
        InputError: for a value that cannot be used.
    """
    from palindra.cli.labelled.plan import Plan
    from palindra.models.plain import typed_fields
    from palindra.training.module import TrainingConfig

    for name, value, least in (
        ("--epochs", epochs, 0),
        ("--batch-size", batch_size, 2),
        ("--patience", patience, 0),
        ("--shift", shift, 0),
        ("--devices", devices, 1),
        ("--nodes", nodes, 1),
    ):
        if value < least:
            raise InputError(f"{name} {value}: must be at least {least}.")
    if not 0 < learning_rate < math.inf:
        raise InputError(f"--learning-rate {learning_rate}: must be a positive number.")
    inputs.choose("--precision", precision, ["auto", "bf16", "float32"])
    for name in loggers or ():
        inputs.choose("--log", name, ["tensorboard", "wandb"])
    given = inputs.settings(assignments)
    for name in given["training"]:
        inputs.choose("--set", f"training.{name}", [f"training.{field.name}" for field in fields(TrainingConfig)])
    options: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "patience": patience,
        "shift": shift,
        "precision": precision,
        "devices": devices,
        "nodes": nodes,
    }
    try:
        training = TrainingConfig(**options | typed_fields(TrainingConfig, given["training"]))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"--set training.{error}") from None
    if training.shift >= rows.length:
        raise InputError(
            f"--shift {training.shift}: must be smaller than the sequences, which have {rows.length} letters."
        )
    return Plan(
        target=inputs.target(target, rows),
        model=model,
        width=width,
        options=given["model"],
        training=training,
        loggers=tuple(loggers or ()),
        command=command,
    )
