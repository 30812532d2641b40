"""The claims on quantitative models of tracks, and the stranded pair, on two chromosomes of yeast.

    python benchmarks/yeast_tracks.py examples/yeast --output runs/yeast_tracks                 # everything
    python benchmarks/yeast_tracks.py examples/yeast --output runs/yeast_strands --parts strands --seeds 0-2

The folder holds ``tracks.toml`` and the files that it names. Everything is one ``palindra compare`` of a grid that is
written beside its results, so it can be killed and started again; ``--parts`` takes some of it. One run (510 windows of
3,000 bp, 15 epochs) costs about a minute on one core.

Training sets: all windows (``all``), those with coverage above the median of their largest values (``covered``), and
windows centred on the highest stretches of each track (``peaks``), which also carry the labels of binary models.
Stretches are bins of 75 bp above a track's 95th percentile along its chromosome.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from palindra.cli import inputs
from palindra.cli.provenance import commit, versions
from palindra.cli.tracks.table import WHOLE, from_tsv
from palindra.data.genome import BigWig, Genome
from palindra.data.tracks import DataSettings, Peaks, TestSets, TrackData, build, load_settings, settings_to_plain
from palindra.evaluation import mean_interval

BIN, LENGTH, HIGH = 75, 3000, 95
PARTS: dict[str, dict[str, Any]] = {
    "strands": {  # the same network: equivariant with paired or untied or wrongly invariant heads, and without symmetry
        "axes": {"strategy": ["none", "augment", "post-hoc"], "partners": ["untied", "invariant"]},
    },
    "losses": {
        "cross": [
            {"loss": ["poisson", "mse", "pearson", "pearson-mse", "multinomial-mse"], "bin_size": [75, 300]},
        ],
    },
    "bins": {"axes": {"bin_size": [75, 150, 300, 750]}},
    "training": {"axes": {"data": ["all", "covered", "peaks"]}},
    "augmentation": {
        "cross": [
            {
                "strategy": ["none"],
                "data": ["all", "peaks"],
                "reverse_complement": [False, True],
                "crop": ["centre", "random"],
            }
        ],
        "rows": [{"name": "evoaug", "factor": "evoaug", "evoaug": ["mutation", "translocation", "inversion"]}],
    },
    "architecture": {
        "rows": [
            {"name": "without dilation", "factor": "dilation", "dilations": [1, 1, 1, 1], "bin_dilations": [1, 1, 1]},
        ],
        "axes": {"head": ["task"], "first_activation": ["relu", "exponential"]},
    },
    "binary": {
        "rows": [
            {"name": "binary", "factor": "kind", "data": "peaks", "labels": "activity", "loss": "bce"},
            {"name": "quantitative", "factor": "kind", "data": "peaks"},
        ],
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs/yeast_tracks"))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--loss", default="poisson")
    given = parser.parse_args()
    parts = [inputs.choose("--parts", name.strip(), PARTS) for name in given.parts.split(",")]
    given.output.mkdir(parents=True, exist_ok=True)
    grid = given.output / "grid.toml"
    grid.write_text(tomli_w.dumps(table(given, parts)))
    command = [sys.executable, "-m", "palindra", "compare", str(grid), "-o", str(given.output), "--no-progress"]
    print(shlex.join(["python", *command[1:]]), flush=True)
    ended = subprocess.run(command, check=False, env=os.environ).returncode
    if not ended:
        print(summary(given.output))
    sys.exit(ended)


def summary(output: Path) -> str:
    """Whole r of every row and track on the test windows in bins of 75 bp, differences to the base, and the claims."""
    scores = [s for s in from_tsv((output / "scores.tsv").read_text()) if s.set == "test"]
    record = json.loads((output / "comparison.json").read_text())
    wanted = [s for s in scores if s.metric == WHOLE and s.bin_size == BIN]
    tracks = list(dict.fromkeys(s.track for s in wanted))
    lines = [f"Pearson (whole) on test windows, bins of {BIN} bp, mean over seeds (± half of the 95 % interval)", ""]
    lines += [f"{'':64s}" + "".join(f"{track:>16s}" for track in tracks)]
    for row in dict.fromkeys(s.row for s in wanted):
        cells = []
        for track in tracks:
            values = [s.value for s in wanted if (s.row, s.track) == (row, track)]
            mean, low, high = mean_interval(values) if len(values) > 1 else (values[0], math.nan, math.nan)
            cells.append(f"{mean:.3f} ± {(high - low) / 2:.3f}" if low == low else f"{mean:.3f}")
        lines.append(f"{row:64s}" + "".join(f"{cell:>16s}" for cell in cells))
    lines += ["", "Minus base, mean over tracks, at the coarser of both bin sizes (paired over seeds, Holm-corrected):"]
    for test in record["tests against base"]:
        lines.append(
            f"  {test['row']:64s}{test['difference']:+.4f} [{test['low']:+.4f}, {test['high']:+.4f}]  "
            f"p = {test['p']:.2g}, corrected {test['p_corrected']:.2g}, n = {test['seeds']}"
        )
    lines += ["", "Claims of the GOPHER study (Toneyan, Tang & Koo, 2022):"]
    for claim in record["claims"]:
        effect = claim["effect"]
        number = f" {claim['measure']}: {effect:+.4f} [{claim['low']:+.4f}, {claim['high']:+.4f}]." if effect else ""
        lines.append(f"  {claim['id']:4s}{claim['verdict']}. {claim['words']}{number} {claim['reason']}")
    lines += ["", *record["conclusion"], "", f"Commit: {commit()}", f"Versions: {versions()}"]
    return "\n".join(lines)


def table(given: argparse.Namespace, parts: list[str]) -> dict[str, Any]:
    """The grid of some parts."""
    needed = {name for name in ("covered", "peaks") if name in str([PARTS[part] for part in parts])}
    data = data_sets(given.folder / "tracks.toml", given.output, needed)
    axes: dict[str, list[Any]] = {}
    for part in parts:
        axes |= PARTS[part].get("axes", {})
    evaluation: dict[str, Any] = {"thresholds": [0.0, 1.0, 2.0, 3.0, 4.0], "variation": 20}
    if "peaks" in needed:
        evaluation["sets"] = {"on peaks": "peaks/test", "whole": "peaks/whole"}
    return {
        "seeds": inputs.integers(given.seeds, "--seeds"),
        "data": data,
        "base": {
            "data": "all",
            "strategy": "regular",
            "loss": given.loss,
            "bin_size": BIN,
            "length": LENGTH,
            "epochs": given.epochs,
            "crop": "random",
        },
        "axes": axes,
        "cross": [block for part in parts for block in PARTS[part].get("cross", [])],
        "rows": [row for part in parts for row in PARTS[part].get("rows", [])],
        "evaluation": evaluation,
    }


def data_sets(settings: Path, output: Path, needed: set[str]) -> dict[str, str]:
    """The training sets that are needed, as settings that the comparison builds."""
    base = load_settings(settings)
    found = {"all": base}
    if "covered" in needed:
        # The threshold holds for any track at any position, so it is taken of the largest value over tracks.
        whole: TrackData = build(output / "data" / "all", base)
        largest = np.nanmax(whole.maxima["train"], axis=1)
        threshold = float(np.round(np.median(largest), 2))
        found["covered"] = replace(base, windows=replace(base.windows, threshold=threshold, test_threshold=None))
    if "peaks" in needed:
        found["peaks"] = peak_set(base, output / "peaks")
    paths = {}
    for name, some in found.items():
        path = output / f"{name}.toml"
        path.write_text(tomli_w.dumps(settings_to_plain(some)))
        paths[name] = str(path.resolve())
    return paths


def peak_set(base: DataSettings, folder: Path) -> DataSettings:
    """Windows centred on the highest stretches of each track, with labels, beside tiles of the whole test region."""
    folder.mkdir(parents=True, exist_ok=True)
    genome = Genome.open(base.genome)
    tracks = []
    for track in base.tracks:
        path = folder / f"{track.name}.bed"
        path.write_text("\n".join(stretches(Path(str(track.path)), genome)) + "\n")
        tracks.append(replace(track, peaks=path.resolve()))
    return replace(
        base,
        tracks=tuple(tracks),
        windows=Peaks(window=base.windows.window, merge=1500),
        tests=TestSets(whole_window=base.windows.window),
    )


def stretches(path: Path, genome: Genome) -> list[str]:
    """Neighbouring bins above the percentile as lines of a BED file."""
    lines = []
    file = BigWig.open(path)
    for chrom, length in genome.chromosomes.items():
        values = np.nan_to_num(file.values(chrom, 0, length - length % BIN)).reshape(-1, BIN).mean(1)
        high = np.concatenate([[False], values > np.percentile(values, HIGH), [False]])
        edges = np.flatnonzero(high[1:] != high[:-1]).reshape(-1, 2) * BIN
        lines += [f"{chrom}\t{start}\t{end}" for start, end in edges]
    return lines


if __name__ == "__main__":
    main()
