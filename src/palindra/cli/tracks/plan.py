"""What is trained on tracks, apart from data, strategy and seed, and the network that follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from torch import nn

from palindra.cli.inputs import choose
from palindra.errors import InputError
from palindra.models.plain import typed_fields
from palindra.models.track_config import TrackConfig
from palindra.models.track_models import TRACK_MODELS
from palindra.symmetry import Position, Rep, Target
from palindra.training.strategies import STRATEGIES, Strategy
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_losses import Reads, Truth

STEPS, FEWEST, MOST = 6000, 10, 100  # what `epochs = 0` aims at
PARTNERS = ("declared", "invariant", "untied")
DECIDED = {
    "length": "--length",
    "bin_size": "--bin-size",
    "outputs": "the data",
    "target": "the data and --partners",
    "involution": "--strategy",
    "channel_type": "--strategy",
    "binary": "--labels",
    "counts": "--loss",
}
"""Settings of a model that are not free, and what decides them."""


@dataclass(frozen=True)
class TrackPlan:
    """What is trained on tracks, apart from data, strategy and seed.

    Args:
        model: one of :data:`palindra.models.track_models.TRACK_MODELS`.
        options: of the model's configuration.
        training: loss, labels or coverage, bin size, optimiser, augmentation; ``epochs = 0`` chooses by the number of
            windows. Its ``length`` is replaced by the plan's.
        length: letters that the model reads; 0 for the stored window.
        width: channels of models that have one width for all layers; None for the model's own.
        partners: ``"declared"`` takes partners on the other strand from the data; ``"invariant"`` takes every track for
            its own partner, which is wrong for stranded tracks; ``"untied"`` leaves the head without symmetry on a
            trunk that has it. The last two are there to be compared with the first.
        scale: ``"spread"`` or ``"mean"`` divides each track by one number while it is trained on, for losses that
            depend on units, and multiplies predictions by it, see
            :func:`palindra.training.track_scaling.training_scale`; ``"none"`` does not.
        loggers: any of ``"tensorboard"`` and ``"wandb"``.
        command: that was run.
    """

    model: str = "track_resnet"
    options: Mapping[str, Any] = field(default_factory=dict)
    training: TrackTrainingConfig = field(default_factory=TrackTrainingConfig)
    length: int = 0
    width: int | None = None
    partners: Literal["declared", "invariant", "untied"] = "declared"
    scale: Literal["spread", "mean", "none"] = "spread"
    loggers: tuple[str, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        choose("--model", self.model, TRACK_MODELS)
        choose("--partners", self.partners, PARTNERS)
        choose("--scale", self.scale, ("spread", "mean", "none"))
        kind = TRACK_MODELS[self.model][1]
        free = [f.name for f in fields(kind) if f.name not in DECIDED]
        for name in self.options:
            if name in DECIDED:
                raise InputError(f"--set model.{name}: it is decided by {DECIDED[name]}.")
            choose("--set", f"model.{name}", [f"model.{known}" for known in free])
        if self.width is not None and "width" not in free:
            raise InputError(
                f"--width {self.width}: {self.model} has no single width; set one of "
                f"{', '.join(f'model.{name}' for name in free if 'width' in name)} with --set."
            )
        try:
            typed_fields(kind, self.options)
        except ValueError as error:
            raise InputError(f"--set model.{error}") from None
        activity, loss = self.training.labels == "activity", self.training.loss_function
        if activity and loss.truth is not Truth.LABELS:
            raise InputError(f"--labels activity with --loss {self.training.loss}: labels of windows need --loss bce.")


def resolved(plan: TrackPlan, data: Any) -> TrackPlan:
    """The plan with what ``0`` left to the data: length and epochs."""
    length = plan.length or int(data.window)
    training = plan.training
    if not training.epochs:
        steps = max(1, len(data.splits["train"]) // training.batch_size)
        training = replace(training, epochs=int(np.clip(math.ceil(STEPS / steps), FEWEST, MOST)))
    return replace(plan, length=length, training=replace(training, length=length))


def strategy_of(name: str) -> Strategy:
    """The strategy of that name.

    Raises:
        InputError: for one that does not exist for tracks.
    """
    known = [s.name for s in STRATEGIES.values() if s.k == 1 and not s.linear]
    return STRATEGIES[choose("--strategy", name, known)]


def target_of(plan: TrackPlan, data: Any) -> Target:
    """How the tracks change with the strand, as this plan takes it; positions in reverse."""
    if plan.partners == "invariant":
        return Target.invariant(len(data.tracks), Position.REVERSE)
    return data.target


def build(plan: TrackPlan, data: Any, strategy: Strategy) -> nn.Module:
    """A network of a resolved plan for one strategy, initialised from torch's current seed.

    Raises:
        InputError: if there is no such network.
    """
    build_model, kind = TRACK_MODELS[plan.model]
    defaults = {f.name: f.default for f in fields(kind)}
    activity, reads = plan.training.labels == "activity", plan.training.loss_function.reads
    target = target_of(plan, data)
    if activity:
        target = Target(target.rep, Position.IDENTITY, target.order)
    if plan.partners == "untied":
        target = Target.strand_specific()
    decided: dict[str, Any] = {
        "length": plan.length,
        "bin_size": plan.training.bin_size,
        "outputs": len(data.tracks),
        "target": target,
        "involution": strategy.position,
        "binary": activity or defaults.get("binary", False),
        "counts": reads is Reads.PROFILE_AND_COUNTS,
        "output": "softplus" if reads is Reads.RATES else "linear" if reads is not Reads.VALUES else None,
        "width": plan.width,
    }
    if strategy.kind:
        decided["channel_type"] = channel_type(strategy)
    if activity:
        decided.pop("bin_size")
    if (issubclass(kind, TrackConfig) and not decided["binary"]) == activity:
        gives, wanted = ("coverage", "tracks") if activity else ("labels of windows", "activity")
        raise InputError(f"--model {plan.model} gives {gives}: add --labels {wanted}, or choose another model.")
    if reads is Reads.PROFILE_AND_COUNTS and "counts" not in defaults:
        raise InputError(f"--loss {plan.training.loss} needs a head of counts: choose --model bpnet or bpnet-original.")
    chosen = {name: value for name, value in decided.items() if name in defaults and value is not None}
    if strategy.position is None:
        chosen["involution"] = None
    try:
        return build_model(kind(**chosen | typed_fields(kind, plan.options)))
    except InputError:
        raise
    except (ValueError, RuntimeError, TypeError, ZeroDivisionError) as error:  # whatever a layer refuses
        raise InputError(f"{plan.model} cannot be built for windows of {plan.length} bp: {error}") from error


def channel_type(strategy: Strategy) -> Rep:
    """The smallest type of the strategy's channels, with which a model fills its widths.

    Examples:
        >>> print(channel_type(STRATEGIES["irreps"]), "|", channel_type(STRATEGIES["mixed"]))
        3 even + 1 odd | 2 regular + 3 even + 1 odd
    """
    whole = strategy.hidden(8)
    common = math.gcd(whole.regular, whole.even, whole.odd)
    return Rep(whole.regular // common, whole.even // common, whole.odd // common)
