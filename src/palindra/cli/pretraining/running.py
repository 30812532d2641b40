"""One pretraining from a genome to a finished run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from palindra.cli.labelled.running import put_in_place
from palindra.cli.pretraining.plan import PretrainingPlan
from palindra.cli.pretraining.scoring import score
from palindra.cli.provenance import versions
from palindra.cli.settings import require_same, start
from palindra.data.language import LanguageData
from palindra.errors import InputError
from palindra.models.saving import is_finished, seal, write_text
from palindra.models.strand_lm import StrandLM
from palindra.models.strand_lm.saving import save
from palindra.nn import count_parameters
from palindra.nn.processes import first_alone
from palindra.ranks import first_process
from palindra.training.pretraining import Pretrained, pretrain, require_trainable
from palindra.training.pretraining.trainer import history_text

CONFIG = "config.json"


def pretrain_run(
    data: LanguageData,
    plan: PretrainingPlan,
    folder: str | Path,
    *,
    progress: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> Path:
    """Pretrain one language model and write a run folder.

    Work happens in ``folder.partial``; the folder itself appears when it is complete. A finished folder is returned
    as it is, an unfinished one is continued; both only if they were made with the same data and settings.

    The folder holds ``config.json``, ``model.safetensors``, ``history.tsv``, ``metrics.json`` and checksums.

    Args:
        data: genome, splits, classes.
        plan: what is trained.
        folder: to write.
        progress: show a bar.
        say: gets lines about the run.

    Raises:
        InputError: if the folder exists and is something else, or training is impossible with these data.
    """
    folder = Path(folder)
    settings = {"data": f"{data.genome.fasta.name}, contents {data.fingerprint[:16]}", **plan.settings}
    if is_finished(folder):
        require_same(folder, _written(folder), settings)
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not a finished run; choose another --out, or remove it.")
    partial = folder.with_name(folder.name + ".partial")
    work = partial / "work"
    torch.manual_seed(plan.seed)
    network = StrandLM(plan.model)
    require_trainable(network, data, plan.training)
    if is_finished(partial):  # a kill came between the last two lines below
        require_same(partial, _written(partial), settings)
    else:
        if first_process():
            start(partial, settings)
            counts = ", ".join(f"{name} {data.positions(name):,}" for name in data.splits)
            say(f"{count_parameters(network):,} parameters; positions: {counts}")
        done = pretrain(
            network,
            data,
            plan.training,
            seed=plan.seed,
            folder=work / "0",
            progress=progress,
            loggers=plan.loggers,
        )
        with first_alone():
            if first_process():
                _write(partial, data, plan, network, done, settings)
                say(f"{plan.training.steps} steps in {done.seconds:.0f} s, best after {done.best_step}")
                seal(partial)
    return put_in_place(partial, work, folder)


def _write(
    folder: Path,
    data: LanguageData,
    plan: PretrainingPlan,
    network: StrandLM,
    done: Pretrained,
    settings: dict[str, str],
) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    metrics = score(network.to(device), data, plan.training, plan.markov_order)
    write_text(folder / "history.tsv", history_text(done.history))
    write_text(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    extra: dict[str, Any] = {
        "data": {
            "genome": data.genome.fasta.name,
            "sha256": data.genome.fingerprint,
            "contents": data.fingerprint,
            "positions": {name: data.positions(name) for name in data.splits},
            "contigs": {name: sorted(parts) for name, parts in data.splits.items()},
            "classes": list(data.classes),
        },
        "training": asdict(plan.training),
        "seed": plan.seed,
        "best": {"step": done.best_step, "valid_bits_per_base": done.best_bits},
        "seconds": round(done.seconds, 1),
        "settings": settings,
        "command": plan.command,
        "versions": versions(),
    }
    save(folder, network.to("cpu"), extra)


def _written(folder: Path) -> dict[str, str]:
    """The settings of a finished run.

    Raises:
        InputError: if the folder is a run of another kind.
    """
    path = folder / CONFIG
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: is not a pretraining run ({path.name}: {error}). Choose another --out.") from error
