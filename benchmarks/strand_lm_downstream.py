"""A pretrained model frozen and fine-tuned beside the same network with new weights, and 6-mers."""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from palindra.cli import inputs
from palindra.cli.finetuning.plan import FinetunePlan
from palindra.cli.finetuning.plan import build as build_classifier
from palindra.cli.labelled.scoring import subset
from palindra.data import LabelledSequences, Task
from palindra.evaluation import fit_baseline, score
from palindra.models.strand_lm.shipped import folder_of
from palindra.symmetry import Target
from palindra.training.batches import Encoded
from palindra.training.fit import fit
from palindra.training.module import TrainingConfig
from palindra.training.strategies import NONE
from strand_lm_common import TUNING_SEED, difference, interval, keep, known

BASELINE = "6-mers"
WAYS = {"scratch": {"from_scratch": True}, "frozen": {"mode": "frozen"}, "fine-tuned": {}}


def downstream_part(args: argparse.Namespace) -> None:
    for table in args.tables:
        data = prepared(inputs.read(table), args.test_rows)
        for way in WAYS:
            tuned = {r: downstream_run(data, way, r, TUNING_SEED, args)["valid_mcc"] for r in args.rates}
            best = max(tuned, key=lambda rate: tuned[rate])
            for seed in args.seeds:
                downstream_run(data, way, best, seed, args)
        for seed in args.seeds:
            kmer_run(data, seed, args)


def prepared(data: LabelledSequences, test_rows: int) -> LabelledSequences:
    """At most so many test rows; where none is for validation, a tenth of the training rows. The same for all seeds."""
    rng = np.random.default_rng(0)
    test = rng.permutation(np.flatnonzero(data.splits == "test"))[:test_rows]
    data = data.take(np.sort(np.concatenate([np.flatnonzero(data.splits != "test"), test])))
    if (data.splits == "valid").any():
        return data
    train = np.flatnonzero(data.splits == "train")
    splits = data.splits.copy()
    splits[rng.choice(train, len(train) // 10, replace=False)] = "valid"
    return data.with_splits(splits)


def rows_of(data: LabelledSequences, rows: int, seed: int) -> LabelledSequences:
    return subset(data, rows if (data.splits == "train").sum() > rows else None, seed)


def downstream_run(
    data: LabelledSequences, way: str, rate: float, seed: int, args: argparse.Namespace
) -> dict[str, Any]:
    name = Path(data.source).name.split(".")[0]
    steps = math.ceil(min(args.rows, int((data.splits == "train").sum())) / args.batch_size)
    training = TrainingConfig(
        epochs=max(1, round(args.steps / steps)), batch_size=args.batch_size, learning_rate=rate, precision="float32"
    )
    settings = {"task": name, "name": way, "seed": seed, "rows": args.rows, "training": asdict(training)}
    settings["model"] = weights_name(folder_of(args.model))
    if args.strand_specific:
        settings |= {"target": "strand-specific", "test_rows": args.test_rows}
    if args.bins > 1:
        settings |= {"bins": args.bins}
    path = args.store / "downstream" / f"{name}_{way}_{rate:g}_{seed}" / "result.json"
    if found := known(path, settings):
        return found
    target = Target.strand_specific() if args.strand_specific else Target.invariant(data.outputs)
    start = time.process_time()
    plan = FinetunePlan(folder_of(args.model), target, bins=args.bins, training=training, **WAYS[way])  # type: ignore[arg-type]
    rows = rows_of(data, args.rows, seed)
    torch.manual_seed(seed)
    network = build_classifier(plan, rows)
    done = fit(network, rows, target=target, strategy=NONE, config=training, seed=seed, folder=path.parent / "work")
    scores: dict[str, Any] = {f"{split}_mcc": mcc_of(network, rows.rows(split)) for split in ("valid", "test")}
    scores |= {"rate": rate, "best_epoch": done.best_epoch + 1, "cpu_seconds": time.process_time() - start}
    for checkpoint in path.parent.glob("work/**/*.ckpt"):
        checkpoint.unlink()
    return keep(path, settings, scores)


def kmer_run(data: LabelledSequences, seed: int, args: argparse.Namespace) -> None:
    """Logistic regression on 6-mers of both strands, its features and penalty chosen on the validation split."""
    name = Path(data.source).name.split(".")[0]
    settings = {"task": name, "name": BASELINE, "seed": seed, "rows": args.rows}
    path = args.store / "downstream" / f"{name}_{BASELINE}_{seed}" / "result.json"
    if known(path, settings):
        return
    rows = rows_of(data, args.rows, seed)
    train, valid, test = (rows.rows(split) for split in ("train", "valid", "test"))
    fitted = fit_baseline("kmer", rows.task, (train.sequences, train.labels), (valid.sequences, valid.labels))
    keep(path, settings, {"test_mcc": float(score(rows.task, fitted.predict(test.sequences), test.labels)["MCC"])})


def mcc_of(network: nn.Module, rows: LabelledSequences) -> float:
    encoded = Encoded(rows)
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(encoded.one_hot(slice(k, k + 64))) for k in range(0, len(encoded), 64)])
    chances = logits.softmax(dim=-1) if rows.task is Task.MULTICLASS else logits.sigmoid()
    return float(score(rows.task, chances.numpy(), rows.labels)["MCC"])


def weights_name(folder: Path) -> str:
    from palindra.cli.embedding.running import weights_sha256

    return f"{folder.name} {weights_sha256(folder)[:16]}"


def downstream_table(args: argparse.Namespace) -> list[str]:
    found: dict[str, dict[str, dict[int, dict[str, Any]]]] = {}
    for path in sorted((args.store / "downstream").glob("*/result.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        given = run["settings"]
        if given["seed"] != TUNING_SEED:
            found.setdefault(given["task"], {}).setdefault(given["name"], {})[given["seed"]] = run
    lines = ["Downstream: MCC on the test split, mean over seeds [95 % interval]; differences paired over seeds"]
    for task, ways in found.items():
        lines += ["", task]
        for name in [name for name in (*WAYS, BASELINE) if name in ways]:
            mine = list(ways[name].values())
            rate = (
                f"  rate {mine[0]['rate']:g}, {np.mean([r['cpu_seconds'] for r in mine]):.0f} CPU s"
                if "rate" in mine[0]
                else ""
            )
            lines.append(f"  {name:<12} {interval([run['test_mcc'] for run in mine])} ({len(mine)} seeds){rate}")
        for first, second in (("frozen", "scratch"), ("fine-tuned", "scratch"), ("fine-tuned", BASELINE)):
            both = sorted(ways.get(first, {}).keys() & ways.get(second, {}).keys())
            if both:
                pairs = [[ways[name][s]["test_mcc"] for s in both] for name in (first, second)]
                lines.append(f"    {first} - {second} {difference(*pairs).strip()}")
    return lines if found else []
