"""Training and evaluation on tracks from the command line: run folders, stored predictions, scores, pages."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

import palindra as package
from palindra.cli.main import main
from palindra.cli.tracks.evaluating import evaluate_track_run
from palindra.cli.tracks.inputs import is_data_set
from palindra.cli.tracks.plan import TrackPlan, build, channel_type, resolved
from palindra.cli.tracks.references import ceiling_row, trivial_rows
from palindra.cli.tracks.running import score_track_run, train_track_run
from palindra.cli.tracks.training import make_track_plan
from palindra.data.genome import write_bigwig
from palindra.data.tracks import DataSettings, Peaks, Splits, TestSets, Tiles, Track, TrackData
from palindra.data.tracks import build as build_data
from palindra.errors import InputError
from palindra.evaluation.tracks import PredictionStore
from palindra.models.saving import WEIGHTS
from palindra.models.track_saving import load_track_run
from palindra.training.strategies import STRATEGIES
from palindra.training.track_batches import TrackRows, one_hot
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_losses import LOSSES
from palindra.training.track_scaling import training_scale

SIZES = {"chr1": 6000, "chr2": 2000, "chr3": 2000}
MOTIF = np.array([3, 2, 0, 1, 2, 1, 0])  # TGACGCA
WINDOW, BIN = 100, 10
QUICK = ["--bin-size", BIN, "--epochs", 1, "--width", 4, "--batch-size", 16, "--precision", "float32", "--no-progress"]
QUICK += ["--set", "model.dilations=[1]", "--set", "model.bin_dilations=[1]", "--set", "model.stem_size=7"]


class World(NamedTuple):
    """A small genome with a stranded pair of tracks, one without strand, and peaks."""

    folder: Path
    settings: DataSettings
    tracks: TrackData
    peaks: TrackData


def coverage(rng: np.random.Generator, codes: np.ndarray) -> dict[str, np.ndarray]:
    """Every strand of the motif raises its own track where it lies, and one hundredth of both raises ``atac``."""
    hits = {"plus": np.zeros(len(codes)), "minus": np.zeros(len(codes))}
    for at in range(7, len(codes) - 20, 61):
        strand = ("plus", "minus")[int(rng.integers(2))]
        codes[at : at + 7] = MOTIF if strand == "plus" else 3 - MOTIF[::-1]
        hits[strand][at - 7 : at + 14] = 400
    hits["atac"] = (hits["plus"] + hits["minus"]) / 100
    return {name: (values + rng.gamma(1, 0.01, len(codes)) * 10).astype(np.float32) for name, values in hits.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    letters = {name: rng.integers(0, 4, size) for name, size in SIZES.items()}
    found = {name: coverage(rng, codes) for name, codes in letters.items()}
    text = {name: np.frombuffer(b"ACGT", np.uint8)[codes].tobytes().decode() for name, codes in letters.items()}
    (folder / "genome.fa").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in text.items()))
    for track in ("plus", "minus", "atac"):
        values = {chrom: found[chrom][track] for chrom in SIZES}
        write_bigwig(folder / f"{track}.bw", SIZES, ((chrom, 0, some, 1) for chrom, some in values.items()))
        rows = [
            f"{chrom}\t{at}\t{at + 20}\n"
            for chrom, some in values.items()
            for at in range(200, len(some) - 200, 100)
            if some[at : at + 20].max() > 2
        ]
        (folder / f"{track}.bed").write_text("".join(rows))
    partner = {"plus": "minus", "minus": "plus", "atac": None}
    tracks = tuple(
        Track(name=n, path=folder / f"{n}.bw", peaks=folder / f"{n}.bed", partner=partner[n]) for n in partner
    )
    settings = DataSettings(
        genome=folder / "genome.fa",
        tracks=tuple(replace(track, peaks=None) for track in tracks),
        splits=Splits(valid=("chr2",), test=("chr3",)),
        windows=Tiles(window=WINDOW, threshold=None),
        tests=TestSets(thresholds=(1.0, 3.0)),
    )
    cache = folder / "cache"
    windows = replace(settings, tracks=tracks, windows=Peaks(window=WINDOW, merge=20), tests=TestSets())
    made = [build_data(folder / n, s, cache=cache) for n, s in (("tracks", settings), ("peaks", windows))]
    return World(folder, settings, *made)


def typed(*words: object) -> int:
    before, sys.argv = sys.argv, ["palindra", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run folder, trained once per module and not to be changed."""
    folder = tmp_path_factory.mktemp("runs")

    def train(strategy: str = "regular", *options: object, data: str = "tracks") -> Path:
        name = "_".join([data, strategy, *(str(o).strip("-") for o in options)]).replace("/", "")
        if not (folder / name).exists():
            words = ["train", world.folder / data, "-o", folder / name, "--strategy", strategy, *QUICK, *options]
            assert typed(*words) == 0
        return folder / name

    return train


def plan(**options: Any) -> TrackPlan:
    training = {"bin_size": BIN, "epochs": 1, "batch_size": 16, "precision": "float32"} | options.pop("training", {})
    sizes = {"dilations": (1,), "bin_dilations": (1,), "stem_size": 7}
    return TrackPlan(training=TrackTrainingConfig(**training), **{"width": 4, "options": sizes} | options)


EXACT = {"conjoined", "post-hoc", "regular", "irreps", "mixed"}


def test_a_run_folder_is_whole(trained):
    folder = trained()
    assert not folder.with_name(folder.name + ".partial").exists()
    assert {p.name for p in folder.iterdir()} == {
        *("config.toml", "weights.safetensors", "checksums.json", "history.tsv", "metrics.json"),
        *("predictions", "report.html", "report.json"),
    }
    assert {p.name for p in (folder / "predictions").iterdir()} == {"valid", "valid-other", "test", "test-other"}
    assert (folder / "history.tsv").read_text().splitlines()[0] == "epoch\ttrain_loss\tvalid_loss"


@pytest.mark.parametrize("strategy", sorted(EXACT | {"none", "augment", "consistency"}))
def test_every_strategy_trains_and_the_exact_ones_are_exact(world, tmp_path, strategy):
    folder = train_track_run(world.tracks, plan(), strategy, 0, tmp_path / "run")
    assert load_track_run(folder).both_strands == STRATEGIES[strategy].both_strands
    metrics = json.loads((folder / "metrics.json").read_text())
    given, other = (PredictionStore.open(folder / "predictions" / n).read_all()[0] for n in ("test", "test-other"))
    apart = np.abs(given - other).mean((0, 2)) / np.abs(given).mean((0, 2))
    assert metrics["strands"]["test"]["relative"] == pytest.approx(apart.tolist(), abs=1e-9)
    assert (apart.max() < 1e-5) == (strategy in EXACT)


def test_stored_predictions_are_those_of_the_model_and_scores_those_of_scipy(trained, world):
    folder = trained()
    run, data, store = load_track_run(folder), world.tracks, PredictionStore.open(trained() / "predictions" / "test")
    prediction, truth = store.read_all()
    rows = TrackRows(data, "test", WINDOW, BIN)
    every = np.arange(len(rows))
    x = torch.from_numpy(one_hot(rows.codes(every, 0)))
    assert np.array_equal(truth, rows.targets(every, 0))
    assert np.allclose(prediction, run.network(x).detach(), atol=1e-4)
    assert torch.allclose(package.load(folder)(x), run.network(x))
    scores = score_track_run(folder, "test")
    assert scores["tracks"] == ["plus", "minus", "atac"]
    assert (scores["windows"], scores["bin_size"]) == (len(rows), BIN)
    expected = [pearsonr(prediction[:, c].ravel(), truth[:, c].ravel()).statistic for c in range(3)]
    assert scores["values"]["Pearson (whole)"] == pytest.approx(expected)
    assert scores["mean"]["Pearson (whole)"] == pytest.approx(np.mean(expected))
    assert [record["track"] for record in scores["records"]] == ["plus", "minus", "atac", "mean"]
    with pytest.raises(InputError, match="no scores of split 'train'"):
        score_track_run(folder, "train")


def test_a_killed_run_goes_on_to_the_same_weights_and_no_other_run_is_mistaken_for_it(world, tmp_path):
    def kill(_: Path) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_track_run(world.tracks, plan(), "regular", 0, folder, finish=kill)
    assert not folder.exists()
    with pytest.raises(InputError, match="other settings lies here"):
        train_track_run(world.tracks, plan(), "regular", 1, folder)
    whole = train_track_run(world.tracks, plan(), "regular", 0, tmp_path / "whole")
    again = train_track_run(world.tracks, plan(), "regular", 0, folder)
    assert (again / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    before = (folder / WEIGHTS).stat().st_mtime_ns
    assert train_track_run(world.tracks, plan(), "regular", 0, folder) == folder
    assert (folder / WEIGHTS).stat().st_mtime_ns == before
    with pytest.raises(InputError, match="loss poisson then, loss mse now"):
        train_track_run(world.tracks, plan(training={"loss": "mse"}), "regular", 0, folder)


@pytest.mark.parametrize("loss", ["poisson", "mse"])
def test_the_unit_of_a_track_changes_nothing_but_the_unit_of_its_predictions(world, tmp_path, loss):
    """Powers of two divide without rounding."""
    tracks = tuple(replace(t, scale=1024.0 if t.name == "atac" else 1.0) for t in world.settings.tracks)
    other = build_data(tmp_path / "data", replace(world.settings, tracks=tracks), cache=world.folder / "cache")
    chosen = plan(training={"loss": loss})
    found = []
    for name, data in (("a", world.tracks), ("b", other)):
        folder = train_track_run(data, chosen, "regular", 0, tmp_path / name)
        found.append(PredictionStore.open(folder / "predictions" / "test").read_all()[0])
    assert np.allclose(found[1][:, 2], 1024 * found[0][:, 2], rtol=1e-4)
    assert np.allclose(found[1][:, :2], found[0][:, :2], rtol=1e-4)


def test_scaling_gives_every_track_the_spread_that_the_loss_takes_for_granted(world):
    rows = TrackRows(world.tracks, "train", WINDOW, BIN)
    values = rows.targets(np.arange(len(rows)), 0).astype(float).transpose(1, 0, 2).reshape(3, -1)
    values = [values[:2].ravel(), values[:2].ravel(), values[2]]  # partners share theirs
    expected = {
        ("mse", "spread"): [v.std() for v in values],
        ("poisson", "spread"): [v.var() / v.mean() for v in values],
        ("poisson", "mean"): [v.mean() for v in values],
    }
    for (loss, by), numbers in expected.items():
        assert training_scale(rows, loss, by) == pytest.approx(numbers, rel=1e-5)


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"poisson", "mse", "bpnet", "bce"}))
def test_every_loss_trains_the_head_that_it_reads(world, tmp_path, loss):
    folder = train_track_run(world.tracks, plan(training={"loss": loss}), "regular", 0, tmp_path / "run")
    prediction, _ = PredictionStore.open(folder / "predictions" / "test").read_all()
    x = torch.from_numpy(one_hot(world.tracks.codes("test", np.arange(len(prediction)), 0, WINDOW)))
    assert np.allclose(package.load(folder)(x).detach(), prediction, atol=1e-4)
    output = load_track_run(folder).table["model"]["config"]["output"]
    assert output == ("linear" if loss == "multinomial" else "softplus")


def test_profiles_with_counts_are_stored_as_counts(world, tmp_path):
    options = {"model": "bpnet", "options": {"layers": 1, "stem_size": 7}, "training": {"loss": "bpnet"}}
    folder = train_track_run(world.tracks, plan(**options), "regular", 0, tmp_path / "run")
    prediction, _ = PredictionStore.open(folder / "predictions" / "test").read_all()
    x = torch.from_numpy(one_hot(world.tracks.codes("test", np.arange(len(prediction)), 0, WINDOW)))
    assert np.allclose(package.load(folder)(x).detach(), prediction, atol=1e-3)
    assert (prediction >= 0).all()
    assert max(score_track_run(folder)["values"]["Pearson (whole)"]) <= 1


def test_binary_models_are_scored_on_labels_and_against_coverage(trained, world):
    folder = trained("regular", "--labels", "activity", data="peaks")
    run, scores = load_track_run(folder), score_track_run(folder)
    assert run.table["training"]["loss"] == "bce"
    prediction, labels = PredictionStore.open(folder / "predictions" / "test").read_all()
    assert prediction.shape[2] == 1
    assert ((prediction > 0) & (prediction < 1)).all()
    assert np.array_equal(labels[:, :, 0], world.peaks.activity["test"])
    for c in range(3):
        truth = labels[:, c, 0]
        if len(set(truth)) == 2:
            assert scores["values"]["AUROC"][c] == pytest.approx(roc_auc_score(truth, prediction[:, c, 0]))
    mean = world.peaks.binned("test", np.arange(len(prediction)), 0, WINDOW, WINDOW)[:, 0, 0]
    logit = np.log(prediction[:, 0, 0]) - np.log1p(-prediction[:, 0, 0])
    assert scores["values"]["Pearson (window means)"][0] == pytest.approx(pearsonr(logit, mean).statistic, abs=1e-4)
    assert "AUROC" in (folder / "report.html").read_text()


def test_a_quantitative_model_on_labelled_windows_has_label_scores_too(trained):
    scores = score_track_run(trained(data="peaks"))
    assert {"Pearson (whole)", "AUROC", "Average precision", "Pearson (window means)"} <= scores["values"].keys()


def test_a_model_that_takes_stranded_tracks_for_invariant_does_not_swap_them(trained):
    wrong = json.loads((trained("regular", "--partners", "invariant") / "metrics.json").read_text())
    assert wrong["strands"]["test"]["relative"][0] > 1e-3
    untied = load_track_run(trained("regular", "--partners", "untied"))
    assert untied.table["model"]["config"]["target"]["rep"] == "strand-specific"
    assert untied.table["model"]["config"]["involution"] == "reverse"


def test_evaluation_of_the_same_data_predicts_nothing_again(trained, world, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert typed("evaluate", trained(), world.folder / "tracks", "-o", page) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["page.html", "page.json"]
    assert "Pearson (whole) is" in capsys.readouterr().out
    found, text = json.loads((tmp_path / "page.json").read_text()), page.read_text()
    assert found["mean"] == pytest.approx(score_track_run(trained())["mean"], nan_ok=True)
    assert found["references"].keys() == {"mean track", "GC content", "dinucleotides", "4-mer ridge"}
    for words in ("highest plus of test", "Resolution", "4-mer ridge", "Rising test threshold", "palindra evaluate"):
        assert words in text, words
    assert "Both strands give the same answer" in text


def test_a_full_evaluation_says_what_a_model_of_tracks_may_be_trusted_with(world: World, trained, tmp_path: Path):
    page = tmp_path / "page.html"
    words = ["evaluate", trained(), world.folder / "tracks", "--full", "--level", "population", "-o", page]
    assert typed(*words) == 0
    record = json.loads(page.with_suffix(".json").read_text())
    found = {question: verdict for question, verdict, _ in record["trust"]}
    assert len(found) == 9
    assert found["Does it give one answer for both strands?"] == "yes"
    assert found["Are its probabilities what they say?"] == "unknown"
    said = {question: sentence for question, _, sentence in record["trust"]}
    assert "declared as population" in said["Were these sequences like its training data?"]
    rate = float(said["Do its intervals or sets hold what they promise?"].split(", ")[1].partition("%")[0])
    assert 75 < rate < 100
    assert all(question in page.read_text() for question in found)
    assert typed(*words, "--rows", "valid") == 2
    assert typed(*words, "--effects", world.folder / "genome.fa") == 2


def test_a_model_of_labels_is_held_against_coverage_where_windows_have_no_labels(world, tmp_path):
    run = tmp_path / "run"
    words = ["--labels", "activity", "--loss", "bce", "-o", run]
    assert typed("train", world.folder / "peaks", *QUICK[2:], *words) == 0
    assert typed("evaluate", run, world.folder / "tracks", "-o", tmp_path / "page.html") == 0
    values = json.loads((tmp_path / "page.json").read_text())["values"]
    assert values.keys() == {"Pearson (window means)"}
    predictions, truth = PredictionStore.open(tmp_path / "page-predictions" / "test").read_all()
    assert np.isnan(truth).all()
    rows = np.arange(len(world.tracks.splits["test"]))
    means = world.tracks.binned("test", rows, 0, WINDOW, WINDOW)
    logits = np.log(predictions / (1 - predictions))
    each = [pearsonr(logits[:, t, 0], means[:, t, 0]).statistic for t in range(3)]
    np.testing.assert_allclose(values["Pearson (window means)"], each, atol=1e-5)


def test_evaluation_of_another_split_keeps_its_predictions_beside_the_page(trained, world, tmp_path):
    page = tmp_path / "page.html"
    for _ in range(2):
        assert typed("evaluate", trained(), world.folder / "tracks", "--split", "test_above_3", "-o", page) == 0
    stores = tmp_path / "page-predictions"
    assert {p.name for p in stores.iterdir()} == {"test_above_3", "test_above_3-other"}
    assert json.loads((tmp_path / "page.json").read_text())["split"] == "test_above_3"


def test_the_replicate_is_the_ceiling(world, tmp_path):
    tracks = tuple(
        replace(t, replicate=world.folder / f"{'atac' if t.name == 'atac' else t.name}.bw")
        for t in world.settings.tracks
    )
    data = build_data(tmp_path / "data", replace(world.settings, tracks=tracks), cache=world.folder / "cache")
    folder = train_track_run(data, plan(), "none", 0, tmp_path / "run")
    found = evaluate_track_run(folder, data, "test", tmp_path / "page.html", command="palindra evaluate")
    assert found["references"]["replicate ceiling"]["Pearson (whole)"] == pytest.approx([1, 1, 1])
    assert "ceiling" in (tmp_path / "page.html").read_text()
    store = PredictionStore.open(folder / "predictions" / "test")
    assert not ceiling_row(world.tracks, "test", store, length=WINDOW)


def test_the_mean_track_row_is_the_training_mean(trained, world):
    store = PredictionStore.open(trained() / "predictions" / "test")
    rows = trivial_rows(world.tracks, "test", store, length=WINDOW)
    train = TrackRows(world.tracks, "train", WINDOW, BIN)
    mean = train.targets(np.arange(len(train)), 0).mean((0, 2), dtype=float)
    expected = [(mean[0] + mean[1]) / 2] * 2 + [mean[2]]
    assert rows["mean track"].read_all()[0][0, :, 0] == pytest.approx(expected, rel=1e-4)


def test_types_of_the_strategies():
    found = {name: str(channel_type(STRATEGIES[name])) for name in ("regular", "irreps", "mixed")}
    assert found == {"regular": "1 regular", "irreps": "3 even + 1 odd", "mixed": "2 regular + 3 even + 1 odd"}


def test_what_is_left_to_the_data_follows_from_it(world):
    chosen = resolved(TrackPlan(training=TrackTrainingConfig(epochs=0, bin_size=BIN)), world.tracks)
    assert (chosen.length, chosen.training.length, chosen.training.epochs) == (WINDOW, WINDOW, 100)
    network = build(chosen, world.tracks, STRATEGIES["none"])
    assert network.config.involution is None
    assert make_track_plan({"width": 8, "epochs": 3}).training.epochs == 3


BAD = [
    (["--task", "binary"], "--task does not go with a data set of tracks"),
    (["--split", "random"], "--split does not go with"),
    (["--loss", "possion"], "no loss 'possion'"),
    (["--model", "basenij"], "Did you mean 'basenji'"),
    (["--model", "basset"], "--labels activity"),
    (["--labels", "activity"], "no activity labels"),
    (["--labels", "activity", "--loss", "poisson"], "need --loss bce"),
    (["--bin-size", "7"], "divides the"),
    (["--length", "101"], "the model reads 101 bp"),
    (["--strategy", "kmers"], "--strategy 'kmers' is not known"),
    (["--strategy", "regular*3"], "--strategy 'regular*3' is not known"),
    (["--loss", "bpnet"], "choose --model bpnet"),
    (["--model", "cnn", "--width", "8"], "has no single width"),
    (["--set", "model.involution=none"], "decided by --strategy"),
    (["--set", "model.widht=4"], "Did you mean 'model.width'"),
    (["--set", "training.epoch=4"], "Did you mean 'training.epochs'"),
    (["--shift", "500"], "shift by at most"),
    (["--partners", "tied"], "Did you mean 'untied'"),
    (["--scale", "max"], "--scale 'max' is not known"),
    (["--genome", "nowhere.fa"], "nowhere.fa"),
]


@pytest.mark.parametrize(
    ("words", "message"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_options_are_told_before_training(palindra, world, tmp_path, words, message):
    ours = [] if "--bin-size" in words or "--labels" in words else ["--bin-size", BIN]
    result = palindra("train", world.folder / "tracks", "-o", tmp_path / "run", "--no-progress", *ours, *words)
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_two_kinds_of_data_are_told_apart(palindra, trained, files, world, tmp_path):
    assert is_data_set(world.folder / "tracks")
    assert not is_data_set(world.folder)
    result = palindra("train", files / "binary.tsv", "-o", tmp_path / "run", "--loss", "mse")
    assert result.code == 2
    assert "--loss 'mse' is not known. Choose from: squared" in result.err
    result = palindra("evaluate", trained(), files / "binary.tsv")
    assert result.code == 2
    assert "palindra data build" in result.err
    result = palindra("evaluate", trained(), world.folder / "tracks", "--rows", "tset")
    assert "Did you mean 'test'" in result.err


def test_a_data_set_with_other_tracks_is_refused(palindra, trained, world, tmp_path):
    build_data(
        tmp_path / "data", replace(world.settings, tracks=world.settings.tracks[2:]), cache=world.folder / "cache"
    )
    result = palindra("evaluate", trained(), tmp_path / "data", "-o", tmp_path / "page.html")
    assert result.code == 2
    assert "has the tracks atac, and" in result.err


def test_a_data_set_that_was_not_finished_is_told(palindra, world, tmp_path):
    shutil.copytree(world.folder / "tracks", tmp_path / "data")
    (tmp_path / "data" / "dataset.toml").unlink()
    (tmp_path / "data" / ".work").mkdir()
    result = palindra("train", tmp_path / "data", "-o", tmp_path / "run")
    assert result.code == 2
    assert "start the same build again" in result.err


def test_words_are_read_with_their_neighbours_on_both_sides(trained, world):
    class Recorder:
        """The data set, and what is read of its letters."""

        def __init__(self) -> None:
            self.asked: set[tuple[int, int]] = set()

        def __getattr__(self, name: str) -> Any:
            return getattr(world.tracks, name)

        def codes(self, split: str, rows: Any, offset: int, length: int) -> Any:
            self.asked.add((offset, length))
            return world.tracks.codes(split, rows, offset, length)

    data, store = Recorder(), PredictionStore.open(trained() / "predictions" / "test")
    for view in trivial_rows(data, "test", store, length=WINDOW).values():
        view.read_all()
    assert data.asked == {(0, WINDOW), (-6 * BIN, WINDOW + 12 * BIN)}
