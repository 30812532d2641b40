"""The rows of a comparison: scores of strategies, ensembles and trivial baselines, and paired tests between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from palindra.cli.labelled.specific_rows import all_scores, stranded
from palindra.cli.outputs import OUTPUTS
from palindra.data import LabelledSequences, Task
from palindra.data.order import random_bits
from palindra.evaluation import PRIMARY, fit_baseline, holm, mean_interval, paired_test, score
from palindra.evaluation.robustness import mean_apart
from palindra.evaluation.specific_scores import label_others
from palindra.evaluation.specificity import OTHERS
from palindra.models import Predictor
from palindra.models.saving import load_run, verify
from palindra.report.comparison import Row, Test
from palindra.symmetry import Target
from palindra.training.strategies import Member

Array = NDArray[Any]
BASELINES = {
    "training mean": ("mean", "The mean of the training rows, or the frequency of each class, for every sequence."),
    "GC content": ("gc", "Logistic or ridge regression on GC content alone."),
    "GC + dinucleotides": ("composition", "Logistic or ridge regression on GC content and dinucleotide frequencies."),
    "6-mers": ("kmer", "Logistic or ridge regression on counts of 6-mers, each with its reverse complement."),
}


@dataclass(frozen=True)
class Scored:
    """One row of the table at one training-set size, with what its figures need."""

    row: Row
    valid: float  # mean primary score on the validation split, by which rows are chosen
    given: Array  # test predictions of the first seed
    other: Array | None


def subset(data: LabelledSequences, size: int | None, seed: int) -> LabelledSequences:
    """All rows, or so many of the training split, classes in proportion; larger sizes contain smaller ones.

    A function of (seed modulo 1000, size), so that every strategy and every member of an ensemble sees the same rows.
    """
    if size is None:
        return data
    train = np.flatnonzero(data.splits == "train")
    shuffled = train[np.argsort(random_bits(seed % 1000, 0, train, stream=100), kind="stable")]
    if data.task in ("binary", "multiclass"):
        # Row n of a class with share s comes at place n / s, so that every beginning has the shares of the whole.
        place = np.empty(len(shuffled))
        for label in np.unique(data.labels[shuffled, 0]):
            rows = np.flatnonzero(data.labels[shuffled, 0] == label)
            place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
        shuffled = shuffled[np.argsort(place, kind="stable")]
    return data.take(np.sort(np.concatenate([shuffled[:size], np.flatnonzero(data.splits != "train")])))


def training_run(seed: int, member: Member) -> tuple[str, int]:
    """The training run, as strategy and seed, that a member of an ensemble comes from."""
    return member.strategy.trained_as or member.strategy.name, seed + 1000 * member.copy


def _saved_outputs(folder: Path, member: Member) -> dict[str, torch.Tensor]:
    """The outputs that a run saved, averaged over strands where the strategy does so with another one's networks."""
    verify(folder, (OUTPUTS, "metrics.json"))
    saved = load_file(folder / OUTPUTS)
    if member.strategy.trained_as:
        for split in ("valid", "test"):
            mean = (saved[f"{split}.given"] + saved[f"{split}.other"]) / 2
            saved |= {f"{split}.given": mean, f"{split}.other": mean}
    return saved


def run_folder(output: Path, size: int | None, strategy: str, seed: int) -> Path:
    return output / "runs" / (f"{size}-sequences" if size else "all") / strategy / f"seed-{seed}"


def score_strategy(
    data: LabelledSequences, output: Path, size: int | None, name: str, chosen: Sequence[Member], seeds: Sequence[int]
) -> Scored:
    """Scores of a strategy or an ensemble over seeds, from the outputs that its runs saved."""
    valid, test = data.rows("valid"), data.rows("test")
    table: dict[str, list[float]] = {}
    on_valid, apart, seconds, parameters = [], [], [], 0
    first: tuple[Array, Array | None] | None = None
    for seed in seeds:
        folders = [run_folder(output, size, *training_run(seed, member)) for member in chosen]
        outputs = [_saved_outputs(folder, member) for folder, member in zip(folders, chosen, strict=True)]
        metrics = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
        predictor = load_run(folders[0]).predictor
        mean = {key: torch.stack([one[key] for one in outputs]).mean(0) for key in outputs[0]}
        given = predictor.link(mean["test.given"]).detach().numpy()
        other = _linked(predictor, mean, "test.other")
        for metric, value in all_scores(test, given, predictor.target).items():
            table.setdefault(metric, []).append(value)
        on_valid.append(
            score(data.task, predictor.link(mean["valid.given"]).detach().numpy(), valid.labels)[PRIMARY[data.task]]
        )
        if other is not None:
            apart.append(mean_apart(given, other))
        seconds.append(sum(m["seconds"] for m in metrics))
        parameters = sum(m["parameters"] for m in metrics)
        first = first or (given, other)
    if first is None:
        raise ValueError("no seeds.")
    kind = "ensemble" if len(chosen) > 1 else "equivariant" if chosen[0].strategy.kind else "strategy"
    row = Row(
        name=name,
        kind=kind,
        description=chosen[0].strategy.description
        if len(chosen) == 1
        else f"Mean of {len(chosen)} models: {', '.join(dict.fromkeys(m.strategy.name for m in chosen))}.",
        parameters=parameters,
        seconds=float(np.mean(seconds)),
        strand_discrepancy=float(np.mean(apart)) if apart else None,
        scores=table,
        intervals={metric: _interval(values) for metric, values in table.items()},
    )
    return Scored(row, float(np.mean(on_valid)), *first)


def _linked(predictor: Predictor, outputs: dict[str, Any], key: str) -> Array | None:
    return predictor.link(outputs[key]).detach().numpy() if key in outputs else None


def _interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and interval over seeds; a score that does not exist (r of a constant) has neither."""
    mean, low, high = mean_interval(values) if np.isfinite(values).all() else (float("nan"),) * 3
    return float(mean), float(low), float(high)


def others_row(data: LabelledSequences, target: Target) -> list[Scored]:
    """The measured mean of the other targets as a prediction of each, where targets can be compared."""
    valid, test = data.rows("valid"), data.rows("test")
    if data.task is not Task.REGRESSION or stranded(target):
        return []
    predicted, on_valid = label_others(test.labels), label_others(valid.labels)
    if predicted is None or on_valid is None:
        return []
    table = {name: [value] for name, value in all_scores(test, predicted, target).items()}
    row = Row(
        name=OTHERS,
        kind="baseline",
        description="Reads the measured values of the other targets: how much of a score all targets share.",
        parameters=0,
        seconds=None,
        strand_discrepancy=None,
        scores=table,
        intervals={name: _interval(values) for name, values in table.items()},
    )
    return [Scored(row, score(data.task, on_valid, valid.labels)[PRIMARY[data.task]], predicted, None)]


def score_baseline(
    data: LabelledSequences, size: int | None, label: str, seeds: Sequence[int], target: Target | None = None
) -> Scored:
    """A trivial baseline: fitted once on all training rows, or for each seed on its subset."""
    kind, description = BASELINES[label]
    valid, test = data.rows("valid"), data.rows("test")
    table: dict[str, list[float]] = {}
    on_valid: list[float] = []
    predicted: list[Array] = []
    parameters = 0
    for seed in seeds if size else seeds[:1]:
        train = subset(data, size, seed).rows("train")
        fitted = fit_baseline(kind, str(data.task), (train.sequences, train.labels), (valid.sequences, valid.labels))
        predicted.append(fitted.predict(test.sequences))
        parameters = fitted.parameters
        for metric, value in all_scores(test, predicted[-1], target or Target.invariant(data.outputs)).items():
            table.setdefault(metric, []).append(value)
        on_valid.append(score(data.task, fitted.predict(valid.sequences), valid.labels)[PRIMARY[data.task]])
    row = Row(
        name=label,
        kind="baseline",
        description=description,
        parameters=parameters,
        seconds=None,
        strand_discrepancy=0.0,
        scores=table,
        intervals={metric: _interval(values) for metric, values in table.items()},
    )
    return Scored(row, float(np.mean(on_valid)), predicted[0], predicted[0])


def paired(main: Sequence[Scored], references: Sequence[str], metric: str) -> list[Test]:
    """Every strategy against every reference, paired over seeds, p-values corrected together (Holm)."""
    rows = {scored.row.name: scored.row for scored in main if scored.row.kind != "baseline"}
    pairs = [
        (name, reference)
        for reference in references
        for name in rows
        if name != reference and not (name in references and references.index(name) < references.index(reference))
    ]
    raw = [paired_test(rows[a].scores[metric], rows[b].scores[metric]) for a, b in pairs]
    testable = [number for number, test in enumerate(raw) if not np.isnan(test.p_t)]
    corrected = dict(zip(testable, holm([raw[n].p_t for n in testable]), strict=True))
    return [
        Test(metric, a, b, test.mean, test.low, test.high, test.p_t, corrected.get(number, float("nan")), test.n)
        for number, ((a, b), test) in enumerate(zip(pairs, raw, strict=True))
    ]


def score_table(found: dict[int | None, list[Scored]], seeds: Sequence[int]) -> str:
    lines = ["training_sequences\trow\tkind\tseed\tmetric\tvalue"]
    for size, column in found.items():
        for scored in column:
            for metric, values in scored.row.scores.items():
                lines += [
                    f"{size or 'all'}\t{scored.row.name}\t{scored.row.kind}\t{seed}\t{metric}\t{value:.6g}"
                    for seed, value in zip(seeds, values, strict=False)
                ]
    return "\n".join(lines) + "\n"
