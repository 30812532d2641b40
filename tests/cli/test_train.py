"""From a table to a run folder: what is in it, that it is repeated, continued, and not mistaken for another."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import palindra as package
from palindra.cli.labelled import running
from palindra.data import read_labelled
from palindra.evaluation import score
from palindra.models.saving import is_finished, load_run, verify
from palindra.sequences import one_hot

FILES = {
    "config.toml",
    "weights.safetensors",
    "outputs.safetensors",
    "history.tsv",
    "predictions.tsv",
    "metrics.json",
    "report.html",
    "checksums.json",
}


def read_table(path: Path) -> list[dict[str, str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


CASES = [
    ("binary", "regular", ()),
    ("binary", "post-hoc", ()),
    ("binary", "none+regular*2", ()),
    ("classes", "irreps", ("--target", "2,1,0")),
    ("classes", "augment", ("--target", "2,1,0")),
    ("labels", "mixed", ()),
    ("value", "conjoined", ()),
    ("pair", "regular", ("--target", "1,0", "--label-columns", "plus,minus")),
    ("binary", "none", ("--target", "strand-specific")),
]


@pytest.mark.parametrize(("data", "strategy", "options"), CASES, ids=lambda value: str(value).replace(" ", ""))
def test_a_run_folder_is_complete_and_consistent(trained, files, data: str, strategy: str, options: tuple[str, ...]):
    run = trained(data, strategy, *options)
    assert {path.name for path in run.iterdir()} == FILES
    verify(run, sorted(FILES - {"checksums.json"}))
    label = options[3].split(",") if len(options) == 4 else None
    loaded = load_run(run)
    rows = read_labelled(files / f"{data}.tsv", label_columns=label)

    held_out = [row for name in ("valid", "test") for row in np.flatnonzero(rows.splits == name)]
    table = read_table(run / "predictions.tsv")
    assert [int(row["line"]) for row in table] == rows.lines[held_out].tolist()
    assert [row["split"] for row in table] == rows.splits[held_out].tolist()

    x = one_hot(rows.take(held_out).sequences).float()
    names = rows.class_names if rows.task == "multiclass" else rows.target_names
    with torch.no_grad():
        given = loaded.predictor(x)
        shown = [[float(row[f"prediction_{name}"]) for name in names] for row in table]
        torch.testing.assert_close(torch.tensor(shown), given, rtol=1e-5, atol=1e-6)
        if "strand-specific" not in options:
            other = loaded.predictor.target.act(loaded.predictor(x.flip(1, 2)))
            shown = [[float(row[f"prediction_{name}_reverse_complement"]) for name in names] for row in table]
            torch.testing.assert_close(torch.tensor(shown), other, rtol=1e-5, atol=1e-6)
            if strategy not in ("augment", "none+regular*2"):
                torch.testing.assert_close(given, other, rtol=1e-5, atol=1e-5)
        else:
            assert not any("reverse_complement" in name for name in table[0])

    metrics = json.loads((run / "metrics.json").read_text())
    test = rows.rows("test")
    with torch.no_grad():
        predicted = loaded.predictor(one_hot(test.sequences).float()).numpy()
    assert metrics["test"] == pytest.approx(score(rows.task, predicted, test.labels), rel=1e-3, nan_ok=True)
    assert metrics["parameters"] == sum(p.numel() for p in loaded.predictor.parameters())


def test_the_configuration_says_everything_that_ran(trained, files):
    config = tomllib.loads((trained("binary", "regular") / "config.toml").read_text())
    assert config["palindra"] == {"version": package.__version__, "format": 1}
    assert config["run"]["command"].startswith("palindra train ")
    assert (config["run"]["strategy"], config["run"]["seed"], config["run"]["width"]) == ("regular", 0, 4)
    assert config["training"]["epochs"] == 1
    assert config["training"]["precision"] == "float32"
    assert config["data"]["source"] == "binary.tsv"
    assert config["data"]["sha256"] == read_labelled(files / "binary.tsv").sha256
    assert config["data"]["rows"] == {"train": 58, "valid": 19, "test": 19}
    assert config["members"][0]["config"]["stem_size"] == 5
    assert config["versions"]["torch"] == torch.__version__


def test_the_target_is_part_of_the_model(trained):
    loaded = load_run(trained("pair", "regular", "--target", "1,0", "--label-columns", "plus,minus"))
    y = torch.tensor([[1.0, 2.0]])
    assert loaded.predictor.target.act(y).tolist() == [[2.0, 1.0]]
    assert loaded.predictor.offset[0] == loaded.predictor.offset[1]


def test_started_again_it_trains_nothing(palindra, trained, files, quick, monkeypatch):
    run = trained("binary", "regular")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    monkeypatch.setattr(running, "fit", fail)
    result = palindra("train", files / "binary.tsv", "-o", run, "--strategy", "regular", *quick)
    assert result.code == 0
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def fail(*_: Any, **__: Any) -> None:
    raise AssertionError("trained again")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seed", "4"], "(strategy: seed 0 then, seed 4 now)"),
        (["--epochs", "2"], "(training: epochs 1 then, epochs 2 now)"),
        (["--width", "8"], "width 4 then, width 8 now"),
        (["--set", "model.dropout=0.5"], "model: "),
        (["--split", "random"], "data: "),
        (["--target", "strand-specific", "--strategy", "none"], "strategy: "),
    ],
)
def test_a_finished_run_is_not_mistaken_for_another(palindra, trained, files, quick, options: list[str], words: str):
    run = trained("binary", "regular")
    result = palindra("train", files / "binary.tsv", "-o", run, "--strategy", "regular", *quick, *options)
    assert result.code == 2
    assert f"{run}: a run with other settings lies here" in result.err
    assert words in result.err
    assert "Choose another --output, or remove it." in result.err


class Killed(BaseException):
    """Stands for the process being killed."""


@pytest.mark.parametrize("where", ["strand_outputs", "write_predictions", "seal"])
def test_a_kill_after_training_continues_without_training_again(
    palindra, trained, files, quick, tmp_path, monkeypatch, where: str
):
    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    words = ["train", files / "binary.tsv", "-o", tmp_path / "run", "--strategy", "regular", *quick]
    monkeypatch.setattr(running, where, kill)
    with pytest.raises(Killed):
        palindra(*words)
    monkeypatch.undo()
    assert not (tmp_path / "run").exists()
    assert not is_finished(tmp_path / "run.partial")
    result = palindra("predict", tmp_path / "run.partial", files / "binary.tsv")
    assert result.code == 2  # what lies there does not pass for a run

    result = palindra(*words, "--seed", 5)
    assert result.code == 2
    assert "a run with other settings lies here (strategy: seed 0 then, seed 5 now)" in result.err

    epochs = []
    monkeypatch.setattr(running, "fit", counting(running.fit, epochs))
    assert palindra(*words).code == 0
    assert epochs == [1]
    assert not (tmp_path / "run.partial").exists()
    assert_same_weights(tmp_path / "run", trained("binary", "regular"))
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


def counting(original: Any, epochs: list[int]) -> Any:
    """The same fit, which must not reach a training step."""

    def fit(*args: Any, **options: Any) -> Any:
        from palindra.training.module import SequenceModule

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SequenceModule, "training_step", fail)
            done = original(*args, **options)
        epochs.append(done.epochs)
        return done

    return fit


def assert_same_weights(first: Path, second: Path) -> None:
    a, b = load_file(first / "weights.safetensors"), load_file(second / "weights.safetensors")
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert torch.equal(value, b[name]), name


def test_a_kill_between_the_seal_and_the_name(palindra, trained, files, quick, tmp_path, monkeypatch):
    original = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target == tmp_path / "run":
            raise Killed
        return original(self, target)

    words = ["train", files / "binary.tsv", "-o", tmp_path / "run", "--strategy", "regular", *quick]
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(Killed):
        palindra(*words)
    monkeypatch.undo()
    assert is_finished(tmp_path / "run.partial")
    assert palindra(*words, "--seed", 5).code == 2
    monkeypatch.setattr(running, "fit", fail)
    assert palindra(*words).code == 0
    assert_same_weights(tmp_path / "run", trained("binary", "regular"))


def test_an_empty_folder_may_be_used(palindra, trained, files, quick, tmp_path):
    (tmp_path / "run").mkdir()
    result = palindra("train", files / "binary.tsv", "-o", tmp_path / "run", "--strategy", "regular", *quick)
    assert result.code == 0
    assert_same_weights(tmp_path / "run", trained("binary", "regular"))


def test_the_first_copy_in_an_ensemble_is_the_single_model(trained):
    single = load_file(trained("binary", "regular") / "weights.safetensors")
    ensemble = load_file(trained("binary", "none+regular*2") / "weights.safetensors")
    for name, value in single.items():
        if name.startswith("members.0."):
            assert torch.equal(value, ensemble[name.replace("members.0.", "members.1.")])
            assert not (value.numel() > 8 and torch.equal(value, ensemble[name.replace("members.0.", "members.2.")]))


def test_checks_of_the_data_are_printed_and_in_the_page(palindra, files, quick, tmp_path):
    result = palindra("train", files / "binary.tsv", "-o", tmp_path / "run", *quick)
    assert "96 sequences of 30 letters, binary (label), train 58, valid 19, test 19" in result.out
    assert "duplicates across splits: none" in result.out
    assert result.err == ""
    assert f"run folder  {tmp_path / 'run'}" in result.out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "duplicates across splits" in page
    assert "palindra train" in page


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("positives.fa", ["--negatives", "negatives.fa", "--split", "random"]),
        ("binary.tsv", ["--split", "similarity"]),
        ("chromosomes.tsv", ["--split", "chromosome", "--valid-chromosomes", "chr2", "--test-chromosomes", "chr3"]),
        ("binary.tsv", ["--pad", "34"]),
        ("binary.tsv", ["--split-column", "", "--split", "random"]),
        ("binary.tsv", ["--model", "strand_cnn", "--strategy", "irreps-k3", "--set", "model.kernel_sizes=[5,3]"]),
        ("binary.tsv", ["--patience", "1", "--shift", "2", "--set", "training.weight_average=0.9"]),
        ("binary.tsv", ["--strategy", "kmers"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_other_inputs_and_options(palindra, files, quick, tmp_path, monkeypatch, name: str, options: list[str]):
    monkeypatch.chdir(files)
    given = quick[: quick.index("--set")] if "strand_cnn" in options else quick
    result = palindra("train", name, "-o", tmp_path / "run", *given, *options)
    assert (result.code, result.err) == (0, "")
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


def test_tensorboard_logs_are_kept(palindra, files, quick, tmp_path):
    pytest.importorskip("tensorboard")
    result = palindra("train", files / "binary.tsv", "-o", tmp_path / "run", *quick, "--log", "tensorboard")
    assert result.code == 0
    assert list((tmp_path / "run" / "tensorboard-0").glob("events.*"))
    assert load_run(tmp_path / "run").length == 30


def test_files_can_be_read_by_others(trained):
    run = trained("binary", "regular")
    modes = {path.stat().st_mode & 0o777 for path in run.iterdir()}
    assert len(modes) == 1  # what the user's mask says, weights included
