"""``palindra predict`` with workers: the same tables and bigWigs byte for byte, nothing predicted twice."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.cli.labelled import predicted_table, predicting, uncertain_predicting
from palindra.cli.labelled.predicting import predict_file
from palindra.cli.labelled.uncertain_predicting import predict_with_uncertainty
from palindra.cli.tracks import predict_sharing as sharing
from palindra.cli.tracks import predicting as tracks
from palindra.engine import make_engine
from palindra.errors import InputError
from palindra.models.saving import seal
from palindra.models.track_resnet import TrackResNet, TrackResNetConfig
from palindra.models.track_saving import save_track_run
from palindra.symmetry import Position, Target

pytest.importorskip("pybigtools")
LENGTH, BIN = 60, 5
SIZES = {"one": 733, "short": 43, "two": 400}
NAMES = ("RNA.fwd.bw", "RNA.rev.bw", "both.bw")


class Counting:
    """An engine in this process that says how many pieces of work it did, and hurts one result."""

    workers = 1

    def __init__(self, *, hurt: str = "", stop: int | None = None) -> None:
        self.done, self.hurt, self.stop = 0, hurt, stop

    def completed(self, units, folder):
        for number, error in make_engine().completed(units, folder):
            if self.done == self.stop:
                raise KeyboardInterrupt
            self.done += 1
            if self.hurt and self.done == 1:
                (folder / units[number].name / self.hurt).write_bytes(b"other")
            yield number, error


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """An untrained run of three tracks."""
    torch.manual_seed(1)
    target = Target.paired([1, 0, 2], Position.REVERSE)
    sizes = {"width": 4, "stem_size": 7, "dilations": (1,), "bin_dilations": (1,)}
    config = TrackResNetConfig(length=LENGTH, bin_size=BIN, outputs=3, target=target, involution=None, **sizes)
    about = {"model": "track_resnet", "strategy": "none", "loss": "poisson", "both_strands": False, "config": {}}
    folder = tmp_path_factory.mktemp("runs") / "run"
    save_track_run(folder, TrackResNet(config).eval(), tracks=("RNA.fwd", "RNA.rev", "both"), target=target, **about)
    seal(folder)
    return folder


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Path:
    rng, path = np.random.default_rng(5), tmp_path_factory.mktemp("genome") / "small.fa"
    path.write_text("".join(f">{name}\n{''.join(rng.choice(list('ACGTN'), size))}\n" for name, size in SIZES.items()))
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several pieces of work even of little."""
    monkeypatch.setattr(sharing, "_LETTERS", 2 * 3 * LENGTH)
    monkeypatch.setattr(predicted_table, "BLOCK", 20)
    for opened in (sharing._open, predicting._open, uncertain_predicting._open):
        opened.cache_clear()


def predict(run: Path, genome: Path, output: Path, **options):
    return tracks.predict_genome(run, genome, output, batch_size=3, **options)


def same(one: Path, two: Path) -> bool:
    assert sorted(path.name for path in two.iterdir()) == sorted([*NAMES, tracks.RECORD])
    return all((one / name).read_bytes() == (two / name).read_bytes() for name in NAMES)


@pytest.mark.parametrize(
    "options", [{}, {"shifts": (-5, 0, 3), "both_strands": True}, {"stride": 20, "bed": True}], ids=str
)
def test_tracks_are_the_same_bytes(run: Path, genome: Path, tmp_path: Path, options: dict[str, object]):
    if options.get("bed"):
        options = {**options, "bed": tmp_path / "some.bed"}
        (tmp_path / "some.bed").write_text("two\t3\t271\none\t50\t172\none\t170\t180\n")
    engine = Counting()
    predict(run, genome, tmp_path / "here", **options)
    predict(run, genome, tmp_path / "there", engine=engine, **options)
    assert engine.done > 2
    assert same(tmp_path / "here", tmp_path / "there")
    assert not list(tmp_path.glob("*.partial"))


def test_tracks_that_were_cut_off_go_on(run: Path, genome: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole, first, writing, last = Counting(), Counting(stop=4), Counting(), Counting(hurt=sharing.VALUES)
    predict(run, genome, tmp_path / "whole", engine=whole)
    with pytest.raises(KeyboardInterrupt):
        predict(run, genome, tmp_path / "out", engine=first)
    with monkeypatch.context() as patch:
        patch.setattr(tracks, "write_bigwig", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(OSError, match="full"):
            predict(run, genome, tmp_path / "out", engine=writing)
    damaged = next((tmp_path / "out.partial" / tracks.UNITS).glob("*/done.json"))
    damaged.write_text("{")
    predict(run, genome, tmp_path / "out", engine=last)
    assert same(tmp_path / "whole", tmp_path / "out")
    stopped = 1  # was done, and not counted
    assert first.done + stopped + writing.done + last.done <= whole.done + 2
    assert last.done >= 1


def test_another_run_has_its_own_pieces(run: Path, genome: Path, tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        predict(run, genome, tmp_path / "out", engine=Counting(stop=3))
    engine = Counting()
    predict(run, genome, tmp_path / "out", engine=engine, shifts=(0, 5))
    predict(run, genome, tmp_path / "here", shifts=(0, 5))
    assert same(tmp_path / "here", tmp_path / "out")


@pytest.mark.parametrize("both", [False, True])
def test_tables_are_the_same_bytes(trained, files: Path, tmp_path: Path, both: bool):
    options = {"both_strands": both, "batch_size": 7}
    given = trained("binary", "none"), files / "binary.tsv"
    engines = [None, Counting(), Counting(hurt=predicted_table.LINES)]
    for number, engine in enumerate(engines):
        assert predict_file(*given, tmp_path / f"{number}.tsv", engine=engine, **options) == 96
        assert (tmp_path / f"{number}.tsv").read_bytes() == (tmp_path / "0.tsv").read_bytes()
    assert [engine.done for engine in engines if engine] == [5, 6]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_table_that_was_cut_off_goes_on(trained, files: Path, tmp_path: Path):
    given = trained("binary", "none"), files / "binary.tsv"
    first, second = Counting(stop=3), Counting()
    with pytest.raises(KeyboardInterrupt):
        predict_file(*given, tmp_path / "out.tsv", engine=first)
    assert not (tmp_path / "out.tsv").exists()
    predict_file(*given, tmp_path / "out.tsv", engine=second)
    predict_file(*given, tmp_path / "here.tsv")
    assert (tmp_path / "out.tsv").read_bytes() == (tmp_path / "here.tsv").read_bytes()
    assert second.done == 1  # three were counted, one more was done


def test_uncertain_tables_are_the_same_bytes(trained, files: Path, tmp_path: Path):
    runs = [trained("value", "none"), trained("value", "none", "--seed", "1")]
    for name, engine in (("here", None), ("there", Counting())):
        said = predict_with_uncertainty(runs, files / "value.tsv", tmp_path / name, engine=engine)
        assert "96 predictions of 2 networks" in said[0]
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()


def test_rows_that_are_damaged_are_named(trained, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    given = trained("binary", "none"), files / "binary.tsv"
    with monkeypatch.context() as patch:
        patch.setattr(predicting, "write_block", full)
        with pytest.raises(InputError, match=r"the disk is full.*make room"):
            predict_file(*given, tmp_path / "out.tsv", engine=make_engine())
    hashes = iter(range(100))
    monkeypatch.setattr(predicted_table, "hash_file", lambda path: str(next(hashes)))
    with pytest.raises(InputError, match=r"binary.tsv sequences 21-40: .*20.tsv: is damaged"):
        predict_file(*given, tmp_path / "out.tsv", engine=make_engine())


def test_two_workers_and_the_command(palindra, run: Path, genome: Path, trained, files: Path, tmp_path: Path):
    torch.set_num_threads(1)
    for name, more in (("one", []), ("two", ["--workers", 2, "--no-progress"])):
        result = palindra("predict", run, genome, "--bigwig", tmp_path / name, "--batch-size", 3, *more)
        assert result.code == 0, result.err
    assert same(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", 2, "--devices", 2], "each worker uses one device"),
        (["--engine", "slurm"], "choose local or ray"),
        (["--address", "auto"], "the local engine has no address"),
    ],
)
def test_options_that_do_not_go_together(palindra, run: Path, genome: Path, tmp_path: Path, options, message):
    result = palindra("predict", run, genome, "--bigwig", tmp_path / "out", *options)
    assert result.code == 2
    assert message in result.err
