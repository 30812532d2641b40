"""palindra finetune: run folders that other commands read, modes that train what they say, continuing, bad input."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.cli.finetuning import running
from palindra.cli.main import main
from palindra.models.caduceus import Caduceus, CaduceusConfig, save_caduceus
from palindra.models.saving import is_finished, load, load_run
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.opening import open_language_model
from palindra.models.strand_lm.saving import save
from palindra.sequences import one_hot
from palindra.symmetry import DNA_STRAND

SIZES = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "feed_forward": 1.0, "window": 8, "stem_kernel": 7}
SHORT = ["--epochs", "1", "--no-progress"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for mixer in ("tied", "untied"):
        save(folder / mixer, StrandLM(StrandLMConfig(mixer=mixer, **SIZES)))  # type: ignore[arg-type]
    save_caduceus(folder / "caduceus", Caduceus(CaduceusConfig(width=8, depth=1, state_size=2)))
    return folder


Finetune = Callable[..., Path]


def typed(*words: object) -> int:
    """Run a command line in this process; the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["palindra", *map(str, words)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@pytest.fixture(scope="module")
def tuned(files: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Finetune:
    """``tuned("tied", "binary", "--mode", "lora")``: a finished run folder, made once."""
    folder = tmp_path_factory.mktemp("tuned")

    def made(model: str, data: str, *options: str) -> Path:
        name = "_".join([model, data, *(o.strip("-").replace(",", "") for o in options)])
        if not (folder / name).exists():
            words = ["finetune", models / model, files / f"{data}.tsv", "-o", folder / name, *SHORT, *options]
            assert typed(*words) == 0
        return folder / name

    return made


CASES = [
    ("tied", "binary", ()),
    ("tied", "binary", ("--mode", "frozen")),
    ("tied", "binary", ("--mode", "lora")),
    ("tied", "binary", ("--from-scratch", "--bins", "4")),
    ("untied", "pair", ("--target", "1,0", "--label-columns", "plus,minus")),
    ("caduceus", "classes", ("--target", "2,1,0")),
    ("untied", "value", ("--target", "strand-specific")),
]


@pytest.mark.parametrize(("model", "data", "options"), CASES, ids=lambda value: str(value).replace(" ", ""))
def test_a_run_folder_is_whole_and_follows_its_target(tuned: Finetune, model: str, data: str, options: tuple[str, ...]):
    folder = tuned(model, data, *options)
    assert is_finished(folder)
    names = {"config.toml", "weights.safetensors", "outputs.safetensors", "history.tsv", "predictions.tsv"}
    assert {path.name for path in folder.iterdir()} == names | {"metrics.json", "report.html", "checksums.json"}
    predictor = load_run(folder).predictor
    x = one_hot(["ACGTTGACGCATTACGGATNACCATGTCAG"]).float()
    given, other = predictor(x), predictor(DNA_STRAND.act(x))
    metrics = json.loads((folder / "metrics.json").read_text())
    if "strand-specific" in options:
        assert (given - other).abs().max() > 1e-4
        assert metrics["strand_discrepancy"] is None
    else:
        torch.testing.assert_close(predictor.target.act(other), given, rtol=1e-4, atol=1e-4)
        assert metrics["strand_discrepancy"] < 1e-3


def learned(folder: Path, source: Path) -> set[str]:
    """Names of the weights of the language model that differ from those that it had."""
    after = load_run(folder).predictor.members[0].language_model.state_dict()  # type: ignore[union-attr]
    before = open_language_model(source).state_dict()
    assert after.keys() == before.keys()
    return {name for name in before if not torch.allclose(after[name], before[name], atol=1e-7)}


def test_modes_train_what_they_say(tuned: Finetune, models: Path):
    source = models / "tied"
    names = set(open_language_model(source).state_dict())
    full, lora = learned(tuned("tied", "binary"), source), learned(tuned("tied", "binary", "--mode", "lora"), source)
    assert learned(tuned("tied", "binary", "--mode", "frozen"), source) == set()
    assert lora < full <= names
    assert all(name.endswith(".weight") for name in lora)
    scratch = tuned("tied", "binary", "--from-scratch")
    assert len(learned(scratch, source)) > len(full) / 2
    counts = {
        mode: json.loads((tuned("tied", "binary", *words) / "metrics.json").read_text())["trained_parameters"]
        for mode, words in {"full": (), "frozen": ("--mode", "frozen"), "lora": ("--mode", "lora")}.items()
    }
    assert counts["frozen"] == 8 + 1  # an invariant head ties the strands
    assert counts["frozen"] < counts["lora"]
    assert counts["full"] == counts["frozen"] + sum(p.numel() for p in open_language_model(source).parameters())


def test_other_commands_read_the_run(palindra, tuned: Finetune, files: Path, tmp_path: Path):
    run = tuned("tied", "binary")
    page = tmp_path / "page.html"
    assert palindra("evaluate", run, files / "binary.tsv", "-o", page).code == 0
    measured = json.loads((run / "metrics.json").read_text())["test"]["AUROC"]
    assert json.loads(page.with_suffix(".json").read_text())["AUROC"]["value"] == pytest.approx(measured, abs=1e-6)
    table = tmp_path / "predictions.tsv"
    assert palindra("predict", run, files / "positives.fa", "-o", table).code == 0
    _, *rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert len(rows) == 48
    both = np.array([[float(value) for value in row[1:3]] for row in rows])
    np.testing.assert_allclose(both[:, 0], both[:, 1], atol=1e-4)
    assert palindra("embed", run, files / "positives.fa", "-o", tmp_path / "out.npz").code == 0
    assert isinstance(load(run), torch.nn.Module)


def test_the_audit_reads_the_run(palindra, tuned: Finetune, files: Path, tmp_path: Path):
    result = palindra("audit", tuned("tied", "binary"), files / "binary.tsv", "-o", tmp_path / "audit.html")
    assert result.code == 0, result.err


def test_a_finished_run_is_kept_and_another_one_refused(palindra, models: Path, files: Path, tmp_path: Path):
    run = tmp_path / "run"
    words = ["finetune", models / "tied", files / "binary.tsv", "-o", run, *SHORT, "--mode", "frozen"]
    assert palindra(*words).code == 0
    before = (run / "weights.safetensors").stat().st_mtime_ns
    assert palindra(*words).code == 0
    assert (run / "weights.safetensors").stat().st_mtime_ns == before
    for other, message in (
        ([*words, "--seed", "1"], "seed 0 then, "),
        ([*words[:-2], "--mode", "lora"], "frozen"),
        (["finetune", models / "untied", *words[2:]], "weights "),
        (["finetune", words[1], files / "value.tsv", *words[3:]], "other settings"),
    ):
        result = palindra(*other)
        assert result.code == 2
        assert "a run with other settings lies here" in result.err
        assert message in result.err


def test_a_killed_run_goes_on_to_the_same_weights(palindra, models: Path, files: Path, tmp_path: Path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"

    def words(folder: Path) -> list[object]:
        return ["finetune", models / "tied", files / "binary.tsv", "-o", folder, "--epochs", "2", "--no-progress"]

    assert palindra(*words(whole), "--mode", "lora").code == 0
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise OSError(28, "No space left on device", "disk")

        patch.setattr(running, "_write", killed)
        assert palindra(*words(broken), "--mode", "lora").code == 2
    assert not broken.exists()
    assert palindra(*words(broken), "--mode", "lora").code == 0
    one, two = (load_run(folder).predictor.state_dict() for folder in (whole, broken))
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_labels_are_learned(palindra, models: Path, tmp_path: Path):
    rng = np.random.default_rng(3)
    lines = ["sequence\tlabel\tsplit"]
    for row in range(120):  # rich in G and C, or poor
        letters = "".join(
            rng.choice(list("ACGT"), 20, p=[0.15, 0.35, 0.35, 0.15] if row % 2 else [0.35, 0.15, 0.15, 0.35])
        )
        lines.append(f"{letters}\t{row % 2}\t{'train' if row < 80 else 'valid' if row < 100 else 'test'}")
    path = tmp_path / "many.tsv"
    path.write_text("\n".join(lines) + "\n")
    words = ["--epochs", "8", "--learning-rate", "0.02", "--no-progress"]
    result = palindra("finetune", models / "tied", path, "-o", tmp_path / "run", *words)
    assert result.code == 0, result.err
    assert json.loads((tmp_path / "run/metrics.json").read_text())["test"]["AUROC"] > 0.8
    config = tomllib.loads((tmp_path / "run/config.toml").read_text())
    assert config["finetuning"] == {"model": "tied", "mode": "full", "from_scratch": False, "rank": 8}
    assert config["training"]["learning_rate"] == 0.02


def test_bad_input(palindra, models: Path, files: Path, tmp_path: Path):
    data = files / "binary.tsv"
    (tmp_path / "broken").mkdir()
    shutil.copy(models / "tied" / "config.json", tmp_path / "broken")
    for words, message in (
        ((models / "tied", data, "--mode", "half"), "--mode 'half' is not known. Choose from: full, frozen, lora"),
        ((models / "tied", data, "--mode", "lora", "--rank", "0"), "--rank 0"),
        ((models / "tied", data, "--bins", "0"), "--bins 0: must be at least 1"),
        ((models / "tied", data, "--bins", "99"), "bins 99: must be from 1 to 30, the letters of a sequence"),
        ((models / "tied", data, "--mode", "frozen", "--from-scratch"), "--from-scratch --mode frozen"),
        ((models / "tied", data, "--dropout", "1"), "--dropout 1.0"),
        ((models / "tied", data, "--learning-rate", "-1"), "--learning-rate -1.0"),
        ((models / "tied", data, "--set", "model.hidden=3"), "--set model.hidden"),
        ((files, data), "holds no language model"),
        ((tmp_path / "broken", data), "model.safetensors"),
        ((models / "tied", data, "--target", "1,0"), "--target 1,0"),
        ((models / "tied", files / "none.tsv"), "none.tsv"),
        ((models / "tied", data, "--set", "training.mixup=0.2"), "mixture of letters"),
        ((models / "tied", data, "--set", "training.jacobian=0.1"), "no gradient with respect to the sequence"),
    ):
        result = palindra("finetune", *words, *SHORT, "-o", tmp_path / "out")
        assert result.code == 2, words
        assert message in result.err
        assert not (tmp_path / "out").exists()
        shutil.rmtree(tmp_path / "out.partial", ignore_errors=True)
