"""RNA secondary structure by networks over all pairs of bases: SCNN, CNN, and residual blocks with thermodynamics.

    pip install 'palindra[rna]'
    python benchmarks/rna_networks.py split TABLE --store FOLDER [--seeds 5]      # SCNN and CNN, split of the table
    python benchmarks/rna_networks.py families TABLE --store FOLDER [--seeds 3]   # each family held out
    python benchmarks/rna_networks.py long TABLE_16S --store FOLDER               # long molecules: crops, checkpoints
    python benchmarks/rna_networks.py memory TABLE_16S --store FOLDER             # peak of one step on the longest

All networks of a comparison see the same molecules, batches and steps and differ in what is named. Budgets are small,
for one core: networks of reduced sizes, some hundred molecules, few epochs; scores are below those of full training
and serve to compare. The epoch and the threshold are chosen on validation rows (of training families, where a family
is held out). Each run is kept in FOLDER and not repeated; --table-only prints what is there.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.cli.provenance import commit
from palindra.data.rna import (
    Structure,
    StructureSet,
    audit_copies,
    batch_rows,
    hold_out_family,
    minimum_free_energy,
    pair_batch,
    pairing_probabilities,
    read_structure_table,
    without_copies,
)
from palindra.evaluation.pairs import count_pairs, decode, greedy, matching
from palindra.evaluation.pairs.thresholds import best_threshold
from palindra.evaluation.statistics import mean_interval, paired_test
from palindra.models.pair_cnn import PairCNN, PairCNNConfig, trainable_numbers
from palindra.models.pair_resnet import PairResNet, PairResNetConfig
from palindra.training.pairs import GivenMaps, PairTraining, Validated, fit_pairs, pair_logits

SIZES: dict[str, Any] = {
    "recurrent_width": 32,
    "base_width": 10,
    "generated": 20,
    "blocks": (((7, 10), (5, 10), (3, 5)), ((5, 10), (3, 10)), ((3, 10),)),
    "generated_again": 10,
}
NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "SCNN": lambda: PairCNN(PairCNNConfig(**SIZES)),
    "CNN": lambda: PairCNN(PairCNNConfig(**SIZES, involution=None)),
    "CNN, mean of triangles": lambda: PairCNN(PairCNNConfig(**SIZES, involution=None, free_map="mean")),
    "residual": lambda: PairResNet(PairResNetConfig(thermodynamic=0)),
    "residual with thermodynamics": lambda: PairResNet(PairResNetConfig(thermodynamic=1)),
}
LONGEST, TRAINED, VALIDATED = 130, 400, 60
CELLS = 130**2 * 8


def some(data: StructureSet, split: str, number: int, seed: int = 0, longest: int | None = None) -> list[Structure]:
    """Rows of a split, the same number of each family, drawn once."""
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    families = sorted({one.family for one in data.structures}, key=str)
    for family in families:
        fits = [
            n
            for n, one in enumerate(data.structures)
            if one.family == family and data.splits[n] == split and len(one) <= (longest or len(one))
        ]
        chosen += rng.permutation(fits)[: number // len(families)].tolist()
    return [data.structures[n] for n in sorted(chosen)]


def thermodynamics(structures: Sequence[Structure], store: Path) -> GivenMaps:
    """Pair probabilities by Turner 2004, kept as half-precision files."""
    folder = store / "maps"
    folder.mkdir(exist_ok=True)

    def given(row: int) -> NDArray[np.float32]:
        path = folder / f"{structures[row].name.replace('/', '_')}.npy"
        if not path.exists():
            np.save(path, pairing_probabilities(structures[row].sequence).pairs.astype(np.float16))
        return np.load(path).astype(np.float32)[None]

    return given


def maps(model: torch.nn.Module, structures: Sequence[Structure], given: GivenMaps | None) -> list[NDArray[np.float32]]:
    """Pair probabilities of all molecules, in their order."""
    found: list[Any] = [None] * len(structures)
    with torch.no_grad():
        for rows in batch_rows([len(one) for one in structures], batch_size=8, most_cells=CELLS, epoch=None):
            batch = pair_batch(structures, rows)
            chance = pair_logits(model.eval(), batch, given).sigmoid()[:, 0].numpy()
            for row, length, table in zip(rows, batch.lengths.tolist(), chance, strict=True):
                found[row] = np.triu(table[:length, :length], 1)
    return found


def f1(
    tables: Sequence[NDArray[np.float32]], known: Sequence[Structure], threshold: float, decoder: Any
) -> list[float]:
    scores = []
    for table, one in zip(tables, known, strict=True):
        counted = count_pairs(decode(table, decoder, threshold=threshold), one.pairs).scores
        scores.append(np.nan if counted is None else counted.f1)
    return scores


def one_run(
    name: str,
    train: list[Structure],
    valid: list[Structure],
    test: list[Structure],
    settings: PairTraining,
    store: Path,
) -> dict[str, Any]:
    began = time.monotonic()
    reads = "thermodynamics" in name
    of_train, of_valid, of_test = (thermodynamics(part, store) if reads else None for part in (train, valid, test))

    def validate(model: torch.nn.Module) -> Validated:
        chosen = best_threshold(maps(model, valid, of_valid), valid)
        return Validated(chosen.f1, chosen.threshold)

    trained = fit_pairs(NETWORKS[name], train, settings, validate, given=of_train)
    tables = maps(trained.model, test, of_test)
    return {
        "network": name,
        "seed": settings.seed,
        "parameters": trainable_numbers(trained.model),
        "epoch": trained.best,
        "threshold": trained.threshold,
        "validation": [line.validated.score for line in trained.log if line.validated],
        "losses": [line.loss for line in trained.log],
        "greedy": f1(tables, test, trained.threshold, greedy),
        "matching": f1(tables, test, trained.threshold, matching) if len(max(test, key=len)) < 500 else [np.nan],
        "seconds": time.monotonic() - began,
    }


def keep(path: Path, make: Callable[[], Any]) -> Any:
    """A result from the store, made first if it is not there."""
    if not path.exists():
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(make()))
        partial.replace(path)
        print(path.name, flush=True)
    return json.loads(path.read_text())


def file(store: Path, *parts: Any) -> Path:
    return store / ("_".join(str(part).replace(",", "").replace(" ", "-") for part in parts) + ".json")


def split(data: StructureSet, store: Path, seeds: int) -> None:
    short = data.select(np.array([one.family != "tmRNA" for one in data.structures]))
    train, valid = some(short, "train", TRAINED, longest=LONGEST), some(short, "valid", VALIDATED, longest=LONGEST)
    test = some(short, "test", 10**6, longest=LONGEST)
    for seed in range(seeds):
        for name in ("SCNN", "CNN", "CNN, mean of triangles"):
            settings = PairTraining(epochs=6, batch_size=4, seed=seed)
            keep(file(store, "split", name, seed), lambda n=name, s=settings: one_run(n, train, valid, test, s, store))  # type: ignore[misc]


def families(data: StructureSet, store: Path, seeds: int) -> None:
    for seed in range(seeds):
        for family in data.families:
            held = hold_out_family(data, family)
            of_train = np.array([original == "train" for original in _original(data, held)])
            train = some(held.select(of_train & (held.splits == "train")), "train", 240)
            valid, test = some(held, "valid", 40, longest=200), list(held.rows("test").structures)
            if not valid:
                valid = some(held, "valid", 40)
            for name in ("SCNN", "CNN, mean of triangles", "residual", "residual with thermodynamics"):
                settings = PairTraining(epochs=4, batch_size=4, crop=LONGEST, seed=seed)
                keep(
                    file(store, "family", family, name, seed),
                    lambda n=name, s=settings, a=train, b=valid, c=test: one_run(n, a, b, c, s, store),  # type: ignore[misc]
                )


def _original(data: StructureSet, part: StructureSet) -> list[str]:
    split_of = dict(zip((one.name for one in data.structures), data.splits.tolist(), strict=True))
    return [split_of[one.name] for one in part.structures]


def long(data: StructureSet, store: Path, networks: Sequence[str], epochs: int) -> None:
    """16S rRNA and what goes under that name: crops of 256 bases; whole molecules of validation are folded."""
    print(audit_copies(data))
    clean = without_copies(data)
    print(clean)
    train, test = list(clean.rows("train").structures), list(clean.rows("valid").structures)
    inner, valid = train[: -len(train) // 10], [one for one in train[-len(train) // 10 :] if len(one) < 1000][:6]
    for name in networks:
        settings = PairTraining(epochs=epochs, batch_size=4, learning_rate=3e-3, crop=256, checkpointing=True)
        path = file(store, f"long, {epochs} epochs", name, 0)
        keep(path, lambda n=name, s=settings: one_run(n, inner, valid, test, s, store))  # type: ignore[misc]
    keep(
        file(store, "long", "RNAfold"),
        lambda: {
            "greedy": [_mfe(one) for one in test],
            "names": [one.name for one in test],
            "lengths": [len(one) for one in test],
        },
    )


def _mfe(one: Structure) -> float:
    counted = count_pairs(minimum_free_energy(one.sequence).pairs, one.pairs).scores
    return np.nan if counted is None else counted.f1


def memory(data: StructureSet, store: Path) -> None:
    """One step of the reduced network on the longest molecule; each in a process of its own."""
    longest = max(data.structures, key=len)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    settings = PairTraining(epochs=1, batch_size=1, checkpointing=True)
    began = time.monotonic()
    reduced = fit_pairs(NETWORKS["SCNN"], [longest], settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"bases": len(longest), "parameters": trainable_numbers(reduced.model), "loss": reduced.log[0].loss}
    found |= {"before_GB": before / 2**20, "peak_GB": peak / 2**20, "seconds": time.monotonic() - began}
    keep(file(store, "memory", "SCNN", len(longest)), lambda: found)


def table(store: Path) -> str:
    lines = []
    runs = {path.stem: json.loads(path.read_text()) for path in sorted(store.glob("*.json"))}
    for kind in dict.fromkeys(
        name.rsplit("_", 2)[0] for name, run in runs.items() if "parameters" in run and "greedy" in run
    ):
        lines += ["", kind.replace("_", ": ")]
        means: dict[str, dict[int, float]] = {}
        for name, run in runs.items():
            if name.rsplit("_", 2)[0] == kind and "network" in run:
                means.setdefault(run["network"], {})[run["seed"]] = float(np.nanmean(run["greedy"]))
        for network, by_seed in means.items():
            mine = [
                run for name, run in runs.items() if name.rsplit("_", 2)[0] == kind and run.get("network") == network
            ]
            interval = mean_interval(list(by_seed.values()))
            matched = [np.nanmean(run["matching"]) for run in mine if np.isfinite(run["matching"]).any()]
            exact = f", matching {np.mean(matched):.3f}" if matched else ""
            spread = f" [{interval.low:.3f}, {interval.high:.3f}]" if len(by_seed) > 1 else ""
            lines.append(
                f"  {network:<30} {mine[0]['parameters']:>8,} parameters  F1 {interval.value:.3f}{spread} over "
                f"{len(by_seed)} seed(s){exact}; "
                f"{np.mean([run['seconds'] for run in mine]):.0f} s"
            )
        for other in ("CNN", "CNN, mean of triangles"):
            if not {"SCNN", other} <= means.keys():
                continue
            both = sorted(means["SCNN"].keys() & means[other].keys())
            if len(both) < 2:
                continue
            test = paired_test([means["SCNN"][s] for s in both], [means[other][s] for s in both])
            lines.append(
                f"  SCNN minus {other} {test.mean:+.3f} [{test.low:+.3f}, {test.high:+.3f}], {len(both)} seeds, t-test "
                f"p = {test.p_t:.2g}"
            )
    for name, run in runs.items():
        if name.startswith("memory"):
            lines += ["", f"{name}: " + ", ".join(f"{key} {value:,.4g}" for key, value in run.items())]
        if name == "long_RNAfold":
            lines.append(
                f"  RNAfold on the same {len(run['greedy'])} molecules ({min(run['lengths'])} to {max(run['lengths'])} "
                f"bases): F1 {np.nanmean(run['greedy']):.3f}"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("split", "families", "long", "memory"))
    parser.add_argument("table", type=Path)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--networks", default="SCNN;CNN, mean of triangles", help="of long, separated by semicolons")
    parser.add_argument("--epochs", type=int, default=8, help="of long")
    parser.add_argument("--table-only", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.store.mkdir(parents=True, exist_ok=True)
    if not args.table_only:
        data = read_structure_table(args.table)
        if args.part == "split":
            split(data, args.store, args.seeds)
        elif args.part == "families":
            families(data, args.store, args.seeds)
        elif args.part == "long":
            long(data, args.store, args.networks.split(";"), args.epochs)
        else:
            memory(data, args.store)
    versions = f"python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    print(f"commit {commit()}; {versions}")
    print(table(args.store))


if __name__ == "__main__":
    main()
