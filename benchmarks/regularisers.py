"""Does any regulariser of training help on few sequences? Each alone, at one strength, against none, paired over seeds.

    python benchmarks/regularisers.py examples/irf1/IRF1_400bp.tsv.gz --seeds 0-2 --output runs/regularisers

Settings are those of ``make demo``. Strengths were set beforehand and not tuned; two were added (see below). A run that
has ended is not repeated: the script can be killed and started again, and more seeds added.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from palindra.cli import inputs
from palindra.cli.labelled.plan import Plan, build
from palindra.cli.labelled.scoring import subset
from palindra.cli.provenance import commit, versions
from palindra.evaluation import mean_interval, paired_test, score
from palindra.symmetry import Target
from palindra.training.batches import Encoded
from palindra.training.fit import fit
from palindra.training.losses import label_loss
from palindra.training.module import TrainingConfig
from palindra.training.regularisers import RegulariserSettings
from palindra.training.strategies import STRATEGIES

STRENGTHS: dict[str, dict[str, float]] = {
    "none": {},
    "mixup": {"mixup": 0.2},
    "manifold mixup": {"manifold_mixup": 0.2},
    "Gaussian noise": {"input_noise": 0.1},
    "PGD": {"pgd": 0.05, "pgd_steps": 3},
    "PGD at a tenth": {
        "pgd": 0.005,
        "pgd_steps": 3,
    },  # added, and one substitution, when the stronger ones stopped all learning
    "substitutions": {"adversarial_substitutions": 4},
    "one substitution": {"adversarial_substitutions": 1},
    "Jacobian": {"jacobian": 0.01},
    "Fourier prior": {"fourier_prior": 1.0},
    "attribution consistency": {"attribution_consistency": 0.1},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--only", default=",".join(STRENGTHS))
    parser.add_argument("--train-size", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--strategy", default="regular")
    parser.add_argument("--output", type=Path, default=Path("runs/regularisers"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    data, seeds = inputs.read(given.data), inputs.integers(given.seeds, "--seeds")
    names = given.only.split(",")
    found = {name: [run(data, given, name, seed) for seed in seeds] for name in names}
    print(report(found, given, seeds))


def run(data, given: argparse.Namespace, name: str, seed: int) -> dict[str, float]:
    """Scores of one training on the test split, trained or read."""
    folder = given.output / f"{name.replace(' ', '_')}-{seed}"
    result = folder / "result.json"
    if result.exists():
        return json.loads(result.read_text())
    config = TrainingConfig(epochs=given.epochs, batch_size=32, learning_rate=3e-3, shift=20, **STRENGTHS[name])
    plan = Plan(Target.invariant(1), options={"dilations": (1,)}, training=config)
    strategy = STRATEGIES[given.strategy]
    rows = subset(data, given.train_size, seed)
    torch.manual_seed(seed)
    network, started = build(rows, plan, strategy), time.process_time()
    done = fit(network, rows, target=plan.target, strategy=strategy, config=config, seed=seed, folder=folder)
    test = data.rows("test")
    encoded = Encoded(test)
    with torch.no_grad():
        logits = torch.cat([network(encoded.one_hot(slice(k, k + 256))) for k in range(0, len(encoded), 256)])
    scores = score(data.task, logits.sigmoid().numpy(), test.labels)
    scores = {
        "AUROC": float(scores["AUROC"]),
        "cross-entropy": float(label_loss(data.task, logits, encoded.labels).mean()),
        "best epoch": done.best_epoch + 1,
        "CPU seconds": time.process_time() - started,
    }
    result.write_text(json.dumps(scores))
    print(f"{name}, seed {seed}: {scores}", file=sys.stderr, flush=True)
    return scores


def report(found: dict[str, list[dict[str, float]]], given: argparse.Namespace, seeds: list[int]) -> str:
    lines = [
        f"Test split, mean over {len(seeds)} seeds (± half of the 95 % interval); difference to none, paired",
        "",
        f"{'':26s}{'AUROC':>16s}{'AUROC - none':>26s}{'p':>7s}{'cross-entropy':>17s}{'CPU s':>7s}",
    ]
    for name, runs in found.items():
        auroc, loss, seconds = (np.array([r[key] for r in runs]) for key in ("AUROC", "cross-entropy", "CPU seconds"))
        line = f"{name:26s}{interval(auroc):>16s}"
        if name == "none" or "none" not in found:
            line += f"{'':>33s}"
        else:
            test = paired_test(auroc, np.array([r["AUROC"] for r in found["none"]]))
            line += f"{f'{test.mean:+.4f} [{test.low:+.3f}, {test.high:+.3f}]':>26s}{test.p_t:>7.2f}"
        lines.append(line + f"{interval(loss):>17s}{seconds.mean():>7.0f}")
    strengths = {name: STRENGTHS[name] for name in found if STRENGTHS[name]}
    defaults = asdict(RegulariserSettings())
    lines += [
        "",
        f"{len(found) - 1} comparisons with n = {len(seeds)}: p is not corrected, and one below .05 is no finding.",
        f"Strengths: {json.dumps(strengths)}; attribution_shift {defaults['attribution_shift']}",
        f"Settings: strategy {given.strategy}, width 64, one block, {given.train_size} training sequences drawn for "
        f"each seed, {given.epochs} epochs, batch 32, peak learning rate 0.003, shift 20",
        f"Command: python benchmarks/regularisers.py {given.data} --seeds {given.seeds} --epochs {given.epochs}",
        f"Commit: {commit()}",
        f"Versions: {versions()}",
    ]
    return "\n".join(lines)


def interval(values: np.ndarray) -> str:
    mean, low, high = mean_interval(values)
    return f"{mean:.3f} ± {(high - low) / 2:.3f}"


if __name__ == "__main__":
    main()
