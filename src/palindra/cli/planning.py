"""The options of training commands as one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from palindra.cli import inputs
from palindra.errors import InputError

if TYPE_CHECKING:
    from palindra.cli.running import Plan
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
) -> Plan:
    """Check every option and gather them.

    Raises:
        InputError: for a value that cannot be used.
    """
    from palindra.cli.running import Plan
    from palindra.training.module import TrainingConfig

    for name, value, least in (
        ("--epochs", epochs, 0),
        ("--batch-size", batch_size, 1),
        ("--patience", patience, 0),
        ("--shift", shift, 0),
        ("--devices", devices, 1),
    ):
        if value < least:
            raise InputError(f"{name} {value}: must be at least {least}.")
    if not learning_rate > 0:
        raise InputError(f"--learning-rate {learning_rate}: must be positive.")
    if shift >= rows.length:
        raise InputError(f"--shift {shift}: must be smaller than the sequences, which have {rows.length} letters.")
    inputs.choose("--precision", precision, ["auto", "bf16", "float32"])
    for name in loggers or ():
        inputs.choose("--log", name, ["tensorboard", "wandb"])
    given = inputs.settings(assignments)
    inputs.check_fields(TrainingConfig, given["training"], "--set training.")
    config = TrainingConfig(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        shift=shift,
        precision=precision,  # type: ignore[arg-type]  # checked above
        devices=devices,
    )
    return Plan(
        target=inputs.target(target, rows),
        model=model,
        width=width,
        options=given["model"],
        training=replace(config, **given["training"]),
        loggers=tuple(loggers or ()),
        command=command,
    )
