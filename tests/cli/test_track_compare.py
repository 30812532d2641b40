"""Grids and searches over models of tracks: what is trained, scored, chosen, taken up again and refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from palindra.cli.tracks.comparing import compare_tracks
from palindra.cli.tracks.concluding import best_row
from palindra.cli.tracks.grid import load_grid
from palindra.cli.tracks.rows import run_folder
from palindra.cli.tracks.table import MEAN, WHOLE, ScoreTable, from_tsv
from palindra.data.genome import write_bigwig
from palindra.data.tracks import TrackData, load_settings
from palindra.data.tracks import build as build_data
from palindra.evaluation.tracks import PredictionStore

SIZES = {"chr1": 5000, "chr2": 1600, "chr3": 1600}
SETTINGS = """
genome = "genome.fa"
[splits]
train = ["chr1"]
valid = ["{valid}"]
test = ["chr3"]
[windows]
kind = "tiles"
window = 100
threshold = "none"
[[tracks]]
name = "plus"
path = "plus.bw"
partner = "minus"
[[tracks]]
name = "minus"
path = "minus.bw"
partner = "plus"
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
GRID = 'seeds = [0, 1]\n[data]\nall = "data.toml"\n' + BASE + '[axes]\nstrategy = ["none"]\nbin_size = [20]\n'
SEARCH = '[data]\nall = "data.toml"\n' + BASE + "[search]\nlearning_rate = {low = 1e-4, high = 1e-2, log = true}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, a stranded pair of tracks that follows its G and C, and settings of a data set."""
    folder = tmp_path_factory.mktemp("grid")
    rng = np.random.default_rng(0)
    codes = {name: rng.integers(0, 4, size) for name, size in SIZES.items()}
    letters = {name: np.frombuffer(b"ACGT", np.uint8)[some].tobytes().decode() for name, some in codes.items()}
    (folder / "genome.fa").write_text("".join(f">{name}\n{text}\n" for name, text in letters.items()))
    for track, letter in (("plus", 2), ("minus", 1)):
        values = {name: (some == letter) * 3 + rng.gamma(1, 0.1, len(some)) for name, some in codes.items()}
        write_bigwig(folder / f"{track}.bw", SIZES, ((c, 0, some.astype(np.float32), 1) for c, some in values.items()))
    (folder / "data.toml").write_text(SETTINGS.format(valid="chr2"))
    return folder


def written(place: Path, text: str, name: str = "grid.toml") -> Path:
    path = place / name
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def compared(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("compared") / "out"
    grid = load_grid(written(place, GRID))
    compare_tracks(grid, output)
    return output


def stamps(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.glob("runs/**/weights.safetensors"))}


def test_every_row_is_trained_with_every_seed_and_scored_at_every_bin_size(compared: Path):
    scores = from_tsv((compared / "scores.tsv").read_text())
    whole = [s for s in scores if s.metric == WHOLE and s.set == "test" and s.track == MEAN and s.kind == "model"]
    found = {(s.row, s.seed, s.bin_size) for s in whole}
    assert found == {(row, seed, size) for row in ("base", "strategy none") for seed in (0, 1) for size in (10, 20)} | {
        ("bin_size 20", seed, 20) for seed in (0, 1)
    }
    assert len(stamps(compared)) == 6
    assert {s.kind for s in scores} == {"model", "trivial"}


def test_scores_are_those_of_the_stored_predictions(compared: Path, place: Path):
    grid = load_grid(place / "grid.toml")
    scores = from_tsv((compared / "scores.tsv").read_text())
    data = TrackData.open(compared / "data" / "all")
    rows = np.arange(len(data.splits["test"]))
    truth = data.binned("test", rows, 0, 100, 20)
    for name in ("base", "bin_size 20"):
        store = PredictionStore.open(run_folder(compared, grid, grid.cell(name), 1) / "predictions" / "test")
        predicted = store.coarser(20).read_all()[0]
        each = [pearsonr(truth[:, t].ravel(), predicted[:, t].ravel()).statistic for t in range(2)]
        found = [
            s.value
            for s in scores
            if (s.row, s.seed, s.set, s.track, s.metric, s.bin_size) == (name, 1, "test", MEAN, WHOLE, 20)
        ]
        assert found == [pytest.approx(np.mean(each), abs=1e-5)]


def test_a_second_call_trains_nothing_and_a_new_seed_only_itself(compared: Path, place: Path, palindra: Callable):
    before, table = stamps(compared), (compared / "scores.tsv").read_text()
    assert palindra("compare", place / "grid.toml", "-o", compared, "--no-progress").code == 0
    assert stamps(compared) == before
    assert (compared / "scores.tsv").read_text() == table
    more = written(place, GRID.replace("[0, 1]", "[0, 1, 2]"), "more.toml")
    assert palindra("compare", more, "-o", compared, "--no-progress").code == 0
    after = stamps(compared)
    assert len(after) == 9
    assert {path: after[path] for path in before} == before


def test_the_chosen_row_is_that_of_validation_whatever_the_test_windows_say(compared: Path):
    scores = from_tsv((compared / "scores.tsv").read_text())
    record = json.loads((compared / "comparison.json").read_text())
    chosen = record["chosen on validation"]
    turned = [
        s._replace(value=(9.0 if s.row != chosen else -9.0)) if s.set == "test" and s.metric == WHOLE else s
        for s in scores
    ]
    assert best_row(ScoreTable(turned), record["rows"]) == chosen
    lifted = [
        s._replace(value=9.0) if (s.set, s.row, s.metric) == ("valid", "strategy none", WHOLE) else s for s in scores
    ]
    assert best_row(ScoreTable(lifted), record["rows"]) == "strategy none"


def test_the_page_holds_every_row_and_no_link_to_the_network(compared: Path):
    page = (compared / "report.html").read_text()
    for name in ("base", "strategy none", "bin_size 20", "4-mer ridge"):
        assert name in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<style" in page


def test_a_replicate_is_the_ceiling(place: Path, tmp_path: Path, palindra: Callable):
    text = SETTINGS.format(valid="chr2").replace('path = "plus.bw"', 'path = "plus.bw"\nreplicate = "minus.bw"')
    text = text.replace('path = "minus.bw"\npartner', 'path = "minus.bw"\nreplicate = "plus.bw"\npartner')
    settings = written(place, text, "twice.toml")
    build_data(tmp_path / "twice", load_settings(settings))
    grid = f'seeds = [0]\n[data]\nall = "{tmp_path / "twice"}"\n' + BASE
    assert palindra("compare", written(place, grid, "ceiling.toml"), "-o", tmp_path / "out", "--no-progress").code == 0
    scores = from_tsv((tmp_path / "out" / "scores.tsv").read_text())
    assert "ceiling" in {s.kind for s in scores}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[axes]", "[axes]\nlos = ['mse']"), "axes 'los' is not known. Did you mean 'loss'"),
        (("[axes]", "[axes]\nlength = [50]"), "length belongs to the base"),
        (("bin_size = [20]", "bin_size = [30]"), "row 'bin_size 30'"),
        (('["none"]', '["nune"]'), "Did you mean 'none'"),
        (("seeds = [0, 1]", "seeds = 3"), "a list of whole numbers or a range is needed"),
        (("bin_size = 10", "bin_size = 10\nunknown = 1"), "base 'unknown' is not known"),
        (("[axes]", '[[rows]]\nname = "base"\nloss = "mse"\n[axes]'), "two rows are named 'base'"),
        (("[axes]", '[evaluation]\nsets = {far = "all"}\n[axes]'), '"DATA/SPLIT"'),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_any_training(
    place: Path, tmp_path: Path, palindra: Callable, change: tuple[str, str], said: str
):
    path = written(place, GRID.replace(*change).replace("[0, 1]", "[0]"), "wrong.toml")
    found = palindra("compare", path, "-o", tmp_path / "out", "--no-progress")
    assert found.code == 2
    assert said in found.err
    assert not list(tmp_path.glob("out/runs/**/weights.safetensors"))


def test_training_windows_of_one_set_are_never_test_windows_of_another(place: Path, tmp_path: Path, palindra: Callable):
    other = SETTINGS.format(valid="chr2").replace('train = ["chr1"]', 'train = ["chr1:0-2000"]')
    other = other.replace('test = ["chr3"]', 'test = ["chr1:3000-5000"]')
    written(place, other, "other.toml")
    grid = GRID.replace("[data]\n", '[data]\nother = "other.toml"\n').replace("[base]", '[base]\ndata = "other"')
    found = palindra("compare", written(place, grid, "leak.toml"), "-o", tmp_path / "out", "--no-progress")
    assert found.code == 2
    assert "overlap training windows of data set 'all'" in found.err


def test_a_data_set_or_an_option_beside_a_grid_is_refused(
    compared: Path, place: Path, tmp_path: Path, palindra: Callable
):
    found = palindra("compare", compared / "data" / "all", "-o", tmp_path / "out")
    assert found.code == 2
    assert "is a data set of tracks. Name it in a grid" in found.err
    found = palindra("compare", place / "grid.toml", "-o", tmp_path / "out", "--epochs", 3)
    assert found.code == 2
    assert "a grid says everything in its file" in found.err


def test_a_search_chooses_on_validation_and_goes_on(place: Path, tmp_path: Path, palindra: Callable):
    path, output = written(place, SEARCH, "search.toml"), tmp_path / "found"
    assert palindra("search", path, "-o", output, "--trials", 1, "--no-progress").code == 0
    first = stamps(output)
    assert palindra("search", path, "-o", output, "--trials", 3, "--no-progress").code == 0
    assert len(stamps(output)) == 3
    assert first.items() <= stamps(output).items()
    lines = [line.split("\t") for line in (output / "trials.tsv").read_text().splitlines()]
    values = [float(line[1]) for line in lines[1:]]
    assert values == sorted(values, reverse=True)
    best = load_grid(output / "best.toml")
    assert best.base.settings["learning_rate"] == pytest.approx(float(lines[1][2]), rel=1e-2)
    data = TrackData.open(output / "data" / "all")
    truth = data.binned("valid", np.arange(len(data.splits["valid"])), 0, 100, 10)
    store = PredictionStore.open(output / "runs" / lines[1][-1] / "predictions" / "valid")
    predicted = store.read_all()[0]
    each = [pearsonr(truth[:, t].ravel(), predicted[:, t].ravel()).statistic for t in range(2)]
    assert values[0] == pytest.approx(np.mean(each), abs=1e-4)


def test_a_search_that_was_killed_takes_up_its_open_trial(place: Path, tmp_path: Path, palindra: Callable):
    import optuna

    path, output = written(place, SEARCH, "search.toml"), tmp_path / "killed"
    assert palindra("search", path, "-o", output, "--trials", 1, "--no-progress").code == 0
    study = optuna.load_study(study_name="palindra", storage=f"sqlite:///{output / 'study.db'}")
    asked = study.ask()
    rate = asked.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
    assert palindra("search", path, "-o", output, "--trials", 2, "--no-progress").code == 0
    study = optuna.load_study(study_name="palindra", storage=f"sqlite:///{output / 'study.db'}")
    done = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert len(done) == 2
    assert math.isclose(done[-1].params["learning_rate"], rate)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[search]\nlearning_rate = {low = 1e-4, high = 1e-2, log = true}", ""), "[search] is missing"),
        (("low = 1e-4", "low = 1"), "low below high"),
        (("learning_rate = {", "learning_rat = {"), "Did you mean 'learning_rate'"),
        (("{low = 1e-4, high = 1e-2, log = true}", "[]"), "a list of choices, or a range"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(
    place: Path, tmp_path: Path, palindra: Callable, change: tuple[str, str], said: str
):
    path = written(place, SEARCH.replace(*change), "wrong.toml")
    found = palindra("search", path, "-o", tmp_path / "out", "--trials", 1, "--no-progress")
    assert found.code == 2
    assert said in found.err


def test_another_search_in_the_same_folder_is_refused(place: Path, tmp_path: Path, palindra: Callable):
    path = written(place, SEARCH, "search.toml")
    assert palindra("search", path, "-o", tmp_path / "out", "--trials", 1, "--no-progress").code == 0
    found = palindra("search", path, "-o", tmp_path / "out", "--trials", 1, "--seed", 5, "--no-progress")
    assert found.code == 2
    assert "holds a search with other settings (seed differ)" in found.err
