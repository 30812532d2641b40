"""Does averaging over shifts improve predicted effects? Claim C10 on a reporter assay (Friedman et al., 2021).

    python benchmarks/robust_variants.py crx_mpra_rho.tsv.gz --seeds 0-3 --output runs/robust_variants

Networks are trained with and without random shifts. The effect of mutating all CRX motifs of a sequence is the mutant's
predicted log2 activity minus the wild type's: *standard*, both as they are; *robust*, both averaged over the same 21
shifts of up to 10 bp (N moves in). Scores are Pearson correlations with measured differences at test loci; robust minus
standard is paired over seeds. Data and settings are those of ``mpra_crx.py``.

Source of the claim: Toneyan, Tang & Koo (2022), Nature Machine Intelligence 4, 1088.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import torch

from mpra_crx import SETTINGS, log, pair_rows, pearson, text, train
from palindra.cli import inputs
from palindra.cli.labelled.uncertainty import Ensemble
from palindra.cli.provenance import commit, versions
from palindra.evaluation import holm, mean_interval, paired_test
from palindra.evaluation.consistency import Transform
from palindra.sequences import one_hot

TRAINED, REACH = (0, 10), 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", default="0-3")
    parser.add_argument("--output", type=Path, default=Path("runs/robust_variants"))
    parser.set_defaults(floor=-2.0, width=128, epochs=20, batch_size=64, learning_rate=4e-3, assignments=list(SETTINGS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    seeds = inputs.integers(given.seeds, "--seeds")
    command = shlex.join(["python", "benchmarks/robust_variants.py", given.data.name, "--seeds", given.seeds])
    whole = pl.read_csv(given.data, separator="\t", null_values=["NaN", "nan", ""]).drop_nulls("expression_log2")
    y = whole["expression_log2"].to_numpy()
    pairs = pair_rows(whole, (whole["split"] == "test").to_numpy())
    measured = y[pairs[:, 1]] - y[pairs[:, 0]]
    x = one_hot(whole["sequence"].to_list()).float()
    wild, mutant = x[pairs[:, 0]], x[pairs[:, 1]]
    lines = [f"Pearson of predicted and measured effects, {len(pairs)} pairs at test loci; ± half of the 95 % interval"]
    lines += [f"{'':28s}{'standard':>18s}{'robust':>18s}{'robust - standard':>34s}{'p':>10s}"]
    tests = []
    for shift in TRAINED:
        given.shift = shift
        folders = train(whole, f"shift-{shift}", given, seeds, command)
        found = {"standard": [], "robust": []}
        for folder in folders:
            network = Ensemble([folder])
            each = [
                network.read(Transform(by).act(mutant)).value[0, :, 0]
                - network.read(Transform(by).act(wild)).value[0, :, 0]
                for by in range(-REACH, REACH + 1)
            ]
            found["standard"].append(pearson(each[REACH], measured))
            found["robust"].append(pearson(np.mean(each, axis=0), measured))
        test = paired_test(found["robust"], found["standard"])
        tests.append(test)
        cells = "".join(f"{text(mean_interval(values)):>18s}" for values in found.values())
        gain = f"{test.mean:+.4f} [{test.low:+.4f}, {test.high:+.4f}]"
        lines += [f"{f'trained with shifts to {shift} bp':28s}{cells}{gain:>34s}{test.p_t:>10.2g}"]
        log(lines[-1])
    corrected = holm([test.p_t for test in tests])
    better = [test.mean > 0 and p < 0.05 for test, p in zip(tests, corrected, strict=True)]
    words = {
        (True, True): "Robust scores are better with and without shifts in training.",
        (True, False): "Robust scores are better where training had no shifts, as the claim says.",
        (False, True): "Robust scores are better only where training had shifts, against the claim.",
        (False, False): "Not supported: neither difference is above zero by more than chance.",
    }
    lines += ["", f"{words[better[0], better[1]]} Corrected p {', '.join(f'{p:.2g}' for p in corrected)}."]
    lines += ["", f"Command: {command}", f"Commit: {commit()}", f"Versions: {versions()}", f"Seeds: {seeds}"]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
