"""Maps of models of yeast nucleosomes and polymerase: how far they can be believed where no truth is planted.

    python benchmarks/explain_yeast.py examples/yeast --seeds 0-1

Equivariant, standard and augmented networks are trained by ``palindra train`` on chromosome IV. Explained is the
predicted coverage of the middle 300 bp of windows of the test half of chromosome II. Without planted letters there are
four measures: agreement of a map with that of the other strand, of two seeds, of two methods, and under shifts. And one
stand-in for truth: sites of general regulatory factors, which keep nucleosomes away (Reb1, TTACCCG; Abf1,
CGTNNNNNNACG; Badis et al., 2008), beside words of the same letters in another order. Killed, the script goes on where
training was.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from palindra.cli import inputs
from palindra.cli.provenance import commit, versions
from palindra.data.genome import Genome, read_bed
from palindra.interpretation.attribution import (
    CORRECTED_GRADIENT,
    INPUT_TIMES_GRADIENT,
    DeepLiftShap,
    DinucleotideShuffles,
    IntegratedGradients,
    Method,
    attribute,
    total,
)
from palindra.interpretation.importance.estimates import estimates
from palindra.interpretation.reliability import realigned_maps, recovery
from palindra.interpretation.reliability.agreement import pearson
from palindra.models.track_saving import load_track_run
from palindra.sequences import encode, one_hot, reverse_complement
from palindra.symmetry import DNA_STRAND
from printed import log, public

MODELS = {"equivariant": "regular", "standard": "none", "augmented": "augment"}
TRACKS = ("MNase", "PolII")
LENGTH, BIN, ROOM = 3000, 75, 150
CHROMOSOME, FIRST = "II", 406_500  # of the test split
MIDDLE = (18, 22)  # bins that are explained: the same ones from either strand
AROUND = 150  # bp on each side of a site, among whose letters it has to stand out
METHODS: dict[str, Method] = {
    "input x gradient": INPUT_TIMES_GRADIENT,
    "corrected gradient": CORRECTED_GRADIENT,
    "integrated gradients": IntegratedGradients(steps=10),
    "DeepLIFT/SHAP": DeepLiftShap(DinucleotideShuffles(5)),
}
SITES = {
    "Reb1": ("TTACCCG", "CTCATCG"),
    "Abf1": ("CGTNNNNNNACG", "GCTNNNNNNCAG"),
}


class Network(NamedTuple):
    module: nn.Module
    tracks: tuple[str, ...]
    pearson: dict[str, float]  # of the test split, 75 bp


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds tracks.toml and the files that it names")
    parser.add_argument("--seeds", default="0-1")
    parser.add_argument("--output", type=Path, default=Path("runs/explain_yeast"))
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--starts", type=int, default=12, help="windows around starts of genes")
    parser.add_argument("--sites", type=int, default=24, help="windows around sites of each word, at most")
    parser.add_argument("--shifts", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    seeds = inputs.integers(given.seeds, "--seeds")
    at = commit()
    data = given.output / "data"
    palindra("data", "build", str(given.folder / "tracks.toml"), "--output", str(data))
    networks = {kind: [train(data, name, seed, given) for seed in seeds] for kind, name in MODELS.items()}
    began = time.process_time()
    genome = Genome.open(next(given.folder.glob("*.fa.gz")))
    starts = windows(genome, gene_starts(given.folder / "TSS.bed.gz", genome), given.starts, LENGTH + ROOM)
    lines = [
        f"TrackResNet of {given.width} channels, {given.epochs} epochs, {len(starts)} windows of {LENGTH} "
        f"bp around starts of genes on {CHROMOSOME}:{FIRST}-; explained: predicted coverage of the middle "
        f"{(MIDDLE[1] - MIDDLE[0]) * BIN} bp",
        "Reduced to what one core does in a quarter of an hour: short training, few windows, no in-silico mutagenesis.",
        "",
        "Test Pearson at 75 bp, mean over seeds: "
        + "; ".join(
            f"{kind} " + ", ".join(f"{t} {np.mean([run.pearson[t] for run in runs]):.3f}" for t in TRACKS)
            for kind, runs in networks.items()
        ),
        "",
        *agreement_lines(networks, one_hot(starts[:, ROOM // 2 : ROOM // 2 + LENGTH]).float()),
        "",
        *shift_lines(networks, one_hot(starts).float(), given.shifts),
        "",
        *site_lines(networks, genome, given.sites),
    ]
    command = shlex.join(["python", "benchmarks/explain_yeast.py", *map(public, sys.argv[1:])])
    lines += ["", f"Processor seconds of the maps: {time.process_time() - began:.0f}", f"Command: {command}"]
    print("\n".join([*lines, f"Commit: {at}", f"Versions: {versions()}", f"Seeds: {seeds}"]))


# ---- networks ------------------------------------------------------------------------------------------------------


def train(data: Path, strategy: str, seed: int, given: argparse.Namespace) -> Network:
    folder = given.output / f"{strategy}-{seed}"
    if not (folder / "metrics.json").exists():
        options = f"--strategy {strategy} --seed {seed} --loss mse --bin-size {BIN} --length {LENGTH} --no-progress "
        options += f"--width {given.width} --epochs {given.epochs} --set training.crop=random"
        palindra("train", str(data), *options.split(), "--output", str(folder))
    run = load_track_run(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    log(f"{strategy} {seed}: trained")
    return Network(run.network, run.tracks, scores(metrics))


def scores(metrics: dict) -> dict[str, float]:
    """Pearson of each track on the test split."""
    test = metrics["splits"]["test"]
    return dict(zip(test["tracks"], test["values"]["Pearson (whole)"], strict=True))


def palindra(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "palindra", *words], check=True, stdout=subprocess.DEVNULL)


def maps(network: Network, x: Tensor, track: str, method: Method, *, whole: bool = False) -> Tensor:
    """What each letter is worth, at the letter that is there ``(rows, 4, length)``."""
    start, end = (0, LENGTH // BIN) if whole else MIDDLE
    output = total(network.tracks.index(track), start=start, end=end)
    found = attribute(network.module, x, method=method, output=output, batch_size=8)
    return found.values * x


# ---- windows -------------------------------------------------------------------------------------------------------


def gene_starts(path: Path, genome: Genome) -> list[tuple[int, bool]]:
    """Position and whether it reads on the other strand, of starts in the test split."""
    found = read_bed(path, chromosomes=genome.chromosomes)
    return [(row.start, row.strand == "-") for row in found if row.chrom == CHROMOSOME]


def words(genome: Genome, word: str) -> list[tuple[int, bool]]:
    """Middle and strand of each match of a word with N for any letter."""
    codes = genome.codes(CHROMOSOME, 0, genome.chromosomes[CHROMOSOME])
    places = np.lib.stride_tricks.sliding_window_view(codes, len(word))
    found: list[tuple[int, bool]] = []
    for turned in (False, True):
        letters = encode([reverse_complement(word) if turned else word])[0]
        match = (places[:, letters < 4] == letters[letters < 4]).all(1)
        found += [(int(start) + len(word) // 2, turned) for start in np.flatnonzero(match)]
    return sorted(dict(found).items())


def windows(genome: Genome, middles: list[tuple[int, bool]], number: int, width: int) -> np.ndarray:
    """Codes around some of the places in the test split, spread evenly, each read in its own direction."""
    last = genome.chromosomes[CHROMOSOME] - width // 2
    fitting = [one for one in middles if FIRST + width // 2 <= one[0] < last]
    chosen = [fitting[row] for row in np.linspace(0, len(fitting) - 1, min(number, len(fitting))).round().astype(int)]
    rows = []
    for middle, turned in chosen:
        shift = 0 if not turned else 1  # the middle letter stays at width // 2 when an even window is turned
        codes = genome.codes(CHROMOSOME, middle - width // 2 + shift, middle - width // 2 + shift + width)
        rows.append(reverse_complement(codes[None])[0] if turned else codes)
    return np.stack(rows)


# ---- measures ------------------------------------------------------------------------------------------------------


def agreement_lines(networks: dict[str, list[Network]], x: Tensor) -> list[str]:
    found = {
        (kind, seed, track, name): maps(network, x, track, method).sum(1).numpy()
        for kind, runs in networks.items()
        for seed, network in enumerate(runs)
        for track in TRACKS
        for name, method in METHODS.items()
    }
    log("maps: done")
    lines = ["Correlation of maps (one number per position), mean over windows and seeds (or pairs of them)"]
    lines += [f"  {'':40s}" + "".join(f"{f'{kind} {track}':>24s}" for kind in networks for track in TRACKS)]
    for name, method in METHODS.items():
        cells = []
        for kind, runs in networks.items():
            for track in TRACKS:
                values, apart, precise = [], 0.0, 0.0
                for seed, network in enumerate(runs):
                    one = found[kind, seed, track, name]
                    other = maps(network, DNA_STRAND.act(x), track, method).sum(1).flip(1).numpy()
                    values.append(np.nanmean(pearson(one, other)))
                    apart = max(apart, float(np.abs(one - other).max() / np.abs(one).max()))
                    if kind == "equivariant":
                        precise = max(precise, apart_in_double(network, x, track, method))
                text = f" ({apart:.0e}; {precise:.0e})" if kind == "equivariant" else ""
                cells.append(f"{np.mean(values):.4f}{text}")
        lines.append(f"  {f'other strand, {name}':40s}" + "".join(f"{cell:>24s}" for cell in cells))
    for name in METHODS:
        cells = []
        for kind, runs in networks.items():
            for track in TRACKS:
                pairs = itertools.combinations(range(len(runs)), 2)
                every = [pearson(found[kind, a, track, name], found[kind, b, track, name]) for a, b in pairs]
                cells.append(f"{np.nanmean(every):.3f}" if every else "-")
        lines.append(f"  {f'seeds, {name}':40s}" + "".join(f"{cell:>24s}" for cell in cells))
    for first, second in itertools.combinations(METHODS, 2):
        cells = []
        for kind, runs in networks.items():
            for track in TRACKS:
                every = [pearson(found[kind, s, track, first], found[kind, s, track, second]) for s in range(len(runs))]
                cells.append(f"{np.nanmean(every):.3f}")
        lines.append("  " + f"{first}, {second}"[:40].ljust(40) + "".join(f"{cell:>24s}" for cell in cells))
    lines.append(
        "  In brackets: the largest difference between the strands relative to the largest attribution, in single and "
        "in double precision. In single precision, entries of a pool that are equal up to rounding may change places."
    )
    return lines


def apart_in_double(network: Network, x: Tensor, track: str, method: Method) -> float:
    precise = network._replace(module=copy.deepcopy(network.module).double())
    one = maps(precise, x.double(), track, method)
    other = DNA_STRAND.act(maps(precise, DNA_STRAND.act(x.double()), track, method))
    return float((one - other).abs().max() / one.abs().max())


def shift_lines(networks: dict[str, list[Network]], x: Tensor, shifts: int) -> list[str]:
    name = "input x gradient"
    lines = [
        f"Maps of {shifts} inputs shifted by up to {ROOM} bp, realigned ({name}, coverage of the whole window): mean "
        "deviation relative to the mean size, 0 is stable; with both strands among the shifts"
    ]
    for kind, runs in networks.items():
        cells = []
        for both in (False, True):
            for track in TRACKS:
                found = [
                    np.nanmean(
                        realigned_maps(
                            lambda y, network=network, track=track: maps(network, y, track, METHODS[name], whole=True),
                            x,
                            length=LENGTH,
                            shifts=shifts,
                            both_strands=both,
                            batch_size=8,
                        ).score
                    )
                    for network in runs
                ]
                cells.append(f"{track}{' both strands' if both else ''} {np.mean(found):.3f}")
        lines.append(f"  {kind:14s}" + ", ".join(cells))
        log(f"shifts {kind}: done")
    return lines


def site_lines(networks: dict[str, list[Network]], genome: Genome, number: int) -> list[str]:
    lines = [
        f"Sites: AUROC of their letters among {2 * AROUND} bp by the size of DeepLIFT/SHAP of MNase, mean over seeds "
        "[95 % interval over windows], and sum over the site; beside a word of the same letters. Intervals leave out "
        "the spread of seeds."
    ]
    method = METHODS["DeepLIFT/SHAP"]
    for factor, (site, control) in SITES.items():
        for word in (site, control):
            codes = windows(genome, words(genome, word), number, LENGTH)
            x = one_hot(codes).float()
            begin = LENGTH // 2 - len(word) // 2
            letters = np.array([place for place, letter in enumerate(word) if letter != "N"]) + begin
            near = slice(LENGTH // 2 - AROUND, LENGTH // 2 + AROUND)
            truth = np.zeros(codes.shape, dtype=np.bool_)
            truth[:, letters] = True
            named = f"{factor} {word}" if word == site else f"  control {word}"
            cells = []
            for kind, runs in networks.items():
                found = [maps(network, x, "MNase", method).sum(1).numpy() for network in runs]
                areas = np.mean([recovery(np.abs(one)[:, near], truth[:, near]).auroc for one in found], 0)
                sums = np.mean([one[:, letters].sum(1) for one in found], 0)
                area = estimates([word], areas[None] - 0.5)[0]
                effect = estimates([word], sums[None])[0]
                cells.append(
                    f"{kind} {area.mean + 0.5:.3f} [{area.low + 0.5:.3f}, {area.high + 0.5:.3f}], sum "
                    f"{effect.mean:+.3f} [{effect.low:+.3f}, {effect.high:+.3f}]"
                )
            lines.append(f"  {f'{named} ({len(codes)})':28s}" + "; ".join(cells))
            log(f"{named}: done")
    return lines


if __name__ == "__main__":
    main()
