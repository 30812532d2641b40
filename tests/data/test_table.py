import dataclasses

import numpy as np
import pytest

from palindra.data import LabelledSequences, Task
from palindra.errors import InputError


@pytest.fixture
def data():
    return LabelledSequences.from_arrays(
        ["ACGT", "aacc", "GGGG", "TTTA", "CCCC"],
        [0, 1, 2, 1, 0],
        splits=["train", "test", "train", "train", "test"],
        chromosomes=["chr1", "chr2", "chr1", "chr3", "chr2"],
        source="peaks.tsv",
    )


def test_facts(data):
    assert (len(data), data.length, data.outputs, data.task) == (5, 4, 3, Task.MULTICLASS)
    assert data.sequences[1] == "AACC"
    assert data.labels.dtype == np.float32
    assert data.labels.shape == (5, 1)
    assert data.class_names == ("0", "1", "2")
    assert str(data) == repr(data) == "5 sequences of 4 letters, multiclass (label), train 3, test 2"


def test_rows_of_the_splits_are_all_rows_once(data):
    parts = [data.rows("train"), data.rows("test")]
    assert sorted(s for part in parts for s in part.sequences) == sorted(data.sequences)
    assert parts[1].lines.tolist() == [2, 5]


def test_take_moves_every_column_alike(data):
    some = data.take([4, 0, 4])
    for row, original in enumerate([4, 0, 4]):
        assert some.sequences[row] == data.sequences[original]
        assert some.where(row) == data.where(original) == f"peaks.tsv row {original + 1}"
        for name in ("labels", "splits", "chromosomes", "lines"):
            assert np.array_equal(getattr(some, name)[row], getattr(data, name)[original])
    assert len(data.take([])) == 0
    assert str(data.take([])) == "0 sequences, multiclass (label), no rows"


def test_where_names_the_part_of_the_source(data):
    two = dataclasses.replace(data, parts=("a.fa", "b.fa"), part_of_row=np.array([0, 0, 1, 1, 1]), unit="line")
    assert two.take([3]).where(0) == "b.fa line 4"
    assert dataclasses.replace(data, lines=np.zeros(5, dtype=int)).where(3) == "peaks.tsv, sequence 4"


def test_a_split_without_rows_is_named(data):
    with pytest.raises(InputError, match=r"peaks.tsv: no row is in split 'valid' \(there are train 3, test 2\)"):
        data.rows("valid")
    with pytest.raises(ValueError, match="'dev'"):
        data.rows("dev")


def test_it_cannot_be_changed(data):
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.task = Task.BINARY


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"splits": np.array(["train"])}, "5 sequences but 1 splits"),
        ({"chromosomes": np.array(["chr1"] * 4)}, "5 sequences but 4 chromosomes"),
        ({"splits": np.array(["train"] * 4 + ["dev"])}, "dev"),
        ({"labels": np.zeros((5, 2), dtype=np.float32)}, "for 1 target names"),
        ({"sequences": ["A", "CC", "A", "A", "A"]}, "different lengths"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(data, change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(data, **change)


def test_labels_in_memory_are_checked():
    with pytest.raises(InputError, match="sequences row 2: label 7"):
        LabelledSequences.from_arrays(["AC", "GT"], [0, 7], task="binary")
    with pytest.raises(ValueError, match="no sequences"):
        _ = LabelledSequences.from_arrays(["AC", "GT"], [0, 1]).take([]).length
