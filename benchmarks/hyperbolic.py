"""Does hyperbolic geometry help? HCNN-S and HCNN-M beside their Euclidean twin, each with and without symmetry.

    python benchmarks/hyperbolic.py --te te_families.tsv.gz --tables mouse_tf_3.tsv.gz prom_core_tata.tsv.gz \
        --phylogenies yule,star --seeds 0-4 --output runs/hyperbolic

Every model has the same plan, the same number of trainings to choose its learning rate by (``--tuning-seeds`` for each
rate, with seeds that are not reported, by their mean MCC on the validation split) and the same seeds. A seed draws the
weights and the training subset; on phylogenies the tree and its sequences too. A run that has ended is not repeated:
the script can be killed and started again, and seeds, sizes and tasks added. Sizes are smaller than the published ones
and stated in the report.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from palindra.cli import inputs
from palindra.cli.labelled.plan import Plan, build
from palindra.cli.labelled.scoring import subset
from palindra.cli.provenance import commit, versions
from palindra.data import LabelledSequences, Task
from palindra.data.phylogenies import PhylogenyConfig, make_phylogeny
from palindra.data.transposons import WindowConfig, build_windows, read_families
from palindra.evaluation import fit_baseline, holm, mean_interval, paired_test, score
from palindra.symmetry import Target
from palindra.training.batches import Encoded
from palindra.training.fit import fit
from palindra.training.module import TrainingConfig
from palindra.training.strategies import STRATEGIES

TWIN = "Euclidean"
BASELINE = "6-mers"
TUNING_SEED = 900  # the first of those that choose a rate, none of which is reported
MODELS: dict[str, tuple[str, bool]] = {  # geometry of the hyperbolic_cnn, and whether it is equivariant
    TWIN: ("euclidean", False),
    "HCNN-S": ("single", False),
    "HCNN-M": ("blocks", False),
    "Euclidean, equivariant": ("euclidean", True),
    "HCNN-S, equivariant": ("single", True),
    "HCNN-M, equivariant": ("blocks", True),
}
COMPARISONS = (  # what is tested against what
    ("HCNN-S", TWIN),
    ("HCNN-M", TWIN),
    ("Euclidean, equivariant", TWIN),
    ("HCNN-S, equivariant", "Euclidean, equivariant"),
    ("HCNN-M, equivariant", "Euclidean, equivariant"),
    ("HCNN-S, equivariant", "HCNN-S"),
    ("HCNN-M, equivariant", "HCNN-M"),
)


@dataclass(frozen=True)
class Benchmark:
    """A task: its name, and its data for a seed."""

    name: str
    data: Callable[[int], LabelledSequences]
    group: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--te", type=Path, help="table of families of transposable elements")
    parser.add_argument("--te-length", type=int, default=200)
    parser.add_argument("--te-most", type=int, default=20, help="windows of a family")
    parser.add_argument("--superfamilies", default="Gypsy,Jockey,Bel-Pao", help="each against the others")
    parser.add_argument("--tables", type=Path, nargs="*", default=[], help="labelled tables with splits")
    parser.add_argument("--phylogenies", default="", help="shapes of trees, e.g. yule,coalescent,caterpillar,star")
    parser.add_argument("--heights", default="0.5,1,2,4", help="substitutions per site from root to leaves")
    parser.add_argument("--sizes", default="8,32,128", help="training sequences of each clade")
    parser.add_argument("--clades", type=int, default=8)
    parser.add_argument("--length", type=int, default=200, help="of evolved sequences")
    parser.add_argument("--models", default=";".join(MODELS), help="separated by semicolons")
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--rates", default="0.0003,0.001,0.003", help="learning rates that each model may choose from")
    parser.add_argument(
        "--tuning-seeds", type=int, default=1, help="trainings of each rate, by whose mean one is chosen"
    )
    parser.add_argument("--rows", type=int, default=2000, help="training rows at most")
    parser.add_argument("--steps", type=int, default=400, help="of training, about, the same for every model")
    parser.add_argument("--batch-size", type=int, default=100, help="smaller where fewer than eight make an epoch")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--embedding", type=int, default=64)
    parser.add_argument("--readout", choices=["flatten", "pool"], default="flatten")
    parser.add_argument("--plain", default="none", help="strategy of models without symmetry: none, or augment")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("runs/hyperbolic"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    seeds, names = inputs.integers(given.seeds, "--seeds"), given.models.split(";")
    rates = [float(rate) for rate in given.rates.split(",")]
    tuning = range(TUNING_SEED, TUNING_SEED + given.tuning_seeds)
    found: dict[str, dict[str, list[float]]] = {}
    cost: dict[str, list[float]] = {name: [] for name in names}
    chosen: dict[str, dict[str, float]] = {}
    tasks = benchmarks(given)
    if not tasks:
        parser.error("nothing to do: give --te, --tables or --phylogenies.")
    for task in tasks:
        found[task.name], chosen[task.name] = {}, {}
        for name in names:
            tuned = {
                rate: float(np.mean([run(task, name, rate, seed, given)["valid MCC"] for seed in tuning]))
                for rate in rates
            }
            best = chosen[task.name][name] = max(tuned, key=lambda rate: tuned[rate])
            runs = [run(task, name, best, seed, given) for seed in seeds]
            found[task.name][name] = [scores["test MCC"] for scores in runs]
            cost[name].append(float(np.mean([scores["CPU seconds"] for scores in runs])))
        found[task.name][BASELINE] = [baseline(task, seed, given) for seed in seeds]
    text = "\n".join([*report(tasks, found, chosen, given, seeds), *footer(cost, given, seeds)])
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "report.txt").write_text(text + "\n")
    print(text)


def benchmarks(given: argparse.Namespace) -> list[Benchmark]:
    """All tasks that were asked for."""
    tasks = []
    if given.te is not None:
        families = read_families(given.te)
        size = {"length": given.te_length, "step": given.te_length // 2, "most": given.te_most}
        configs = {"TE superfamilies": WindowConfig(**size)}
        for name in filter(None, given.superfamilies.split(",")):
            configs[f"TE {name}"] = WindowConfig(task="background", superfamily=name, **size)
        for name, config in configs.items():
            data = build_windows(families, config).data
            tasks.append(Benchmark(name, partial(rows_of, data, given.rows), "transposable elements"))
    for path in given.tables:
        name = path.name.split(".")[0]
        tasks.append(Benchmark(name, partial(rows_of, inputs.read(path), given.rows), "tables"))
    sizes = [int(size) for size in given.sizes.split(",")]
    for shape in filter(None, given.phylogenies.split(",")):
        for height in map(float, given.heights.split(",")):
            for size in sizes:
                make = partial(evolved, shape, height, size, max(sizes), given.clades, given.length)
                tasks.append(Benchmark(f"{shape} height {height:g} train {size}", make, "phylogenies"))
    return tasks


def rows_of(data: LabelledSequences, rows: int, seed: int) -> LabelledSequences:
    """A training subset of the seed, all of the other splits."""
    return subset(data, rows if (data.splits == "train").sum() > rows else None, seed)


def evolved(
    shape: str, height: float, size: int, largest: int, clades: int, length: int, seed: int
) -> LabelledSequences:
    """One tree of the seed for all sizes of the training set, of which smaller ones are subsets."""
    config = PhylogenyConfig(
        shape=shape, clades=clades, train=largest, held_out=24, length=length, height=height, seed=seed
    )
    return subset(make_phylogeny(config).data, size * clades, seed)


def run(task: Benchmark, name: str, rate: float, seed: int, given: argparse.Namespace) -> dict[str, float]:
    """One training; its scores and cost, trained or read."""
    settings = {
        key: getattr(given, key)
        for key in ("steps", "batch_size", "width", "embedding", "readout", "plain", "rows", "te_length", "te_most")
    } | {"length": given.length, "clades": given.clades, "largest": max(map(int, given.sizes.split(",")))}
    folder = given.output / "runs" / f"{task.name}-{name}-{rate:g}-{seed}".replace(" ", "_").replace(",", "")
    result = folder / "result.json"
    if result.exists():
        known = json.loads(result.read_text())
        if known["settings"] != settings:
            sys.exit(f"{result}: was made with other settings; choose another --output.")
        return known["scores"]
    geometry, equivariant = MODELS[name]
    strategy = STRATEGIES["regular" if equivariant else given.plain]
    data = task.data(seed)
    target = Target.invariant(data.outputs)
    rows = int((data.splits == "train").sum())
    batch = min(given.batch_size, max(8, rows // 8))
    epochs = max(1, math.ceil(given.steps / math.ceil(rows / batch)))
    config = TrainingConfig(epochs=epochs, batch_size=batch, learning_rate=rate, precision="float32")
    options = {"geometry": geometry, "embedding": given.embedding, "readout": given.readout}
    plan = Plan(target, model="hyperbolic_cnn", width=given.width, options=options, training=config)
    torch.manual_seed(seed)
    network, started = build(data, plan, strategy), time.process_time()
    done = fit(network, data, target=target, strategy=strategy, config=config, seed=seed, folder=folder)
    seconds = time.process_time() - started
    scores = {f"{split} MCC": mcc_of(network, data.rows(split)) for split in ("valid", "test")}
    scores |= {"best epoch": done.best_epoch + 1, "CPU seconds": seconds}
    scores["parameters"] = sum(p.numel() for p in network.parameters())
    for checkpoint in folder.glob("*.ckpt"):
        checkpoint.unlink()
    result.write_text(json.dumps({"settings": settings, "scores": scores}))
    print(f"{task.name}, {name}, rate {rate:g}, seed {seed}: {scores}", file=sys.stderr, flush=True)
    return scores


def mcc_of(network: torch.nn.Module, rows: LabelledSequences) -> float:
    encoded = Encoded(rows)
    with torch.no_grad():
        logits = torch.cat([network(encoded.one_hot(slice(k, k + 256))) for k in range(0, len(encoded), 256)])
    chances = logits.softmax(dim=-1) if rows.task is Task.MULTICLASS else logits.sigmoid()
    return float(score(rows.task, chances.numpy(), rows.labels)["MCC"])


def baseline(task: Benchmark, seed: int, given: argparse.Namespace) -> float:
    """Logistic regression on 6-mers of both strands, its features and penalty chosen on the validation split."""
    result = given.output / "runs" / f"{task.name}-{BASELINE}-{seed}.json".replace(" ", "_")
    if result.exists():
        return float(json.loads(result.read_text()))
    data = task.data(seed)
    parts = [(data.rows(split).sequences, data.rows(split).labels) for split in ("train", "valid")]
    fitted = fit_baseline("kmer", data.task, *parts)
    test = data.rows("test")
    value = float(score(data.task, fitted.predict(test.sequences), test.labels)["MCC"])
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(value))
    return value


def report(
    tasks: Sequence[Benchmark],
    found: dict[str, dict[str, list[float]]],
    chosen: dict[str, dict[str, float]],
    given: argparse.Namespace,
    seeds: list[int],
) -> list[str]:
    """Tables of MCC, paired tests, counts, and where an advantage starts on phylogenies."""
    lines = [f"MCC on the test split, mean over {len(seeds)} seeds ± half of its 95 % interval [learning rate chosen]"]
    for task in tasks:
        lines += ["", task.name]
        for name, values in found[task.name].items():
            rate = f"[{chosen[task.name][name]:g}]" if name in chosen[task.name] else ""
            lines.append(f"  {name:24s} {interval(values):>18s} {rate}")
    lines += ["", "Differences, paired over seeds (95 % interval); p by sign flips and t, t corrected (Holm) in a row"]
    for first, second in COMPARISONS:
        pairs = [t for t in tasks if first in found[t.name] and second in found[t.name]]
        if not pairs:
            continue
        tests = [paired_test(found[t.name][first], found[t.name][second]) for t in pairs]
        corrected = holm([test.p_t if np.isfinite(test.p_t) else 1.0 for test in tests])
        lines += ["", f"{first} - {second}"]
        for task, test, p in zip(pairs, tests, corrected, strict=True):
            between = f"[{test.low:+.3f}, {test.high:+.3f}]"
            lines.append(f"  {task.name:34s} {test.mean:+.3f} {between:>18s} {test.p_permutation:6.3f} {p:6.3f}")
        for group in dict.fromkeys(task.group for task in pairs):
            own = [(test, p) for task, test, p in zip(pairs, tests, corrected, strict=True) if task.group == group]
            better, worse = (sum(sign * test.mean > 0 for test, _ in own) for sign in (1, -1))
            clear, clearly_worse = (sum(sign * test.mean > 0 and p < 0.05 for test, p in own) for sign in (1, -1))
            lines.append(
                f"  {group}: better on {better} of {len(own)} (clearly {clear}), worse on {worse} (clearly "
                f"{clearly_worse})"
            )
    return lines + phylogeny_lines(tasks, found, given)


def footer(cost: dict[str, list[float]], given: argparse.Namespace, seeds: list[int]) -> list[str]:
    """Cost, and what the numbers were made with."""
    mean = {name: float(np.mean(values)) for name, values in cost.items()}
    beside = f", {{:.2f}} times the {TWIN} twin" if TWIN in mean else ""
    lines = ["", "CPU seconds of a training, mean over tasks and seeds"]
    lines += [
        f"  {name:24s} {value:8.1f}{beside.format(value / mean.get(TWIN, value))}" for name, value in mean.items()
    ]
    settings = {key: shown(value) for key, value in vars(given).items() if key != "output"}
    words = [Path(word).name if word.startswith("/") else word for word in sys.argv[1:]]
    return [
        *lines,
        "",
        "Published claim, for other sets and sizes: HCNN better than the Euclidean twin on 37 of 42 sets.",
        f"With {len(seeds)} seeds the smallest possible p by sign flips is {2 / 2 ** len(seeds):.3f}.",
        f"Settings: {json.dumps(settings)}",
        f"Command: python benchmarks/hyperbolic.py {' '.join(words)}",
        f"Commit: {commit()}",
        f"Versions: {versions()}",
    ]


def shown(value: object) -> str:
    """A setting, files by their names."""
    return ", ".join(map(shown, value)) if isinstance(value, list) else getattr(value, "name", str(value))


def phylogeny_lines(
    tasks: Sequence[Benchmark], found: dict[str, dict[str, list[float]]], given: argparse.Namespace
) -> list[str]:
    """MCC of HCNN-S minus its twin by the height of the tree (rows) and the size of the training set (columns)."""
    if not given.phylogenies or not all({"HCNN-S", TWIN} <= found[task.name].keys() for task in tasks):
        return []
    sizes, heights = given.sizes.split(","), list(map(float, given.heights.split(",")))
    lines = ["", "Where an advantage starts: MCC of HCNN-S - Euclidean; * where the interval is above 0, o below"]
    for shape in filter(None, given.phylogenies.split(",")):
        lines += ["", f"  {shape:14s}" + "".join(f"{'train ' + size:>14s}" for size in sizes)]
        for height in heights:
            cells = []
            for size in sizes:
                row = found[f"{shape} height {height:g} train {int(size)}"]
                test = paired_test(row["HCNN-S"], row[TWIN])
                cells.append(f"{test.mean:+.3f}{'*' if test.low > 0 else 'o' if test.high < 0 else ' '}")
            lines.append(f"  height {height:<7g}" + "".join(f"{cell:>14s}" for cell in cells))
    return lines


def interval(values: Sequence[float]) -> str:
    mean, low, high = mean_interval(values)
    return f"{mean:.3f} ± {(high - low) / 2:.3f}"


if __name__ == "__main__":
    main()
