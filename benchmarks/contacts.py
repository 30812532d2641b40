"""Contact maps of protein domains that no training step saw: SCNN beside the matching CNN and raw couplings.

    pip install palindra biotite
    python benchmarks/contacts.py DATA [--folds 5] [--seeds 3] [--epochs 15] [--threads 1] [--keep FOLDER]

DATA is a folder with domains.tsv.gz (columns pfam, pdb_chain, ...), pdb/<pfam>_<chain>.pdb.gz and msa/<pfam>.fa.gz.
Domains are split into folds once, members of one Pfam clan together; every seed trains each network on all folds but
one and scores it on that one. Both networks have the same layers, kernels, filters, optimiser, batches and steps;
the settings were fixed after one run of another seed on the first fold and are the same for all. The CNN is scored as
published, by its upper triangle, and once more with its map averaged with the transpose, which costs nothing and is
the harder comparison. FOLDER keeps predicted maps, so that a run that was cut off goes on when the same command is
given again.
"""

from __future__ import annotations

import argparse
import gzip
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.cli.provenance import commit
from palindra.data.proteins import (
    ContactExample,
    contact_features,
    contact_map,
    pad_examples,
    place_sequence,
    read_alignment,
    read_structure,
)
from palindra.evaluation.pairs.contacts import CUTS, RANGES, contact_decisions, contact_precisions
from palindra.evaluation.statistics import mean_interval, paired_test
from palindra.models.contact_cnn import ContactCNN, ContactCNNConfig
from palindra.nn import count_parameters
from palindra.symmetry import Position

CLANS = {"PF07679": "Ig", "PF07686": "Ig", "PF00041": "E-set", "PF01833": "E-set"}
POSITIVE_WEIGHT, LEARNING_RATE, WEIGHT_DECAY, NEAR = 5.0, 2e-3, 1e-2, 6
SHOWN = [("medium", "L/5"), ("long", "L/5"), ("medium and long", "L/5"), ("all", "L/5"), ("all", "L/2"), ("all", "L")]
Scores = dict[tuple[str, str], float]


class Domain(NamedTuple):
    example: ContactExample
    plain: dict[str, NDArray[np.float64]]  # scores that need no training
    rows: float


def config(involution: Position | None) -> ContactCNNConfig:
    return ContactCNNConfig(
        recurrent_width=16,
        generated=24,
        blocks=(((5, 8), (3, 8)), ((5, 16),), ((3, 16),)),
        generated_again=8,
        dropout=0.2,
        involution=involution,
    )


def read_domain(folder: Path, pfam: str, chain: str) -> Domain:
    structure = read_structure(folder / "pdb" / f"{pfam}_{chain}.pdb.gz", missing="mask")
    alignment = place_sequence(read_alignment(folder / "msa" / f"{pfam}.fa.gz"), structure.sequence, chain)
    features, truth = contact_features(alignment), contact_map(structure)
    example = ContactExample(pfam, features.residues, features.pairs, truth.contacts, truth.known)
    plain = {
        "mutual information, APC": features.mutual_information,
        "couplings, APC": features.couplings,
        "contact potential": -features.pairs[2].astype(float),
    }
    return Domain(example, plain, features.effective_sequences)


def split(names: list[str], folds: int) -> list[list[int]]:
    """Folds of domains by a fixed draw, each clan in one fold."""
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        groups.setdefault(CLANS.get(name, name), []).append(i)
    order = np.random.default_rng(0).permutation(len(groups))
    found: list[list[int]] = [[] for _ in range(folds)]
    for group in sorted((list(groups.values())[i] for i in order), key=len, reverse=True):
        min(found, key=len).extend(group)
    return found


def train(domains: list[Domain], involution: Position | None, seed: int, epochs: int) -> ContactCNN:
    torch.manual_seed(seed)
    model = ContactCNN(config(involution))
    batches = [pad_examples([domain.example]) for domain in domains]
    counted = [torch.triu(batch.known, NEAR) for batch in batches]
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=epochs * len(batches))
    weight = torch.tensor(POSITIVE_WEIGHT)
    for epoch in range(epochs):
        for i in np.random.default_rng([seed, epoch]).permutation(len(batches)).tolist():
            batch, pairs = batches[i], counted[i]
            logits = model(batch.residues, batch.pairs)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits[pairs], batch.contacts[pairs].float(), pos_weight=weight
            )
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def predict(model: ContactCNN, domain: Domain) -> NDArray[np.float64]:
    batch = pad_examples([domain.example])
    return model(batch.residues, batch.pairs)[0].sigmoid().double().numpy()


def score(scores: NDArray[np.float64], domain: Domain) -> Scores:
    return contact_precisions(scores, domain.example.contacts, domain.example.known)


def mean(values: list[Scores], key: tuple[str, str]) -> float:
    return float(np.nanmean([value[key] for value in values]))


def table(rows: dict[str, Callable[[tuple[str, str]], float]]) -> None:
    print(f"{'':36}" + "".join(f"{name + ' ' + cut:>22}" for name, cut in SHOWN))
    for name, value in rows.items():
        print(f"{name:36}" + "".join(f"{value(key):22.3f}" for key in SHOWN))


def _without_folder(words: list[str]) -> list[str]:
    """The command without the folder that it kept maps in."""
    return [word for i, word in enumerate(words) if "--keep" not in (word, words[i - 1] if i else "")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only-folds", type=int, default=None, help="train the first folds only, for a quick look")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--keep", type=Path, default=None, help="folder of predicted maps; a new one if not given")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    options.keep = options.keep or Path(tempfile.mkdtemp())
    torch.set_num_threads(options.threads)
    start = time.monotonic()
    with gzip.open(options.data / "domains.tsv.gz", "rt") as file:
        names = [line.split("\t")[:2] for line in file][1:]
    domains = [read_domain(options.data, *name) for name in names]
    folds = split([name for name, _ in names], options.folds)[: options.only_folds]
    tested = sorted(i for fold in folds for i in fold)
    read = time.monotonic() - start

    seeds = range(options.first_seed, options.first_seed + options.seeds)
    networks = {"SCNN": Position.TRANSPOSE, "CNN": None}
    maps: dict[str, dict[int, dict[int, NDArray[np.float64]]]] = {name: {} for name in networks}
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for seed in seeds:
        for number, fold in enumerate(folds):
            others = [domain for i, domain in enumerate(domains) if i not in fold]
            for name, involution in networks.items():
                kept = options.keep / f"{name}_epochs-{options.epochs}_seed-{seed}_fold-{number}-of-{options.folds}.npz"
                if not kept.exists():
                    began = time.process_time()
                    model = train(others, involution, seed, options.epochs)
                    spent = time.process_time() - began
                    predicted = {str(i): predict(model, domains[i]) for i in fold}
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    np.savez_compressed(kept, seconds=spent, **predicted)
                with np.load(kept) as file:
                    seconds[name].append(float(file["seconds"]))
                    maps[name].setdefault(seed, {}).update({i: file[str(i)] for i in fold})
            print(f"seed {seed}, fold {number + 1}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    averaged = {seed: {i: (map_ + map_.T) / 2 for i, map_ in by.items()} for seed, by in maps["CNN"].items()}
    maps["CNN, averaged with transpose"] = averaged
    found = {
        name: {seed: {i: score(map_, domains[i]) for i, map_ in by.items()} for seed, by in by_seed.items()}
        for name, by_seed in maps.items()
    }

    raw = {name: {i: score(domains[i].plain[name], domains[i]) for i in tested} for name in domains[0].plain}
    print(f"$ python benchmarks/{Path(__file__).name} DATA " + " ".join(_without_folder(sys.argv[2:])))
    print(
        f"after commit {commit()}; python {platform.python_version()}, torch {torch.__version__}, numpy "
        f"{np.__version__}, {platform.machine()}, {options.threads} thread(s)"
    )
    print(
        f"{len(tested)} domains of {len(domains)}, {options.folds} folds (clans together), seeds {list(seeds)}, "
        f"{options.epochs} epochs of one domain per step, AdamW, learning rate {LEARNING_RATE} (one cycle),\n"
        f"positive weight {POSITIVE_WEIGHT:.0f}, pairs >= {NEAR} apart; contacts: C-beta below 8 Angstrom"
    )
    print(
        f"effective sequences: median {statistics.median(domain.rows for domain in domains):.0f}; "
        f"features {read:.0f} s; processor time per training "
        + ", ".join(f"{name} {statistics.median(values):.1f} s" for name, values in seconds.items())
    )
    counts = {name: count_parameters(ContactCNN(config(involution))) for name, involution in networks.items()}
    print("parameters: " + ", ".join(f"{name} {number:,}" for name, number in counts.items()))
    print(f"precision at {', '.join(CUTS)} of ranges {RANGES}\n")
    table(
        {name: lambda key, s=scores: mean(list(s.values()), key) for name, scores in raw.items()}
        | {
            name: lambda key, s=scores: float(np.mean([mean(list(by.values()), key) for by in s.values()]))
            for name, scores in found.items()
        }
    )

    print(f"\ndecisions at a probability of 0.5, pairs >= {NEAR} apart (means over domains and seeds)")
    for name, by_seed in maps.items():
        each = [
            contact_decisions(map_, domains[i].example.contacts, domains[i].example.known)
            for by in by_seed.values()
            for i, map_ in by.items()
        ]
        ppv, sensitivity, accuracy, f1 = np.nanmean([one[:4] for one in each], axis=0)
        print(f"{name:36}PPV {ppv:.3f}  sensitivity {sensitivity:.3f}  accuracy {accuracy:.3f}  F1 {f1:.3f}")

    def per_domain(name: str, key: tuple[str, str]) -> NDArray[np.float64]:
        if name in raw:
            return np.array([raw[name][i][key] for i in tested])
        return np.mean([[found[name][seed][i][key] for i in tested] for seed in seeds], axis=0)

    def per_seed(name: str, key: tuple[str, str]) -> list[float]:
        return [mean(list(found[name][seed].values()), key) for seed in seeds]

    print("\ndifferences with 95 % intervals: over domains (means over seeds), and over seeds (means over domains)")
    for other in ("couplings, APC", "CNN", "CNN, averaged with transpose"):
        for key in SHOWN:
            first, second = per_domain("SCNN", key), per_domain(other, key)
            both = ~(np.isnan(first) | np.isnan(second))
            test = paired_test(first[both], second[both])
            better = f"{(first > second).sum()} of {both.sum()} domains better"
            line = f"SCNN - {other:30}{' '.join(key):22}{test.mean:+.3f} [{test.low:+.3f}, {test.high:+.3f}] "
            line += f"p (sign flips) {test.p_permutation:.4f}, {better}"
            if other in found and len(seeds) > 1:
                again = paired_test(per_seed("SCNN", key), per_seed(other, key))
                line += f"; seeds {again.mean:+.3f} [{again.low:+.3f}, {again.high:+.3f}] p (t) {again.p_t:.3f}"
            print(line)
    print()
    for name in found:
        value, low, high = mean_interval(per_seed(name, ("long", "L/5"))) if len(seeds) > 1 else (np.nan,) * 3
        print(f"{name}: long L/5 over seeds {value:.3f} [{low:.3f}, {high:.3f}]")
    key = ("medium and long", "L/5")
    print(f"\nprecision at {' '.join(key)} per domain: couplings, SCNN, CNN (means over seeds)")
    for place, i in enumerate(tested):
        values = [per_domain(name, key)[place] for name in ("couplings, APC", "SCNN", "CNN")]
        print(f"{names[i][0]} {names[i][1]}" + "".join(f"{value:8.3f}" for value in values))


if __name__ == "__main__":
    main()
