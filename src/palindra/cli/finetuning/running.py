"""One fine-tuning from labelled sequences to a finished run folder, like those of ``palindra train``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palindra.cli.finetuning.plan import FinetunePlan, build, check_readable
from palindra.cli.labelled.plan import with_epochs
from palindra.cli.labelled.running import put_in_place
from palindra.cli.outputs import OUTPUTS, discrepancy, strand_outputs, write_predictions
from palindra.cli.provenance import contents, facts, versions
from palindra.cli.settings import NOT_RESULTS, require_same, start
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import score
from palindra.models import Predictor
from palindra.models.saving import is_finished, read_config, save_run, seal, write_tensors, write_text
from palindra.models.strand_lm.lora import merge_lora
from palindra.nn import count_parameters
from palindra.nn.processes import first_alone
from palindra.ranks import first_process
from palindra.training.fit import Fit, fit, require_trainable
from palindra.training.strategies import NONE

MODEL = "language_model"  # the name of the network in run folders


def finetune_run(
    data: LabelledSequences,
    plan: FinetunePlan,
    seed: int,
    folder: str | Path,
    *,
    progress: bool = False,
    finish: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Train a head on a language model, and the language model as the mode says, and write a run folder.

    The run folder holds all weights, updates of low rank merged into them, so that it needs nothing else. A finished
    folder is returned as it is, an unfinished one is continued; both only if they were made with the same data,
    language model and settings.

    Args:
        data: with train and valid splits.
        plan: what is trained.
        seed: of the head, of order and of dropout.
        folder: to write.
        progress: show a bar for each epoch.
        finish: adds to the folder before it is sealed.

    Raises:
        InputError: if the folder exists and is something else, or training is impossible with these data.
    """
    folder = Path(folder)
    plan = replace(plan, training=with_epochs(plan.training, int((data.splits == "train").sum())))
    settings = {
        "data": f"{data}, contents {contents(data)[:16]}",
        "strategy": f"{plan.name}, seed {seed}",
        "model": plan.summary(),
        "training": ", ".join(
            f"{name} {value}" for name, value in asdict(plan.training).items() if name not in NOT_RESULTS
        ),
        "target": str(plan.target),
    }
    if is_finished(folder):
        require_same(folder, read_config(folder)["settings"], settings)
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not a finished run; choose another --output, or remove it.")
    require_trainable(NONE, plan.target, data, plan.training)
    torch.manual_seed(seed)
    network = build(plan, data)
    check_readable(network, data)
    partial = folder.with_name(folder.name + ".partial")
    work = partial / "work"
    if first_process():
        start(partial, settings)
    if not is_finished(partial):  # else a kill came between the last two lines below
        trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
        result = fit(
            network,
            data,
            target=plan.target,
            strategy=NONE,  # strands are the network's own affair, whatever the target
            config=plan.training,
            seed=seed,
            folder=work / "0",
            progress=progress,
            loggers=plan.loggers,
        )
        merge_lora(network)
        predictor = Predictor(
            [network],
            both_strands=[False],
            task=data.task,
            target=plan.target,
            offset=result.offset,
            scale=result.scale,
        ).eval()
        outputs = strand_outputs(predictor, data)
        with first_alone():
            if first_process():
                _write(partial, data, plan, seed, predictor, outputs, result, settings, trained)
                finish(partial)
                seal(partial)
    return put_in_place(partial, work, folder)


def _write(
    folder: Path,
    data: LabelledSequences,
    plan: FinetunePlan,
    seed: int,
    predictor: Predictor,
    outputs: Mapping[str, Tensor],
    result: Fit,
    settings: Mapping[str, str],
    trained: int,
) -> None:
    """Everything in a run folder that follows from the trained network."""
    network: Any = predictor.members[0]
    tuned = {"model": plan.source.name, "mode": plan.mode, "from_scratch": plan.from_scratch, "rank": plan.rank}
    save_run(
        folder,
        predictor,
        models=[{"model": MODEL, "strategy": NONE.name, "seed": seed}],
        config={
            "run": {
                "command": plan.command,
                "strategy": plan.name,
                "seed": seed,
                "width": int(network.language_model.hidden_width),
            },
            "finetuning": tuned,
            "training": asdict(plan.training) | {"seconds": result.seconds},
            "data": facts(data),
            "settings": settings,
            "versions": versions(),
        },
    )
    rows = [f"0\t{row['epoch']:.0f}\t{row['train_loss']:.6g}\t{row['valid_loss']:.6g}" for row in result.history]
    write_text(folder / "history.tsv", "\n".join(["model\tepoch\ttrain_loss\tvalid_loss", *rows]) + "\n")
    write_tensors(folder / OUTPUTS, dict(outputs))
    write_predictions(folder / "predictions.tsv", data, outputs, predictor)
    metrics: dict[str, Any] = {
        "parameters": count_parameters(predictor),
        "trained_parameters": trained,
        "seconds": result.seconds,
        "epochs": [result.epochs],
        "best_epoch": [result.best_epoch],
        "strand_discrepancy": discrepancy(predictor, outputs, "test" if "test.given" in outputs else "valid"),
    }
    for split in ("valid", "test"):
        if f"{split}.given" in outputs:
            predicted = predictor.link(outputs[f"{split}.given"]).numpy()
            metrics[split] = score(data.task, predicted, data.rows(split).labels)
    write_text(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
