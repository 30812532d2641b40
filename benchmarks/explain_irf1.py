"""IRF1 ChIP-seq: which motifs first layers with ReLU and with exponential activations learn, found without being told.

    python benchmarks/explain_irf1.py examples/irf1/IRF1_400bp.tsv.gz jaspar_vertebrates.meme --seeds 0-4

The published classifier of windows (three convolutions, one dense layer; Toneyan, Tang & Koo, 2022), narrowed to small
data and equivariant, with both first activations: the same data, epochs and choice of two learning rates by the loss on
the validation split. Its first filters are aligned on the test split and compared with the known motifs by Tomtom; maps
of DeepLIFT/SHAP of positive test sequences go through TF-MoDISco. Claim C8: an exponential first layer gives the higher
hit ratio at the same accuracy. Killed, the script goes on where training was.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from palindra.cli import inputs
from palindra.cli.provenance import commit, versions
from palindra.data import LabelledSequences, read_labelled
from palindra.data.motifs import Motif, read_meme
from palindra.evaluation import PairedTest, auroc, mean_interval, paired_test
from palindra.interpretation.attribution import DeepLiftShap, DinucleotideShuffles, attribute
from palindra.interpretation.motifs import (
    HitRatio,
    consensus,
    discover_patterns,
    filter_motifs,
    hit_ratio,
    tomtom,
    trim,
)
from palindra.models.gopher_cnn import CNNBinaryConfig, GopherCNN
from palindra.models.predictor import predict_batches
from palindra.sequences import one_hot
from palindra.symmetry import Target
from palindra.training.fit import fit
from palindra.training.module import TrainingConfig
from palindra.training.strategies import STRATEGIES
from printed import log, public

ACTIVATIONS = ("relu", "exponential")
RATES = (1e-3, 3e-3)
FAMILY = "IRF1 to IRF9 and STAT1::STAT2"  # whose matrices are the interferon-stimulated response element (ISRE)
PUBLISHED = (  # of the CNN classifier on 15 ATAC-seq lines, hit ratio at q <= 0.5 and mean q of hits
    "  thesis of Tang, table A.3, CNN binary, other data (ATAC-seq, chromosome 8)   ReLU .682 (.106), exponential .859 "
    "(.064)"
)


class Found(NamedTuple):
    """What one trained network shows."""

    rate: float
    loss: float  # validation
    auroc: float  # test
    strict: HitRatio
    lax: HitRatio
    rank: int  # of the first filter motif whose best match is of the family, 0 for none
    motif: Motif
    q: float
    match: str
    first: str  # best match of the first motif of the table
    patterns: list[tuple[Motif, int, str, float]]  # TF-MoDISco: motif, sign, best match, q; by seqlets
    seconds: float


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("known", type=Path, help="known motifs in the MEME format")
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--output", type=Path, default=Path("runs/explain_irf1"))
    parser.add_argument("--widths", default="64,64,96")
    parser.add_argument("--dense-width", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--explained", type=int, default=300, help="positive test sequences with the highest outputs")
    parser.add_argument("--references", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    seeds = inputs.integers(given.seeds, "--seeds")
    at = commit()
    data, known = read_labelled(given.data), read_meme(given.known)
    found: dict[str, list[Found]] = {}
    for name in ACTIVATIONS:
        tried = {rate: train(data, name, rate, seeds[0], given)[1] for rate in RATES}
        rate = min(RATES, key=tried.__getitem__)
        log(f"{name}: validation loss {tried}, learning rate {rate:g}")
        found[name] = []
        for seed in seeds:
            found[name].append(one_run(data, known, name, rate, seed, given))
            log(f"{name} seed {seed}: done")
    command = shlex.join(["python", "benchmarks/explain_irf1.py", *map(public, sys.argv[1:])])
    print("\n".join([*report(found, seeds, data, known, given), "", f"Command: {command}", f"Commit: {at}"]))
    print(f"Versions: {versions()}\nSeeds: {seeds}")


def train(
    data: LabelledSequences, name: str, rate: float, seed: int, given: argparse.Namespace
) -> tuple[GopherCNN, float]:
    """A network with its best weights on validation, and its loss there."""
    torch.manual_seed(seed)
    network = GopherCNN(
        CNNBinaryConfig(
            length=data.length,
            target=Target.invariant(1),
            first_activation=name,
            widths=tuple(int(width) for width in given.widths.split(",")),
            dense_width=given.dense_width,
        )
    )
    done = fit(
        network,
        data,
        target=Target.invariant(1),
        strategy=STRATEGIES["regular"],
        config=TrainingConfig(epochs=given.epochs, learning_rate=rate, precision="float32"),
        seed=seed,
        folder=given.output / f"{name}-{rate:g}-{seed}",
    )
    return network, done.best_loss


def one_run(
    data: LabelledSequences, known: list[Motif], name: str, rate: float, seed: int, given: argparse.Namespace
) -> Found:
    began = time.process_time()
    network, loss = train(data, name, rate, seed, given)
    test = data.rows("test")
    x, labels = one_hot(test.sequences), test.labels[:, 0]
    logits = predict_batches(network, x)[:, 0].numpy()
    motifs = [trim(one.motif) for one in filter_motifs(network, x.float())]
    matches = tomtom(motifs, known, threads=given.threads)
    order = np.lexsort((matches.p.min(1), matches.best_q))
    in_family = [n for n in order if family(matches.known[matches.best[n]].name)]
    chosen = int(in_family[0]) if in_family else int(order[0])
    positive = np.flatnonzero(labels == 1)
    rows = np.sort(positive[np.argsort(-logits[positive], kind="stable")[: given.explained]])
    maps = attribute(
        network, x[rows].float(), method=DeepLiftShap(DinucleotideShuffles(given.references)), batch_size=32
    )
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        patterns = discover_patterns(x[rows], maps.hypothetical)
    patterns.sort(key=lambda pattern: -len(pattern.seqlets))
    trimmed = [pattern.trimmed() for pattern in patterns]
    of_patterns = tomtom(trimmed, known, threads=given.threads) if trimmed else None
    return Found(
        rate,
        loss,
        auroc(logits, labels),
        hit_ratio(matches, 0.05),
        hit_ratio(matches, 0.5),
        1 + list(order).index(chosen) if in_family else 0,
        motifs[chosen],
        float(matches.best_q[chosen]),
        matches.known[matches.best[chosen]].name,
        matches.known[matches.best[order[0]]].name,
        [
            (trimmed[n], pattern.sign, of_patterns.known[of_patterns.best[n]].name, float(of_patterns.best_q[n]))
            for n, pattern in enumerate(patterns)
            if of_patterns is not None
        ],
        time.process_time() - began,
    )


def family(name: str) -> bool:
    factor = name.partition(" ")[2].upper()
    return factor.startswith("IRF") or factor == "STAT1::STAT2"


def report(
    found: dict[str, list[Found]],
    seeds: list[int],
    data: LabelledSequences,
    known: list[Motif],
    given: argparse.Namespace,
) -> list[str]:
    rows = {split: int((data.splits == split).sum()) for split in ("train", "valid", "test")}
    lines = [
        f"IRF1 ChIP-seq, {data.length} bp: {rows}; {len(known)} known motifs in {given.known.name}",
        f"Equivariant classifier (cnn-binary), widths {given.widths}, dense {given.dense_width}, {given.epochs} epochs,"
        f" learning rate of {RATES} by validation loss at seed {seeds[0]}, weights of the best validation epoch.",
        f"Reduced: widths of the published network are 192, 256, 512; {given.explained} positive test sequences with "
        f"{given.references} references each are explained.",
        "",
        f"First-layer filters (pairs collapsed, aligned on test): those of {FAMILY} in the table sorted by q",
        f"{'':13s}{'seed':>5s}{'rate':>8s}{'valid':>7s}{'AUROC':>7s}{'hits .05':>10s}{'hits .5':>9s}{'mean q':>8s}"
        f"{'rank':>6s}{'q':>10s}  best match, consensus (first of the table)",
    ]
    for name, runs in found.items():
        for seed, run in zip(seeds, runs, strict=True):
            lines.append(
                f"{name:13s}{seed:5d}{run.rate:8g}{run.loss:7.3f}{run.auroc:7.3f}{run.strict.ratio:10.3f}"
                f"{run.lax.ratio:9.3f}{run.lax.mean_q:8.3f}{run.rank or '-':>6}{run.q:10.1e}  {run.match}, "
                f"{consensus(run.motif)} ({run.first})"
            )
    lines += ["", "TF-MoDISco patterns, largest first: seqlets, best match (q)"]
    for name, runs in found.items():
        for seed, run in zip(seeds, runs, strict=True):
            cells = [
                f"{'+' if sign > 0 else '-'}{motif.sites} {match.partition(' ')[2]} ({q:.1e})"
                for motif, sign, match, q in run.patterns[:5]
            ]
            lines.append(f"{name:13s}{seed:5d}  {len(run.patterns)} patterns: " + "; ".join(cells))
    lines += ["", "Means over seeds [95 % interval], and exponential minus ReLU, paired over seeds"]
    measures = {
        "test AUROC": lambda run: run.auroc,
        "hit ratio, q <= .05": lambda run: run.strict.ratio,
        "hit ratio, q <= .5": lambda run: run.lax.ratio,
        "mean q of hits at .5": lambda run: run.lax.mean_q,
        "log10 q of the family's first filter": lambda run: float(np.log10(max(run.q, 1e-300))),
    }
    tests: dict[str, PairedTest] = {}
    for what, measure in measures.items():
        values = {name: np.array([measure(run) for run in runs]) for name, runs in found.items()}
        if not all(np.isfinite(value).all() for value in values.values()):
            lines.append(f"  {what:38s}not a number for some seed")
            continue
        test = tests[what] = paired_test(values["exponential"], values["relu"])
        cells = "".join(f"{name}{cell(mean_interval(values[name])):>27s}   " for name in ACTIVATIONS)
        lines.append(
            f"  {what:38s}{cells}difference {test.mean:+.3f} [{test.low:+.3f}, {test.high:+.3f}], "
            f"p = {test.p_t:.2g} (t), {test.p_permutation:.2g} (signs)"
        )
    lines += [PUBLISHED, "", *verdict(found, tests)]
    times = [run.seconds for runs in found.values() for run in runs]
    return [*lines, "", f"Processor seconds of a run with its analysis: {np.mean(times):.0f} ({given.threads} thread)"]


def verdict(found: dict[str, list[Found]], tests: dict[str, PairedTest]) -> list[str]:
    lines = []
    for name, runs in found.items():
        first = sum(run.rank == 1 and run.q < 0.01 for run in runs)
        named = sum(bool(run.patterns) and family(run.patterns[0][2]) and run.patterns[0][3] < 0.01 for run in runs)
        lines.append(
            f"{name}: {FAMILY} first in the table of filters with q < .01 in {first} of {len(runs)} seeds; the largest "
            f"TF-MoDISco pattern with q < .01 in {named} of {len(runs)}."
        )
    for threshold in ("q <= .05", "q <= .5"):
        test = tests[f"hit ratio, {threshold}"]
        word = "supported" if test.low > 0 else "contradicted" if test.high < 0 else "not decided"
        lines.append(
            f"C8 (exponential gives the higher hit ratio) at {threshold}: {word} over {test.n} seeds by t; "
            f"by signs alone p = {test.p_permutation:.2g}, where {2 / 2**test.n:.2g} is the smallest possible."
        )
    accuracy = tests["test AUROC"]
    lines.append(f"C8 (same accuracy): AUROC differs by {accuracy.mean:+.4f}, p = {accuracy.p_t:.2g}.")
    return lines


def cell(interval: tuple[float, float, float]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*interval)


if __name__ == "__main__":
    main()
