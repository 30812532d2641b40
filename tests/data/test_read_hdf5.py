import sys

import numpy as np
import pytest

from palindra.data import Task, read_labelled
from palindra.errors import InputError
from palindra.sequences import RNA

h5py = pytest.importorskip("h5py")

SEQUENCES = ["ACGTNA", "GGGCCC", "TTTAAA", "CATGCA", "NNNNAC"]


def encoded(sequences, *, axis=1, dtype=np.int8):
    """One-hot by comparison with each letter."""
    letters = np.array([list(s) for s in sequences])[..., None] == np.array(list("ACGT"))  # (rows, length, letters)
    return (letters.transpose(0, 2, 1) if axis == 1 else letters).astype(dtype)


@pytest.fixture
def write(tmp_path):
    def write_file(**arrays):
        path = tmp_path / "d.h5"
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
        return path

    return write_file


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float32, np.float64, bool])
def test_x_and_y_with_split(write, axis, dtype):
    splits = [b"train", b"dev", b"test", b"train", b"train"]
    path = write(x=encoded(SEQUENCES, axis=axis, dtype=dtype), y=[1, 0, 1, 1, 0], split=splits)
    data = read_labelled(path)
    assert data.sequences == SEQUENCES
    assert data.labels[:, 0].tolist() == [1, 0, 1, 1, 0]
    assert data.splits.tolist() == ["train", "valid", "test", "train", "train"]
    assert data.where(3) == f"{path} x row 4"


def test_arrays_for_each_split(write):
    path = write(
        X_train=encoded(SEQUENCES[:2]),
        Y_train=np.array([[0.5, 1.5], [np.nan, 2]]),
        X_valid=encoded(SEQUENCES[2:3], axis=2),
        Y_valid=[[3.0, 4.0]],
        X_test=encoded(SEQUENCES[3:]),
        Y_test=[[5.0, 6.0], [7.0, 8.0]],
        other=[1, 2, 3],
    )
    data = read_labelled(path)
    by_split = {split: data.rows(split).sequences for split in ("train", "valid", "test")}
    assert by_split == {"train": SEQUENCES[:2], "valid": SEQUENCES[2:3], "test": SEQUENCES[3:]}
    assert data.rows("test").labels.tolist() == [[5, 6], [7, 8]]
    assert (data.task, data.target_names) == (Task.REGRESSION, ("target_1", "target_2"))
    assert data.rows("test").where(1) == f"{path} X_test row 2"


def test_without_split_all_rows_are_train_and_shares_are_n(write):
    x = encoded(SEQUENCES, dtype=np.float32)
    x[:, :, 2] = 0.25
    data = read_labelled(write(x=x, y=np.array([[0], [1], [2], [1], [0]])), alphabet=RNA)
    assert data.sequences[2] == "UUNAAA"
    assert (data.task, data.class_names, set(data.splits)) == (Task.MULTICLASS, ("0", "1", "2"), {"train"})


def test_one_hot_classes(write):
    data = read_labelled(write(x=encoded(SEQUENCES), y=np.eye(3)[[0, 2, 1, 1, 0]]), task="multiclass")
    assert data.labels[:, 0].tolist() == [0, 2, 1, 1, 0]
    assert data.outputs == 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1], "b": [2]}, "d.h5: holds a, b; needed are one-hot arrays"),
        ({}, "d.h5: holds no arrays; needed"),
        ({"x": encoded(SEQUENCES)}, "d.h5: holds x but no y"),
        ({"X_train": encoded(SEQUENCES), "y": [1] * 5}, "holds X_train but no y_train"),
        ({"x": encoded(SEQUENCES), "y": [1, 0]}, "d.h5 x: holds 5 rows but y holds 2 labels"),
        ({"x": np.zeros((5, 7, 9)), "y": [1] * 5}, r"d.h5 x: an array \(5, 7, 9\) .*, not one-hot"),
        ({"x": np.zeros((5, 4, 4)), "y": [1] * 5}, "d.h5 x: .*which axis holds the letters is not clear"),
        ({"x": np.zeros((0, 4, 9)), "y": np.zeros(0)}, "d.h5 x: .*at least one row"),
        ({"x": [b"ACGT"], "y": [1]}, "d.h5 x: an array .* not one-hot"),
        ({"x": encoded(SEQUENCES), "y": [b"a"] * 5}, "d.h5 y: an array .* labels are numbers"),
        ({"x": encoded(SEQUENCES), "y": np.zeros((5, 2, 2))}, "d.h5 y: an array .* labels are numbers"),
        ({"x": encoded(SEQUENCES) * 2, "y": [1, 0, 1, 1, 0]}, "d.h5 x from row 1 on: row 0, position 1: the channels"),
        ({"x": encoded(SEQUENCES), "y": [1, 0, 1, 1, 0], "split": [b"train"]}, "d.h5 split: an array"),
        ({"x": encoded(SEQUENCES), "y": [1, 0, 1, 1, 0], "split": [b"a"] * 5}, "d.h5 x row 1: split 'a' is not one of"),
        ({"x": encoded(SEQUENCES), "y": [0, 1, 7, 8, 9], "split": [b"test"] * 5}, None),
        (
            {"x": encoded(SEQUENCES[:2]), "y": [1, 0], "x_test": encoded(SEQUENCES), "y_test": [0] * 5},
            "x beside x_test",
        ),
        ({"x_a": encoded(SEQUENCES[:2]), "y_a": [1, 0]}, "x_a row 1: split 'a' is not one of"),
        (
            {"x_train": encoded(SEQUENCES), "y_train": [1] * 5, "x_test": encoded(SEQUENCES), "y_test": np.eye(5)},
            "d.h5: the label arrays have 1 and 5 columns",
        ),
    ],
)
def test_bad_arrays_are_refused_by_name(write, arrays, message):
    path = write(**arrays)
    if message is None:
        assert read_labelled(path).task is Task.REGRESSION
        return
    with pytest.raises(InputError, match=message):
        read_labelled(path)


def test_labels_are_refused_with_their_row(write):
    with pytest.raises(InputError, match=r"d.h5 x row 3: label 2 does not fit"):
        read_labelled(write(x=encoded(SEQUENCES), y=[1, 0, 2, 1, 1]), task="binary")


def test_broken_files_and_a_missing_extra(write, tmp_path, monkeypatch):
    path = write(x=encoded(SEQUENCES * 400), y=[1, 0, 1, 1, 0] * 400)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cut.h5: cannot be read as HDF5"):
        read_labelled(cut)
    cut.write_bytes(b"no HDF5 at all")
    with pytest.raises(InputError, match=r"cut.h5: cannot be read as HDF5"):
        read_labelled(cut)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"pip install 'palindra\[hdf5\]'"):
        read_labelled(path)
