"""What can be done with a run folder: predict, evaluate, audit, export."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import palindra as package
from palindra.data import read_labelled
from palindra.evaluation import score
from palindra.sequences import one_hot, reverse_complement


def read_columns(path: Path) -> dict[str, list[str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def numbers(columns: dict[str, list[str]], name: str) -> np.ndarray:
    return np.array([float(value) for value in columns[name]])


def predictions(run: Path, sequences: list[str]) -> torch.Tensor:
    with torch.no_grad():
        return package.load(run)(one_hot(sequences).float())


# ---- predict -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["regular", "none"])
def test_predictions_in_the_order_of_the_file(palindra, trained, files, tmp_path, strategy: str):
    run = trained("binary", strategy)
    rows = read_labelled(files / "binary.tsv")
    result = palindra("predict", run, files / "binary.tsv", "-o", tmp_path / "new" / "p.tsv", "--batch-size", 7)
    assert result.out == f"96 predictions  {tmp_path / 'new' / 'p.tsv'}\n"
    found = read_columns(tmp_path / "new" / "p.tsv")
    assert list(found) == ["name", "prediction_label", "prediction_label_reverse_complement"]
    assert found["name"] == [str(n + 1) for n in range(96)]
    given = numbers(found, "prediction_label")
    np.testing.assert_allclose(given, predictions(run, rows.sequences)[:, 0], rtol=1e-5)
    other = predictions(run, [reverse_complement(s) for s in rows.sequences])[:, 0]
    np.testing.assert_allclose(numbers(found, "prediction_label_reverse_complement"), other, rtol=1e-5)
    assert (np.abs(given - other.numpy()).max() < 1e-5) == (strategy == "regular")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["p.tsv"]


def test_fasta_names_keep_the_table_a_table(palindra, trained, files, tmp_path):
    palindra("predict", trained("binary", "regular"), files / "positives.fa", "-o", tmp_path / "p.tsv")
    found = read_columns(tmp_path / "p.tsv")
    assert found["name"][:2] == ["positives.fa 1", "positives.fa 3"]  # the tab in the header became a space


def test_both_strands_averages_as_post_hoc_does(palindra, trained, files, tmp_path):
    augmented, post_hoc = trained("binary", "augment"), trained("binary", "post-hoc")
    palindra("predict", augmented, files / "binary.tsv", "-o", tmp_path / "a.tsv", "--both-strands")
    palindra("predict", post_hoc, files / "binary.tsv", "-o", tmp_path / "b.tsv")
    assert (tmp_path / "a.tsv").read_text() == (tmp_path / "b.tsv").read_text()


def test_a_strand_specific_model_has_one_prediction(palindra, trained, files, tmp_path):
    run = trained("binary", "none", "--target", "strand-specific")
    assert palindra("predict", run, files / "binary.tsv", "-o", tmp_path / "p.tsv").code == 0
    assert list(read_columns(tmp_path / "p.tsv")) == ["name", "prediction_label"]
    result = palindra("predict", run, files / "binary.tsv", "-o", tmp_path / "q.tsv", "--both-strands")
    assert result.code == 2
    assert "so --both-strands cannot average the strands" in result.err
    assert not (tmp_path / "q.tsv").exists()


def test_classes_and_values_have_their_names_and_units(palindra, trained, files, tmp_path):
    palindra("predict", trained("classes", "irreps", "--target", "2,1,0"), files / "classes.tsv", "-o", tmp_path / "c")
    classes = read_columns(tmp_path / "c")
    names = [f"prediction_{name}" for name in ("minus", "neither", "plus")]
    assert list(classes)[1:4] == names
    np.testing.assert_allclose(sum(numbers(classes, name) for name in names), 1, rtol=1e-5)
    palindra("predict", trained("value", "conjoined"), files / "value.tsv", "-o", tmp_path / "v")
    assert 4 < numbers(read_columns(tmp_path / "v"), "prediction_label").mean() < 9


def test_a_kill_while_predicting_leaves_no_table(palindra, trained, files, tmp_path, monkeypatch):
    from palindra.cli.labelled import predicting

    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(predicting, "predict_batches", kill)
    result = palindra("predict", trained("binary", "regular"), files / "binary.tsv", "-o", tmp_path / "p.tsv")
    assert result.code == 130
    assert "interrupted; start the same command again" in result.err
    assert not (tmp_path / "p.tsv").exists()


# ---- evaluate ------------------------------------------------------------------------------------------------------


def test_scores_of_the_test_split_are_those_of_training(palindra, trained, files, tmp_path):
    run = trained("binary", "none")
    result = palindra("evaluate", run, files / "binary.tsv", "-o", tmp_path / "e.html")
    assert (result.code, result.err) == (0, "")
    found = json.loads((tmp_path / "e.json").read_text())
    expected = json.loads((run / "metrics.json").read_text())["test"]
    assert {name: value["value"] for name, value in found.items()} == pytest.approx(expected, rel=1e-6)
    assert found["AUROC"]["low"] <= found["AUROC"]["value"] <= found["AUROC"]["high"]
    assert "<html" in (tmp_path / "e.html").read_text()
    assert f"AUROC      {expected['AUROC']:.4f}" in result.out
    assert "differ by" in result.out


def test_rows_can_be_chosen(palindra, trained, files, tmp_path):
    run = trained("binary", "regular")
    rows = read_labelled(files / "binary.tsv").rows("train")
    result = palindra("evaluate", run, files / "binary.tsv", "-o", tmp_path / "e.html", "--rows", "train")
    assert "Both strands give the same answer, up to rounding." in result.out
    found = json.loads((tmp_path / "e.json").read_text())
    expected = score(rows.task, predictions(run, rows.sequences).numpy(), rows.labels)
    assert {name: value["value"] for name, value in found.items()} == pytest.approx(expected, rel=1e-5)
    result = palindra("evaluate", run, files / "binary.tsv", "-o", tmp_path / "f.html", "--rows", "tset")
    assert result.code == 2
    assert "--rows 'tset' is not known. Did you mean 'test'?" in result.err


@pytest.mark.parametrize(
    ("data", "strategy", "options"),
    [
        ("classes", "irreps", ("--target", "2,1,0")),
        ("labels", "mixed", ()),
        ("value", "conjoined", ()),
        ("pair", "regular", ("--target", "1,0", "--label-columns", "plus,minus")),
        ("binary", "none", ("--target", "strand-specific")),
    ],
    ids=lambda value: str(value),
)
def test_every_task_has_a_page(palindra, trained, files, tmp_path, data: str, strategy: str, options: tuple[str, ...]):
    run = trained(data, strategy, *options)
    columns = options[2:] if data == "pair" else ()
    result = palindra("evaluate", run, files / f"{data}.tsv", "-o", tmp_path / "e.html", *columns)
    assert (result.code, result.err) == (0, "")
    expected = json.loads((run / "metrics.json").read_text())["test"]
    found = {name: value["value"] for name, value in json.loads((tmp_path / "e.json").read_text()).items()}
    assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_label_columns_have_to_be_those_of_the_model(palindra, trained, files, tmp_path):
    run = trained("labels", "mixed")
    result = palindra("evaluate", run, files / "labels.tsv", "-o", tmp_path / "e.html", "--label-columns", "any")
    assert result.code == 2
    assert "1 label columns, but" in result.err
    assert "(plus, any). Choose them with --label-columns." in result.err


# ---- audit ---------------------------------------------------------------------------------------------------------

MODELS = textwrap.dedent(
    """
    import torch
    from torch import nn

    def standard():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv1d(4, 8, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1), nn.Sigmoid()
        )

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = standard()

        def forward(self, x):
            return (self.model(x) + self.model(x.flip(1, 2))) / 2

    ready = Both()

    def gc(x):
        return x[:, 1:3].mean((1, 2), keepdim=True)[:, :, 0]

    def logits(x):
        return {"other": x[:, :1, :2], "logit": 9 * (x[:, 0].mean(1, keepdim=True) - 0.25)}

    def pair(x):
        return torch.stack([x[:, 0].mean(1), x[:, 3].mean(1)], dim=1)

    def wrong(x):
        return nn.Linear(3, 1)(x)

    number = 3
    """
)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The current folder has a module of somebody's models."""
    import sys

    (tmp_path / "somebodys_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    yield "somebodys_models"
    sys.modules.pop("somebodys_models", None)


@pytest.mark.parametrize(
    ("name", "options", "invariant"),
    [
        ("standard", [], False),
        ("Both", [], True),
        ("ready", [], True),
        ("gc", [], True),
        ("logits", ["--output-field", "logit", "--activation", "sigmoid"], False),
        ("pair", ["--outputs", "1,0"], True),
        ("pair", ["--outputs", "0,1"], False),
    ],
)
def test_somebodys_model(palindra, files, models, tmp_path, name: str, options: list[str], invariant: bool):
    result = palindra("audit", f"{models}:{name}", files / "binary.tsv", "-o", "a.html", *options)
    assert (result.code, result.err) == (0, "")
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["invariant"] is invariant
    assert result.out.splitlines()[:-1] == found["verdict"]
    assert [shift["positions"] for shift in found["shifts"]] == [1, 2, 4, 8]
    assert "<html" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize(("strategy", "invariant"), [("regular", True), ("none", False), ("post-hoc", True)])
def test_a_run_folder_of_its_own(palindra, trained, files, tmp_path, strategy: str, invariant: bool):
    result = palindra("audit", trained("binary", strategy), files / "binary.tsv", "-o", tmp_path / "a.html")
    assert (result.code, result.err) == (0, "")
    assert json.loads((tmp_path / "a.json").read_text())["invariant"] is invariant


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("somebodys_model:standard", [], "No module named 'somebodys_model'"),
        ("somebodys_models:standart", [], "has no attribute 'standart'"),
        ("somebodys_models:number", [], "is neither a model nor a function, but int"),
        ("somebodys_models", [], "neither a run folder nor module:function"),
        ("somebodys_models:wrong", [], "the model cannot read one-hot sequences of shape (batch, 4, 30)"),
        ("somebodys_models:standard", ["--activation", "sigmod"], "Did you mean 'sigmoid'?"),
        ("somebodys_models:standard", ["--outputs", "some"], "--outputs some: give invariant, track, or partners"),
        ("somebodys_models:logits", ["--output-field", "logits"], "'logits'"),
    ],
)
def test_models_that_cannot_be_audited(palindra, files, models, tmp_path, name: str, options: list[str], words: str):
    result = palindra("audit", name, files / "binary.tsv", "-o", "a.html", *options)
    assert result.code == 2
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "a.html").exists()


def test_a_run_folder_knows_its_outputs_itself(palindra, trained, files, tmp_path):
    run = trained("binary", "none")
    result = palindra("audit", run, files / "binary.tsv", "-o", tmp_path / "a.html", "--activation", "sigmoid")
    assert result.code == 2
    assert "leave out --activation, --outputs and --output-field" in result.err
    run = trained("binary", "none", "--target", "strand-specific")
    result = palindra("audit", run, files / "binary.tsv", "-o", tmp_path / "a.html")
    assert result.code == 2
    assert "strand-specific" in result.err


# ---- export --------------------------------------------------------------------------------------------------------


def test_exported_files_give_the_same_numbers(palindra, trained, files, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    run = trained("binary", "regular")
    result = palindra("export", run, "-o", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.onnx", "model.pt2"]
    rows = read_labelled(files / "binary.tsv")
    x = one_hot(rows.sequences).float()
    expected = predictions(run, rows.sequences)
    stock = torch.export.load(tmp_path / "out" / "model.pt2").module()(x)
    torch.testing.assert_close(stock, expected, rtol=1e-5, atol=1e-5)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    (outputs,) = session.run(["outputs"], {"one_hot": x.numpy()})
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)
    assert session.get_modelmeta().custom_metadata_map["outputs"] == "label"


def test_formats_can_be_chosen(palindra, trained, tmp_path):
    run = trained("value", "conjoined")
    assert palindra("export", run, "-o", tmp_path / "out", "--format", "torch").code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.pt2"]
    result = palindra("export", run, "-o", tmp_path / "other", "--format", "torch,tensorflow")
    assert result.code == 2
    assert "--format 'tensorflow' is not known. Choose from: torch, onnx." in result.err
    assert not (tmp_path / "other").exists()


def test_outputs_that_are_reordered_can_be_exported(palindra, trained, tmp_path):
    run = trained("classes", "irreps", "--target", "2,1,0")
    assert palindra("export", run, "-o", tmp_path / "out", "--format", "torch").code == 0
