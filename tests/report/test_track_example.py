"""Made-up results of track models for all tests of their pages, and that they are what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from palindra.report.comparison import DataCheck
from palindra.report.track_comparison import TrackComparison
from palindra.report.track_page import TrackEvaluation
from palindra.report.track_records import (
    Density,
    Locus,
    Robustness,
    RobustnessPoint,
    ThresholdCurve,
    TrackView,
    Triangle,
)
from palindra.report.track_results import (
    Claim,
    DataFacts,
    Excluded,
    GridPanel,
    GridRow,
    SplitFacts,
    TrackFacts,
    TrackScore,
)

TRACKS = ("MNase", "PolII", "Scc1", "RNA forward", "RNA reverse")
PAIR = {"RNA forward": "RNA reverse", "RNA reverse": "RNA forward"}
WHOLE = "Pearson (whole)"
PROVENANCE = {
    "command": "palindra compare examples/yeast_grid.toml --seeds 0-4 --out runs/yeast_grid",
    "versions": "palindra 0.2.0, torch 2.13.0, numpy 2.3.1, python 3.11.7",
    "commit": "3f9d2c7a1b6e4f508d7c9a2b1e0f6d5c4b3a2918",
    "seeds": "0, 1, 2, 3, 4",
    "sha256 of R64.fa": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
MODELS = ("Basenji", "BPNet", "CNN", "ResidualBind", "ResidualBind + RC + shift", "Basenji (RCPS)")


def make_locus(start: int = 412_500, bins: int = 400, equivariant: bool = True) -> Locus:
    draw = np.random.default_rng(start)
    smooth = np.hanning(9) / np.hanning(9).sum()
    views = []
    for name in TRACKS:
        truth = np.convolve(draw.gamma(0.6, 3.0, bins + 8) * (0.2 + (np.arange(bins + 8) // 60 % 2)), smooth, "valid")
        given = np.convolve(np.pad(truth, 4, mode="edge"), smooth, "valid") * 0.8 + 0.1
        turned = given + draw.normal(0, 1e-7 if equivariant else 0.25, bins)
        if name == "Scc1":
            truth, given, turned = truth - 1.0, given - 1.0, turned - 1.0
            truth[150:190] = np.nan
        views.append(TrackView(name, truth, given, turned, partner=PAIR.get(name)))
    return Locus("chrII", start, start + 75 * bins, views, why="highest RNA of the test half")


def make_density(name: str, scale: str = "linear", n: int = 20_000) -> Density:
    draw = np.random.default_rng(5)
    x = draw.gamma(1.2, 2.0, n)
    y = 0.6 * x + draw.gamma(1.0, 0.8, n)
    x[::50] = np.nan
    return Density.of(name, x, y, pearson=0.71, scale=scale)


def make_triangle(
    name: str = "ResidualBind, mean over tracks", bins: tuple[int, ...] = (1, 32, 64, 128, 256, 512, 1024, 2048)
) -> Triangle:
    rows = [[0.42 + 0.05 * j + 0.01 * i if j >= i else math.nan for j in range(len(bins))] for i in range(len(bins))]
    return Triangle(name, list(bins), list(bins), np.array(rows), ceiling=0.7 + 0.03 * np.arange(len(bins)))


def make_threshold(row: str, shift: float) -> ThresholdCurve:
    at = np.arange(0.0, 25.0, 2.0)
    pearson = 0.35 + shift + 0.012 * at
    half = 0.01 + 0.002 * at
    return ThresholdCurve(row, at, pearson, np.rint(9000 * np.exp(-at / 4)).astype(int), pearson - half, pearson + half)


def make_robustness(bin_size: int, seeds: int = 5) -> Robustness:
    draw = np.random.default_rng(bin_size)
    points = [
        RobustnessPoint(
            name, np.abs(draw.normal(0.02 + 0.03 * i, 0.004, seeds)), draw.normal(0.66 - 0.03 * i, 0.01, seeds)
        )
        for i, name in enumerate(MODELS)
    ]
    return Robustness(bin_size, points, ceiling=0.83)


def make_panel(
    factor: str, names: tuple[str, ...], metric: str = WHOLE + ", mean over tracks", higher: bool = True, seeds: int = 5
) -> GridPanel:
    draw = np.random.default_rng(len(names))
    rows = []
    for i, name in enumerate(names):
        scores = draw.normal(0.64 - 0.02 * i, 0.008, seeds).tolist()
        mean = sum(scores) / seeds
        interval = (mean, mean - 0.009, mean + 0.009) if seeds > 1 else None
        rows.append(
            GridRow(name, scores, interval=interval, detail="2,025,231 parameters" if factor == "architecture" else "")
        )
    rows.append(GridRow("ridge on 4-mers", [0.451], "trivial"))
    rows.append(GridRow("mean of the training half", [0.0], "trivial"))
    rows.append(GridRow("second replicate", [0.86], "ceiling"))
    return GridPanel(factor, metric, higher, rows)


CLAIMS = [
    Claim(
        "C1",
        "Poisson NLL is at least as good as MSE, Pearson, Pearson + MSE and multinomial NLL + MSE on whole r and on "
        "MSE at every bin.",
        "supported",
        "smallest difference of whole r, Poisson − other",
        *(0.0121, 0.0032, 0.0210),
        seeds=5,
        p_corrected=0.0312,
    ),
    Claim(
        "C2",
        "A coarser evaluation bin raises r of a fixed model.",
        "supported",
        "rise of whole r from 75 to 600 bp",
        *(0.104, 0.091, 0.118),
        seeds=5,
        p_corrected=0.0004,
    ),
    Claim(
        "C3",
        "A lower training threshold raises whole r; peak-centred training is lowest.",
        "cannot be tested here",
        reason="No peaks were given for these tracks.",
    ),
    Claim(
        "C6",
        "Dilated residual blocks beat the plain CNN.",
        "not supported",
        "difference of whole r, dilated − plain",
        *(-0.0042, -0.0131, 0.0048),
        seeds=5,
        p_corrected=0.71,
        reason="At this depth the receptive field of both covers the window.",
    ),
]

DATA = DataFacts(
    splits=[
        SplitFacts("train", "chrIV:0-1531933", 1493, 1_528_832),
        SplitFacts("valid", "chrII:0-406592", 396, 405_504),
        SplitFacts("test", "chrII:406592-813184", 396, 405_504),
    ],
    tracks=[
        TrackFacts(
            name,
            f"{name.replace(' ', '.')}.bw",
            {"train": 0.0, "valid": 0.0125, "test": 2e-5},
            1.93,
            211.4,
            PAIR.get(name),
        )
        for name in TRACKS
    ],
    excluded=[Excluded("not mappable", 12, 48_211, 51), Excluded("no value in any track", 3, 9_150)],
    checks=[
        DataCheck("names", "note", "the bigWig files say II, the genome says chrII; mapped as asked."),
        DataCheck("Scc1", "warning", "1.25 % of the validation half has no value; those bins are left out."),
    ],
    facts={"genome": "R64.fa, 2 chromosomes, 2,345,117 bases", "window": "2,048 bp, bins of 75 bp"},
)


def make_evaluation(**changes: object) -> TrackEvaluation:
    scores = []
    for i, name in enumerate((*TRACKS, "mean over tracks")):
        value = 0.71 - 0.03 * i
        references = {"ridge on 4-mers": 0.479 - 0.02 * i, "replicate": 0.86}
        scores.append(TrackScore(name, WHOLE, value, value - 0.021, value + 0.019, references))
        scores.append(TrackScore(name, "Pearson (per sequence)", value - 0.1, value - 0.13, value - 0.07))
        scores.append(TrackScore(name, "MSE", 1.93 + i))
    given: dict[str, object] = {
        "title": "Basenji on yeast chromosomes II and IV",
        "task": "5 tracks · 75 bp bins · test half of chrII",
        "conclusion": [
            "Pearson over the test half is 0.63 (95 % interval 0.61 to 0.65), against 0.45 for ridge on 4-mers.",
            "Both strands get the same prediction, and the stranded RNA pair swaps.",
        ],
        "scores": scores,
        "higher_is_better": {WHOLE: True, "Pearson (per sequence)": True, "MSE": False},
        "loci": [make_locus(), make_locus(601_200, equivariant=False)],
        "densities": [make_density(name, "log(1 + x)" if i % 2 else "linear") for i, name in enumerate(TRACKS)],
        "triangles": [Triangle("Basenji", [75], [75, 150, 300, 600], np.array([[0.63, 0.68, 0.74, 0.79]]))],
        "thresholds": [make_threshold("Basenji", 0.1), make_threshold("ridge on 4-mers", 0.0)],
        "robustness": [make_robustness(75)],
        "data": DATA,
        "provenance": PROVENANCE,
    }  # fmt: skip
    return TrackEvaluation(**(given | changes))


def make_comparison(seeds: int = 5, **changes: object) -> TrackComparison:
    panels = [
        make_panel("architecture", MODELS, seeds=seeds),
        make_panel("architecture", MODELS, metric="Spearman, mean over tracks", seeds=seeds),
        make_panel("loss", ("Poisson NLL", "MSE", "Pearson", "Pearson + MSE"), seeds=seeds),
        make_panel("augmentation", ("none", "RC", "RC + shift", "EvoAug"), seeds=seeds),
    ]
    given: dict[str, object] = {
        "title": "Losses, architectures and augmentation on yeast",
        "task": "5 tracks · 75 bp bins · 5 seeds",
        "conclusion": ["Two of four claims hold on these data, one does not, and one cannot be tested."],
        "claims": CLAIMS,
        "panels": panels,
        "triangles": [make_triangle(), make_triangle("CNN, mean over tracks", (32, 64, 128))],
        "thresholds": [make_threshold(name, 0.1 - 0.02 * i) for i, name in enumerate(MODELS)],
        "robustness": [make_robustness(75, seeds), make_robustness(300, seeds)],
        "data": DATA,
        "provenance": PROVENANCE,
    }
    return TrackComparison(**(given | changes))


def view(name="a", n=3, **changes) -> TrackView:
    return TrackView(**({"name": name, "truth": np.ones(n), "given": np.ones(n)} | changes))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: view(given=np.ones(4)), "given has shape"),
        (lambda: view(turned=np.ones(4)), "turned has shape"),
        (lambda: view(truth=np.ones((3, 1)), given=np.ones((3, 1))), "one value per bin"),
        (lambda: Locus("chrI", 0, 30, [view(), view()]), "different names"),
        (lambda: Locus("chrI", 0, 60, [view(), view("b", 6)]), "as many bins"),
        (lambda: Locus("chrI", 0, 31, [view()]), "whole number of bases"),
        (lambda: Locus("chrI", 9, 9, [view()]), "start < end"),
        (lambda: Locus("chrI", -3, 3, [view()]), "0 <= start"),
        (lambda: Locus("chrI", 0, 5000, [view(n=5000)]), "at most 4000"),
        (lambda: Locus("chrI", 0, 30, [view(partner="b")]), "must be here"),
        (lambda: Locus("chrI", 0, 30, [view(partner="b"), view("b")]), "name it"),
        (lambda: Triangle("t", [64, 32], [64, 32], np.full((2, 2), np.nan)), "must rise"),
        (lambda: Triangle("t", [32], [32, 64], np.ones((2, 2))), r"needed is \(1, 2\)"),
        (lambda: Triangle("t", [32, 64], [32, 64], np.ones((2, 2))), "finer bin"),
        (lambda: ThresholdCurve("r", np.arange(3.0), np.ones(2), np.ones(3, int)), "values of each kind"),
        (lambda: ThresholdCurve("r", np.zeros(2), np.ones(2), np.ones(2, int)), "thresholds that rise"),
        (lambda: RobustnessPoint("r", np.ones(2), np.ones(3)), "variation scores"),
        (lambda: Density.of("t", np.ones(2), np.ones(3), pearson=1.0), "shapes"),
        (lambda: Density.of("t", np.ones(2), np.ones(2), pearson=1.0, scale="log"), "scale 'log'"),
        (lambda: Density.of("t", -np.ones(2), np.ones(2), pearson=1.0, scale="log(1 + x)"), "at least 0, got -1"),
        (lambda: GridRow("a", [1.0], kind="baseline"), "the kind is one of"),
        (lambda: GridPanel("loss", "r", True, [GridRow("a", []), GridRow("a", [])]), "two rows are named 'a'"),
        (lambda: Claim("C1", "w", "maybe"), "the verdict is one of"),
        (lambda: Claim("C1", "w", "supported"), "without an effect"),
        (lambda: Claim("C1", "w", "cannot be tested here"), "reason is missing"),
        (lambda: make_comparison(claims=[CLAIMS[0], CLAIMS[0]]), "two claims are called 'C1'"),
        (lambda: make_comparison(provenance={"command": "palindra compare"}), "lacks versions"),
        (lambda: make_evaluation(provenance={}), "lacks command and versions"),
        (lambda: make_evaluation(higher_is_better={}), "does not say whether higher"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_density_counts_every_pair_once_and_tells_what_is_outside():
    draw = np.random.default_rng(0)
    x, y = draw.gamma(1, 1, (5, 400)), draw.gamma(1, 1, (5, 400))
    x[0, :7], y[0, 5:10] = np.nan, np.inf
    for scale in ("linear", "log(1 + x)"):
        density = Density.of("t", x, y, pearson=0.5, scale=scale, cells=12, upper=0.9)
        assert int(density.counts.sum()) + density.outside == 2000 - 10
        assert density.outside > 0
        i, j = 3, 1  # by hand
        edges = density.edges
        inside = (x >= edges[i]) & (x < edges[i + 1]) & (y >= edges[j]) & (y < edges[j + 1])
        assert density.counts[i, j] == inside.sum()


@pytest.mark.parametrize("values", [[], [math.nan], [2.0], [2.0, 2.0], [0.0, 0.0]])
def test_a_density_of_little_or_nothing_has_rising_edges(values):
    for scale in ("linear", "log(1 + x)"):
        density = Density.of("t", np.array(values), np.array(values), pearson=math.nan, scale=scale)
        assert (np.diff(density.edges) > 0).all()
        assert density.counts.sum() + density.outside == np.isfinite(values).sum()
