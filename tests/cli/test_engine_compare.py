"""A comparison shared among workers: the same runs and numbers, whatever breaks on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palindra.cli.labelled import sharing
from palindra.cli.labelled.comparing import Grid, compare
from palindra.cli.labelled.planning import make_plan
from palindra.cli.sharing import UNITS
from palindra.data import read_labelled
from palindra.engine import make_engine
from palindra.errors import InputError
from palindra.models.saving import is_finished

STRATEGIES, SEEDS = ["none", "regular"], [0, 1]
KEPT = ("weights.safetensors", "outputs.safetensors", "predictions.tsv", "history.tsv")


@pytest.fixture(scope="module")
def rows(files):
    return read_labelled(files / "binary.tsv")


@pytest.fixture
def plan(rows):
    """A training of a fraction of a second."""
    return plan_of(rows)


def plan_of(rows, epochs: int = 1) -> Any:
    small = ["model.dilations=[1]", "model.stem_size=5", "model.block_size=3", "training.warmup=0.2"]
    return make_plan(
        rows,
        target="invariant",
        model="strand_resnet",
        width=4,
        epochs=epochs,
        batch_size=16,
        learning_rate=2e-3,
        patience=0,
        shift=0,
        precision="float32",
        devices=1,
        assignments=small,
        loggers=None,
        command="palindra compare binary.tsv",
    )


GRID = Grid(STRATEGIES, SEEDS, references=["none"], baselines=False)


@pytest.fixture(scope="module")
def alone(rows, tmp_path_factory) -> Path:
    """The comparison of one process without an engine; not to be changed."""
    folder = tmp_path_factory.mktemp("alone") / "c"
    compare(rows, plan_of(rows), GRID, folder)
    return folder


def runs(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("runs/*/*/*"))


def assert_same(one: Path, other: Path) -> None:
    """The same files, the same bytes in all that holds no times."""
    files = [sorted(p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file()) for f in (one, other)]
    assert files[0] == files[1]
    assert (one / "scores.tsv").read_bytes() == (other / "scores.tsv").read_bytes()
    for run in runs(one):
        for name in KEPT:
            assert (one / run / name).read_bytes() == (other / run / name).read_bytes(), f"{run}/{name}"
    first, second = (json.loads((f / "comparison.json").read_text()) for f in (one, other))
    assert first["conclusion"] == second["conclusion"]


def test_two_workers_give_what_one_process_gives(palindra, alone, files, tmp_path):
    words = ["--strategies", "none,regular", "--seeds", "0,1", "--reference", "none", "--no-baselines"]
    words += ["--epochs", "1", "--width", "4", "--batch-size", "16", "--precision", "float32", "--no-progress"]
    for text in ("model.dilations=[1]", "model.stem_size=5", "model.block_size=3", "training.warmup=0.2"):
        words += ["--set", text]
    result = palindra("compare", files / "binary.tsv", "-o", tmp_path / "c", "--workers", "2", *words)
    assert (result.code, result.err) == (0, "")
    assert "[4/4] regular, seed 1" in result.out
    assert_same(alone, tmp_path / "c")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("c/runs/**/*")}
    again = palindra("compare", files / "binary.tsv", "-o", tmp_path / "c", "--workers", "2", *words)
    assert again.code == 0
    assert "[4/4]" not in again.out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("c/runs/**/*")} == before
    other = palindra("compare", files / "binary.tsv", "-o", tmp_path / "c", "--workers", "2", *words, "--epochs", "2")
    assert other.code == 2
    assert "a run with other settings lies here (training: epochs 1 then, epochs 2 now)" in other.err
    assert len(other.err.strip().splitlines()) == 1


def test_a_ray_cluster_of_two_nodes_gives_what_one_process_gives(rows, plan, alone, tmp_path):
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'palindra[ray]'")
    from ray.cluster_utils import Cluster

    from palindra.engine.on_ray import require_ray

    require_ray()
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        compare(rows, plan, GRID, tmp_path / "c", engine=make_engine("ray", address=cluster.address))
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert_same(alone, tmp_path / "c")


def test_a_worker_that_is_killed_costs_nothing_that_was_trained(rows, tmp_path):
    """The run goes on from its checkpoint on another worker, and ends in the same weights as if nothing had been."""
    plan = plan_of(rows, epochs=6)
    grid = Grid(["none"], SEEDS, references=["none"], baselines=False)
    compare(rows, plan, grid, tmp_path / "whole", engine=make_engine())
    pool = Killing(tmp_path / "c" / "runs" / "all" / "none")
    notes: list[str] = []
    compare(rows, plan, grid, tmp_path / "c", engine=pool, say=notes.append)
    assert pool.killed
    assert_same(tmp_path / "whole", tmp_path / "c")
    assert notes[-1] == "[2/2] none, seed 1"


class Killing:
    """Two local workers, one of which is killed as soon as a checkpoint lies somewhere below a folder."""

    def __init__(self, watched: Path) -> None:
        self.watched, self.workers, self.killed = watched, 2, 0

    def completed(self, units, folder, *, ahead=2):
        import threading

        def kill() -> None:
            while not list(self.watched.glob("*.partial/work/0/last.ckpt")):
                time.sleep(0.01)
            for child in children(os.getpid()):
                self.killed = self.killed or child
            os.kill(self.killed, signal.SIGKILL)

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        yield from make_engine(workers=2).completed(units, folder, ahead=ahead)
        thread.join(10)


def children(process: int) -> list[int]:
    """Workers of a pool; the process that only tracks resources does no harm when it is among them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, parent = int(path.parent.name), int(path.read_text().rsplit(")", 1)[1].split()[1])
            line = (path.parent / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if parent == process and b"spawn_main" in line:
            found.append(number)
    return found


def test_a_killed_command_goes_on(rows, plan, alone, files, tmp_path):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from palindra.cli.labelled import sharing\n"
        "from palindra.cli.labelled.comparing import compare\n"
        "from palindra.data import read_labelled\n"
        "from palindra.engine import make_engine\n"
        "from engine_compare_of_cli import GRID, plan_of\n"
        "rows = read_labelled(Path(sys.argv[2]))\n"
        "def say(text):\n"
        "    if text.startswith('[2/4]'):\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "compare(rows, plan_of(rows), GRID, Path(sys.argv[3]), engine=make_engine(), say=say)\n"
    )
    (tmp_path / "engine_compare_of_cli.py").write_text(Path(__file__).read_text())
    words = [sys.executable, "-c", script, str(tmp_path), str(files / "binary.tsv"), str(tmp_path / "c")]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    finished = [run for run in runs(tmp_path / "c") if is_finished(tmp_path / "c" / run)]
    assert len(finished) == 2
    stamps = {run: (tmp_path / "c" / run / "weights.safetensors").stat().st_mtime_ns for run in finished}
    notes: list[str] = []
    compare(rows, plan, GRID, tmp_path / "c", engine=make_engine(), say=notes.append)
    assert notes[-1].startswith("[2/2]")
    assert stamps == {run: (tmp_path / "c" / run / "weights.safetensors").stat().st_mtime_ns for run in finished}
    assert_same(alone, tmp_path / "c")


def test_a_run_that_fails_does_not_stop_the_others(rows, plan, alone, tmp_path, monkeypatch):
    original = sharing.train_run

    def train_run(data, plan, strategy, seed, folder):
        if (strategy, seed) == ("none", 1):
            raise RuntimeError("the loss is no number")
        return original(data, plan, strategy, seed, folder)

    monkeypatch.setattr(sharing, "train_run", train_run)
    with pytest.raises(InputError) as failed:
        compare(rows, plan, GRID, tmp_path / "c", engine=make_engine())
    said = str(failed.value)
    assert "1 of 4 pieces of work failed" in said
    assert "none, seed 1: RuntimeError: the loss is no number" in said
    assert said.endswith("Again: palindra compare binary.tsv")
    assert len([run for run in runs(tmp_path / "c") if is_finished(tmp_path / "c" / run)]) == 3
    monkeypatch.setattr(sharing, "train_run", original)
    compare(rows, plan, GRID, tmp_path / "c", engine=make_engine())
    assert_same(alone, tmp_path / "c")


def test_a_run_that_was_removed_is_trained_again_whatever_the_engine_remembers(rows, plan, alone, tmp_path):
    jobs = [(None, strategy, seed) for seed in SEEDS for strategy in STRATEGIES]
    units = sharing.runs_as_units(rows, plan, jobs, tmp_path / "c")
    from palindra.engine import work

    list(work(make_engine(), units, tmp_path / "c" / UNITS))
    import shutil

    shutil.rmtree(tmp_path / "c" / "runs" / "all" / "none" / "seed-1")
    compare(rows, plan, GRID, tmp_path / "c", engine=make_engine())
    assert_same(alone, tmp_path / "c")


def test_rows_and_plans_come_to_workers_as_they_are(files, tmp_path):
    for name in ("binary", "classes", "labels", "value", "chromosomes"):
        if name == "chromosomes":
            from palindra.data import split_by_chromosome

            data = split_by_chromosome(read_labelled(files / "chromosomes.tsv"), valid=["chr2"], test=["chr3"])
        else:
            data = read_labelled(files / f"{name}.tsv")
        found = sharing.read_rows(str(sharing.write_rows(data, tmp_path)))
        for field in ("sequences", "task", "target_names", "class_names", "source", "sha256", "alphabet", "parts"):
            assert getattr(found, field) == getattr(data, field), field
        for field in ("labels", "splits", "lines", "chromosomes", "part_of_row"):
            before, after = getattr(data, field), getattr(found, field)
            assert (before is None and after is None) or np.array_equal(before, after, equal_nan=field == "labels")
        plan = plan_of(data)
        assert sharing.plan_from_plain(json.loads(json.dumps(sharing.plan_to_plain(plan)))) == plan


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "dask"], "--engine dask: choose local or ray"),
        (["--workers", "0"], "--workers"),
        (["--address", "auto"], "the local engine has no address"),
        (["--workers", "2", "--devices", "2"], "each trains on one device"),
    ],
)
def test_what_is_refused(palindra, files, quick, tmp_path, words, said):
    quicker = [*quick, "--strategies", "none", "--seeds", "0"]
    result = palindra("compare", files / "binary.tsv", "-o", tmp_path / "c", *quicker, *words)
    assert result.code == 2
    assert said in result.err
    assert not (tmp_path / "c").exists()


def test_two_jobs_in_one_folder_are_refused(rows, plan, tmp_path):
    from palindra.engine.work import alone as held

    (tmp_path / "c" / UNITS).mkdir(parents=True)
    with held(tmp_path / "c" / UNITS), pytest.raises(InputError, match="another job works in this folder"):
        compare(rows, plan, GRID, tmp_path / "c", engine=make_engine())
