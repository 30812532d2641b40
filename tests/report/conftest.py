"""A made-up comparison of any size, so that every test can say what it varies."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import NormalDist, fmean, stdev

import pytest

from palindra.report.audit_page import Audit
from palindra.report.comparison import (
    Comparison,
    Curve,
    DataCheck,
    LearningPoint,
    Reliability,
    Row,
    Strands,
    Test,
)
from palindra.report.single import Evaluation

NAMES = [
    ("regular (RCPS)", "equivariant", "Every layer commutes with the reverse complement; weights are shared."),
    ("none", "strategy", "The same network without any symmetry, trained on the strand as given."),
    ("augmentation", "strategy", "No symmetry in the network; each sequence is turned over at random in training."),
    ("augmentation + averaging", "strategy", "As augmentation, and predictions are averaged over both strands."),
    ("ensemble of 5", "ensemble", "Mean of five networks without symmetry."),
    ("k-mer logistic regression", "baseline", "Logistic regression on counts of 5-mers, both strands pooled."),
]
PROVENANCE = {
    "command": "palindra compare examples/ctcf.tsv --strategies regular,none,augmentation --seeds 10 --out runs/ctcf",
    "commit": "3f9d2c7a1b6e4f508d7c9a2b1e0f6d5c4b3a2918",
    "versions": "palindra 0.1.0, torch 2.13.0, python 3.11.7",
    "seeds": "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    "date": "2026-03-02 14:12 UTC",
    "machine": "1 GPU, 16 cores, Linux",
    "sha256 of examples/ctcf.tsv": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
CHECKS = [
    DataCheck("duplicates", "ok", "no sequence occurs in more than one split, on either strand."),
    DataCheck(
        "GC content", "warning", "positives have 8 points more than negatives; a model can use GC content alone."
    ),
    DataCheck("length", "note", "12 of 4,000 sequences were shorter than 200 bp and were padded with N."),
]


def predictions(random_: random.Random, row: str, spread: float, points: int = 400) -> Strands:
    forward = [random_.betavariate(0.6, 0.6) for _ in range(points)]
    reverse = [min(1.0, max(0.0, value + random_.gauss(0, spread))) for value in forward]
    return Strands(row, forward, reverse)


def reliability(random_: random.Random, row: str) -> Reliability:
    predicted = [0.05 + 0.1 * i for i in range(10)]
    observed = [min(1.0, max(0.0, p + random_.gauss(0, 0.04))) for p in predicted]
    low, high = [max(0.0, p - 0.06) for p in observed], [min(1.0, p + 0.06) for p in observed]
    return Reliability(row, predicted, observed, low, high, [random_.randint(20, 400) for _ in predicted])


def roc_curve(row: str, separation: float, points: int = 200) -> Curve:
    normal = NormalDist()
    x = [i / points for i in range(points + 1)]
    inner = [normal.cdf(normal.inv_cdf(value) + separation) for value in x[1:-1]]
    return Curve(row, x, [0.0, *inner, 1.0])


def make_comparison(
    seeds: int = 10,
    names: list[tuple[str, str, str]] = NAMES,
    metrics: tuple[str, ...] = ("AUROC", "AUPRC", "log loss"),
    title: str = "CTCF binding in K562: one strand or two",
    figures: bool = True,
) -> Comparison:
    random_ = random.Random(7)
    rows, tests, learning = [], [], []
    for i, (name, kind, description) in enumerate(names):
        base = {
            metric: 0.934 - 0.011 * (i % 6) if metric != "log loss" else 0.31 + 0.03 * (i % 6) for metric in metrics
        }
        scores = {metric: [random_.gauss(base[metric], 0.0035) for _ in range(seeds)] for metric in metrics}
        intervals = {}
        for metric, values in scores.items():
            half = 2.2 * stdev(values) / math.sqrt(seeds) if seeds > 1 else math.nan
            intervals[metric] = (fmean(values), fmean(values) - half, fmean(values) + half)
        discrepancy = None if kind == "baseline" else 2.4e-8 if kind == "equivariant" else 0.06 - 0.009 * i
        parameters = None if kind == "baseline" else 182_402 + 1000 * i
        rows.append(Row(name, kind, description, parameters, 41.3 + 55 * i, discrepancy, scores, intervals))
        for metric in metrics if i and seeds > 1 else ():
            paired = [a - b for a, b in zip(scores[metric], rows[0].scores[metric], strict=True)]
            mean, half = fmean(paired), 2.2 * stdev(paired) / math.sqrt(seeds)
            p = 0.0004 if abs(mean) > half else 0.21
            tests.append(Test(metric, name, rows[0].name, mean, mean - half, mean + half, p, min(1.0, 5 * p), seeds))
        learning += [
            LearningPoint(name, size, seed, base[metrics[0]] - 0.16 / math.log2(size / 100) + random_.gauss(0, 0.004))
            for size in (250, 500, 1000, 2000, 4000)
            for seed in range(min(seeds, 3))
        ]
    drawn = [name for name, _, _ in names] if figures else []
    falling = [
        Curve(n, [j / 50 for j in range(51)], [1 - 0.5 * (j / 50) ** (6 - i % 6) for j in range(51)])
        for i, n in enumerate(drawn)
    ]
    return Comparison(
        title=title,
        task="binary classification",
        primary_metric=metrics[0],
        metrics=list(metrics),
        higher_is_better={metric: metric != "log loss" for metric in metrics},
        conclusion=[
            "The network with the symmetry built in (regular) has the highest AUROC, 0.934, and is 0.011 better than "
            "the same network without symmetry (95 % interval 0.008 to 0.014, 10 paired seeds, corrected p < 0.001).",
            "Averaging over both strands at test time closes half of that gap and doubles the time per prediction.",
            "The k-mer baseline reaches 0.879: most, but not all, of the signal is in the counts of short words.",
        ],
        rows=rows,
        tests=tests,
        roc=[roc_curve(name, 2.2 - 0.2 * (i % 6)) for i, name in enumerate(drawn)],
        precision_recall=falling,
        reliability=[reliability(random_, name) for name in drawn],
        strands=[predictions(random_, name, 0.07 * (i % 6)) for i, name in enumerate(drawn)],
        learning_curve=learning if figures else [],
        checks=CHECKS,
        data={
            "file": "examples/ctcf.tsv",
            "sequences": "4,000 of 200 bp",
            "train, validation, test": "2,800, 600, 600",
        },
        provenance=PROVENANCE,
    )


def make_evaluation() -> Evaluation:
    random_ = random.Random(3)
    name = "regular (RCPS)"
    return Evaluation(
        title="CTCF in K562, test split",
        task="binary classification, 600 sequences",
        conclusion=["AUROC is 0.931 (95 % interval 0.911 to 0.949).", "Both strands get the same prediction."],
        scores={"AUROC": (0.9312, 0.911, 0.949), "AUPRC": (0.921, 0.9, 0.94), "log loss": (0.341, math.nan, math.nan)},
        higher_is_better={"AUROC": True, "AUPRC": True, "log loss": False},
        roc=[roc_curve(name, 2.0)],
        precision_recall=[Curve(name, [j / 50 for j in range(51)], [1 - 0.5 * (j / 50) ** 5 for j in range(51)])],
        reliability=[reliability(random_, name)],
        strands=[predictions(random_, name, 0.0)],
        checks=CHECKS,
        data={"file": "examples/ctcf.tsv", "split": "test"},
        provenance=PROVENANCE,
    )


def make_audit() -> Audit:
    return Audit(
        title="Strand audit of model.onnx",
        verdict=[
            "This model does not treat both strands alike.",
            "For 7 % of the sequences the predicted class depends on the strand that was given.",
        ],
        table=[
            ("mean |f(x) − f(RC x)|", "0.062", "Average change of the prediction when a sequence is turned over."),
            ("largest difference", "0.71", "At sequence chr3:1,204,211-1,204,411."),
            ("changed class", "42 of 600 (7.0 %)", "Predictions that cross 0.5."),
        ],
        strands=predictions(random.Random(5), "model.onnx", 0.1),
        provenance=PROVENANCE,
    )


@pytest.fixture(scope="session")
def comparison() -> Callable[..., Comparison]:
    return make_comparison


@pytest.fixture(scope="session")
def evaluation() -> Evaluation:
    return make_evaluation()


@pytest.fixture(scope="session")
def audit() -> Audit:
    return make_audit()
