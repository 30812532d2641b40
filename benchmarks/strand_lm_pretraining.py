"""Pretraining on one contig, scored on another, with Markov models of both strands on the same letters beside."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from palindra.data.genome import Features, Genome
from palindra.data.language import ALL, LanguageData, corrupt, language_data, scored_windows
from palindra.evaluation.markov import ChainModel, MarkovModel, fit_markov
from palindra.models.saving import write_tensors
from palindra.models.strand_lm import StrandAverage, StrandLM, rc_discrepancy
from palindra.models.strand_lm.saving import save
from palindra.nn import count_parameters
from palindra.training.pretraining import (
    ClassBits,
    PretrainingConfig,
    ScoredBatches,
    pretrain,
    score_split,
    window_bits,
)
from strand_lm_common import KINDS, TIED, config_of, difference, interval, keep, known, step_seconds


def genome_splits(args: argparse.Namespace) -> LanguageData:
    """Learned from one contig; the beginning of another one chooses the weights, its end tests them."""
    genome = Genome.open(args.fasta)
    size = genome.chromosomes[args.held_out]

    def stretch(contig: str, start: int, end: int) -> Features:
        return Features([contig], np.array([start]), np.array([end]), np.array(["."]))

    return language_data(
        genome,
        train=stretch(args.train, 0, genome.chromosomes[args.train]),
        valid=stretch(args.held_out, 0, args.valid_positions),
        test=stretch(args.held_out, size - args.test_positions, size),
    )


def pretrain_part(args: argparse.Namespace) -> None:
    data = genome_splits(args)
    for seed in args.seeds:
        for name in args.models:
            pretrain_run(data, name, seed, args)
    markov(data, args)


def pretrain_run(data: LanguageData, name: str, seed: int, args: argparse.Namespace) -> None:
    kind, folder = KINDS[name], args.store / "pretrain" / f"{name}_{seed}".replace(" ", "_").replace(",", "")
    model = config_of(kind, args)
    training = PretrainingConfig(
        length=args.length,
        steps=args.steps,
        valid_every=max(1, args.steps // 4),
        batch_size=args.batch_size,
        learning_rate=args.rate,
        reverse_complement=kind.augmented,
        precision="float32",
    )
    settings = {"name": name, "seed": seed, "data": data.fingerprint, "model": asdict(model)}
    settings["training"] = asdict(training)
    if known(folder / "result.json", settings):
        return
    torch.manual_seed(seed)
    network = StrandLM(model)
    start = time.process_time()
    done = pretrain(network, data, training, seed=seed, folder=folder / "work")
    seconds = time.process_time() - start
    windows = scored_windows(data, "test", args.length)
    tokens = torch.from_numpy(windows.tokens(np.arange(min(16, len(windows)))).astype(np.int64))
    hidden = torch.from_numpy(corrupt(tokens, np.random.default_rng(0), masked=1.0, random=0.0).tokens.astype(np.int64))
    apart = rc_discrepancy(network.eval(), hidden)
    readings: dict[str, nn.Module] = {"": network}
    if not model.equivariant:
        readings[", mean of strands"] = StrandAverage(network).eval()
    tensors = {}
    for label, reader in readings.items():
        bits = score_split(reader, data, "test", training)
        tensors |= {f"bits{label}": torch.from_numpy(bits.bits), f"positions{label}": torch.from_numpy(bits.positions)}
    write_tensors(folder / "bits.safetensors", tensors)
    save(folder / "model", network, {"training": asdict(training), "seed": seed})
    found = {
        "parameters": count_parameters(network),
        "best_step": done.best_step,
        "valid_bits": done.best_bits,
        "cpu_seconds": seconds,
        "step_cpu_seconds": step_seconds(network, tokens[: args.batch_size]),
        "discrepancy_probability": apart.probability,
        "discrepancy_letters": apart.letters,
        "discrepancy_logits": apart.logits,
    }
    keep(folder / "result.json", settings, found)
    for checkpoint in folder.glob("work/**/*.ckpt"):
        checkpoint.unlink()


def markov(data: LanguageData, args: argparse.Namespace) -> None:
    """Bits of Markov models on the same letters, which see the same letters hidden, or all others."""
    folder = args.store / "pretrain" / "markov"
    settings = {"data": data.fingerprint, "length": args.length, "order": args.order}
    if known(folder / "result.json", settings):
        return

    def pieces() -> Iterator[NDArray[np.uint8]]:
        for contig, start, end in data.pieces("train"):
            yield data.genome.codes(contig, start, end)

    causal, half = fit_markov(pieces(), left=args.order), args.order // 2
    both = fit_markov(pieces(), left=half, right=half)
    models: dict[str, MarkovModel | ChainModel] = {f"left {k}": causal.shortened(k) for k in range(args.order + 1)}
    models |= {f"both sides {n} + {n}": both.shortened(n) for n in range(1, half + 1)}
    models[f"chain {args.order}"] = ChainModel(causal)
    windows = scored_windows(data, "test", args.length)
    batches = ScoredBatches(windows, rate=0.15, batch_size=max(1, (1 << 20) // args.length))
    parts: dict[str, list[ClassBits]] = {}
    for number in range(len(batches)):
        batch = batches[number]
        rows, scored = batch.rows.numpy(), (batch.targets >= 0).numpy()
        codes, read = windows.tokens(rows), batch.tokens.numpy().astype(np.uint8)
        for name, model in models.items():
            for label, context in ((name, codes), (f"{name}, same letters hidden", read)):
                bits = model.bits(codes, scored, context=context)
                parts.setdefault(label, []).append(window_bits(windows, rows.tolist(), bits, scored))
    joined = {name: ClassBits.joined(found) for name, found in parts.items()}
    tensors = {f"bits, {name}": torch.from_numpy(one.bits) for name, one in joined.items()}
    positions = torch.from_numpy(next(iter(joined.values())).positions)
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "bits.safetensors", tensors | {"positions": positions})
    keep(folder / "result.json", settings, {name: one.table()[ALL]["bits_per_base"] for name, one in joined.items()})


def pretrain_table(args: argparse.Namespace) -> list[str]:
    from safetensors.torch import load_file

    runs: dict[str, dict[int, dict[str, Any]]] = {}
    windows: dict[str, dict[int, ClassBits]] = {}
    for path in sorted((args.store / "pretrain").glob("*/result.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        tensors = {key: value.numpy() for key, value in load_file(path.with_name("bits.safetensors")).items()}
        if path.parent.name == "markov":
            for key, bits in tensors.items():
                if key != "positions":
                    windows["Markov, " + key.removeprefix("bits, ")] = {-1: class_bits(bits, tensors["positions"])}
            continue
        for key in tensors:
            if key.startswith("bits"):
                label, seed = key.removeprefix("bits"), run["settings"]["seed"]
                of = run["settings"]["name"] + label
                windows.setdefault(of, {})[seed] = class_bits(tensors[key], tensors["positions" + label])
                runs.setdefault(of, {})[seed] = run
    if not runs:
        return []
    training = next(iter(next(iter(runs.values())).values()))["settings"]["training"]
    lines = [
        f"Pretraining: {training['steps']} steps of {training['batch_size']} windows of {training['length']}; bits per "
        "base of masked letters of the test split, mean over seeds [95 % interval over seeds]",
    ]
    for name, mine in runs.items():
        of = {seed: windows[name][seed].table()[ALL]["bits_per_base"] for seed in mine}
        every, first = list(mine.values()), next(iter(mine.values()))
        lines.append(
            f"  {name:<40} {first['parameters']:>8,} parameters  {interval(list(of.values()))} ({len(of)} seeds)  step "
            f"{np.mean([run['step_cpu_seconds'] for run in every]):.3f} CPU s"
        )
        if "mean" not in name:
            lines.append(
                f"    strands differ: {np.mean([run['discrepancy_probability'] for run in every]):.2g} in probability, "
                f"{np.mean([run['discrepancy_letters'] for run in every]):.2%} in the likeliest letter"
            )
    tied = windows.get(TIED)
    lines += ["", "Markov models on the same letters, and the difference tied - Markov (standard error over windows)"]
    for name, found in windows.items():
        if name.startswith("Markov"):
            one, line = found[-1], f"  {name:<45} {found[-1].table()[ALL]['bits_per_base']:.4f}"
            lines.append(line + ("" if tied is None else against(mean_bits(list(tied.values())), one)))
    lines += ["", "tied minus another, paired: over windows (standard error), over seeds [95 % interval]"]
    for name, found in windows.items():
        if name.startswith("Markov") or tied is None or name == TIED:
            continue
        both = sorted(found.keys() & tied.keys())
        if not both:
            continue
        line = against(mean_bits([tied[s] for s in both]), mean_bits([found[s] for s in both]))
        per_seed = [[of[s].table()[ALL]["bits_per_base"] for s in both] for of in (tied, found)]
        lines.append(f"  {name:<45}{line}{difference(*per_seed)}")
    return lines


def class_bits(bits: NDArray[np.float64], positions: NDArray[np.float64]) -> ClassBits:
    """The first class alone: all positions."""
    return ClassBits([ALL], bits[:, :1], positions[:, :1])


def mean_bits(found: Sequence[ClassBits]) -> ClassBits:
    """The mean over seeds for each window."""
    return ClassBits([ALL], np.mean([one.bits for one in found], axis=0), found[0].positions)


def against(first: ClassBits, second: ClassBits) -> str:
    row = first.table(second)[ALL]
    return f"  {row['difference']:+.4f} ({row['difference_error']:.4f})"
