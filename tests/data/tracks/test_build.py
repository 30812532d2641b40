import signal
import subprocess
import sys
import threading
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import tomli_w

from palindra.data.tracks import TestSets, Tiles, TrackData, build, load_settings, settings_to_plain
from palindra.data.tracks.arrays import RowWriter
from palindra.errors import InputError

STAGES = 12  # six files, each scanned and stored
FULL = {"windows": Tiles(window=200, threshold=3.0), "tests": TestSets(whole_window=150, thresholds=(0.0, 6.0))}


class Killed(BaseException):
    """Stands for the end of the process: nothing of the library may catch it."""


@pytest.fixture(scope="module")
def whole(world, tmp_path_factory):
    return world.build(tmp_path_factory.mktemp("whole"), **FULL)


def killed_at(stage):
    def progress(what, done, total):
        if done == stage:
            raise Killed

    return progress


@pytest.mark.parametrize("stage", range(STAGES))
def test_a_killed_build_goes_on_to_the_same_bytes(world, whole, contents, tmp_path, stage):
    settings = replace(world.settings, **FULL)
    with pytest.raises(Killed):
        build(tmp_path, settings, progress=killed_at(stage))
    with pytest.raises(InputError, match="its build was not finished: start the same build again"):
        TrackData.open(tmp_path)
    told = []
    build(tmp_path, settings, progress=lambda what, done, total: told.append((what.split()[0], done, total)))
    assert contents(tmp_path) == contents(whole.folder)
    assert ("storing", STAGES - 1, STAGES) in told
    assert stage < STAGES / 2 or ("storing", STAGES // 2, STAGES) not in told or stage == STAGES // 2  # done ones stay


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_build_killed_in_the_middle_of_a_track_goes_on(world, whole, contents, tmp_path, monkeypatch, after):
    settings, write, calls = replace(world.settings, **FULL), RowWriter.write, iter(range(1000))

    def failing(self, row, first, values):
        if next(calls) == after:
            write(self, row, first, values[: len(values) // 2])
            raise Killed
        write(self, row, first, values)

    monkeypatch.setattr(RowWriter, "write", failing)
    with pytest.raises(Killed):
        build(tmp_path, settings)
    monkeypatch.undo()
    build(tmp_path, settings)
    assert contents(tmp_path) == contents(whole.folder)


def test_a_lost_file_of_an_unfinished_build_is_written_again(world, whole, contents, tmp_path):
    settings = replace(world.settings, **FULL)
    with pytest.raises(Killed):
        build(tmp_path, settings, progress=killed_at(8))
    (tmp_path / ".work" / "values.npy").unlink()
    build(tmp_path, settings)
    assert contents(tmp_path) == contents(whole.folder)


def test_what_was_begun_is_not_mixed_with_other_settings(world, tmp_path):
    with pytest.raises(Killed):
        build(tmp_path, world.settings, progress=killed_at(7))
    with pytest.raises(InputError, match=r"an unfinished data set .*seed was 44 and is 45"):
        world.build(tmp_path, seed=45)


def test_a_finished_data_set_is_opened_and_not_overwritten(world, whole, contents, tmp_path):
    before = contents(whole.folder)
    again = world.build(whole.folder, **FULL)
    assert contents(whole.folder) == before
    assert len(again.splits["train"]) == len(whole.splits["train"])
    with pytest.raises(InputError, match=r"holds a data set .*windows.threshold was 3.0 and is 4.0.* Choose another"):
        world.build(whole.folder, windows=Tiles(window=200, threshold=4.0), tests=FULL["tests"])


def test_the_manifest_builds_the_same_data_set(whole, contents, tmp_path):
    build(tmp_path, load_settings(whole.folder / "dataset.toml"))
    assert contents(tmp_path) == contents(whole.folder)


def test_an_input_that_changed_is_noticed(world, tmp_path):
    path = world.bigwig("changing.bw", world.truth["atac"])
    tracks = (replace(world.settings.tracks[1], path=path, replicate=None),)
    world.build(tmp_path, tracks=tracks)
    world.bigwig("changing.bw", world.truth["fwd"])
    with pytest.raises(InputError, match=r"content of .*changing.bw was"):
        world.build(tmp_path, tracks=tracks)


def test_builders_at_once_leave_one_valid_data_set(world, whole, contents, tmp_path):
    settings, made, told = replace(world.settings, **FULL), [], []

    def one():
        made.append(build(tmp_path, settings, progress=lambda what, done, total: told.append((what, done))))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(tmp_path) == contents(whole.folder)
    assert len(made) == 3
    assert len([what for what, _ in told if what.startswith("storing")]) == STAGES / 2  # one of them built


SCRIPT = """
import sys, time
from palindra.data.tracks import build, load_settings
def slow(what, done, total):
    print(what, flush=True)
    time.sleep(float(sys.argv[3]))
build(sys.argv[1], load_settings(sys.argv[2]), progress=slow)
"""


def test_the_lock_of_a_killed_process_is_free(world, whole, contents, tmp_path):
    settings, folder = tmp_path / "settings.toml", tmp_path / "data"
    settings.write_text(tomli_w.dumps(settings_to_plain(replace(world.settings, **FULL))))
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, folder, settings, "0.05"], stdout=subprocess.PIPE, text=True
    ) as first:
        while not first.stdout.readline().startswith("storing atac"):
            assert first.poll() is None
        waiting, told = threading.Event(), []

        def second():
            build(folder, load_settings(settings), progress=lambda *what: (told.append(what[0]), waiting.set()))

        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(20)
        first.send_signal(signal.SIGKILL)
        first.communicate()
    thread.join()
    assert told[0] == "waiting for another build of this folder"
    assert "storing fwd" not in told  # done before the first was killed
    assert contents(folder) == contents(whole.folder)


def test_a_disk_that_is_too_small_is_noticed_before_writing(world, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: namedtuple("Usage", "free")(1000))
    with pytest.raises(InputError, match=r"values.npy: would have .* GB, but 0.0 GB are free. Store float16"):
        world.build(tmp_path)


def test_numbers_that_cannot_be_stored_name_the_place(world, tmp_path):
    values = {chrom: some.copy() for chrom, some in world.truth["atac"].items()}
    values["chr2"][1234] = 1e6
    track = replace(world.settings.tracks[1], path=world.bigwig("huge.bw", values), replicate=None)
    half = replace(world.settings.storage, dtype="float16")
    with pytest.raises(
        InputError, match=r"huge.bw, chr2:1234-1235: the value 1e\+06 of track 'atac' becomes inf in float16"
    ):
        world.build(tmp_path / "half", tracks=(track,), storage=half)
    clipped = world.build(tmp_path / "clipped", tracks=(replace(track, clip=9.0),), storage=half)
    assert clipped.made["statistics"]["atac"]["max"] == 9
    values["chr2"][1234] = -3
    track = replace(track, path=world.bigwig("negative.bw", values), log1p=True)
    with pytest.raises(InputError, match=r"negative.bw, chr2:1234-1235: the value -3 .* leave log1p out"):
        world.build(tmp_path / "log", tracks=(track,))


def test_statistics_are_those_of_the_stored_values(data):
    stored = np.load(data.folder / "values.npy").astype(float)
    for track, values in zip(data.tracks, stored, strict=True):
        found = data.made["statistics"][track.name]
        assert found["mean"] == pytest.approx(np.nanmean(values))
        assert found["max"] == np.nanmax(values)
        assert found["missing"] == np.isnan(values).mean()


def test_order_and_sample_are_functions_of_the_seed(world, data, tmp_path):
    train, test = data.splits["train"], data.splits["test"]
    assert (np.diff(test.start) > 0).all()
    assert not (np.diff(train.start) > 0).all()
    third = world.build(tmp_path / "third", sample=0.3)
    kept = third.splits["train"]
    assert len(kept) == round(0.3 * len(train))
    np.testing.assert_array_equal(kept.start, train.start[: len(kept)])
    assert len(third.splits["test"]) == len(test)
    other = world.build(tmp_path / "other", seed=45).splits["train"]
    assert sorted(zip(other.chrom, other.start, strict=True)) == sorted(zip(train.chrom, train.start, strict=True))
    assert (other.start != train.start).any()


def test_chunks_do_not_show(world, data, tmp_path, contents, monkeypatch):
    from palindra.data.tracks import coverage

    monkeypatch.setattr(coverage.Coverage.chunks, "__defaults__", (997,))
    runs = coverage.runs
    monkeypatch.setattr(
        "palindra.data.tracks.threshold.runs",
        lambda starts, chrom, length: runs(starts, chrom, length, size=450, gap=0),
    )
    world.build(tmp_path)
    ours, theirs = contents(tmp_path), contents(data.folder)
    for name in ours:  # sums of statistics may be rounded otherwise
        assert name == "dataset.toml" or ours[name] == theirs[name]
    assert ours.keys() == theirs.keys()
