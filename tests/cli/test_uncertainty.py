"""Predictions with their uncertainty on the command line: tables, ensembles, strands and refusals."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import palindra as package
from palindra.data import read_labelled
from palindra.evaluation.uncertainty import conformal_quantile
from palindra.models.saving import load_run
from palindra.sequences import one_hot, reverse_complement

DROPOUT = ("--set", "model.dropout=0.5")


def read_columns(path: Path) -> dict[str, list[str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def numbers(columns: dict[str, list[str]], name: str) -> np.ndarray:
    return np.array([float(value) for value in columns[name]])


@pytest.fixture
def uncertain(palindra, tmp_path):
    """``uncertain(runs, path, *options)``: the columns, and the lines that were printed."""

    def call(runs: list[Path], path: Path, *options: object) -> tuple[dict[str, list[str]], list[str]]:
        table = tmp_path / "u.tsv"
        result = palindra("predict", *runs, path, "-o", table, "--uncertainty", *options)
        assert result.code == 0, result.err
        return read_columns(table), result.out.splitlines()

    return call


VALUE = ["prediction_label", "lower_label", "upper_label", "aleatoric_sd_label", "total_sd_label"]


@pytest.mark.parametrize("loss", ["squared", "gaussian", "quantiles"])
def test_intervals_of_values(uncertain, trained, files, loss: str):
    run = trained("value", "regular", "--loss", loss)
    found, lines = uncertain([run], files / "value.tsv", "--coverage", "0.8")
    assert list(found) == ["name", *VALUE]
    prediction, lower, upper = (numbers(found, name) for name in VALUE[:3])
    rows = read_labelled(files / "value.tsv")
    with torch.no_grad():
        expected = package.load(run)(one_hot(rows.sequences).float())[:, 0]
    np.testing.assert_allclose(prediction, expected, rtol=1e-5)
    assert ((lower <= prediction) & (prediction <= upper)).all()
    assert (np.ptp(upper - lower) < 1e-4) == (loss == "squared")  # only models of spread have intervals of their own
    # As on the validation rows themselves: at least ceil(20 * .8) of 19 lie inside, and hardly more.
    valid = rows.splits == "valid"
    inside = (lower <= rows.labels[:, 0] + 1e-4) & (rows.labels[:, 0] <= upper + 1e-4)
    assert inside[valid].sum() == -(-(valid.sum() + 1) * 8 // 10)
    test = rows.splits == "test"
    assert re.match(
        rf"label: 80% intervals hold {inside[test].mean():.1%} \[.*\] of {test.sum()} test labels", lines[1]
    )
    assert lines[0].startswith(f"96 predictions of 1 network, calibrated on {valid.sum()} validation rows")


def test_a_gaussian_run_says_its_own_variance(uncertain, trained, files):
    run = trained("value", "regular", "--loss", "gaussian")
    found, _ = uncertain([run], files / "value.tsv")
    predictor = load_run(run).predictor
    x = one_hot(read_labelled(files / "value.tsv").sequences).float()
    with torch.no_grad():
        outputs = predictor.members[0](x)[:, 0]
    sd = (outputs[:, 1] / 2).exp() * predictor.scale
    np.testing.assert_allclose(numbers(found, "aleatoric_sd_label"), sd, rtol=1e-4)
    half = (numbers(found, "upper_label") - numbers(found, "lower_label")) / 2
    np.testing.assert_allclose(half / sd.numpy(), half[0] / sd[0].item(), rtol=1e-4)


def test_several_runs_are_an_ensemble(uncertain, trained, files):
    runs = [trained("value", "regular", "--loss", "gaussian", "--seed", str(seed)) for seed in range(3)]
    found, lines = uncertain(runs, files / "value.tsv")
    assert lines[0].startswith("96 predictions of 3 networks")
    x = one_hot(read_labelled(files / "value.tsv").sequences).float()
    with torch.no_grad():
        means = torch.stack([package.load(run)(x)[:, 0] for run in runs]).double()
    np.testing.assert_allclose(numbers(found, "prediction_label"), means.mean(0), rtol=1e-5)
    np.testing.assert_allclose(numbers(found, "epistemic_sd_label"), means.std(0, correction=0), rtol=1e-3)
    parts = [numbers(found, f"{kind}_sd_label") ** 2 for kind in ("epistemic", "aleatoric", "total")]
    np.testing.assert_allclose(parts[0] + parts[1], parts[2], rtol=1e-5)


def test_one_run_of_several_networks_is_an_ensemble_too(uncertain, trained, files):
    found, lines = uncertain([trained("value", "regular*2")], files / "value.tsv")
    assert lines[0].startswith("96 predictions of 2 networks")
    assert numbers(found, "epistemic_sd_label").min() > 0
    stored = load_file(trained("value", "regular*2") / "outputs.safetensors")
    torch.testing.assert_close(stored["valid.members.given"].mean(0), stored["valid.given"])


@pytest.mark.parametrize("strategy", ["regular", "none"])
def test_both_strands_have_the_same_uncertainty(uncertain, trained, files, tmp_path, strategy: str):
    run = trained("value", strategy, "--loss", "gaussian", *DROPOUT)
    other = tmp_path / "other.fa"
    sequences = read_labelled(files / "value.tsv").sequences
    other.write_text("".join(f">{n + 1}\n{reverse_complement(s)}\n" for n, s in enumerate(sequences)))
    options = ["--dropout-passes", 4, *(["--both-strands"] if strategy == "none" else [])]
    here, _ = uncertain([run], files / "value.tsv", *options)
    there, _ = uncertain([run], other, *options)
    assert "epistemic_sd_label" in here
    for name in list(here)[1:]:
        np.testing.assert_allclose(numbers(here, name), numbers(there, name), rtol=1e-4, err_msg=name)


def test_intervals_are_calibrated_on_the_average_of_both_strands(uncertain, trained, files):
    found, _ = uncertain(
        [trained("value", "none", "--loss", "gaussian", *DROPOUT)], files / "value.tsv", "--both-strands"
    )
    rows = read_labelled(files / "value.tsv")
    prediction, upper, sd = (numbers(found, f"{name}_label") for name in ("prediction", "upper", "total_sd"))
    score = np.abs(rows.labels[:, 0] - prediction) / sd
    threshold = conformal_quantile(score[rows.splits == "valid"], 0.9)
    np.testing.assert_allclose((upper - prediction) / sd, threshold, rtol=1e-4)


@pytest.mark.parametrize("loss", ["squared", "gaussian", "quantiles"])
def test_stranded_values_swap_with_their_spread(uncertain, trained, files, tmp_path, loss: str):
    run = trained("pair", "regular", "--loss", loss, "--target", "1,0", "--label-columns", "plus,minus")
    other = tmp_path / "other.fa"
    sequences = read_labelled(files / "pair.tsv", label_columns=["plus", "minus"]).sequences
    other.write_text("".join(f">{n + 1}\n{reverse_complement(s)}\n" for n, s in enumerate(sequences)))
    here, _ = uncertain([run], files / "pair.tsv")
    there, _ = uncertain([run], other)
    for kind in ("prediction", "lower", "upper", "aleatoric_sd", "total_sd"):
        np.testing.assert_allclose(numbers(here, f"{kind}_plus"), numbers(there, f"{kind}_minus"), rtol=1e-4)
    if loss != "squared":
        assert np.abs(numbers(here, "aleatoric_sd_plus") - numbers(here, "aleatoric_sd_minus")).max() > 1e-3


def test_stranded_labels_swap_with_their_sets(uncertain, trained, files, tmp_path):
    run = trained("labels", "regular", "--target", "1,0")
    other = tmp_path / "other.fa"
    sequences = read_labelled(files / "labels.tsv").sequences
    other.write_text("".join(f">{n + 1}\n{reverse_complement(s)}\n" for n, s in enumerate(sequences)))
    here, _ = uncertain([run], files / "labels.tsv", "--coverage", "0.6")
    there, _ = uncertain([run], other, "--coverage", "0.6")
    assert here["set_plus"] == there["set_any"]


def test_probabilities_have_a_temperature_and_sets(uncertain, trained, files):
    run = trained("binary", "regular")
    found, lines = uncertain([run], files / "binary.tsv")
    assert list(found) == ["name", "prediction_label", "aleatoric_sd_label", "total_sd_label", "set_label"]
    p = numbers(found, "prediction_label")
    temperature = float(lines[1].rsplit(" ", 1)[1])
    x = one_hot(read_labelled(files / "binary.tsv").sequences).float()
    with torch.no_grad():
        logits = load_run(run).predictor.logits(x)[:, 0].numpy()
    logit = np.log(p / (1 - p))
    np.testing.assert_allclose(logit * temperature, logits, rtol=0.01, atol=0.01)
    rows = read_labelled(files / "binary.tsv")
    valid = rows.splits == "valid"
    score = np.where(rows.labels[:, 0] == 1, 1 - p, p)
    threshold = conformal_quantile(score[valid], 0.9)
    for row, text in enumerate(found["set_label"]):
        inside = [name for name, s in (("0", p[row]), ("1", 1 - p[row])) if s <= threshold + 1e-6]
        assert text == "{" + ",".join(inside) + "}"


def test_classes_have_one_set_of_names(uncertain, trained, files):
    run = trained("classes", "regular", "--target", "2,1,0")
    for sets in ("lac", "aps"):
        found, lines = uncertain([run], files / "classes.tsv", "--sets", sets)
        assert list(found)[-1] == "set"
        for text in found["set"]:
            assert set(filter(None, text.strip("{}").split(","))) <= {"minus", "neither", "plus"}
        total = sum(numbers(found, f"prediction_{name}") for name in ("minus", "neither", "plus"))
        np.testing.assert_allclose(total, 1, rtol=1e-5)
        assert "90% sets hold" in lines[1]


@pytest.mark.parametrize("target", ["invariant", "strand-specific"])
def test_every_label_has_its_own_set(uncertain, trained, files, target: str):
    run = trained("labels", "regular" if target == "invariant" else "none", "--target", target)
    found, lines = uncertain([run], files / "labels.tsv")
    assert {"set_plus", "set_any"} <= set(found)
    assert len(lines) == 3


def test_a_strand_specific_run(uncertain, palindra, trained, files, tmp_path):
    run = trained("value", "none", "--target", "strand-specific", "--loss", "gaussian")
    assert list(uncertain([run], files / "value.tsv")[0]) == ["name", *VALUE]
    result = palindra("predict", run, files / "value.tsv", "-o", tmp_path / "x", "--uncertainty", "--both-strands")
    assert result.code == 2
    assert "strand-specific" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--coverage", "0.9"], "--coverage: it goes with --uncertainty"),
        (["--dropout-passes", "3"], "--dropout-passes: it goes with --uncertainty"),
        (["--uncertainty", "--coverage", "90"], "between 0 and 1"),
        (["--uncertainty", "--coverage", "0.99"], "needs at least 99"),
        (["--uncertainty", "--dropout-passes", "1"], "at least 2"),
        (["--uncertainty", "--sets", "lacs"], "Did you mean 'lac'"),
        (["--uncertainty", "--bigwig", "x"], "--uncertainty: it is of tables"),
    ],
)
def test_what_cannot_be_asked(palindra, trained, files, tmp_path, options: list[str], message: str):
    out = [] if "--bigwig" in options else ["-o", tmp_path / "p.tsv"]
    result = palindra("predict", trained("binary", "regular"), files / "binary.tsv", *out, *options)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "p.tsv").exists()


def test_runs_that_are_no_ensemble(palindra, trained, files, tmp_path, quick):
    def error(*runs: Path, options: tuple[str, ...] = ("--uncertainty",)) -> str:
        result = palindra("predict", *runs, files / "value.tsv", "-o", tmp_path / "p.tsv", *options)
        assert result.code == 2
        return result.err

    plain, gaussian = trained("value", "regular"), trained("value", "regular", "--loss", "gaussian")
    assert "several make an ensemble with --uncertainty" in error(plain, gaussian, options=())
    assert "its loss differ" in error(plain, gaussian)
    assert "its task differ" in error(plain, trained("binary", "regular"))
    fewer = tmp_path / "fewer.tsv"
    fewer.write_text("".join((files / "value.tsv").read_text().splitlines(keepends=True)[:-1]))
    assert palindra("train", fewer, "-o", tmp_path / "fewer", "--strategy", "regular", *quick).code == 0
    assert "its sequences and labels differ" in error(plain, tmp_path / "fewer")
    assert "given twice" in error(plain, plain)
    assert "no dropout layer" in error(
        trained("value", "regular", *DROPOUT[:1], "model.dropout=0.0", "--set", "model.stem_dropout=0.0"),
        options=("--uncertainty", "--dropout-passes", "3"),
    )


def test_losses_that_do_not_fit(palindra, files, tmp_path, quick):
    def error(data: str, *options: str) -> str:
        result = palindra("train", files / f"{data}.tsv", "-o", tmp_path / "r", *quick, *options)
        assert result.code == 2
        assert not (tmp_path / "r").exists()
        return result.err

    assert "it is for regression, but the task is binary" in error("binary", "--loss", "gaussian")
    assert "fitted to squared errors only" in error("value", "--loss", "gaussian", "--strategy", "regular+kmers")
    assert "gaussian" in error("value", "--loss", "gausian")


def test_another_loss_is_another_run(palindra, trained, files, quick):
    run = trained("value", "regular", "--loss", "gaussian")
    result = palindra("train", files / "value.tsv", "-o", run, "--strategy", "regular", *quick)
    assert result.code == 2
    assert "a run with other settings lies here" in result.err
    again = ["train", files / "value.tsv", "-o", run, "--strategy", "regular", *quick, "--loss", "gaussian"]
    assert palindra(*again).code == 0
