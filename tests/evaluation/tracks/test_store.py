"""The folder of predictions: row order, several writers, completion, damage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.tracks import Places, Predictions, PredictionStore, whole_pearson

ROWS, TRACKS, BINS = 23, 3, 12
WINDOWS = Places(np.repeat([0, 1], [13, 10]).astype(np.int32), np.arange(ROWS) * 120, 120)


def create(folder: Path, **options):
    return PredictionStore.create(folder, WINDOWS, ["a", "b", "c"], **{"bin_size": 10, **options})


def test_what_is_written_in_any_order_is_read_in_row_order(tmp_path: Path, arrays):
    prediction, truth = arrays
    store = create(tmp_path / "p", chromosomes=["I", "II"])
    for rows in np.array_split(np.random.default_rng(0).permutation(ROWS), 4):
        store.write(rows, prediction[rows], truth[rows])
    store.finish()
    view = PredictionStore.open(tmp_path / "p")
    assert (view.tracks, view.bin_size, view.bins, len(view)) == (("a", "b", "c"), 10, BINS, ROWS)
    for given, read in zip((prediction, truth), view.read_all(), strict=True):
        np.testing.assert_array_equal(read, given)  # float32 is kept to the bit
    np.testing.assert_array_equal(view.places.chrom, WINDOWS.chrom)
    np.testing.assert_array_equal(view.places.start, WINDOWS.start)
    assert PredictionStore.chromosomes(tmp_path / "p") == ["I", "II"]
    np.testing.assert_array_equal(whole_pearson(view), whole_pearson(Predictions.of(prediction, truth)))


def test_rows_in_any_order_are_read_as_asked(tmp_path: Path, arrays):
    store = create(tmp_path / "p")
    store.write(np.arange(ROWS), *arrays)
    store.finish()
    view = PredictionStore.open(tmp_path / "p")
    for rows in (np.array([4, 2, 9]), np.array([2, 3, 4]), np.array([4, 3, 2]), np.array([1, 1]), np.array([], int)):
        np.testing.assert_array_equal(view.read(rows, slice(1, 3))[0], arrays[0][rows, 1:3])


def test_half_precision_holds_half_the_bytes(tmp_path: Path, arrays):
    store = create(tmp_path / "p", dtype="float16")
    store.write(np.arange(ROWS), *arrays)
    store.finish()
    np.testing.assert_array_equal(PredictionStore.open(tmp_path / "p").read_all()[0], arrays[0].astype(np.float16))
    with pytest.raises(InputError, match="store float32"):
        store.write([0], np.full((1, TRACKS, BINS), 1e5), np.zeros((1, TRACKS, BINS)))


_WRITERS = """
import os, sys, numpy as np
from palindra.evaluation.tracks import Places, PredictionStore
size, failed = 3, 0
windows = Places(np.zeros(400, np.int32), np.arange(400) * 50, 50)
for rank in range(size):
    if os.fork() == 0:
        store = PredictionStore.create(sys.argv[1], windows, ["a"], bin_size=5)
        for row in range(rank, 400, size):
            values = np.full((1, 1, 10), row, float)
            store.write([row], values, values + 0.5)
        os._exit(0)
for rank in range(size):
    failed += os.waitstatus_to_exitcode(os.wait()[1]) != 0
sys.exit(failed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers of this test are forked")
def test_processes_that_create_and_write_at_once_leave_one_whole_store(tmp_path: Path):
    assert subprocess.run([sys.executable, "-c", _WRITERS, str(tmp_path / "p")], check=False).returncode == 0
    windows = Places(np.zeros(400, np.int32), np.arange(400) * 50, 50)
    store = PredictionStore.create(tmp_path / "p", windows, ["a"], bin_size=5)
    assert len(store.missing()) == 0
    store.finish()
    prediction, truth = PredictionStore.open(tmp_path / "p").read_all()
    np.testing.assert_array_equal(prediction, np.broadcast_to(np.arange(400.0)[:, None, None], (400, 1, 10)))
    np.testing.assert_array_equal(truth, prediction + 0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]  # nothing half-built is left


def test_an_unfinished_store_is_refused_and_can_be_continued(tmp_path: Path, arrays):
    prediction, truth = arrays
    store = create(tmp_path / "p")
    store.write([0, 5], prediction[[0, 5]], truth[[0, 5]])
    with pytest.raises(InputError, match="21 of 23 rows are missing"):
        PredictionStore.open(tmp_path / "p")
    with pytest.raises(InputError, match="21 of 23 rows are not predicted, the first is row 1"):
        store.finish()
    del store
    again = create(tmp_path / "p")
    left = again.missing()
    assert left.tolist() == [row for row in range(ROWS) if row not in (0, 5)]
    again.write(left, prediction[left], truth[left])
    again.finish()
    again.finish()  # a second device does the same
    np.testing.assert_array_equal(PredictionStore.open(tmp_path / "p").read_all()[0], prediction)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bin_size": 20}, "bin_size differ"),
        ({"dtype": "float16"}, "dtype differ"),
        ({"made_by": "other weights"}, "made_by differ"),
    ],
)
def test_a_store_of_something_else_is_not_continued(tmp_path: Path, change, says: str):
    create(tmp_path / "p")
    with pytest.raises(InputError, match=says):
        create(tmp_path / "p", **change)
    moved = WINDOWS._replace(start=WINDOWS.start + 1)
    with pytest.raises(InputError, match="windows differ"):
        PredictionStore.create(tmp_path / "p", moved, ["a", "b", "c"], bin_size=10)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="exists and is no store"):
        create(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "precious"
    with pytest.raises(InputError, match="is no store of predictions"):
        PredictionStore.open(tmp_path)


def test_what_does_not_fit_is_refused_with_a_reason(tmp_path: Path, arrays):
    prediction, truth = arrays
    store = create(tmp_path / "p")
    with pytest.raises(InputError, match="do not fit"):
        store.write([0, 1], prediction[:1], truth[:1])
    with pytest.raises(InputError, match="do not fit"):
        store.write([ROWS], prediction[:1], truth[:1])
    broken = prediction[:2].copy()
    broken[1, 2, 4] = np.nan
    with pytest.raises(InputError, match=r"row 7, track 'c', bin 4 is nan"):
        store.write([6, 7], broken, truth[:2])
    assert len(store.missing()) == ROWS
    for options in ({"bin_size": 7}, {"dtype": "int8"}, {"bin_size": 0}):
        with pytest.raises(InputError, match="cannot store 23 windows of 120 bp"):
            create(tmp_path / "q", **options)


def test_a_damaged_store_is_refused(tmp_path: Path, arrays):
    store = create(tmp_path / "p")
    store.write(np.arange(ROWS), *arrays)
    store.finish()
    path = tmp_path / "p" / "predictions.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(InputError, match="cannot be read"):
        PredictionStore.open(tmp_path / "p")
    np.save(path, arrays[0][:5])
    with pytest.raises(InputError, match="is damaged"):
        PredictionStore.open(tmp_path / "p")
    (tmp_path / "p" / "layout.json").write_text("{")
    with pytest.raises(InputError, match="is no store"):
        PredictionStore.open(tmp_path / "p")
