"""One training run from labelled sequences to a finished run folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palindra.cli.labelled import linear
from palindra.cli.labelled.plan import SQUARED, Plan, build, check_trainable, with_epochs
from palindra.cli.labelled.stored_outputs import member_outputs
from palindra.cli.outputs import OUTPUTS, discrepancy, strand_outputs, write_predictions
from palindra.cli.provenance import facts, versions
from palindra.cli.settings import require_same, settings_of, start
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import score
from palindra.models import Predictor
from palindra.models.saving import is_finished, read_config, save_run, seal, write_tensors, write_text
from palindra.nn import count_parameters
from palindra.nn.processes import first_alone, several_processes
from palindra.ranks import first_process
from palindra.training.fit import Fit, fit
from palindra.training.strategies import Member, members


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
    if plan.loss != SQUARED:
        settings["training"] += f", loss {plan.loss}"
    if is_finished(folder):
        require_same(folder, read_config(folder)["settings"], settings)
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
        predictor = _predictor(data, plan, chosen, networks, fits)
        outputs = strand_outputs(predictor, data)
        with first_alone():
            if first_process():
                _write(partial, data, plan, strategy_name, seed, predictor, outputs, fits, settings)
                finish(partial)
                seal(partial)
    return put_in_place(partial, work, folder)


def put_in_place(partial: Path, work: Path, folder: Path) -> Path:
    """Give a finished run its name, without what it was made with; every process waits for that."""
    if first_process():
        shutil.rmtree(work, ignore_errors=True)
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
    if several_processes():
        torch.distributed.barrier()
    return folder


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


def _predictor(
    data: LabelledSequences,
    plan: Plan,
    chosen: Sequence[Member],
    networks: Sequence[torch.nn.Module],
    fits: Sequence[Fit],
) -> Predictor:
    return Predictor(
        networks,
        both_strands=[member.strategy.both_strands for member in chosen],
        task=data.task,
        target=plan.target,
        offset=fits[0].offset,
        scale=fits[0].scale,
    ).eval()


def _write(
    folder: Path,
    data: LabelledSequences,
    plan: Plan,
    strategy_name: str,
    seed: int,
    predictor: Predictor,
    outputs: Mapping[str, Tensor],
    fits: Sequence[Fit],
    settings: Mapping[str, str],
) -> None:
    """Everything in a run folder that follows from the trained networks."""
    chosen = members(strategy_name)
    save_run(
        folder,
        predictor,
        models=[
            {
                "model": "kmer_linear" if member.strategy.linear else plan.model,
                "strategy": member.strategy.name,
                "seed": seed + 1000 * member.copy,
            }
            | ({} if plan.loss == SQUARED else {"loss": plan.loss})
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
    write_tensors(folder / OUTPUTS, {**outputs, **member_outputs(predictor, data)})
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
