"""Planted tasks: what matters lies far away, and in one of them must be put together from both strands."""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from palindra.data.language import Corrupted
from palindra.models.strand_lm import StrandLM
from palindra.nn import count_parameters
from palindra.training.pretraining import bits_of
from strand_lm_common import KINDS, TIED, config_of, difference, interval, keep, known
from strand_tasks import CHANCE, LESSONS, TASKS

SHORTEST = 72  # letters of a row that hold every task
FIRST = 0.2  # of the steps, in which an easier task is learned
SCORED = 128  # rows of four hidden letters each


def planted_part(args: argparse.Namespace) -> None:
    for seed in args.seeds:
        for length in args.lengths:
            for task in args.tasks:
                for name in args.models:
                    planted_run(task, length, name, seed, args)


def planted_run(task: str, length: int, name: str, seed: int, args: argparse.Namespace) -> None:
    """Fresh rows in every step, short ones first; scored on long rows that are the same for all models and seeds."""
    kind = KINDS[name]
    model = config_of(kind, args)
    sizes = {key: getattr(args, key) for key in ("steps", "batch_size", "rate")}
    settings = {"task": task, "length": length, "name": name, "seed": seed, "model": asdict(model), **sizes}
    settings["augmented"] = kind.augmented  # the rows themselves are of either strand, so nothing is turned again
    path = args.store / "planted" / f"{task}_{length}_{name}_{seed}.json".replace(" ", "_").replace(",", "")
    if known(path, settings):
        return
    torch.manual_seed(seed)
    network, rng = StrandLM(model), np.random.default_rng([seed, 1])
    optimizer = torch.optim.AdamW(network.parameters(), lr=args.rate, weight_decay=0.01)
    warm = max(1, args.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min(1.0, (n + 1) / warm) * 0.5 * (1 + math.cos(math.pi * n / args.steps))
    )
    start = time.process_time()
    first, later = LESSONS[task]
    for step in range(args.steps):
        done = step / args.steps
        short = length_at(done, length, rng)
        rows = max(1, round(args.batch_size * SHORTEST / short))
        bits, targets = task_bits(network, (first if done < FIRST else later)(rng, rows, short))
        loss = bits.sum() / (targets >= 0).sum()
        if not torch.isfinite(loss):
            raise SystemExit(f"{path.stem}: the loss became {float(loss)} in step {step + 1}; lower --rate.")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    seconds = time.process_time() - start
    network.eval()
    with torch.inference_mode():
        given = (TASKS[task](np.random.default_rng([7, n]), SCORED // 16, length) for n in range(16))
        scored = [task_bits(network, rows) for rows in given]
    per_letter = torch.cat([one[targets >= 0] for one, targets in scored])
    found = {
        "parameters": count_parameters(network),
        "bits": float(per_letter.mean()),
        "likely": float((per_letter < 1).double().mean()),  # the true letter has more than half of the probability
        "cpu_seconds": seconds,
    }
    keep(path, settings, found)


def length_at(done: float, length: int, rng: np.random.Generator) -> int:
    """Letters of the rows of a step: the shortest for the first half, then a draw up to a bound that grows."""
    bound = SHORTEST * (length / SHORTEST) ** min(1.0, max(0.0, 3 * done - 1.5))
    return round(SHORTEST * (bound / SHORTEST) ** rng.random())


def task_bits(network: StrandLM, given: Corrupted) -> tuple[torch.Tensor, torch.Tensor]:
    targets = torch.from_numpy(given.targets)
    return bits_of(network(torch.from_numpy(given.tokens.astype(np.int64))).logits, targets), targets


def planted_table(args: argparse.Namespace) -> list[str]:
    found: dict[tuple[str, int], dict[str, dict[int, dict[str, Any]]]] = {}
    for path in sorted((args.store / "planted").glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        given = run["settings"]
        found.setdefault((given["task"], given["length"]), {}).setdefault(given["name"], {})[given["seed"]] = run
    lines = [
        f"Planted tasks: bits per hidden letter ({CHANCE:g} is chance), mean over seeds [95 % interval]; letters given "
        "p > 0.5"
    ]
    for (task, length), models in found.items():
        lines += ["", f"{task}, {length} letters"]
        for name, runs in models.items():
            mine = list(runs.values())
            likely, cpu = (np.mean([run[key] for run in mine]) for key in ("likely", "cpu_seconds"))
            line = (
                f"  {name:<24} {mine[0]['parameters']:>8,} parameters  {interval([run['bits'] for run in mine])} "
                f"{likely:6.1%}  {cpu:.0f} CPU s"
            )
            both = sorted(runs.keys() & models.get(TIED, {}).keys())
            if name != TIED and both:
                pairs = [[of[s]["bits"] for s in both] for of in (models[TIED], runs)]
                line += f"  tied - this {difference(*pairs).strip()}"
            lines.append(line)
    return lines if found else []
