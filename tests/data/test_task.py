import numpy as np
import pytest

from palindra.data import Task, check_labels, infer_task
from palindra.errors import InputError

nan = np.nan


def column(*values):
    return np.array(values, dtype=np.float32)[:, None]


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (column(0, 1, 1), Task.BINARY),
        (column(1, 1), Task.BINARY),
        (column(0, nan, 1), Task.BINARY),
        (column(0, 1, 2), Task.MULTICLASS),
        (column(1, 2, 3, 3), Task.MULTICLASS),
        (column(*range(20)), Task.MULTICLASS),
        (column(*range(21)), Task.REGRESSION),
        (column(0, 1, 3), Task.REGRESSION),
        (column(5, 6, 7), Task.REGRESSION),
        (column(-1, 0, 1), Task.REGRESSION),
        (column(0, 0.5, 1), Task.REGRESSION),
        (column(0.1, 0.9), Task.REGRESSION),
        (np.array([[0, 1], [1, 1]]), Task.MULTILABEL),
        (np.array([[0, 1, nan], [1, 0, 0]]), Task.MULTILABEL),
        (np.array([[0, 1], [1, 2]]), Task.REGRESSION),
    ],
)
def test_the_task_is_read_off_the_labels(labels, task):
    assert infer_task(labels) is task


@pytest.mark.parametrize("labels", [column(-1, 1, 1), column(1, 2), np.eye(3)])
def test_labels_that_could_mean_two_things_are_asked_about(labels):
    with pytest.raises(InputError, match="task="):
        infer_task(labels)


def test_outputs():
    assert Task.BINARY.outputs(1, 2) == 1
    assert Task.MULTICLASS.outputs(1, 5) == 5
    assert Task.MULTILABEL.outputs(7) == 7
    assert Task.REGRESSION.outputs(3) == 3
    assert Task("regression") is Task.REGRESSION


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [
        (Task.BINARY, column(0, 2), "t.tsv line 3: label 2 does not fit a binary task, which needs 0 or 1"),
        (Task.BINARY, column(0, nan), "t.tsv line 3: the label is missing, and a binary task needs one in every row"),
        (Task.BINARY, np.ones((2, 2)), "one label column, not 2"),
        (Task.MULTICLASS, column(0, 3), "t.tsv line 3: label 3 does not fit .* from 0 to 2"),
        (Task.MULTICLASS, column(0.5, 1), "t.tsv line 2: label 0.5"),
        (Task.MULTICLASS, column(nan, 1), "t.tsv line 2: the label is missing"),
        (
            Task.MULTILABEL,
            np.array([[0, 1], [nan, 3]]),
            "t.tsv line 3: label 3 in column 'b' .* 0, 1 or an empty field",
        ),
        (Task.REGRESSION, np.array([[0, np.inf], [1, 3]]), "t.tsv line 2: label inf in column 'b' .* finite numbers"),
        (Task.REGRESSION, np.array([[0, nan], [1, nan]]), "column 'b' has no value in any of the 2 rows"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_their_place(task, labels, message):
    with pytest.raises(InputError, match=message):
        check_labels(
            task,
            labels,
            where=lambda row: f"t.tsv line {row + 2}",
            target_names=("a", "b")[: labels.shape[1]],
            class_names=("x", "y", "z"),
        )


def test_missing_labels_pass_where_they_can_be_left_out():
    check_labels(Task.MULTILABEL, np.array([[0, nan], [nan, 1]]))
    check_labels(Task.REGRESSION, column(0.5, nan))


def test_a_split_of_one_class_is_refused():
    splits = np.array(["train", "train", "test", "test"])
    check_labels(Task.BINARY, column(0, 1, 1, 0), splits=splits)
    with pytest.raises(InputError, match=r"split 'test' holds only one class \(bound, 2 rows\)"):
        check_labels(Task.BINARY, column(0, 1, 1, 1), splits=splits, class_names=("unbound", "bound"))
    with pytest.raises(InputError, match=r"split 'train' holds only one class \(2, 2 rows\)"):
        check_labels(Task.MULTICLASS, column(2, 2, 1, 0), splits=splits, class_names=("0", "1", "2"))
    check_labels(Task.REGRESSION, column(1, 1, 1, 1), splits=splits)


def test_flat_labels_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="rows, targets"):
        check_labels(Task.BINARY, np.array([0.0, 1.0]))
