"""RNA secondary structure with a family held out: learned corrections of thermodynamics beside RNAfold.

    pip install 'palindra[rna]'
    python benchmarks/rna_folding.py TABLE --store FOLDER [--seeds 5] [--table-only] [--ship FILE] [--output FILE]

TABLE has the columns split, id, family, sequence and pairs_1based. Every family is the test family once; the networks
are trained on training rows of the others. Size, penalty, epochs and threshold are chosen on validation rows of the
*training* families, by training on one of them and scoring on the other, both ways: the choice asks what carries over
to a family that was not seen. Then the network is trained on both with each seed. Test rows are the rows of the held
out family that are in split test.

Energies of Andronescu (2007) and Langdon (2018) were themselves fitted to databases of known structures that hold
these families: with them a family is new to the network only. Turner (2004) was measured by melting.

FOLDER keeps pair probabilities and results of each run, so that a run that was cut off goes on when the command is
given again; --table-only prints what is there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.cli.provenance import commit
from palindra.data.rna import (
    PARAMETERS,
    Pairs,
    Structure,
    StructureSet,
    minimum_free_energy,
    pairing_probabilities,
    read_structure_table,
)
from palindra.evaluation.pairs import greedy, matching, most_bonds, nearest_structures, nested, rnafold_mea
from palindra.evaluation.pairs.decoding import Candidates, decode
from palindra.evaluation.pairs.scores import count_pairs
from palindra.evaluation.statistics import bootstrap_interval, mean_interval, paired_test
from palindra.models.folding import Folder, correct, save_folder
from palindra.models.stem_features import StemRows, stem_rows
from palindra.models.stem_net import StemNet, StemNetConfig
from palindra.training.stems import StemTraining, fit_stems

FITTED = ("turner2004", "andronescu2007", "langdon2018")
VARIANTS = {"Turner 2004": ("turner2004",), "three energies": FITTED}
GRID: list[dict[str, Any]] = [{"hidden": h, "penalty": p} for h in (0, 8) for p in (0.03, 0.1)]
EPOCHS, THRESHOLDS, LEAST = 12, (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5), 1e-4
Map = NDArray[np.float32]


class Maps:
    """Pair probabilities of all molecules, computed once and kept in the store as lists of pairs."""

    def __init__(self, data: StructureSet, store: Path, name: str) -> None:
        self.data, path = data, store / f"probabilities_{name}.npz"
        if not path.exists():
            lists = []
            for structure in data.structures:
                table = np.triu(pairing_probabilities(structure.sequence, parameters=name).pairs)
                i, j = np.nonzero(table > LEAST)
                lists.append((i, j, table[i, j]))
            ends = np.cumsum([len(i) for i, _, _ in lists])
            first, second, value = (np.concatenate(part) for part in zip(*lists, strict=True))
            np.savez_compressed(path, first=first, second=second, value=value.astype(np.float32), ends=ends)
        with np.load(path) as kept:
            self.first, self.second, self.value, self.ends = (kept[k] for k in ("first", "second", "value", "ends"))

    def __getitem__(self, row: int) -> Map:
        part = slice(self.ends[row - 1] if row else 0, self.ends[row])
        table = np.zeros((len(self.data.structures[row]),) * 2, dtype=np.float32)
        table[self.first[part], self.second[part]] = self.value[part]
        return table + table.T


def f1(pairs: Pairs, known: Structure) -> float:
    scores = count_pairs(pairs, known.pairs).scores
    return np.nan if scores is None else scores.f1


def stem_f1(nets: Sequence[StemNet], rows: StemRows, known: Structure) -> list[float]:
    """F1 of the greedy decoding at every threshold, from the likely pairs alone."""
    with torch.no_grad():
        logits = [net(torch.from_numpy(rows.prior), torch.from_numpy(rows.features)) for net in nets]
    chance = torch.stack(logits).mean(0).sigmoid().numpy().astype(np.float64)
    kept = chance > THRESHOLDS[0]
    found = Candidates(rows.first[kept], rows.second[kept], chance[kept], rows.length)
    chance_of = dict(zip(zip(found.first.tolist(), found.second.tolist(), strict=True), found.weight, strict=True))
    pairs = greedy(found)  # a higher threshold takes a first part of the same choices
    return [f1(tuple(pair for pair in pairs if chance_of[pair] > threshold), known) for threshold in THRESHOLDS]


def choose(
    data: StructureSet, rows: list[StemRows], seen: Sequence[str], parameters: tuple[str, ...]
) -> dict[str, Any]:
    """Size, penalty, epochs and threshold that carry over best from each training family to the other."""
    totals: dict[tuple[Any, ...], NDArray[np.float64]] = {}
    for (source, target), setting in itertools.product(itertools.permutations(seen, 2), GRID):
        train = np.flatnonzero((data.family_of == source) & (data.splits == "train"))
        valid = np.flatnonzero((data.family_of == target) & (data.splits == "valid"))

        def look(epoch: int, net: StemNet, setting: Any = setting, valid: Any = valid) -> None:
            if epoch % 2:
                return
            scores = [stem_f1([net], rows[n], data.structures[n]) for n in valid]
            key = (setting["hidden"], setting["penalty"], epoch)
            totals[key] = totals.get(key, np.zeros(len(THRESHOLDS))) + np.nanmean(scores, axis=0)

        fit_stems(
            StemNetConfig(parameters, hidden=setting["hidden"]),
            [data.structures[n] for n in train],
            [rows[n] for n in train],
            StemTraining(epochs=EPOCHS, penalty=setting["penalty"]),
            report=look,
        )
    best = max(totals, key=lambda key: (totals[key].max(), -key[2]))
    at = int(totals[best].argmax())
    untrained = next(scores for key, scores in totals.items() if key[2] == 0)
    pairs = len(list(itertools.permutations(seen, 2)))
    return {
        "hidden": best[0],
        "penalty": best[1],
        "epochs": best[2],
        "threshold": THRESHOLDS[at],
        "score": float(totals[best][at] / pairs),
        "untrained_threshold": THRESHOLDS[int(untrained.argmax())],
        "untrained_score": float(untrained.max() / pairs),
    }


def train(
    data: StructureSet, rows: list[StemRows], seen: Sequence[str], choice: Any, parameters: Any, seed: int
) -> StemNet:
    train = np.flatnonzero(np.isin(data.family_of, list(seen)) & (data.splits == "train"))
    return fit_stems(
        StemNetConfig(parameters, hidden=choice["hidden"]),
        [data.structures[n] for n in train],
        [rows[n] for n in train],
        StemTraining(epochs=choice["epochs"], penalty=choice["penalty"], seed=seed),
    )


def keep(path: Path, value: Any) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value))
    partial.replace(path)


def run(data: StructureSet, store: Path, seeds: int) -> None:
    maps = {name: Maps(data, store, name) for name in PARAMETERS}
    for family in data.families:
        test = np.flatnonzero((data.family_of == family) & (data.splits == "test"))
        seen = [name for name in data.families if name != family]
        path = store / f"baselines_{family}.json"
        if not path.exists():
            keep(path, baselines(data, maps, test, seen))
    for variant, parameters in VARIANTS.items():
        rows = [
            stem_rows(one.sequence, [maps[name][n] for name in parameters]) for n, one in enumerate(data.structures)
        ]
        for family in data.families:
            path = store / f"stems_{variant.replace(' ', '_')}_{family}.json"
            if path.exists() and len(json.loads(path.read_text())["seeds"]) >= seeds:
                continue
            began = time.monotonic()
            test = np.flatnonzero((data.family_of == family) & (data.splits == "test"))
            seen = [name for name in data.families if name != family]
            choice = choose(data, rows, seen, parameters)
            nets = [train(data, rows, seen, choice, parameters, seed) for seed in range(seeds)]
            ways = {"untrained": ([StemNet(StemNetConfig(parameters))], choice["untrained_threshold"], greedy)}
            ways |= {f"seed {seed}": ([net], choice["threshold"], greedy) for seed, net in enumerate(nets)}
            for name, decoder in (("greedy", greedy), ("matching", matching), ("nested", nested)):
                ways[name] = (nets, choice["threshold"], decoder)
            scores: dict[str, list[float]] = {way: [] for way in ways}
            for n in test:
                known = data.structures[n]
                given = [maps[name][n] for name in parameters]
                for way, (some, threshold, decoder) in ways.items():
                    table = correct(some, known.sequence, given)
                    scores[way].append(f1(decode(table, decoder, threshold=threshold), known))
            found = {"choice": choice, "seeds": list(range(seeds)), "f1": scores, "seconds": time.monotonic() - began}
            keep(path, found)
            print(
                variant, family, choice, {way: round(float(np.nanmean(v)), 3) for way, v in scores.items()}, flush=True
            )


def baselines(
    data: StructureSet, maps: dict[str, Maps], test: NDArray[np.int64], seen: list[str]
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    structures = [data.structures[n] for n in test]
    for name in PARAMETERS:
        folded = [minimum_free_energy(one.sequence, parameters=name).pairs for one in structures]
        found[f"RNAfold, {name}"] = [f1(pairs, one) for pairs, one in zip(folded, structures, strict=True)]
    found["RNAfold MEA, turner2004"] = [f1(rnafold_mea(one.sequence), one) for one in structures]
    found["most bonds"] = [f1(most_bonds(one.sequence), one) for one in structures]
    known = [
        one for one, split in zip(data.structures, data.splits, strict=True) if one.family in seen and split == "train"
    ]
    nearest = nearest_structures([one.sequence for one in structures], known)
    found["nearest training molecule"] = [f1(pairs, one) for pairs, one in zip(nearest, structures, strict=True)]
    mean = [np.mean([maps[name][n] for name in ("andronescu2007", "langdon2018")], axis=0) for n in test]
    found["mean of Andronescu and Langdon, greedy at .4"] = [
        f1(decode(table, greedy, threshold=0.4), one) for table, one in zip(mean, structures, strict=True)
    ]
    return found


def ship(data: StructureSet, store: Path, seeds: int, path: Path) -> None:
    """The model of the package: all three families, settings that carried over between all of them."""
    maps = [Maps(data, store, name) for name in FITTED]
    rows = [stem_rows(one.sequence, [table[n] for table in maps]) for n, one in enumerate(data.structures)]
    choice = choose(data, rows, data.families, FITTED)
    nets = [train(data, rows, data.families, choice, FITTED, seed) for seed in range(seeds)]
    counts = {family: int(((data.family_of == family) & (data.splits == "train")).sum()) for family in data.families}
    valid = {}
    for family in data.families:
        some = np.flatnonzero((data.family_of == family) & (data.splits == "valid"))
        at = THRESHOLDS.index(choice["threshold"])
        valid[family] = round(float(np.nanmean([stem_f1(nets, rows[n], data.structures[n])[at] for n in some])), 4)
    settings = {
        "training": {
            "data": "ArchiveII (Sloma and Mathews 2016), families 5S rRNA, tRNA and tmRNA, MIT licence",
            "source": Path(data.source).name,
            "sha256": data.sha256,
            "families": list(data.families),
            "longest": max(len(one) for one in data.rows("train").structures),
            "molecules": counts,
            "seeds": list(range(seeds)),
            "command": "benchmarks/rna_folding.py TABLE --store FOLDER --ship FILE",
            "commit": commit(),
        },
        "chosen": choice,
        "validation_f1": valid,
        "energies": "Andronescu 2007 and Langdon 2018 were fitted to databases of structures that hold these families",
    }
    save_folder(Folder(nets, name="stem_net", threshold=choice["threshold"], settings=settings), path)


def table(data: StructureSet, store: Path) -> str:
    """Mean F1 over molecules with its interval, and the paired difference to RNAfold."""
    lines = []
    for family in data.families:
        path = store / f"baselines_{family}.json"
        if not path.exists():
            continue
        base = {name: np.array(values) for name, values in json.loads(path.read_text()).items()}
        rnafold = base["RNAfold, turner2004"]
        lines += [
            "",
            f"{family} held out, {len(rnafold)} test molecules"
            + " " * 26
            + "F1 [95 %]         minus RNAfold [95 %], p",
        ]
        for name, values in base.items():
            lines.append(line(name, values, rnafold if name != "RNAfold, turner2004" else None))
        for variant in VARIANTS:
            path = store / f"stems_{variant.replace(' ', '_')}_{family}.json"
            if not path.exists():
                continue
            kept = json.loads(path.read_text())
            scores = {way: np.array(values) for way, values in kept["f1"].items()}
            each = np.array([np.nanmean(scores[f"seed {seed}"]) for seed in kept["seeds"]])
            choice = kept["choice"]
            lines.append(
                f"  {variant}: {choice['hidden']} hidden, penalty {choice['penalty']}, {choice['epochs']} epochs, "
                f"threshold {choice['threshold']}; across training families F1 {choice['score']:.3f}, untrained "
                f"{choice['untrained_score']:.3f}"
            )
            lines.append(line("  untrained: mean logit, greedy", scores["untrained"], rnafold))
            seeds = mean_interval(each)
            lines.append(
                f"    {len(each)} seeds, greedy: mean {seeds.value:.3f} [{seeds.low:.3f}, {seeds.high:.3f}] over seeds"
            )
            for way in ("greedy", "matching", "nested"):
                lines.append(line(f"  mean of {len(each)} networks, {way}", scores[way], rnafold))
            for name, other in (
                ("RNAfold with Langdon's energies", base["RNAfold, langdon2018"]),
                ("untrained", scores["untrained"]),
            ):
                lines.append(f"    greedy minus {name} {difference(scores['greedy'], other)}")
    return "\n".join(lines)


def line(name: str, values: NDArray[np.float64], against: NDArray[np.float64] | None) -> str:
    interval = bootstrap_interval(lambda rows: float(values[rows].mean()), len(values), 0)
    text = f"  {name:<58} {values.mean():.3f} [{interval.low:.3f}, {interval.high:.3f}]"
    if against is None:
        return text
    return f"{text}  {difference(values, against)}"


def difference(values: NDArray[np.float64], against: NDArray[np.float64]) -> str:
    test = paired_test(values, against)
    return f"{test.mean:+.3f} [{test.low:+.3f}, {test.high:+.3f}], p = {test.p_permutation:.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--table-only", action="store_true")
    parser.add_argument("--ship", type=Path)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.store.mkdir(parents=True, exist_ok=True)
    data = read_structure_table(args.table)
    if args.ship:
        ship(data, args.store, args.seeds, args.ship)
        return
    if not args.table_only:
        run(data, args.store, args.seeds)
    head = [
        f"{data}",
        f"python benchmarks/rna_folding.py TABLE --store FOLDER --seeds {args.seeds}; commit {commit()}; python "
        f"{platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}, ViennaRNA {vienna_version()}",
        "Strict F1, mean over molecules; differences are paired by molecule, p by sign flips.",
    ]
    text = "\n".join(head) + "\n" + table(data, args.store) + "\n"
    print(text)
    if args.output:
        args.output.write_text(text)


def vienna_version() -> str:
    from importlib.metadata import version

    return version("ViennaRNA")


if __name__ == "__main__":
    main()
