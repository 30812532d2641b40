"""SCosRec beside CosRec, popularity and item-kNN: equal hyper-parameters, paired over seeds and over users.

    OMP_NUM_THREADS=1 python benchmarks/recommendation.py RATINGS.csv.gz --store FOLDER [--seeds 5]

Users and items with at least five interactions (repeated until stable); every user's history is divided in time into
70 % training, 10 % validation, 20 % test. Learning rate and L2 are chosen from one small grid with a seed of their own,
by the mean validation MAP of both models, so that both get the same ones. The epoch and the rate schedule look at
validation MAP; then a model is trained anew on training and validation with the same rates, and tested once. Candidates
are all items of training (and validation) that the user has not taken. Item-kNN chooses its number of neighbours on
validation too. Finished runs lie in FOLDER and are not repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from palindra.data.recommendation import Histories, keep_frequent, read_interactions, split_in_time
from palindra.evaluation.recommendation import Rankings, item_neighbours, model_scores, popularity, rank_all
from palindra.evaluation.statistics import bootstrap_interval, mean_interval, paired_test
from palindra.models.cosrec import CosRecConfig, parameters
from palindra.symmetry import Position
from palindra.training.recommendation import RecommendationTraining, fit_recommender, refit_recommender

MODELS: dict[str, Position | None] = {"CosRec": None, "SCosRec": Position.TRANSPOSE}
RATES, PENALTIES, TUNING_SEED = (1e-3, 3e-3), (5e-6, 1e-4), 100
NEIGHBOURS = (10, 20, 50, 100, 200, 500)
PUBLISHED_SIZES: dict[str, dict[str, int]] = {
    "MovieLens-1M, 6,040 users, 3,416 items": {"users": 6040, "items": 3416},
    "the same with 3,413 items": {"users": 6040, "items": 3413},
    "Gowalla, 13,149 users, 14,008 items": {"users": 13149, "items": 14008, "width": 100, "features": 50},
}


def finished(path: Path, run: Any) -> dict[str, Any]:
    """The stored result, or the result of ``run()``, stored."""
    if not path.exists():
        found = run()
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(found))
        partial.replace(path)
    return json.loads(path.read_text())


def train(data: Histories, name: str, settings: RecommendationTraining, *, test: bool) -> dict[str, Any]:
    """Fit one model; with ``test``, train it anew on training and validation and rank the test items."""
    config = CosRecConfig(len(data.users), len(data.items), involution=MODELS[name])
    label = f"{name} rate {settings.learning_rate} l2 {settings.l2} seed {settings.seed}"

    def validation(model: Any) -> float:
        return rank_all(model_scores(model, data.train), data.train, data.valid, data.known).means()["MAP"]

    def said(line: Any) -> None:
        print(f"  {label}: epoch {line.epoch} loss {line.loss:.4f} MAP {line.validation or np.nan:.4f} "
              f"{line.seconds:.0f} s", file=sys.stderr, flush=True)  # fmt: skip

    started = time.process_time()
    fitted = fit_recommender(config, data, settings, validation, report=said)
    seconds = (time.process_time() - started) / len(fitted.log)  # of the processor: other jobs do not count
    found: dict[str, Any] = {
        "valid_MAP": fitted.log[fitted.best].validation,
        "epochs": fitted.best + 1,
        "seconds": seconds,
        "parameters": sum(p.numel() for p in fitted.model.parameters()),
    }
    if test:
        whole = data.with_validation()
        last = refit_recommender(config, whole, settings, fitted.rates, report=said)
        found |= plain(rank_all(model_scores(last.model, whole.train), whole.train, data.test, whole.known))
    return found


def plain(rankings: Rankings) -> dict[str, Any]:
    return {
        "means": rankings.means(),
        "users": {
            "MAP": rankings.average_precision.tolist(),
            **{f"P@{n}": values.tolist() for n, values in rankings.precision.items()},
            **{f"R@{n}": values.tolist() for n, values in rankings.recall.items()},
        },
        "targets": rankings.targets,
        "unreachable": rankings.unreachable,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", type=Path)
    parser.add_argument("--store", type=Path, required=True, help="folder of finished runs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--stop-after", type=int, default=5)
    parser.add_argument("--float32", action="store_true", help="products in float32 instead of bfloat16")
    options = parser.parse_args()
    options.store.mkdir(parents=True, exist_ok=True)
    rows = keep_frequent(read_interactions(options.ratings))
    data = split_in_time(rows)
    whole = data.with_validation()
    common = {"epochs": options.epochs, "stop_after": options.stop_after, "bfloat16": not options.float32}

    def run(name: str, rate: float, penalty: float, seed: int, test: bool) -> dict[str, Any]:
        settings = RecommendationTraining(learning_rate=rate, l2=penalty, seed=seed, **common)
        key = json.dumps([name, test, asdict(settings), rows.sha256], sort_keys=True)
        path = (
            options.store / f"{name}-{'test' if test else 'tune'}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"
        )
        return finished(path, lambda: train(data, name, settings, test=test))

    grid = list(itertools.product(RATES, PENALTIES))
    tuned = {point: {name: run(name, *point, TUNING_SEED, False) for name in MODELS} for point in grid}
    chosen = max(grid, key=lambda point: np.mean([tuned[point][name]["valid_MAP"] for name in MODELS]))
    tested = {name: [run(name, *chosen, seed, True) for seed in range(options.seeds)] for name in MODELS}

    def neighbour_map(count: int) -> float:
        scores = item_neighbours(data, neighbours=count)
        return rank_all(scores, data.train, data.valid, data.known).means()["MAP"]

    count = max(NEIGHBOURS, key=neighbour_map)
    baselines = {
        "popularity": plain(rank_all(popularity(whole), whole.train, data.test, whole.known)),
        f"item-kNN ({count})": plain(
            rank_all(item_neighbours(whole, neighbours=count), whole.train, data.test, whole.known)
        ),
    }
    report(options, rows, data, tuned, chosen, tested, baselines)


def report(
    options: argparse.Namespace,
    rows: Any,
    data: Histories,
    tuned: dict[Any, Any],
    chosen: tuple[float, float],
    tested: dict[str, list[dict[str, Any]]],
    baselines: dict[str, dict[str, Any]],
) -> None:
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    given = f"--seeds {options.seeds} --epochs {options.epochs} --stop-after {options.stop_after}"
    print(f"$ python benchmarks/recommendation.py {options.ratings.name} --store FOLDER {given}", end="")
    print(" --float32" if options.float32 else "")
    print(
        f"commit {commit.stdout.strip() or 'unknown'}, palindra {version('palindra')}, torch {version('torch')}, ",
        end="",
    )
    print(f"numpy {version('numpy')}, scipy {version('scipy')}, python {platform.python_version()}")
    print(f"{options.ratings.name} sha256 {rows.sha256[:12]}...: {len(rows):,} interactions of ", end="")
    print(f"{len(data.users):,} users with {len(data.items):,} items; seeds 0-{options.seeds - 1}; ", end="")
    print("float32" if options.float32 else "products in bfloat16, all else in float32")
    some = next(iter(tested.values()))[0]
    print(f"{some['targets']:,} test targets, {some['unreachable']:,} of them no candidates (always missed)\n")
    print("tuning on validation MAP (seed of its own), the same point for both models")
    print(f"{'rate':>8}{'L2':>8}" + "".join(f"{name:>10}" for name in MODELS))
    for point, found in tuned.items():
        mark = "  <- chosen" if point == chosen else ""
        print(f"{point[0]:>8.0e}{point[1]:>8.0e}" + "".join(f"{found[n]['valid_MAP']:>10.4f}" for n in MODELS) + mark)
    names = list(some["means"])
    print("\ntest, mean over seeds +- half width of the 95 % interval over seeds")
    print(f"{'model':<16}{'parameters':>11}{'epochs':>8}{'cpu s/ep':>9}" + "".join(f"{name:>18}" for name in names))
    for name, found in baselines.items():
        print(f"{name:<16}{'-':>11}{'-':>8}{'-':>9}" + "".join(f"{found['means'][n]:>16.4f}" for n in names))
    for name, runs in tested.items():
        intervals = [mean_interval([r["means"][n] for r in runs]) for n in names]
        cells = "".join(f"{f'{i.value:.4f} +- {i.value - i.low:.4f}':>18}" for i in intervals)
        epochs, seconds = (np.mean([r[key] for r in runs]) for key in ("epochs", "seconds"))
        print(f"{name:<16}{runs[0]['parameters']:>11,}{epochs:>8.1f}{seconds:>9.1f}{cells}")
    smallest = 2 / 2**options.seeds
    print(
        f"\nSCosRec - CosRec, paired: seeds = t and sign-flip tests (the smallest p of the latter is {smallest:.3g});"
    )
    print("users = means over seeds per user, bootstrap over users (95 %) and sign-flip test")
    print(f"{'metric':<8}{'difference':>11}{'per cent':>10}{'p seeds (t)':>13}{'p flips':>9}", end="")
    print(f"{'over users':>28}{'p flips':>9}")
    for n in names:
        one, two = ([r["means"][n] for r in tested[name]] for name in ("SCosRec", "CosRec"))
        seeds = paired_test(one, two)
        first, second = (np.mean([r["users"][n] for r in tested[name]], axis=0) for name in ("SCosRec", "CosRec"))
        gain = first - second
        interval = bootstrap_interval(lambda drawn, gain=gain: float(gain[drawn].mean()), len(gain), seed=0)
        over = f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
        print(f"{n:<8}{seeds.mean:>+11.4f}{100 * seeds.mean / np.mean(two):>+10.1f}{seeds.p_t:>13.3f}"
              f"{seeds.p_permutation:>9.3f}{over:>28}{paired_test(first, second).p_permutation:>9.3f}")  # fmt: skip
    best = max(baselines, key=lambda name: baselines[name]["means"]["MAP"])
    for name, runs in tested.items():
        gain = np.mean([r["users"]["MAP"] for r in runs], axis=0) - np.array(baselines[best]["users"]["MAP"])
        interval = bootstrap_interval(lambda drawn, gain=gain: float(gain[drawn].mean()), len(gain), seed=0)
        print(f"MAP of {name} - {best}: {interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}] over users")
    print("\nMAP by seed")
    for name, runs in tested.items():
        print(f"{name:<16}" + "".join(f"{r['means']['MAP']:>9.4f}" for r in runs))
    print("\nparameters by formula (one output row for padding, as in the published code)")
    for title, sizes in PUBLISHED_SIZES.items():
        pair = [parameters(CosRecConfig(involution=i, **sizes), padding_rows=1) for i in MODELS.values()]
        print(f"{title:<40}{pair[0]:>12,} -> {pair[1]:,}")
    print("published: MovieLens-1M 1.983M -> 1.730M, Gowalla 5.641M -> 5.383M")


if __name__ == "__main__":
    main()
