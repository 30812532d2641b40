"""One training run from labelled sequences to a finished run folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from palindra.cli.inputs import check_fields, choose
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import fit_baseline, kmer_names, score
from palindra.models import MODELS, KmerLinear, KmerLinearConfig, Predictor, predict_batches
from palindra.models.saving import is_finished, save_run, seal, write_text
from palindra.nn import count_parameters
from palindra.sequences import one_hot, reverse_complement
from palindra.symmetry import Target
from palindra.training.fit import Fit, fit, standardisation
from palindra.training.module import TrainingConfig
from palindra.training.strategies import Strategy, members

OUTPUTS = "outputs.safetensors"
STEPS, FEWEST, MOST = 2000, 10, 60  # what `epochs = 0` aims at


@dataclass(frozen=True)
class Plan:
    """What is trained, apart from data, strategy and seed."""

    target: Target
    model: str = "strand_resnet"
    width: int = 64
    options: Mapping[str, Any] = field(default_factory=dict)  # of the model's configuration
    training: TrainingConfig = TrainingConfig()
    loggers: tuple[str, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        choose("model", self.model, MODELS)
        check_fields(MODELS[self.model][1], dict(self.options), "--set model.")


def with_epochs(config: TrainingConfig, rows: int) -> TrainingConfig:
    """``epochs = 0`` becomes as many as make about 2,000 steps, between 10 and 60."""
    if config.epochs:
        return config
    steps = max(1, rows // config.batch_size)
    return replace(config, epochs=int(np.clip(round(STEPS / steps), FEWEST, MOST)))


def build(data: LabelledSequences, plan: Plan, strategy: Strategy) -> torch.nn.Module:
    """A network of the plan for one strategy, initialised from torch's current seed."""
    model, kind = MODELS[plan.model]
    options = {
        "length": data.length,
        "target": plan.target,
        "outputs": data.outputs,
        "hidden": strategy.hidden(plan.width),
        "involution": strategy.position,
    }
    if strategy.k > 1:
        options["k"] = strategy.k
    return model(kind(**options | dict(plan.options)))


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
    as it is, an unfinished one is continued.

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
    if is_finished(folder):
        return folder
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: exists and is not a finished run; choose another --output, or remove it.")
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    fingerprint = _fingerprint(data, plan, strategy_name, seed)
    _require_same(partial, fingerprint)
    config = with_epochs(plan.training, int((data.splits == "train").sum()))
    networks, fits, models = [], [], []
    chosen = members(strategy_name)
    for number, member in enumerate(chosen):
        own_seed = seed + 1000 * member.copy
        if member.strategy.linear:
            network, result = fit_kmers(data, plan.target)
            networks.append(network)
            fits.append(result)
            models.append({"model": "kmer_linear", "strategy": member.strategy.name, "seed": own_seed})
            continue
        torch.manual_seed(own_seed)
        network = build(data, plan, member.strategy)
        if len(chosen) > 1:
            say(f"model {number + 1} of {len(chosen)}: {member.strategy.name}, seed {own_seed}")
        result = fit(
            network,
            data,
            target=plan.target,
            strategy=member.strategy,
            config=config,
            seed=own_seed,
            folder=partial / "work" / str(number),
            progress=progress,
            loggers=plan.loggers,
        )
        networks.append(network)
        fits.append(result)
        models.append({"model": plan.model, "strategy": member.strategy.name, "seed": own_seed})
    if int(os.environ.get("LOCAL_RANK", "0")):
        sys.exit(0)  # further processes of a DDP run have done their part
    predictor = Predictor(
        networks,
        both_strands=[member.strategy.both_strands for member in chosen],
        task=data.task,
        target=plan.target,
        offset=fits[0].offset,
        scale=fits[0].scale,
    ).eval()
    save_run(
        partial,
        predictor,
        models=models,
        config={
            "run": {"command": plan.command, "strategy": strategy_name, "seed": seed, "width": plan.width},
            "training": asdict(config) | {"seconds": sum(f.seconds for f in fits)},
            "data": facts(data),
            "versions": versions(),
        },
    )
    _write_history(partial / "history.tsv", fits)
    outputs = strand_outputs(predictor, data)
    save_file(outputs, partial / OUTPUTS)
    write_predictions(partial / "predictions.tsv", data, outputs, predictor)
    metrics = {
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
    write_text(partial / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    for kept in sorted((partial / "work").glob("*/tensorboard")):
        shutil.move(kept, partial / f"tensorboard-{kept.parent.name}")
    shutil.rmtree(partial / "work", ignore_errors=True)  # a linear model leaves none
    (partial / "started.json").unlink()
    finish(partial)
    seal(partial)
    if folder.exists():
        folder.rmdir()
    os.replace(partial, folder)
    return folder


def fit_kmers(data: LabelledSequences, target: Target) -> tuple[torch.nn.Module, Fit]:
    """The k-mer baseline as a network, fitted on the training split, its penalty chosen on validation.

    Raises:
        InputError: for targets that are not the same for both strands.
    """
    if target.rep is None or target.rep.regular or target.rep.odd:
        raise InputError("strategy 'kmers' collapses the strands, so it needs a target that is the same for both.")
    started = time.perf_counter()
    train, valid = data.rows("train"), data.rows("valid")
    offset, scale = standardisation(train)
    fitted = fit_baseline(
        "kmer",
        str(data.task),
        (train.sequences, (train.labels - offset) / scale),
        (valid.sequences, (valid.labels - offset) / scale),
    )
    counts = "log" if fitted.features.startswith("log") else "unit length"
    network = KmerLinear(
        KmerLinearConfig(data.length, target=target, outputs=data.outputs, counts=counts, scale=fitted.scale)
    )
    column = {name: number for number, name in enumerate(kmer_names(6))}
    chosen = [column[name] if name in column else column[reverse_complement(name)] for name in network.names]
    weight = torch.from_numpy(fitted.linear.weight[chosen].T.copy()).float()
    network.set_weights(weight, torch.from_numpy(np.atleast_1d(fitted.linear.intercept)).float())
    seconds = time.perf_counter() - started
    return network, Fit(0, fitted.validation_loss, 0, seconds, offset, scale, [])


def strand_outputs(predictor: Predictor, data: LabelledSequences) -> dict[str, Tensor]:
    """Logits (or standardised values) on validation and test rows, as given and, aligned, from the other strand."""
    found: dict[str, Tensor] = {}
    for split in ("valid", "test"):
        if not (data.splits == split).any():
            continue
        rows = data.rows(split)
        x = one_hot(rows.sequences, data.alphabet)
        found[f"{split}.given"] = predict_batches(_Logits(predictor), x)
        if predictor.target.rep is not None and data.alphabet.rep.regular:
            other = predict_batches(_Logits(predictor), x.flip(1, 2))
            found[f"{split}.other"] = predictor.target.act(other).contiguous()
    return found


class _Logits(torch.nn.Module):
    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, x: Tensor) -> Tensor:
        return self.predictor.logits(x)


def discrepancy(predictor: Predictor, outputs: Mapping[str, Tensor], split: str) -> float | None:
    """Mean difference of predictions between the strands."""
    if f"{split}.other" not in outputs:
        return None
    given, other = (predictor.link(outputs[f"{split}.{side}"]) for side in ("given", "other"))
    return float((given - other).abs().mean())


def write_predictions(path: Path, data: LabelledSequences, outputs: Mapping[str, Tensor], predictor: Predictor) -> None:
    """One line per validation and test row: where it came from, labels, predictions on both strands."""
    names = output_names(data)
    header = ["split", "line", *(f"label_{n}" for n in data.target_names), *(f"prediction_{n}" for n in names)]
    both = any(key.endswith(".other") for key in outputs)
    header += [f"prediction_{n}_reverse_complement" for n in names] if both else []
    lines = ["\t".join(header)]
    for split in ("valid", "test"):
        if f"{split}.given" not in outputs:
            continue
        rows = data.rows(split)
        sides = [predictor.link(outputs[f"{split}.given"])]
        if both:
            sides.append(predictor.link(outputs[f"{split}.other"]))
        table = np.concatenate([rows.labels, *(side.numpy() for side in sides)], axis=1)
        lines += [
            "\t".join([split, str(line), *(f"{value:.7g}" for value in values)])
            for line, values in zip(rows.lines, table, strict=True)
        ]
    write_text(path, "\n".join(lines) + "\n")


def output_names(data: LabelledSequences) -> tuple[str, ...]:
    """Names of a model's outputs: label columns, or classes."""
    return data.class_names if data.task == "multiclass" else data.target_names


def facts(data: LabelledSequences) -> dict[str, Any]:
    """What a run folder remembers of its data."""
    return {
        "source": Path(data.source).name,
        "sha256": data.sha256,
        "length": data.length,
        "alphabet": data.alphabet.name,
        "targets": list(data.target_names),
        "classes": list(data.class_names),
        "rows": {split: int((data.splits == split).sum()) for split in ("train", "valid", "test")},
    }


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found = {"python": sys.version.split()[0]}
    for package in ("palindra", "torch", "lightning", "numpy", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def commit() -> str:
    """Commit of the checkout that the package runs from, or nothing."""
    done = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _fingerprint(data: LabelledSequences, plan: Plan, strategy: str, seed: int) -> dict[str, str]:
    """What must not change between the attempts at one run."""
    return {
        "data": f"{data.sha256} {data}",
        "strategy": f"{strategy}, seed {seed}",
        "model": f"{plan.model}, width {plan.width}, {dict(plan.options)}",
        "training": str(replace(plan.training, devices=1)),
        "target": str(plan.target),
    }


def _require_same(partial: Path, fingerprint: dict[str, str]) -> None:
    path = partial / "started.json"
    if not path.exists():
        write_text(path, json.dumps(fingerprint, indent=1))
        return
    before = json.loads(path.read_text())
    if changed := [name for name in fingerprint if before.get(name) != fingerprint[name]]:
        raise InputError(
            f"{partial}: an unfinished run with other settings lies here ({', '.join(changed)} differ: "
            f"{before.get(changed[0])} then, {fingerprint[changed[0]]} now). Remove it, or choose another --output."
        )


def _write_history(path: Path, fits: list[Any]) -> None:
    lines = ["model\tepoch\ttrain_loss\tvalid_loss"]
    for number, result in enumerate(fits):
        lines += [
            f"{number}\t{row['epoch']:.0f}\t{row.get('train_loss', float('nan')):.6g}\t"
            f"{row.get('valid_loss', float('nan')):.6g}"
            for row in result.history
        ]
    write_text(path, "\n".join(lines) + "\n")
