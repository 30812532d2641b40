"""Regulatory activity in the mouse retina (Friedman et al., 2021): activity, effects of mutations, uncertainty, shift.

    python benchmarks/mpra_crx.py crx_mpra_rho.tsv.gz --yeast R64-1-1_II_IV.fa.gz --seeds 0-4 --output runs/mpra_crx

The table has columns split (by locus: all variants of a sequence in one split), locus, variant, sequence, expression,
expression_std, expression_log2 and group. Everything is chosen and calibrated on the validation split. Networks learn
log2 activity with a floor, because a measured zero (3 % of rows) is an arbitrary -10; every score and every interval
is of log2 activity as it stands in the table. Killed, the script goes on where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from scipy.sparse import hstack
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, Ridge

from palindra.cli import inputs
from palindra.cli.labelled.planning import make_plan
from palindra.cli.labelled.running import train_run
from palindra.cli.labelled.uncertainty import Ensemble, Outputs
from palindra.cli.provenance import commit, versions
from palindra.data import LabelledSequences
from palindra.evaluation import auroc, bootstrap_interval, mean_interval
from palindra.evaluation.kmers import kmer_table
from palindra.evaluation.shift import ShiftScorer
from palindra.evaluation.uncertainty import (
    around,
    aurc,
    calibrate,
    combine,
    coverage_by_group,
    density_ratio,
    error_uncertainty_correlation,
    gaussian_crps,
    gaussian_nll,
    measured_coverage,
    regression_calibration_error,
    residual_scores,
    sharpness,
    standardised_errors,
)
from palindra.models.embeddings import embeddings
from palindra.models.saving import load_run
from palindra.sequences import dinucleotide_shuffle, encode, one_hot
from palindra.sequences.shuffle import nucleotide_shuffle

KMERS = (4, 5, 6)
PENALTIES = 10.0 ** np.arange(1.5, 5.5, 0.5)
COVERAGE = 0.9
SETTINGS = ("model.dilations=[]", "model.stem_size=9", "model.pool=4", "model.dropout=0.4")  # chosen on validation
WILD, MUTATED = "WT", "MUT-allCrxSites"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--yeast", type=Path, help="FASTA of another species, for the planted shifts")
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--output", type=Path, default=Path("runs/mpra_crx"))
    parser.add_argument("--floor", type=float, default=-2.0, help="of log2 activity, in training only")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--shift", type=int, default=3)
    parser.add_argument("--set", action="append", dest="assignments", help="of the model and its training")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    given.assignments = given.assignments or list(SETTINGS)
    return given


@dataclass(frozen=True)
class Predicted:
    """Predictions with variances for all rows of the table."""

    mean: np.ndarray
    epistemic: np.ndarray
    aleatoric: np.ndarray

    @property
    def sd(self) -> np.ndarray:
        return np.sqrt(self.epistemic + self.aleatoric)


def features(sequences: list[str]) -> object:
    """Counts of words of 4 to 6 letters of both strands."""
    return hstack([kmer_table(sequences, k) for k in KMERS], format="csr")


def ridge(
    x: object, y: np.ndarray, train: np.ndarray, valid: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, float]:
    """Predictions for all rows of the ridge of best validation correlation, and its penalty."""
    fitted = [Ridge(alpha=a, solver="lsqr", tol=1e-5).fit(x[train], y[train]).predict(x) for a in PENALTIES]
    best = int(np.argmax([pearson(p[valid], truth[valid]) for p in fitted]))
    return fitted[best], float(PENALTIES[best])


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def correlation(a: np.ndarray, b: np.ndarray, locus: np.ndarray) -> str:
    """Pearson with its interval over loci."""
    found = bootstrap_interval(lambda rows: pearson(a[rows], b[rows]), len(a), 0, groups=locus)
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def train(table: pl.DataFrame, name: str, given: argparse.Namespace, seeds: list[int], command: str) -> list[Path]:
    """Run folders of all seeds, trained on the rows of a table."""
    rows = LabelledSequences.from_arrays(
        table["sequence"].to_list(),
        np.maximum(table["expression_log2"].to_numpy(), given.floor),
        splits=table["split"].to_list(),
        task="regression",
        target_names=["log2_activity"],
        source=f"{given.data.name} ({name})",
    )
    plan = make_plan(
        rows,
        target="invariant",
        model="strand_resnet",
        width=given.width,
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        patience=0,
        shift=given.shift,
        precision="float32",
        devices=1,
        assignments=given.assignments,
        loggers=None,
        command=command,
    )
    folders = []
    for seed in seeds:
        folder = given.output / name / f"seed-{seed}"
        with contextlib.redirect_stderr(io.StringIO()):
            train_run(rows, replace(plan, loss="gaussian"), "regular", seed, folder)
        log(f"{name} seed {seed}: done")
        folders.append(folder)
    return folders


def read(folders: list[Path], sequences: list[str]) -> tuple[list[np.ndarray], Outputs]:
    """Means of each network, and all of their outputs."""
    outputs = Ensemble(folders).read(one_hot(sequences))
    return [member[:, 0] for member in outputs.value], outputs


def joined(outputs: Outputs, words: np.ndarray, valid: np.ndarray, truth: np.ndarray) -> tuple[Predicted, float]:
    """Networks and ridge averaged, with the share of the ridge that validation prefers.

    The spread is that of the networks: they disagree and predict noise, the ridge does neither.
    """
    parts = combine(outputs.value, outputs.variance)
    mean = parts.mean[:, 0]
    shares = np.linspace(0, 1, 11)
    share = float(max(shares, key=lambda s: pearson(((1 - s) * mean + s * words)[valid], truth[valid])))
    return Predicted((1 - share) * mean + share * words, parts.epistemic[:, 0], parts.aleatoric[:, 0]), share


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    seeds = inputs.integers(given.seeds, "--seeds")
    command = shlex.join(["python", "benchmarks/mpra_crx.py", given.data.name, *_public(sys.argv[2:])])
    whole = pl.read_csv(given.data, separator="\t", null_values=["NaN", "nan", ""]).drop_nulls("expression_log2")
    y, split = whole["expression_log2"].to_numpy(), whole["split"].to_numpy()
    is_train, is_valid, is_test = (split == name for name in ("train", "valid", "test"))
    variant, group = whole["variant"].to_numpy(), whole["group"].fill_null("ambiguous").to_numpy()
    sequences, locus = whole["sequence"].to_list(), whole["locus"].to_numpy()
    x, floored = features(sequences), np.maximum(y, given.floor)
    lines = [
        f"{len(whole):,} sequences of 164 bp, split by locus: train {is_train.sum():,}, valid {is_valid.sum():,}, test "
        f"{is_test.sum():,}; scores on test, [95 % interval over rows], ± half of that over seeds",
        "",
    ]

    # ---- activity --------------------------------------------------------------------------------------------------
    plain, alpha = ridge(x, y, is_train, is_valid, y)
    words, alpha_floored = ridge(x, floored, is_train, is_valid, y)
    folders = train(whole, "all", given, seeds, command)
    single, outputs = read(folders, sequences)
    both, share = joined(outputs, words, is_valid, y)
    networks = combine(outputs.value, outputs.variance)
    rows = {
        f"ridge, words of 4-6 (penalty {alpha:g})": plain,
        f"ridge on floored activity (penalty {alpha_floored:g})": words,
        f"networks, mean of {len(seeds)}": networks.mean[:, 0],
        f"networks and ridge ({share:.1f} ridge)": both.mean,
    }
    wild = is_test & (variant == WILD) & np.isin(group, ["Strong enhancer", "Silencer"])
    strong = (group == "Strong enhancer").astype(float)
    lines += [f"{'log2 activity':46s}{'Pearson':>24s}{'Spearman':>10s}{'valid r':>9s}{'AUROC*':>9s}"]
    lines += [f"{'  reference of the data set: ridge, logistic':46s}{'0.346':>24s}{'0.357':>10s}{'':>9s}{'0.812':>9s}"]

    def row(name: str, values: list[np.ndarray]) -> str:
        if len(values) > 1:
            cell = text(mean_interval([pearson(v[is_test], y[is_test]) for v in values]))
        else:
            cell = correlation(values[0][is_test], y[is_test], locus[is_test])
        rho = np.mean([spearmanr(v[is_test], y[is_test]).statistic for v in values])
        on_valid = np.mean([pearson(v[is_valid], y[is_valid]) for v in values])
        area = np.mean([auroc(v[wild], strong[wild]) for v in values])
        return f"  {name:44s}{cell:>24s}{rho:>10.3f}{on_valid:>9.3f}{area:>9.3f}"

    lines += [row(f"network (each of {len(seeds)} seeds)", single), *(row(n, [v]) for n, v in rows.items())]
    six = kmer_table(sequences, 6)
    known = (variant == WILD) & np.isin(group, ["Strong enhancer", "Silencer"])
    fitted = [
        LogisticRegression(C=c, max_iter=2000).fit(six[known & is_train], strong[known & is_train])
        for c in 10.0 ** np.arange(-4, 1.5, 0.5)
    ]
    logistic = max(fitted, key=lambda m: auroc(m.decision_function(six[known & is_valid]), strong[known & is_valid]))
    area = auroc(logistic.decision_function(six[wild]), strong[wild])
    lines += [
        f"  {'6-mer logistic (trained on the two groups)':44s}{'':>24s}{'':>10s}{'':>9s}{area:>9.3f}",
        f"  * strong enhancer against silencer, {int(wild.sum())} wild types; the regressions were not trained on it.",
        "",
    ]

    # ---- mutants ---------------------------------------------------------------------------------------------------
    lines += [
        "Effects of mutating all CRX motifs, pairs at test loci: Pearson of predicted and measured log2 differences"
    ]
    pairs = pair_rows(whole, is_test)
    measured = y[pairs[:, 1]] - y[pairs[:, 0]]

    def effect(mean: np.ndarray) -> str:
        change = mean[pairs[:, 1]] - mean[pairs[:, 0]]
        return correlation(change, measured, locus[pairs[:, 0]])

    only = whole.filter(pl.col("variant") == WILD)
    only_folders = train(only, "wild-type-only", given, seeds, command)
    _, only_outputs = read(only_folders, sequences)
    is_wild = variant == WILD
    only_words, _ = ridge(x, floored, is_train & is_wild, is_valid & is_wild, y)
    only_both, only_share = joined(only_outputs, only_words, is_valid & is_wild, y)
    lines += [
        f"  {len(pairs)} pairs; out of distribution: trained, selected and calibrated on wild types alone",
        f"  {'':44s}{'all variants trained':>24s}{'wild types trained':>24s}",
        f"  {'ridge on floored activity':44s}{effect(words):>24s}{effect(only_words):>24s}",
        f"  {'networks':44s}{effect(networks.mean[:, 0]):>24s}{effect(combine(only_outputs.value).mean[:, 0]):>24s}",
        f"  {f'networks and ridge ({share:.1f}, {only_share:.1f} ridge)':44s}{effect(both.mean):>24s}"
        f"{effect(only_both.mean):>24s}",
        "",
    ]

    # ---- uncertainty -----------------------------------------------------------------------------------------------
    lines += [f"Uncertainty of networks and ridge on test; intervals for {COVERAGE:.0%}, from validation rows"]
    lines += conformal_lines(both, y, is_valid, is_test, group)
    lines += score_lines(both, y, is_valid, is_test)
    lines += replicate_lines(both, whole, y, is_test)
    lines += ["", "Conformal intervals under shift: calibrated on wild types, applied to mutants at test loci"]
    lines += shifted_lines(only_both, sequences, y, is_valid & is_wild, is_test & (variant == MUTATED))

    # ---- planted shifts --------------------------------------------------------------------------------------------
    lines += ["", "Planted shifts against test sequences: AUROC of scores of strangeness fitted to training sequences"]
    lines += planted_lines(folders[0], sequences, is_train, is_valid, is_test, given.yeast)
    lines += [
        "",
        f"Settings: width {given.width}, epochs {given.epochs}, batch {given.batch_size}, peak learning rate "
        f"{given.learning_rate}, shift {given.shift}, floor {given.floor:g}, loss gaussian, "
        + " ".join(given.assignments),
        f"Command: {command}",
        f"Commit: {commit()}",
        f"Versions: {versions()}",
        f"Seeds: {seeds}",
    ]
    print("\n".join(lines))


def pair_rows(whole: pl.DataFrame, chosen: np.ndarray) -> np.ndarray:
    """Row numbers (wild type, mutant) of loci that have both."""
    numbered = whole.with_row_index("row").filter(pl.Series(chosen))
    wild, mutant = (numbered.filter(pl.col("variant") == name).select("locus", "row") for name in (WILD, MUTATED))
    return wild.join(mutant, on="locus", suffix="_mutant").sort("row").select("row", "row_mutant").to_numpy()


def conformal_lines(p: Predicted, y: np.ndarray, valid: np.ndarray, test: np.ndarray, group: np.ndarray) -> list[str]:
    found = []
    for name, spread in (("one width", np.ones(len(y))), ("scaled by predicted deviation", p.sd)):
        threshold = calibrate(residual_scores(y[valid], p.mean[valid], spread[valid]), COVERAGE).thresholds(1)[0]
        ends = around(p.mean[test], threshold, spread[test])
        inside = ends.contain(y[test])
        found.append(f"  {name:44s}{measured_coverage(inside)!s:>34s}, mean width {ends.width.mean():.2f} log2")
        by_group = coverage_by_group(inside, group[test])
        found.append("    by group: " + ", ".join(f"{n} {c.rate:.0%}" for n, c in by_group.items()))
    return found


def score_lines(p: Predicted, y: np.ndarray, valid: np.ndarray, test: np.ndarray) -> list[str]:
    """Normal predictions with their variance, against one standard deviation for all from validation."""
    one = np.full(len(y), (y - p.mean)[valid].std())
    # Networks learned floored labels: the deviation is scaled once, on validation.
    scaled = p.sd * np.sqrt((((y - p.mean) / p.sd)[valid] ** 2).mean())
    found = [f"  {'':30s}{'NLL':>8s}{'CRPS':>8s}{'calibration':>13s}{'sharpness':>11s}{'rho(error)':>12s}{'AURC':>8s}"]
    for name, sd in (("one deviation for all", one), ("predicted, scaled", scaled)):
        gap = (y - p.mean)[test]
        found.append(
            f"  {name:30s}{gaussian_nll(y[test], p.mean[test], sd[test]):>8.3f}"
            f"{gaussian_crps(y[test], p.mean[test], sd[test]):>8.3f}"
            f"{regression_calibration_error(y[test], p.mean[test], sd[test]):>13.3f}{sharpness(sd[test]):>11.3f}"
            f"{error_uncertainty_correlation(gap, sd[test]):>12.3f}{aurc(gap**2, sd[test]):>8.3f}"
        )
    return found


def replicate_lines(p: Predicted, whole: pl.DataFrame, y: np.ndarray, test: np.ndarray) -> list[str]:
    """Errors in units of epistemic and measured noise; the noise of a logarithm is the relative one."""
    activity, sd = whole["expression"].to_numpy(), whole["expression_std"].to_numpy()
    chosen = test & (activity > 0.25) & (sd > 0)
    # One figure for all: of two or three replicates each row's own variance is too uncertain to divide by.
    noise = np.full(chosen.sum(), ((sd[chosen] / (activity[chosen] * np.log(2))) ** 2).mean())
    z = standardised_errors(y[chosen], p.mean[chosen], p.epistemic[chosen] + noise)
    share = noise.mean() / ((y - p.mean)[chosen] ** 2).mean()
    return [
        f"  errors in units of sqrt(epistemic + replicate variance), {len(z.z)} active rows: variance {z.variance:.1f} "
        f"[{z.low:.1f}, {z.high:.1f}] (1 is right);",
        f"    replicates explain {share:.0%} of the squared error: the rest is what the sequence would explain.",
    ]


def shifted_lines(
    p: Predicted, sequences: list[str], y: np.ndarray, valid: np.ndarray, mutants: np.ndarray
) -> list[str]:
    scores = residual_scores(y, p.mean)
    words = kmer_table(sequences, 4).toarray()
    ratio = density_ratio(words[valid], words[mutants])
    plain = calibrate(scores[valid], COVERAGE).thresholds(int(mutants.sum()))
    weighted = calibrate(scores[valid], COVERAGE, weights=ratio.held_out).thresholds(
        int(mutants.sum()), weights=ratio.new
    )
    return [
        f"  wild types and mutants told apart by 4-mers: AUROC {ratio.auroc:.3f}; {valid.sum()} calibration rows count "
        f"as {ratio.effective_rows:.0f}",
        f"  {'plain':44s}{measured_coverage(scores[mutants] <= plain)!s:>34s}, mean width {2 * plain.mean():.2f}",
        f"  {'weighted by density ratio':44s}{measured_coverage(scores[mutants] <= weighted)!s:>34s}, mean width "
        f"{2 * np.where(np.isfinite(weighted), weighted, np.nan).mean():.2f}",
    ]


def planted_lines(
    folder: Path, sequences: list[str], train: np.ndarray, valid: np.ndarray, test: np.ndarray, yeast: Path | None
) -> list[str]:
    codes = encode(sequences)
    model = load_run(folder).predictor
    fitted = train | valid
    scorer = ShiftScorer().fit(codes[fitted], vectors(model, codes[fitted]), held_out=valid[fitted])
    rng = np.random.default_rng(0)
    length, rows = codes.shape[1], int(test.sum())
    planted = {
        "mononucleotide shuffles": nucleotide_shuffle(codes[test], 1, 0).reshape(-1, length),
        "dinucleotide shuffles": dinucleotide_shuffle(codes[test], 1, 0).reshape(-1, length),
        "synthetic repeats (units of 1-6 bp)": np.stack(
            [np.resize(rng.integers(0, 4, rng.integers(1, 7)), length) for _ in range(rows)]
        ).astype(np.uint8),
        "uniformly random": rng.integers(0, 4, (rows, length)).astype(np.uint8),
    }
    if yeast is not None:
        planted["yeast genome"] = yeast_windows(yeast, rows, length, rng)
    usual = scorer.score(codes[test], vectors(model, codes[test]))
    names = list(usual)
    found = [
        "  " + f"{'':36s}" + "".join(f"{name.replace('embedding', 'emb').replace('kmer', 'k'):>17s}" for name in names)
    ]
    for what, strange in planted.items():
        scores = scorer.score(strange, vectors(model, strange))
        label = np.repeat([0.0, 1.0], [rows, len(strange)])
        areas = [auroc(np.nan_to_num(np.concatenate([usual[n], scores[n]])), label) for n in names]
        found.append(f"  {what:36s}" + "".join(f"{area:>17.3f}" for area in areas))
    middle = np.median(scorer.percentile("combined", usual["combined"]))
    return [
        *found,
        f"  test sequences themselves: median percentile {middle:.0f} of the held-out (validation) sequences",
    ]


def vectors(model: torch.nn.Module, codes: np.ndarray) -> np.ndarray:
    letters = torch.from_numpy(codes[:, None, :] == np.arange(4, dtype=np.uint8)[:, None])
    return embeddings(model, letters).numpy()


def yeast_windows(path: Path, rows: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Windows at random places, without N."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    parts = [part.partition("\n")[2].replace("\n", "").upper() for part in text.split(">")[1:]]
    found: list[str] = []
    while len(found) < rows:
        part = parts[rng.choice(len(parts), p=np.array([len(p) for p in parts]) / sum(map(len, parts)))]
        start = int(rng.integers(0, len(part) - length))
        if set(window := part[start : start + length]) <= set("ACGT"):
            found.append(window)
    return encode(found)


def _public(words: list[str]) -> list[str]:
    """Paths by their names: where the files lie says nothing."""
    return [Path(word).name if word.startswith("/") else word for word in words]


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def text(interval: tuple[float, float, float]) -> str:
    mean, low, high = interval
    return f"{mean:.3f} ± {(high - low) / 2:.3f}" if low == low else f"{mean:.3f}"


if __name__ == "__main__":
    main()
