"""A comparison: what it writes, that it goes on where it stopped, and that its shortcuts give the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palindra.cli.labelled import running
from palindra.cli.labelled.scoring import BASELINES, subset
from palindra.data import read_labelled
from palindra.evaluation import score
from palindra.models.saving import load_run
from palindra.report.comparison import Comparison
from palindra.sequences import one_hot

STRATEGIES = "none,augment,post-hoc,regular,none+regular,regular*2,augment+post-hoc"


@pytest.fixture(scope="module")
def compared(files, quick, tmp_path_factory) -> Path:
    """A finished comparison of two seeds; not to be changed."""
    folder = tmp_path_factory.mktemp("compared") / "c"
    from palindra.cli.main import main

    words = ["compare", files / "binary.tsv", "-o", folder, "--strategies", STRATEGIES, "--seeds", "0,1", *quick]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["palindra", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code
    return folder


def scores(folder: Path) -> dict[tuple[str, str, int, str], float]:
    """(training sequences, row, seed, metric) -> value."""
    header, *lines = [line.split("\t") for line in (folder / "scores.tsv").read_text().splitlines()]
    assert header == ["training_sequences", "row", "kind", "seed", "metric", "value"]
    return {(size, row, int(seed), metric): float(value) for size, row, _, seed, metric, value in lines}


def fail(*_: Any, **__: Any) -> None:
    raise AssertionError("trained again")


def test_what_is_written(compared):
    assert {path.name for path in compared.iterdir()} == {"runs", "comparison.json", "scores.tsv", "report.html"}
    trained = sorted(str(path.relative_to(compared / "runs")) for path in compared.glob("runs/*/*/*"))
    expected = [f"all/{name}/seed-{seed}" for name in ("augment", "none", "regular") for seed in (0, 1)]
    assert trained == sorted([*expected, "all/regular/seed-1000", "all/regular/seed-1001"])  # post-hoc trains nothing
    comparison = Comparison.from_json((compared / "comparison.json").read_text())
    names = [*STRATEGIES.split(","), *BASELINES]
    assert [row.name for row in comparison.rows] == names
    assert {row.kind for row in comparison.rows} == {"strategy", "equivariant", "ensemble", "baseline"}
    assert {(test.row, test.reference) for test in comparison.tests} == {
        *((name, "none") for name in names[1:7]),
        *((name, "augment") for name in names[2:7]),
    }
    page = (compared / "report.html").read_text()
    assert all(name in page for name in names)


def test_a_comparison_scores_the_test_split(compared, files):
    rows = read_labelled(files / "binary.tsv").rows("test")
    found = scores(compared)
    for seed in (0, 1):
        loaded = load_run(compared / "runs" / "all" / "regular" / f"seed-{seed}")
        with torch.no_grad():
            predicted = loaded.predictor(one_hot(rows.sequences).float()).numpy()
        for metric, value in score(rows.task, predicted, rows.labels).items():
            assert found["all", "regular", seed, metric] == pytest.approx(value, rel=1e-4)


def test_ensembles_of_saved_outputs_are_the_ensembles_that_train_writes(compared, trained):
    found = scores(compared)
    for strategy in ("none+regular", "regular*2"):
        metrics = json.loads((trained("binary", strategy) / "metrics.json").read_text())
        for metric, value in metrics["test"].items():
            assert found["all", strategy, 0, metric] == pytest.approx(value, rel=1e-4)
        rows = Comparison.from_json((compared / "comparison.json").read_text()).rows
        assert next(row for row in rows if row.name == strategy).parameters == metrics["parameters"]


def test_post_hoc_is_the_strand_mean_of_augmentation(compared, files):
    rows = read_labelled(files / "binary.tsv").rows("test")
    loaded = load_run(compared / "runs" / "all" / "augment" / "seed-1").predictor
    x = one_hot(rows.sequences).float()
    with torch.no_grad():
        mean = loaded.conjoined()(x)
        by_hand = ((loaded.logits(x) + loaded.logits(x.flip(1, 2))) / 2).sigmoid()
    torch.testing.assert_close(mean, by_hand)
    found = scores(compared)
    for metric, value in score(rows.task, mean.numpy(), rows.labels).items():
        assert found["all", "post-hoc", 1, metric] == pytest.approx(value, rel=1e-4)
    rows_of = {row.name: row for row in Comparison.from_json((compared / "comparison.json").read_text()).rows}
    assert rows_of["post-hoc"].strand_discrepancy == 0
    assert rows_of["augment"].strand_discrepancy > 1e-4
    assert rows_of["regular"].strand_discrepancy < 1e-5


def test_started_again_nothing_is_trained_and_nothing_changes(palindra, compared, files, quick, monkeypatch):
    before = (compared / "scores.tsv").read_text()
    monkeypatch.setattr(running, "fit", fail)
    words = ["compare", files / "binary.tsv", "-o", compared, "--strategies", STRATEGIES, "--seeds", "0,1", *quick]
    result = palindra(*words)
    assert (result.code, result.err) == (0, "")
    assert (compared / "scores.tsv").read_text() == before
    assert "Chosen on validation: " in result.out
    assert "[1/8]" not in result.out


def test_other_settings_do_not_reuse_the_runs(palindra, compared, files, quick):
    before = (compared / "scores.tsv").read_text()
    words = ["compare", files / "binary.tsv", "-o", compared, "--strategies", "none", "--seeds", "0", *quick]
    result = palindra(*words, "--epochs", "2")
    assert result.code == 2
    assert (
        "runs/all/none/seed-0: a run with other settings lies here (training: epochs 1 then, epochs 2 now)"
        in result.err
    )
    assert (compared / "scores.tsv").read_text() == before


def test_damaged_outputs_are_noticed(palindra, compared, files, quick, tmp_path):
    import shutil

    shutil.copytree(compared, tmp_path / "c")
    (tmp_path / "c" / "runs" / "all" / "none" / "seed-0" / "outputs.safetensors").write_bytes(b"x")
    words = ["compare", files / "binary.tsv", "-o", tmp_path / "c", "--strategies", "none", "--seeds", "0", *quick]
    result = palindra(*words)
    assert result.code == 2
    assert "outputs.safetensors: the file is not the one that was written" in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_a_killed_comparison_goes_on(palindra, files, quick, tmp_path, monkeypatch):
    original, trained = running.fit, []

    def fit(*args: Any, **options: Any) -> Any:
        if len(trained) == 1:
            raise KeyboardInterrupt
        trained.append(options["seed"])
        return original(*args, **options)

    words = ["compare", files / "binary.tsv", "-o", tmp_path / "c", "--strategies", "none", "--seeds", "0-1", *quick]
    monkeypatch.setattr(running, "fit", fit)
    result = palindra(*words)
    assert result.code == 130
    assert "palindra: interrupted; start the same command again to go on." in result.err
    assert not (tmp_path / "c" / "report.html").exists()
    monkeypatch.setattr(running, "fit", original)
    result = palindra(*words)
    assert result.code == 0
    assert "[1/2]" not in result.out
    assert "[2/2] none, seed 1" in result.out


def test_learning_curve(palindra, files, quick, tmp_path):
    result = palindra(
        "compare", files / "binary.tsv", "-o", tmp_path / "c", "--strategies", "none,kmers", "--seeds", "0-1",
        "--sizes", "20,40", "--train-size", "30", *quick,
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    found = scores(tmp_path / "c")
    sizes = {size for size, *_ in found}
    assert sizes == {"20", "30", "40"}
    assert {row for size, row, *_ in found if size == "20"} == {"none", "kmers", *BASELINES}
    comparison = Comparison.from_json((tmp_path / "c" / "comparison.json").read_text())
    points = {(point.row, point.size, point.seed): point.value for point in comparison.learning_curve}
    assert len(points) == 3 * 6 * 2
    assert points["none", 20, 1] == pytest.approx(found["20", "none", 1, "AUROC"], rel=1e-5)
    assert [row.scores["AUROC"] for row in comparison.rows if row.name == "none"] == [
        [pytest.approx(found["30", "none", seed, "AUROC"], rel=1e-5) for seed in (0, 1)]
    ]
    config = load_run(tmp_path / "c" / "runs" / "20-sequences" / "none" / "seed-0").config
    assert config["data"]["rows"] == {"train": 20, "valid": 19, "test": 19}


def test_without_baselines_and_with_one_seed(palindra, files, quick, tmp_path):
    words = ["--strategies", "none,regular", "--seeds", "3", "--no-baselines"]
    result = palindra("compare", files / "value.tsv", "-o", tmp_path / "c", *words, *quick)
    assert (result.code, result.err) == (0, "")
    comparison = Comparison.from_json((tmp_path / "c" / "comparison.json").read_text())
    assert [row.name for row in comparison.rows] == ["none", "regular"]
    assert any("One seed only" in sentence for sentence in comparison.conclusion)


@pytest.mark.parametrize("data", ["classes", "labels", "pair"])
def test_other_tasks(palindra, files, quick, tmp_path, data: str):
    target = {"classes": "2,1,0", "labels": "invariant", "pair": "1,0"}[data]
    columns = ["--label-columns", "plus,minus"] if data == "pair" else []
    words = ["--strategies", "augment,post-hoc,regular", "--seeds", "0", "--target", target, *columns]
    if data == "labels":
        words += ["--no-baselines"]
    result = palindra("compare", files / f"{data}.tsv", "-o", tmp_path / "c", *words, *quick)
    assert (result.code, result.err) == (0, "")
    rows = {row.name: row for row in Comparison.from_json((tmp_path / "c" / "comparison.json").read_text()).rows}
    assert rows["post-hoc"].strand_discrepancy < 1e-5 * 100
    assert rows["augment"].strand_discrepancy > 1e-4


def test_subsets_are_nested_balanced_and_differ_between_seeds(files):
    data = read_labelled(files / "binary.tsv")
    for seed in (0, 1):
        small, large = subset(data, 12, seed).rows("train"), subset(data, 30, seed).rows("train")
        assert set(small.lines) < set(large.lines)
        assert small.labels.sum() == 6
        assert large.labels.sum() == 15
    assert set(subset(data, 12, 0).lines) != set(subset(data, 12, 1).lines)
    assert np.array_equal(subset(data, 12, 5).lines, subset(data, 12, 2005).lines)  # copies in an ensemble
    assert len(subset(data, 12, 0).rows("test")) == len(data.rows("test"))
    assert subset(data, None, 0) is data
