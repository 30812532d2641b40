"""Strand strategies on several data sets: the mean over sets, paired over seeds, beside published figures.

    python benchmarks/strategies.py DATA --sets human_tf_0,human_tf_1,human_tf_2,mouse_tf_0,mouse_tf_3 \
        --strategies none,augment,post-hoc,regular --seeds 0-4 --output runs/gue

DATA is a folder of tables ``SET.tsv.gz`` (columns split, label, sequence). Every set is one ``palindra compare``, so
the script can be killed and started again. Nothing is chosen on a test split.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import torch

from palindra.cli import inputs
from palindra.cli.labelled.comparing import Grid, compare
from palindra.cli.labelled.planning import make_plan
from palindra.cli.provenance import commit, versions
from palindra.data import check_data
from palindra.evaluation import holm, mean_interval, paired_test

# GUE, MCC x 100 on the test split: Zhou et al. 2024 (DNABERT-2), one figure per cell, no error bars.
PUBLISHED = {
    "human_tf_0": {"CNN": 53.95, "HyenaDNA": 62.30, "NT-500M": 61.59, "DNABERT-2": 71.99},
    "human_tf_1": {"CNN": 63.20, "HyenaDNA": 67.86, "NT-500M": 66.75, "DNABERT-2": 76.06},
    "human_tf_2": {"CNN": 45.22, "HyenaDNA": 46.85, "NT-500M": 53.58, "DNABERT-2": 66.52},
    "mouse_tf_0": {"CNN": 31.14, "HyenaDNA": 35.62, "NT-500M": 31.04, "DNABERT-2": 56.76},
    "mouse_tf_3": {"CNN": 45.48, "HyenaDNA": 54.20, "NT-500M": 29.17, "DNABERT-2": 66.47},
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(PUBLISHED))
    parser.add_argument("--strategies", default="none,augment,post-hoc,regular")
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--metric", default="MCC")
    parser.add_argument("--output", type=Path, default=Path("runs/strategies"))
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--epochs", default="6", help="one number, or SET=NUMBER with commas after a first number")
    parser.add_argument("--shift", type=int, default=5)
    parser.add_argument("--train-size", type=int)
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    sets = given.sets.split(",")
    default, *others = given.epochs.split(",")
    epochs = dict.fromkeys(sets, int(default)) | {k: int(v) for k, v in (pair.split("=") for pair in others)}
    seeds = inputs.integers(given.seeds, "--seeds")
    command = shlex.join(["python", "benchmarks/strategies.py", "DATA", *sys.argv[2:]])
    found = {}
    for name in sets:
        path = next(p for p in (given.data / f"{name}.tsv.gz", given.data / name) if p.exists())
        rows = inputs.read(path)
        plan = make_plan(
            rows,
            target="invariant",
            model="strand_resnet",
            width=given.width,
            epochs=epochs[name],
            batch_size=given.batch_size,
            learning_rate=given.learning_rate,
            patience=0,
            shift=given.shift,
            precision="auto",
            devices=1,
            assignments=given.assignments,
            loggers=None,
            command=command,
        )
        grid = Grid(given.strategies.split(","), seeds, train_size=given.train_size)
        with contextlib.redirect_stderr(io.StringIO()) if not sys.stderr.isatty() else contextlib.nullcontext():
            found[name] = compare(
                rows, plan, grid, given.output / name, checks=check_data(rows), say=lambda s, n=name: log(f"{n} {s}")
            )
    print(report(found, given, seeds, command))


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def report(found: dict, given: argparse.Namespace, seeds: list[int], command: str) -> str:
    metric, sets = given.metric, list(found)
    rows = {row.name: row for row in next(iter(found.values())).rows}
    scores = {name: {s: next(r for r in found[s].rows if r.name == name).scores[metric] for s in sets} for name in rows}
    parameters = {name: [next(r for r in found[s].rows if r.name == name).parameters for s in sets] for name in rows}
    lines = [f"{metric} on the test split, mean over {len(seeds)} seeds (± half of the 95 % interval over seeds)", ""]
    lines.append(f"{'':26s}" + "".join(f"{s:>18s}" for s in sets) + f"{'mean':>18s}{'parameters':>12s}")
    for name in rows:
        cells = [mean_interval(scores[name][s]) for s in sets]
        line = f"{name:26s}" + "".join(f"{text(c):>18s}" for c in cells)
        if len({len(scores[name][s]) for s in sets}) == 1:
            line += f"{text(mean_interval(np.mean([scores[name][s] for s in sets], axis=0))):>18s}"
        lines.append(line + f"{max(parameters[name]):>12,}")
    for source in (
        ("CNN", "HyenaDNA", "NT-500M", "DNABERT-2") if metric == "MCC" and set(sets) <= set(PUBLISHED) else ()
    ):
        values = [PUBLISHED[s][source] / 100 for s in sets]
        lines.append(
            f"{source + ' (published)':26s}" + "".join(f"{v:>18.3f}" for v in values) + f"{np.mean(values):>18.3f}"
        )
    lines += ["", "Mean over sets, paired over seeds (t-test, Holm-corrected together):"]
    trained = [name for name in rows if rows[name].kind != "baseline"]
    pairs = [(a, b) for b in ("none", "augment") if b in trained for a in trained if a not in ("none", "augment")]
    over = {name: np.mean([scores[name][s] for s in sets], axis=0) for name in trained}
    tests = [paired_test(over[a], over[b]) for a, b in pairs]
    known = [k for k, test in enumerate(tests) if not np.isnan(test.p_t)]
    corrected = dict(zip(known, holm([tests[k].p_t for k in known]), strict=True))
    for k, ((a, b), test) in enumerate(zip(pairs, tests, strict=True)):
        lines.append(
            f"  {a} - {b}: {test.mean:+.4f} [{test.low:+.4f}, {test.high:+.4f}]  p = {test.p_t:.2g}, "
            f"corrected {corrected.get(k, float('nan')):.2g}, n = {test.n}"
        )
    lines += ["", "Rows: " + json.dumps({s: found[s].data["rows"] for s in sets})]
    lines += [
        f"Settings: width {given.width}, epochs {given.epochs}, batch {given.batch_size}, peak learning rate "
        f"{given.learning_rate}, shift {given.shift}, {' '.join(given.assignments)}"
    ]
    lines += [f"Command: {command}", f"Commit: {commit()}", f"Versions: {versions()}", f"Seeds: {seeds}"]
    return "\n".join(lines)


def text(interval: tuple[float, float, float]) -> str:
    mean, low, high = interval
    return f"{mean:.3f} ± {(high - low) / 2:.3f}" if low == low else f"{mean:.3f}"


if __name__ == "__main__":
    main()
