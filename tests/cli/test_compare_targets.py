"""Comparisons on several targets that can be compared, and on chromosomes: specificity, trivial rows, blocks."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from palindra.cli.labelled.comparing import row_differences
from palindra.cli.labelled.scoring import BASELINES, Scored, score_baseline
from palindra.cli.labelled.specific_rows import all_scores
from palindra.cli.tracks.concluding import conclude
from palindra.cli.tracks.references import others_row
from palindra.cli.tracks.rows import Measures, ScoredSet, coverage_lines
from palindra.cli.tracks.scoring import specific
from palindra.cli.tracks.table import MEAN, WHOLE, Score, ScoreTable
from palindra.data import LabelledSequences, Task
from palindra.data.tracks import Track
from palindra.errors import InputError
from palindra.evaluation.specific_scores import CENTRED, GAIN, SPECIFICITY_SCORES
from palindra.evaluation.specificity import OTHERS
from palindra.evaluation.tracks import Predictions
from palindra.evaluation.tracks.mean_profile import mean_profile
from palindra.report.comparison import Comparison, Row
from palindra.symmetry import Position, Target

ROWS, LENGTH = 240, 24


def three_cell_types() -> LabelledSequences:
    """GC content drives all three, As and Cs on either strand one each; test rows on two chromosomes."""
    random = np.random.default_rng(0)
    letters = ["".join(random.choice(list("ACGT"), LENGTH, p=p)) for p in random.dirichlet([3] * 4, ROWS)]
    gc = np.array([text.count("G") + text.count("C") for text in letters], dtype=float)
    words = [np.array([text.count(w) + text.count(r) for text in letters]) for w, r in (("AC", "GT"), ("TA", "TA"))]
    labels = np.stack([gc, gc + 2 * words[0], gc + 2 * words[1]], 1) + random.normal(size=(ROWS, 3))
    splits = ["train"] * 120 + ["valid"] * 40 + ["test"] * 80
    chromosomes = ["chr1"] * 160 + ["chr8"] * 40 + ["chr9"] * 40
    return LabelledSequences.from_arrays(
        letters, labels, splits=splits, target_names=["liver", "brain", "blood"], chromosomes=chromosomes
    )


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = three_cell_types()
    lines = ["\t".join(["sequence", "split", "chrom", *data.target_names])]
    lines += [
        "\t".join([s, split, chrom, *(f"{v:.4f}" for v in values)])
        for s, split, chrom, values in zip(data.sequences, data.splits, data.chromosomes, data.labels, strict=True)
    ]
    path = tmp_path_factory.mktemp("cells") / "cells.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_comparison_shows_specificity_trivial_rows_and_blocks(palindra, cells, quick, tmp_path):
    columns = ["--label-columns", "liver,brain,blood", "--chromosome-column", "chrom"]
    words = ["--strategies", "none,regular", "--seeds", "0-1", *columns, *quick]
    result = palindra("compare", cells, "-o", tmp_path / "c", *words)
    assert (result.code, result.err) == (0, "")
    comparison = Comparison.from_json((tmp_path / "c" / "comparison.json").read_text())
    rows = {row.name: row for row in comparison.rows}
    assert list(rows) == ["none", "regular", *BASELINES, OTHERS]
    assert set(SPECIFICITY_SCORES) < set(comparison.metrics)
    assert all(len(rows["none"].scores[name]) == 2 for name in SPECIFICITY_SCORES)
    assert rows["6-mers"].scores[CENTRED][0] == rows["6-mers"].scores[CENTRED][0]
    assert math.isnan(rows["training mean"].intervals["Pearson"][0])
    assert rows["GC content"].intervals["Pearson"][0] > 0.5
    said = " ".join(comparison.conclusion)
    assert "Over stretches of chromosomes of the test split (first seed)" in said
    assert "The measured mean of the other targets has Pearson" in said
    assert f"The best trivial baseline ({OTHERS})" not in said
    page = (tmp_path / "c" / "report.html").read_text()
    assert all(name in page for name in (OTHERS, CENTRED, "GC content"))
    assert f"\t{CENTRED}\t" in (tmp_path / "c" / "scores.tsv").read_text()

    run = tmp_path / "c" / "runs" / "all" / "regular" / "seed-0"
    result = palindra("evaluate", run, cells, *columns[:2], "--rows", "test", "-o", tmp_path / "page.html")
    assert (result.code, result.err) == (0, "")
    assert "over stretches of chromosomes" in result.out
    found = json.loads((tmp_path / "page.json").read_text())
    assert found[CENTRED]["value"] == pytest.approx(rows["regular"].scores[CENTRED][0], abs=1e-5)


def test_stranded_pairs_are_no_cell_types():
    data = three_cell_types()
    given = np.asarray(data.labels) + 1.0
    assert CENTRED in all_scores(data, given, Target.invariant(3))
    assert CENTRED not in all_scores(data, given, Target.paired([1, 0, 2]))
    assert data.task is Task.REGRESSION


def test_the_block_interval_of_a_difference_is_wider_where_neighbours_are_alike():
    random = np.random.default_rng(3)
    rows, run = 400, 20
    truth = random.normal(size=rows)
    noise = np.repeat(random.normal(size=rows // run), run)  # the error of a stretch is one error
    data = LabelledSequences.from_arrays(["ACGT"] * rows, truth, splits=["test"] * rows, task="regression")
    known = replace(data, chromosomes=np.array([f"chr{n // run}" for n in range(rows)]))

    def scored(name: str, given: np.ndarray) -> Scored:
        row = Row(name, "strategy", "", None, None, None, {}, {})
        return Scored(row, 0.0, given[:, None], None)

    best, other = scored("best", truth + noise), scored("other", truth + 2 * random.normal(size=rows))
    (by_row,), (by_chromosome,) = row_differences(data, best, [other]), row_differences(known, best, [other])
    assert (by_row.blocks, by_chromosome.blocks) == ("sequences", "whole chromosomes")
    assert by_row.difference == by_chromosome.difference
    assert by_chromosome.high - by_chromosome.low > 1.3 * (by_row.high - by_row.low)


@pytest.mark.parametrize("labels", ["binary", "multiclass", "regression"])
def test_the_training_mean_is_the_training_mean(labels):
    data = three_cell_types()
    values = {
        "binary": data.labels[:, 0] > data.labels[:, 0].mean(),
        "multiclass": np.digitize(data.labels[:, 0], np.quantile(data.labels[:, 0], [0.3, 0.6])),
        "regression": data.labels,
    }[labels]
    data = LabelledSequences.from_arrays(data.sequences, values, splits=data.splits.tolist(), task=labels)
    train = data.rows("train").labels
    mean = np.bincount(train[:, 0].astype(int)) / len(train) if labels == "multiclass" else train.mean(0)
    given = score_baseline(data, None, "training mean", [0]).given
    np.testing.assert_allclose(given, np.broadcast_to(mean, given.shape), rtol=1e-3, atol=1e-3)


def coverage() -> Predictions:
    random = np.random.default_rng(0)
    shared, own = random.gamma(1.0, 4.0, (30, 1, 6)), random.gamma(0.5, 2.0, (30, 3, 6))
    return Predictions.of(shared + 0.5 * own, shared + own, bin_size=10, tracks=["liver", "brain", "blood"])


def test_tracks_have_the_same_columns_and_the_row_of_the_others():
    view = coverage()
    data = SimpleNamespace(tracks=[Track(name=name) for name in view.tracks], activity=None)
    found = specific(view, data)
    assert list(found) == list(SPECIFICITY_SCORES)
    lines = coverage_lines(ScoredSet("valid", data, "valid"), view, Measures((10,)))
    mean = {line[2]: line[5] for line in lines if line[1] == MEAN}
    assert mean[CENTRED] == pytest.approx(found[CENTRED].mean())
    others = others_row(data, view)[OTHERS]
    truth = view.read_all()[1]
    np.testing.assert_allclose(others.read_all()[0][:, 0], truth[:, 1:].mean(1))
    stranded = SimpleNamespace(
        tracks=[Track(name="liver", partner="brain"), Track(name="brain", partner="liver"), Track(name="blood")]
    )
    assert specific(view, stranded) == others_row(stranded, view) == {}


def test_the_conclusion_does_not_take_measured_values_for_a_predictor():
    nan = math.nan

    def one(row: str, kind: str, metric: str, value: float) -> Score:
        return Score(row, kind, 0 if kind == "model" else -1, "test", MEAN, metric, 10, nan, value)

    table = ScoreTable(
        [
            one("base", "model", WHOLE, 0.6),
            one("base", "model", CENTRED, 0.2),
            one("base", "model", GAIN, 0.05),
            one("GC content", "trivial", WHOLE, 0.3),
            one(OTHERS, "trivial", WHOLE, 0.8),
        ]
    )
    said = " ".join(conclude(table, {"base": {"bin_size": 10}}, "base", [], [], 1))
    assert "The best trivial predictor (GC content) has 0.300." in said
    assert "The measured mean of the other tracks has 0.800: so much is shared." in said
    assert "base has r 0.200; its differences between tracks add +0.050." in said


def test_the_mean_profile_is_the_mean_over_windows_and_the_same_on_both_strands():
    values = np.random.default_rng(0).gamma(1.0, size=(20, 3, 5))
    values[values < 0.1] = np.nan
    target = Target.paired([1, 0, 2], Position.REVERSE)
    found = mean_profile([values[:7], values[7:]], target)
    mean = np.nanmean(values, 0)
    np.testing.assert_allclose(found, (mean + mean[[1, 0, 2], ::-1]) / 2)
    np.testing.assert_allclose(mean_profile([values], Target.strand_specific()), mean)
    with pytest.raises(InputError, match="every track has a value"):
        mean_profile([np.full((2, 1, 3), np.nan)], target)
