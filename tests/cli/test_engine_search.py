"""Searches and grids of tracks shared among workers: the same trials, exactly so many, whatever breaks on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest

from palindra.cli.tracks import search_sharing, searching
from palindra.cli.tracks.comparing import compare_tracks
from palindra.cli.tracks.grid import load_grid
from palindra.cli.tracks.searching import search_tracks
from palindra.cli.tracks.studies import open_study
from palindra.data.genome import write_bigwig
from palindra.engine import make_engine
from palindra.errors import InputError

SIZES = {"chr1": 2000, "chr2": 600, "chr3": 600}
DATA = """
genome = "genome.fa"
[splits]
train = ["chr1"]
valid = ["chr2"]
test = ["chr3"]
[windows]
kind = "tiles"
window = 100
threshold = "none"
[[tracks]]
name = "cover"
path = "cover.bw"
"""
BASE = """
[base]
bin_size = 10
epochs = 1
width = 4
batch_size = 16
precision = "float32"
dilations = [1]
bin_dilations = [1]
stem_size = 7
"""
SEARCH = '[data]\nall = "data.toml"\n' + BASE + "[search]\nlearning_rate = {low = 1e-4, high = 1e-2, log = true}\n"
GRID = 'seeds = [0]\n[data]\nall = "data.toml"\n' + BASE + '[axes]\nstrategy = ["augment", "post-hoc"]\n'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, a track that follows its G and C, a search and a grid."""
    folder = tmp_path_factory.mktemp("search")
    rng = np.random.default_rng(0)
    codes = {name: rng.integers(0, 4, size) for name, size in SIZES.items()}
    letters = {name: np.frombuffer(b"ACGT", np.uint8)[some].tobytes().decode() for name, some in codes.items()}
    (folder / "genome.fa").write_text("".join(f">{name}\n{text}\n" for name, text in letters.items()))
    values = {name: np.isin(some, (1, 2)) * 3 + rng.gamma(1, 0.1, len(some)) for name, some in codes.items()}
    parts = ((name, 0, some.astype(np.float32), 1) for name, some in values.items())
    write_bigwig(folder / "cover.bw", SIZES, parts)
    for name, text in (("data", DATA), ("search", SEARCH), ("grid", GRID)):
        (folder / f"{name}.toml").write_text(text)
    return folder


def trials(output: Path, storage: str | None = None) -> dict[int, tuple[float, float]]:
    """Number, learning rate and value of finished trials."""
    done = (optuna.trial.TrialState.COMPLETE,)
    found = open_study(output, storage, seed=0).get_trials(states=done)
    return {trial.number: (trial.params["learning_rate"], trial.value) for trial in found}


@pytest.fixture(scope="module")
def alone(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The search of one process without an engine; not to be changed."""
    output = tmp_path_factory.mktemp("alone") / "s"
    search_tracks(load_grid(place / "search.toml"), output, 3)
    return output


def test_two_workers_find_the_same_trials_and_exactly_so_many(palindra, place, alone, tmp_path):
    output, storage = tmp_path / "s", tmp_path / "kept" / "study.log"
    words = ["search", place / "search.toml", "-o", output, "--no-progress", "--storage", storage]
    result = palindra(*words, "--trials", 3, "--workers", 2)
    assert result.code == 0, result.err
    assert trials(output, str(storage)) == trials(alone)
    files = [sorted(p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file()) for f in (alone, output)]
    assert [name for name in files[0] if name != "study.db"] == files[1]
    for name in ("trials.tsv", *(n for n in files[1] if n.endswith("weights.safetensors"))):
        assert (output / name).read_bytes() == (alone / name).read_bytes()
    assert "best of 3 trials" in result.out
    again = palindra(*words, "--trials", 3, "--workers", 2)
    assert again.code == 0
    assert "[3/3]" not in again.out


class Fake:
    """Training that takes no time: the score is a function of the learning rate."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rates: list[float] = []
        monkeypatch.setattr(searching, "train_track_run", self._alone)
        monkeypatch.setattr(search_sharing.sharing, "train_track_run", self._shared)
        for module in (searching, search_sharing):
            monkeypatch.setattr(module, "validation_score", lambda run, size: float(Path(run, "r").read_text()))

    def _alone(self, data, plan, strategy, seed, folder, **_):
        rate = plan.training.learning_rate
        self.rates.append(rate)
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, "r").write_text(str(-(np.log10(rate) ** 2)))
        return Path(folder)

    def _shared(self, data, plan, strategy, seed, folder):
        return self._alone(data, plan, strategy, seed, folder)


def test_one_worker_proposes_what_a_search_without_engine_proposes(place, tmp_path, monkeypatch):
    """Also beyond the tenth trial, from where on proposals depend on the trials before."""
    fake, found = Fake(monkeypatch), []
    for name, engine in (("without", None), ("with", make_engine())):
        search_tracks(load_grid(place / "search.toml"), tmp_path / name, 14, engine=engine)
        found.append(trials(tmp_path / name))
    assert len(fake.rates) == 28
    assert found[0] == found[1]


def test_a_trial_that_fails_is_named_and_the_others_go_on(place, tmp_path, monkeypatch):
    fake = Fake(monkeypatch)
    original = fake._shared

    def once(data, plan, strategy, seed, folder):
        if len(fake.rates) == 1:
            fake.rates.append(0)
            raise RuntimeError("the loss is no number")
        return original(data, plan, strategy, seed, folder)

    monkeypatch.setattr(search_sharing.sharing, "train_track_run", once)
    grid = load_grid(place / "search.toml")
    with pytest.raises(InputError) as failed:
        search_tracks(grid, tmp_path / "s", 3, engine=make_engine(), command="palindra search search.toml")
    assert str(failed.value).startswith("1 of the trials failed")
    assert "trial 1 (learning_rate " in str(failed.value)
    assert "RuntimeError: the loss is no number" in str(failed.value)
    assert str(failed.value).endswith("Again: palindra search search.toml")
    assert len(trials(tmp_path / "s")) == 2
    assert search_tracks(grid, tmp_path / "s", 3, engine=make_engine())["trials"] == 3
    assert sorted(trials(tmp_path / "s")) == [0, 2, 3]


def test_a_worker_that_is_killed_and_a_command_that_is_killed(place, alone, tmp_path):
    """Proposals that were going on are taken up, none is lost and none is counted twice."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from palindra.cli.tracks.grid import load_grid\n"
        "from palindra.cli.tracks.searching import search_tracks\n"
        "from palindra.engine import make_engine\n"
        "def say(text):\n"
        "    if text.startswith('[2/3]'):\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "search_tracks(load_grid(sys.argv[1]), Path(sys.argv[2]), 3, engine=make_engine(), say=say)\n"
    )
    words = [sys.executable, "-c", script, str(place / "search.toml"), str(tmp_path / "s")]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    study = open_study(tmp_path / "s", None, seed=0)
    open_one = study.ask()
    rate = open_one.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
    notes: list[str] = []
    grid = load_grid(place / "search.toml")
    search_tracks(grid, tmp_path / "s", 3, engine=KilledOnce(tmp_path / "s"), say=notes.append)
    found = trials(tmp_path / "s")
    assert len(found) == 3
    assert [found[number] for number in (0, 1)] == [trials(alone)[number] for number in (0, 1)]
    assert list(found.values())[2][0] == rate
    assert f"trial {open_one.number} was cut off; its settings are taken up again" in notes
    assert not (tmp_path / "s" / ".units").exists()


class KilledOnce:
    """Two workers; whoever does the first unit is killed at its first breath."""

    workers = 2

    def __init__(self, output: Path) -> None:
        self.marker = output / "killed"

    def completed(self, units, folder, *, ahead=2):
        before = os.environ.get("PYTHONPATH", "")
        hook = folder.parent / "hook"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(
            "import os, pathlib, signal, sys\n"
            f"marker = pathlib.Path({str(self.marker)!r})\n"
            "if 'spawn_main' in ' '.join(sys.orig_argv) and not marker.exists():\n"
            "    marker.touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(hook), before]))
        try:
            yield from make_engine(workers=2).completed(units, folder, ahead=ahead)
        finally:
            os.environ["PYTHONPATH"] = before
        assert self.marker.exists()


def test_the_storage_of_another_folder_is_refused(place, tmp_path, monkeypatch):
    Fake(monkeypatch)
    grid, storage = load_grid(place / "search.toml"), str(tmp_path / "study.db")
    search_tracks(grid, tmp_path / "one" / "s", 1, storage=storage)
    search_tracks(grid, tmp_path / "one" / "t", 1, storage=storage)
    with pytest.raises(InputError, match="which has the same name"):
        search_tracks(grid, tmp_path / "two" / "s", 1, storage=storage)
    with pytest.raises(InputError, match=r"holds a search with other settings \(seed differ\)"):
        search_tracks(grid, tmp_path / "one" / "s", 1, storage=storage, seed=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--storage", "postgresql://me:secret@192.0.2.1:1/base"], "--storage postgresql://me:...@192.0.2.1"),
        (["--storage", "nobase://x"], "--storage nobase://x: cannot be used"),
        (["--engine", "dask"], "choose local or ray"),
        (["--address", "auto"], "the local engine has no address"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_what_is_refused(palindra, place, tmp_path, words, said, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)  # no driver, no network
    result = palindra("search", place / "search.toml", "-o", tmp_path / "s", "--trials", 1, "--no-progress", *words)
    assert result.code == 2
    assert said in result.err
    assert "secret" not in result.err
    assert not (tmp_path / "s" / "runs").exists()


def test_a_grid_of_tracks_gives_the_same_with_two_workers(palindra, place, tmp_path):
    """Rows that share networks (post-hoc) as well, and their scores, which workers also compute."""
    compare_tracks(load_grid(place / "grid.toml"), tmp_path / "alone")
    words = ["compare", place / "grid.toml", "-o", tmp_path / "shared", "--no-progress", "--workers", "2"]
    result = palindra(*words)
    assert result.code == 0, result.err
    one, other = tmp_path / "alone", tmp_path / "shared"
    files = [sorted(p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file()) for f in (one, other)]
    assert files[0] == files[1]
    for name in files[0]:
        if name == "scores.tsv" or name.endswith(("weights.safetensors", "history.tsv")) or "/predictions/" in name:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    again = palindra(*words)
    assert again.code == 0
    assert "[2/2]" not in again.out
