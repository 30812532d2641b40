"""What is trained, apart from data and seed: model, sizes and training, and the networks that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch

from palindra.cli.inputs import choose
from palindra.cli.labelled import linear
from palindra.data import LabelledSequences, Task
from palindra.errors import InputError
from palindra.models import MODELS
from palindra.models.mean_variance import SPREADS, MeanVariance, parameter_target
from palindra.models.plain import typed_fields
from palindra.symmetry import Target
from palindra.training.fit import require_trainable
from palindra.training.module import TrainingConfig
from palindra.training.regularisers.settings import refuse_for_linear
from palindra.training.strategies import Member, Strategy

STEPS, FEWEST, MOST = 2000, 10, 60  # what `epochs = 0` aims at

SQUARED = "squared"
LOSSES = (SQUARED, *SPREADS)
"""Losses of regressions; all but the first train a model that says how sure it is."""

DECIDED = {
    "length": "the data",
    "outputs": "the data",
    "target": "--target",
    "hidden": "--width and the strategy",
    "involution": "the strategy",
}
"""Settings of a model that are not free, and what decides them."""


@dataclass(frozen=True)
class Plan:
    """What is trained, apart from data, strategy and seed."""

    target: Target
    model: str = "strand_resnet"
    width: int = 64
    options: Mapping[str, Any] = field(default_factory=dict)  # of the model's configuration
    training: TrainingConfig = field(default_factory=TrainingConfig)
    loggers: tuple[str, ...] = ()
    command: str = ""
    loss: str = SQUARED  # of a regression, or what each prediction says of its spread

    def __post_init__(self) -> None:
        choose("--loss", self.loss, LOSSES)
        choose("--model", self.model, [name for name, (_, kind) in MODELS.items() if "hidden" in _names(kind)])
        kind = MODELS[self.model][1]
        for name in self.options:
            if name in DECIDED and name in _names(kind):
                raise InputError(f"--set model.{name}: it is decided by {DECIDED[name]}.")
            choose("--set", f"model.{name}", [f"model.{free}" for free in _names(kind) if free not in DECIDED])
        try:
            typed_fields(kind, self.options)
        except ValueError as error:
            raise InputError(f"--set model.{error}") from None


def _names(kind: type[Any]) -> list[str]:
    return [f.name for f in fields(kind)]


def with_epochs(config: TrainingConfig, rows: int) -> TrainingConfig:
    """``epochs = 0`` becomes as many as make about 2,000 steps, between 10 and 60."""
    if config.epochs:
        return config
    steps = max(1, rows // config.batch_size)
    return replace(config, epochs=int(np.clip(round(STEPS / steps), FEWEST, MOST)))


def build(data: LabelledSequences, plan: Plan, strategy: Strategy) -> torch.nn.Module:
    """A network of the plan for one strategy, initialised from torch's current seed.

    Raises:
        InputError: if there is no such network.
    """
    model, kind = MODELS[plan.model]
    spread = SPREADS.get(plan.loss)
    letters = len(data.alphabet.letters)
    if letters != 4:
        raise InputError(f"{plan.model} reads 4 letters, but {data.alphabet.name} has {letters}.")
    options = {
        "length": data.length,
        "target": parameter_target(plan.target, spread.parameters) if spread else plan.target,
        "outputs": data.outputs * (spread.parameters if spread else 1),
        "hidden": strategy.hidden(plan.width),
        "involution": strategy.position,
    }
    if strategy.k > 1:
        if "k" not in _names(kind):
            raise InputError(
                f"strategy {strategy.name!r} reads {strategy.k}-mers, which {plan.model} does not: add "
                f"--model strand_cnn, or use {strategy.name.partition('-')[0]!r}."
            )
        options["k"] = strategy.k
    try:
        network = model(kind(**options | typed_fields(kind, plan.options)))
        return MeanVariance(network, spread) if spread else network
    except InputError:
        raise
    except (ValueError, RuntimeError, TypeError, ZeroDivisionError) as error:  # whatever a layer refuses
        raise InputError(f"{plan.model} cannot be built for sequences of {data.length} letters: {error}") from error


def check_trainable(data: LabelledSequences, plan: Plan, chosen: Sequence[Member]) -> None:
    """Find out before any training whether all members can be trained.

    Raises:
        InputError: for the first that cannot.
    """
    if plan.loss != SQUARED and data.task is not Task.REGRESSION:
        raise InputError(
            f"--loss {plan.loss}: it is for regression, but the task is {data.task}; its predictions are "
            "probabilities, which palindra predict --uncertainty calibrates. Leave --loss out."
        )
    for strategy in {member.strategy for member in chosen}:
        if strategy.linear and plan.loss != SQUARED:
            raise InputError(f"--loss {plan.loss}: strategy {strategy.name!r} is fitted to squared errors only.")
        if strategy.linear:
            linear.require_invariant(plan.target)
            refuse_for_linear(plan.training, strategy.name)
            continue
        require_trainable(strategy, plan.target, data, plan.training)
        with torch.random.fork_rng(devices=[]):
            build(data, plan, strategy)
