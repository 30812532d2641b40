"""Saturation mutagenesis (CAGI5 protocol): a model's variant effects against measured ones, element by element.

    pip install palindra[genome]
    python benchmarks/mpra_satmut.py DATA [--model RUN | --model my_models:load --window 2114] [--target liver]

DATA is a folder with ``variants.tsv.gz`` (element, chrom, pos_GRCh37, pos_in_element, ref, alt, barcodes, log2_effect),
``elements.tsv.gz``, ``elements.fa.gz`` and ``elements.vcf.gz`` (a genome of elements and its variants), and, for
``--context``, ``context2048_MIT.fa.gz`` (2,048 bp of GRCh37 around each locus). They come from Kircher et al. (2019,
Nature Communications 10:3583) and are not part of this package.

The whole path of ``palindra variants`` runs: VCF, check of reference alleles, windows, scores, table. Then, inside each
element, the Pearson correlation (with its sign) between predicted and measured log2 effects of the substitutions with
at least ``--barcodes`` barcodes; the last row is the mean over elements. The prediction is the mean over all tracks
(cell-type agnostic) or the track that ``--target`` names. Beside it stand trivial predictors and the ceiling: the
correlation of the measurement with its best replicate (the same locus in another clone, orientation or cell line).
Without ``--model`` an untrained network is scored, which shows the path and what chance gives.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import platform
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from palindra.cli.provenance import commit
from palindra.cli.tracks.predicting import parse_shifts
from palindra.cli.variants.models import Declaration
from palindra.cli.variants.outputs import TABLE
from palindra.cli.variants.running import Plan, score_file
from palindra.data.genome import Genome
from palindra.nn import StrandMean
from palindra.symmetry import Target

PURINES = frozenset("AG")


class Measured(NamedTuple):
    """One substitution of one element."""

    element: str
    locus: tuple[str, int]  # GRCh37
    position: int  # in the element, from 1
    ref: str
    alt: str
    barcodes: int
    effect: float


def untrained() -> nn.Module:
    """A network with random weights, averaged over both strands."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(4, 64, 11, padding=5), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(64, 64, 5), nn.ReLU()
    )
    head = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 1))
    return StrandMean(nn.Sequential(network, head), Target.invariant(1))


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t")


def read_measured(data: Path) -> list[Measured]:
    """All substitutions (deletions are no part of the protocol)."""
    return [
        Measured(
            row["element"],
            (row["chrom"], int(row["pos_GRCh37"])),
            int(row["pos_in_element"]),
            row["ref"],
            row["alt"],
            int(row["barcodes"]),
            float(row["log2_effect"]),
        )
        for row in rows(data / "variants.tsv.gz")
        if row["alt"] in "ACGT"
    ]


def pearson(one: list[float], two: list[float]) -> float:
    a, b = np.array(one), np.array(two)
    if len(a) < 3 or not (np.isfinite(a).all() and a.std() > 0 and b.std() > 0):
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def ceilings(kept: dict[str, list[Measured]]) -> dict[tuple[str, str], float]:
    """Correlation of every two elements that share substitutions of the genome."""
    found = {}
    effects = {name: {(v.locus, v.ref, v.alt): v.effect for v in some} for name, some in kept.items()}
    for one, two in combinations(effects, 2):
        shared = [key for key in effects[one] if key in effects[two]]
        if len(shared) > 2:
            found[one, two] = pearson([effects[one][key] for key in shared], [effects[two][key] for key in shared])
    return found


def on_context(data: Path, folder: Path, measured: list[Measured]) -> tuple[Path, Path, Callable[[Measured], str]]:
    """A FASTA of loci, a VCF of every distinct substitution on them, and the name of the locus of a substitution."""
    locus = {row["element"]: row["context2048_id"] for row in rows(data / "elements.tsv.gz")}
    starts = {}
    with gzip.open(data / "context2048_MIT.fa.gz", "rt") as lines:
        for line in lines:
            if line.startswith(">"):
                name, place, *_ = line[1:].split()
                starts[name] = int(place.split(":")[1].split("-")[0])
    order = list(starts)
    places = sorted({(locus[v.element], v.locus[1] - starts[locus[v.element]] + 1, v.ref, v.alt) for v in measured},
                    key=lambda place: (order.index(place[0]), *place[1:]))  # fmt: skip
    calls = folder / "context.vcf"
    text = "##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID={name}>\n" for name in order)
    text += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    calls.write_text(text + "".join(f"{c}\t{p}\t.\t{ref}\t{alt}\t.\t.\t.\n" for c, p, ref, alt in places))
    return (
        calls,
        data / "context2048_MIT.fa.gz",
        lambda v: f"{locus[v.element]}:{v.locus[1] - starts[locus[v.element]] + 1}",
    )


def predictions(table: Path, target: str | None) -> dict[str, dict[tuple[str, str, str], float]]:
    """For the standard and (with shifts) the robust score: place, reference and alternate -> predicted effect."""
    with table.open(newline="") as lines:
        scored = [row for row in csv.DictReader(lines, delimiter="\t") if row["status"] == "scored"]
    names = list(scored[0])
    measure = "log_fold_change_" if any(name.startswith("log_fold_change_") for name in names) else "difference_"
    found = {}
    for how in ("", "robust_"):
        columns = [name for name in names if name.startswith(how + measure)]
        if target is not None:
            columns = [name for name in columns if name == f"{how}{measure}{target}"]
        if columns:
            found[how.rstrip("_") or "standard"] = {
                (f"{row['chrom']}:{row['position']}", row["ref"], row["alt"]): float(
                    np.mean([float(row[name]) for name in columns])
                )
                for row in scored
            }
    return found


def trivial(genome: Genome) -> dict[str, Callable[[Measured], float]]:
    """Predictors that know no regulation; each with the sign that it would be given without looking."""

    def cpg(v: Measured) -> float:
        left, _, right = ("ACGTN"[code] for code in genome.codes(v.element, v.position - 2, v.position + 1))
        before, after = (left + letter + right for letter in (v.ref, v.alt))
        return after.count("CG") - before.count("CG")

    return {
        "GC": lambda v: (v.alt in "GC") - (v.ref in "GC"),
        "CpG": cpg,
        "transversion": lambda v: -float((v.ref in PURINES) != (v.alt in PURINES)),  # more disruptive than transitions
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Variant effects against saturation mutagenesis.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", help="run folder or module:function; an untrained network by default")
    parser.add_argument("--window", type=int, help="letters that module:function reads")
    parser.add_argument("--outputs", default="invariant", help="what they do on the other strand, as in the command")
    parser.add_argument("--output-field")
    parser.add_argument("--activation", default="none")
    parser.add_argument("--kind", help="coverage, probability or value")
    parser.add_argument("--bin-size", type=int)
    parser.add_argument("--target", help="one track; the mean over all of them by default")
    parser.add_argument("--shifts", default="0", help="for robust scores, e.g. --shifts=-64,-32,0,32,64")
    parser.add_argument("--barcodes", type=int, default=10, help="that a substitution needs")
    parser.add_argument("--context", action="store_true", help="windows of the genome around, instead of N")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    name, window = options.model or f"{Path(__file__).stem}:untrained", options.window
    if options.model is None:
        window = window or 230
    declared = Declaration(
        window, options.activation, options.outputs, options.output_field, options.kind, options.bin_size
    )
    plan = Plan(targets=options.target, shifts=parse_shifts(options.shifts), declared=declared)
    measured = read_measured(options.data)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        calls, fasta = options.data / "elements.vcf.gz", options.data / "elements.fa.gz"
        where: Callable[[Measured], str] = lambda v: f"{v.element}:{v.position}"  # noqa: E731
        if options.context:
            calls, fasta, where = on_context(options.data, folder, measured)
        done = score_file(name, calls, fasta, folder / "scored", plan, cache=folder, say=print)
        predicted = predictions(folder / "scored" / TABLE, options.target)
        genome = Genome.open(options.data / "elements.fa.gz", cache=folder)
        print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
        print(f"commit {commit() or 'unknown'}, palindra {version('palindra')}, torch {version('torch')}, ", end="")
        print(f"numpy {version('numpy')}, pysam {version('pysam')}, python {platform.python_version()}")
        digest = hashlib.sha256((options.data / "variants.tsv.gz").read_bytes()).hexdigest()[:12]
        print(f"variants.tsv.gz {digest}..., model {options.model or 'untrained network'}, ", end="")
        print(f"{done.scored:,} of {done.alternates:,} alternates scored, reference alleles that differ: ", end="")
        print(f"{sum(count for kind, count in done.counts.items() if kind == 'reference_mismatch'):,}")
        print(f"Pearson r with its sign, substitutions with at least {options.barcodes} barcodes\n")
        report(measured, predicted, where, trivial(genome), options.barcodes)


def report(
    measured: list[Measured],
    predicted: dict[str, dict[tuple[str, str, str], float]],
    where: Callable[[Measured], str],
    baselines: dict[str, Callable[[Measured], float]],
    barcodes: int,
) -> None:
    """Print the tables."""
    kept: dict[str, list[Measured]] = defaultdict(list)
    for v in measured:
        if v.barcodes >= barcodes:
            kept[v.element].append(v)
    replicates = ceilings(kept)
    columns = [*predicted, *baselines]
    print(f"{'element':<12}{'n':>6}" + "".join(f"{name:>14}" for name in columns) + f"{'ceiling':>10}")
    table = []
    for element, some in kept.items():
        found = [v for v in some if all((where(v), v.ref, v.alt) in scores for scores in predicted.values())]
        effects = [v.effect for v in found]
        values = [pearson([scores[where(v), v.ref, v.alt] for v in found], effects) for scores in predicted.values()]
        values += [pearson([guess(v) for v in found], effects) for guess in baselines.values()]
        ceiling = max((r for pair, r in replicates.items() if element in pair), default=float("nan"))
        table.append([*values, ceiling])
        print(f"{element:<12}{len(found):>6}" + "".join(f"{r:>14.3f}" for r in values) + f"{_shown(ceiling):>10}")
    means = np.nanmean(np.array(table), axis=0)
    print(f"{'mean':<12}{'':>6}" + "".join(f"{r:>14.3f}" for r in means[:-1]) + f"{_shown(means[-1]):>10}\n")
    print("replicates (the same locus in another clone, orientation or cell line)")
    for (one, two), r in replicates.items():
        print(f"{one:<12}{two:<12}{r:>7.3f}")


def _shown(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"


if __name__ == "__main__":
    main()
