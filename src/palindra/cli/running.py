"""One training run from labelled sequences to a finished run folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from palindra.cli import linear
from palindra.cli.inputs import choose
from palindra.cli.outputs import OUTPUTS, discrepancy, strand_outputs, write_predictions
from palindra.cli.provenance import facts, versions
from palindra.cli.settings import require_same, settings_of, start
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import score
from palindra.models import MODELS, Predictor
from palindra.models.plain import typed_fields
from palindra.models.saving import is_finished, read_config, save_run, seal, write_tensors, write_text
from palindra.nn import count_parameters
from palindra.symmetry import Target
from palindra.training.fit import Fit, fit, require_trainable
from palindra.training.module import TrainingConfig
from palindra.training.strategies import Member, Strategy, members

STEPS, FEWEST, MOST = 2000, 10, 60  # what `epochs = 0` aims at

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

    def __post_init__(self) -> None:
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
    letters = len(data.alphabet.letters)
    if letters != 4:
        raise InputError(f"{plan.model} reads 4 letters, but {data.alphabet.name} has {letters}.")
    options = {
        "length": data.length,
        "target": plan.target,
        "outputs": data.outputs,
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
        return model(kind(**options | typed_fields(kind, plan.options)))
    except InputError:
        raise
    except (ValueError, RuntimeError, TypeError, ZeroDivisionError) as error:  # whatever a layer refuses
        raise InputError(f"{plan.model} cannot be built for sequences of {data.length} letters: {error}") from error


def check_trainable(data: LabelledSequences, plan: Plan, chosen: Sequence[Member]) -> None:
    """Find out before any training whether all members can be trained.

    Raises:
        InputError: for the first that cannot.
    """
    for strategy in {member.strategy for member in chosen}:
        if strategy.linear:
            linear.require_invariant(plan.target)
            continue
        require_trainable(strategy, plan.target, data, plan.training)
        with torch.random.fork_rng(devices=[]):
            build(data, plan, strategy)


def train_run(
    data: LabelledSequences,
    plan: Plan,
    strategy_name: str,
    seed: int,
    folder: str | Path,
    *,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
    finish: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Train the models that a strategy name stands for and write a run folder.

    Work happens in ``folder.partial``; the folder itself appears when it is complete. A finished folder is returned
    as it is, an unfinished one is continued; both only if they were made with the same data and settings. With several
    processes all train and the first writes, while the others wait.

    Args:
        data: with train and valid splits.
        plan: what is trained.
        strategy_name: one or several models, see :func:`palindra.training.strategies.members`.
        seed: of the run; copies in an ensemble add 1000 each.
        folder: to write.
        progress: show a bar for each epoch.
        say: gets one line for each model of an ensemble.
        finish: adds to the folder before it is sealed.

    Raises:
        InputError: if the folder exists and is something else, or training is impossible with these data.
    """
    folder = Path(folder)
    chosen = members(strategy_name)
    plan = replace(plan, training=with_epochs(plan.training, int((data.splits == "train").sum())))
    settings = settings_of(data, plan, strategy_name, seed)
    if is_finished(folder):
        require_same(folder, read_config(folder).get("settings", settings), settings)
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not a finished run; choose another --output, or remove it.")
    check_trainable(data, plan, chosen)
    partial = folder.with_name(folder.name + ".partial")
    work = partial / "work"
    if first_process():
        start(partial, settings)
    if not is_finished(partial):  # else a kill came between the last two lines below
        fits, networks = [], []
        for number, member in enumerate(chosen):
            if len(chosen) > 1:
                say(f"model {number + 1} of {len(chosen)}: {member.strategy.name}, seed {seed + 1000 * member.copy}")
            network, result = _train_member(data, plan, member, seed, work / str(number), progress)
            networks.append(network)
            fits.append(result)
        if first_process():
            _write(partial, data, plan, strategy_name, seed, networks, fits, settings)
            finish(partial)
            seal(partial)
    if first_process():
        shutil.rmtree(work, ignore_errors=True)
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    return folder


def first_process() -> bool:
    """Whether this is the process that writes, or one of those that only help to train."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _train_member(
    data: LabelledSequences, plan: Plan, member: Member, seed: int, folder: Path, progress: bool
) -> tuple[torch.nn.Module, Fit]:
    if member.strategy.linear:
        return linear.fit_kmers(data, plan.target)
    own_seed = seed + 1000 * member.copy
    torch.manual_seed(own_seed)
    network = build(data, plan, member.strategy)
    result = fit(
        network,
        data,
        target=plan.target,
        strategy=member.strategy,
        config=plan.training,
        seed=own_seed,
        folder=folder,
        progress=progress,
        loggers=plan.loggers,
    )
    return network, result


def _write(
    folder: Path,
    data: LabelledSequences,
    plan: Plan,
    strategy_name: str,
    seed: int,
    networks: Sequence[torch.nn.Module],
    fits: Sequence[Fit],
    settings: Mapping[str, str],
) -> None:
    """Everything in a run folder that follows from the trained networks."""
    chosen = members(strategy_name)
    predictor = Predictor(
        networks,
        both_strands=[member.strategy.both_strands for member in chosen],
        task=data.task,
        target=plan.target,
        offset=fits[0].offset,
        scale=fits[0].scale,
    ).eval()
    save_run(
        folder,
        predictor,
        models=[
            {
                "model": "kmer_linear" if member.strategy.linear else plan.model,
                "strategy": member.strategy.name,
                "seed": seed + 1000 * member.copy,
            }
            for member in chosen
        ],
        config={
            "run": {"command": plan.command, "strategy": strategy_name, "seed": seed, "width": plan.width},
            "training": asdict(plan.training) | {"seconds": sum(f.seconds for f in fits)},
            "data": facts(data),
            "settings": settings,
            "versions": versions(),
        },
    )
    _write_history(folder / "history.tsv", fits)
    outputs = strand_outputs(predictor, data)
    write_tensors(folder / OUTPUTS, outputs)
    write_predictions(folder / "predictions.tsv", data, outputs, predictor)
    metrics: dict[str, Any] = {
        "parameters": count_parameters(predictor),
        "seconds": sum(f.seconds for f in fits),
        "epochs": [f.epochs for f in fits],
        "best_epoch": [f.best_epoch for f in fits],
        "strand_discrepancy": discrepancy(predictor, outputs, "test" if "test.given" in outputs else "valid"),
    }
    for split in ("valid", "test"):
        if f"{split}.given" in outputs:
            predicted = predictor.link(outputs[f"{split}.given"]).numpy()
            metrics[split] = score(data.task, predicted, data.rows(split).labels)
    write_text(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    for kept in sorted((folder / "work").glob("*/tensorboard")):
        shutil.copytree(kept, folder / f"tensorboard-{kept.parent.name}", dirs_exist_ok=True)


def _write_history(path: Path, fits: Sequence[Fit]) -> None:
    lines = ["model\tepoch\ttrain_loss\tvalid_loss"]
    for number, result in enumerate(fits):
        lines += [
            f"{number}\t{row['epoch']:.0f}\t{row['train_loss']:.6g}\t{row['valid_loss']:.6g}" for row in result.history
        ]
    write_text(path, "\n".join(lines) + "\n")
