"""Real processes: training on two of them, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from palindra.data import read_labelled
from palindra.models.saving import load_run, verify


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "palindra", *map(str, words)]


def environment() -> dict[str, str]:
    """Without what a launcher of processes may have left."""
    left = {"LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
    return {name: value for name, value in os.environ.items() if name not in left} | {"OMP_NUM_THREADS": "1"}


def test_two_processes_make_one_comparison(files: Path, quick: list[str], tmp_path: Path):
    """Several runs, one after the other, with the same two processes.

    The networks differ from those of one process, because each takes batch statistics of its own half; that gradients
    are those of the whole batch is tested with the training step.
    """
    words = [
        "compare",
        files / "binary.tsv",
        "-o",
        tmp_path / "c",
        "--strategies",
        "none,regular+kmers",
        "--seeds",
        "0",
    ]
    done = subprocess.run(
        command(*words, *quick, "--devices", "2", "--epochs", "2", "--set", "training.weight_average=0.5"),
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("96 sequences of 30 letters, binary (label), train 58, valid 19, test 19\n") == 1
    assert done.stdout.count("[1/3] none, seed 0") == 1
    assert "palindra: " not in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / "c").iterdir()} == {
        "runs",
        "comparison.json",
        "scores.tsv",
        "report.html",
    }
    rows = read_labelled(files / "binary.tsv")
    for strategy in ("none", "regular", "kmers"):
        run = tmp_path / "c" / "runs" / "all" / strategy / "seed-0"
        verify(run, ["config.toml", "weights.safetensors", "predictions.tsv", "outputs.safetensors"])
        lines = [int(line.split("\t")[1]) for line in (run / "predictions.tsv").read_text().splitlines()[1:]]
        assert lines == rows.lines[rows.splits != "train"].tolist()
        assert load_run(run).config["training"]["devices"] == 2
    history = (tmp_path / "c" / "runs" / "all" / "regular" / "seed-0" / "history.tsv").read_text().splitlines()
    assert len(history) == 1 + 2
    assert not list((tmp_path / "c").glob("**/*.partial"))


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(files: Path, quick: list[str], tmp_path: Path):
    words = ["train", files / "binary.tsv", "-o", tmp_path / "run", *quick, "--epochs", "3000"]
    process = subprocess.Popen(
        command(*words),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Children of a shell's background job ignore Ctrl-C; this one must hear it wherever the tests run.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    checkpoint = tmp_path / "run.partial" / "work" / "0" / "last.ckpt"
    until = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err == "palindra: interrupted; start the same command again to go on.\n"
    assert checkpoint.exists()
    assert not (tmp_path / "run").exists()
    settings = json.loads((tmp_path / "run.partial" / "work" / "settings.json").read_text())
    assert "epochs 3000" in settings["training"]
