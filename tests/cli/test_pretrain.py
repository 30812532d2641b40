"""The command ``palindra pretrain``: a run folder, exact resume, and errors that help."""

from __future__ import annotations

import json

import numpy as np
import pytest

from palindra.models.strand_lm.saving import load

SMALL = ["--width", 8, "--depth", 1, "--set", "model.heads=2", "--set", "model.key_size=4", "--set", "model.window=8"]
SMALL += ["--set", "model.feed_forward=1", "--length", 32, "--batch-size", 4, "--precision", "float32", "--no-progress"]
SMALL += ["--steps", 4, "--set", "training.valid_every=2", "--markov-order", 2]


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    records = []
    for name, size in (("I", 300), ("II", 120), ("III", 90)):
        text = "".join(rng.choice(list("ACGT"), size, p=[0.4, 0.3, 0.2, 0.1]))
        records.append(f">{name}\n{text[:40].lower()}{text[40:]}\n")
    path.write_text("".join(records))
    (path.parent / "classes.bed").write_text("II\t0\t50\tgene\nI\t10\t20\tgene\n")
    (path.parent / "wide.bed").write_text("I\t0\t300\nII\t0\t40\n")
    return path


def test_the_run_folder_holds_the_model_and_its_scores(palindra, genome, tmp_path):
    run = tmp_path / "run"
    words = ["pretrain", genome, "-o", run, "--valid-contigs", "II", "--test-contigs", "III"]
    words += ["--classes", genome.parent / "classes.bed", *SMALL]
    result = palindra(*words)
    assert result.code == 0, result.err
    assert "positions: valid 120, test 90, train 300" in result.out
    assert "valid, gene: " in result.out
    names = {"config.json", "model.safetensors", "history.tsv", "metrics.json", "checksums.json"}
    assert {path.name for path in run.iterdir()} == names
    assert not list(tmp_path.glob("*.partial"))
    model, meta = load(run)
    assert model.config.width == 8
    assert (meta["model"], meta["data"]["contigs"]) == ("strand_lm", {"valid": ["II"], "test": ["III"], "train": ["I"]})
    assert meta["training"]["steps"] == 4
    header, *rows = (run / "history.tsv").read_text().splitlines()
    assert header.split("\t")[:2] == ["step", "length"]
    assert [row.split("\t")[0] for row in rows] == ["2", "4"]
    metrics = json.loads((run / "metrics.json").read_text())
    assert list(metrics["splits"]) == ["valid", "test"]
    models = metrics["splits"]["valid"]
    plain = ["left 0", "left 1", "left 2", "both sides 1 + 1", "chain 2"]
    hidden = [f"{name}, same letters hidden" for name in ("left 2", "both sides 1 + 1", "chain 2")]
    assert set(models) == {"language model", *plain, *hidden}
    for name, classes in models.items():
        assert set(classes) == {"all", "not soft-masked", "soft-masked", "gene", "other"}, name
        assert {k: row["positions"] for k, row in classes.items()} == {
            k: row["positions"] for k, row in models["language model"].items()
        }  # the same positions for all
        assert (
            classes["soft-masked"]["positions"] + classes["not soft-masked"]["positions"] == classes["all"]["positions"]
        )
    mine, other = models["language model"]["all"], models["left 1"]["all"]
    assert abs(mine["bits_per_base"] - other["bits_per_base"] - other["language_model_minus_this"]) < 1e-9

    again = palindra(*words)  # finished: nothing is trained, the scores are shown
    assert again.code == 0
    assert "steps in" not in again.out
    assert "valid, gene: " in again.out
    changed = palindra(*words, "--seed", 1)
    assert changed.code == 2
    assert "seed: 0 then, 1 now" in changed.err


def test_a_killed_run_goes_on_with_the_same_data_alone(palindra, genome, tmp_path, monkeypatch):
    from palindra.training.pretraining import PretrainingModule

    plain = PretrainingModule.training_step

    def killed(self, batch, number):
        if self.current_epoch == 1:
            raise OSError("killed")
        return plain(self, batch, number)

    words = ["pretrain", genome, "--valid-contigs", "II", *SMALL]
    monkeypatch.setattr(PretrainingModule, "training_step", killed)
    assert palindra(*words, "-o", tmp_path / "a").code == 2
    monkeypatch.undo()
    assert (tmp_path / "a.partial" / "work" / "0" / "last.ckpt").exists()
    other = palindra("pretrain", genome, "--valid-contigs", "III", *SMALL, "-o", tmp_path / "a")
    assert other.code == 2
    assert "a run with other settings lies here (data: contents" in other.err
    assert palindra(*words, "-o", tmp_path / "a").code == 0
    assert palindra(*words, "-o", tmp_path / "b").code == 0
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_settings_of_a_file_and_of_the_command_line(palindra, genome, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[model]\nwidth = 4\ndepth = 1\n[training]\nsteps = 2\nmask_rat = 0.1\n")
    result = palindra("pretrain", genome, "--valid-contigs", "II", "--config", config, "-o", tmp_path / "run")
    assert result.code == 2
    assert "Did you mean 'training.mask_rate'" in result.err
    from palindra.cli.pretraining.plan import make_pretraining_plan

    config.write_text("[model]\nwidth = 4\ndepth = 1\n[training]\nsteps = 2\nlength = 64\n")
    plan = make_pretraining_plan(
        config=config, assignments=["training.length=32", "model.heads=1"], model={"width": 6, "heads": 3}
    )
    assert (plan.model.width, plan.model.depth, plan.model.heads) == (6, 1, 1)
    assert (plan.training.steps, plan.training.length) == (2, 32)
    config.write_text("[modell]\nwidth = 4\n")
    assert "not one of the tables" in palindra("pretrain", genome, "--valid-contigs", "II", "--config", config).err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "validation needs a part of the genome"),
        (["--valid-contigs", "XX"], "has no contig 'XX'"),
        (["--valid-contigs", "II", "--valid-regions", "wide.bed"], "say the same thing twice"),
        (["--valid-contigs", "II", "--train-regions", "wide.bed"], "regions for train and valid overlap"),
        (["--valid-contigs", "II", "--length", "512"], "longer than every training region"),
        (["--valid-contigs", "II", "--classes", "wide.bed"], "has no names"),
        (["--valid-contigs", "II", "--set", "training.batch_size=0"], "training.batch_size is 0"),
        (["--valid-contigs", "II", "--mixer", "crossed"], "mixer"),
    ],
)
def test_bad_input_is_said_in_one_line(palindra, genome, tmp_path, words, message):
    words = [genome.parent / word if word.endswith(".bed") else word for word in words]
    result = palindra("pretrain", genome, "-o", tmp_path / "run", *SMALL[:16], *words)
    assert result.code == 2
    assert message in result.err
    assert not list(tmp_path.iterdir())


def test_a_fasta_without_sequence(palindra, tmp_path):
    (tmp_path / "empty.fa").write_text(">a\n")
    result = palindra("pretrain", tmp_path / "empty.fa", "--valid-contigs", "a", "-o", tmp_path / "run")
    assert result.code == 2
    assert "has no sequence" in result.err
