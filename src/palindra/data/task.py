"""What is predicted: one yes/no, one of several classes, several yes/no, or numbers."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError

MOST_INFERRED_CLASSES = 20  # more integers than this in one column are taken for a measurement


class Task(StrEnum):
    """The kind of prediction; it decides the number of outputs, the loss and the metrics.

    Examples:
        >>> Task("multiclass").outputs(columns=1, classes=3)
        3
        >>> Task.MULTILABEL.outputs(columns=5), Task.BINARY.outputs(columns=1)
        (5, 1)
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"

    def outputs(self, columns: int, classes: int = 0) -> int:
        """Number of model outputs for that many label columns: one per column, or one per class."""
        return classes if self is Task.MULTICLASS else columns

    @property
    def has_classes(self) -> bool:
        """Whether a row belongs to exactly one class."""
        return self in (Task.BINARY, Task.MULTICLASS)


def infer_task(labels: NDArray[np.floating]) -> Task:
    """The task that numeric labels speak of.

    One column of 0 and 1 is binary; one column that holds exactly the integers 0..n-1 or 1..n (2 < n <= 20) is
    multiclass; several columns of 0, 1 and missing values are multilabel; anything else is regression.

    Args:
        labels: (rows, targets), NaN where missing.

    Raises:
        InputError: for labels that could be meant either way: one column of two integers other than 0 and 1, or
            several columns of which every row has exactly one 1.

    Examples:
        >>> infer_task(np.array([[0.0], [1.0], [1.0]])), infer_task(np.array([[0.3], [1.0], [7.1]]))
        (<Task.BINARY: 'binary'>, <Task.REGRESSION: 'regression'>)
        >>> infer_task(np.array([[0.0], [1.0], [2.0]])), infer_task(np.array([[0.0, 1.0], [1.0, np.nan]]))
        (<Task.MULTICLASS: 'multiclass'>, <Task.MULTILABEL: 'multilabel'>)
    """
    values = np.unique(labels[~np.isnan(labels)])
    zero_or_one = bool(np.isin(values, (0, 1)).all()) and len(values) > 0
    if is_one_hot(labels):
        raise InputError(
            f"every row has exactly one 1 in its {labels.shape[1]} label columns: say whether they are classes that "
            "exclude each other (task='multiclass', --task multiclass) or independent labels (task='multilabel')."
        )
    if labels.shape[1] > 1:
        return Task.MULTILABEL if zero_or_one else Task.REGRESSION
    if zero_or_one:
        return Task.BINARY
    whole = bool((values == np.floor(values)).all())
    if len(values) == 2 and whole:
        raise InputError(
            f"the labels are {values[0]:g} and {values[1]:g}: a binary task is written 0 (negative) and 1 (positive). "
            "Write them so, or say which task is meant (task='multiclass' or task='regression')."
        )
    counted = whole and 2 < len(values) <= MOST_INFERRED_CLASSES
    if counted and values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1:
        return Task.MULTICLASS
    return Task.REGRESSION


def is_one_hot(labels: NDArray[np.floating]) -> bool:
    """Whether several columns hold one 1 in each row and 0 otherwise."""
    return labels.shape[1] > 1 and bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def row_number(row: int) -> str:
    """The place of a row that comes from no file."""
    return f"row {row + 1}"


def check_labels(
    task: Task,
    labels: NDArray[np.floating],
    *,
    where: Callable[[int], str] = row_number,
    splits: NDArray[np.str_] | None = None,
    target_names: tuple[str, ...] = (),
    class_names: tuple[str, ...] = (),
) -> None:
    """Refuse labels that the task cannot use.

    Args:
        task: what they are for.
        labels: (rows, targets), NaN where missing; for multiclass (rows, 1) of class numbers from 0.
        where: names the place of a row, e.g. ``data.where``.
        splits: name of the split of each row; where given, a split in which a class task has one class is refused.
        target_names: names of the columns, for the messages.
        class_names: names of the classes; for multiclass their count is needed.

    Raises:
        InputError: with the place of the first label that does not fit.

    Examples:
        >>> check_labels(Task.BINARY, np.array([[0.0], [2.0]]))
        Traceback (most recent call last):
        palindra.errors.InputError: row 2: label 2 does not fit a binary task, which needs 0 or 1. ...
    """
    if labels.ndim != 2:
        raise ValueError(f"labels of shape {labels.shape}: (rows, targets) is needed.")
    if task.has_classes and labels.shape[1] != 1:
        raise InputError(
            f"a {task} task has one label column, not {labels.shape[1]} ({_listed(target_names)}): "
            "choose one with label_columns (--label-columns), or use task='multilabel' or 'regression'."
        )
    missing = np.isnan(labels)
    allowed, needed = _ALLOWED[task](labels, len(class_names))
    if task.has_classes and missing.any():
        raise InputError(
            f"{where(int(np.argmax(missing)))}: the label is missing, and a {task} task needs one in every row "
            f"({missing.sum()} of {len(labels)} rows have none). Remove these rows."
        )
    wrong = np.argwhere(~(allowed | missing))
    if len(wrong):
        row, column = (int(n) for n in wrong[0])
        name = f" in column {target_names[column]!r}" if len(target_names) > 1 else ""
        raise InputError(
            f"{where(row)}: label {labels[row, column]:g}{name} does not fit a {task} task, which needs {needed}. "
            "Correct it, or choose another task (--task binary, multiclass, multilabel or regression)."
        )
    empty = np.flatnonzero(missing.all(axis=0))
    if len(labels) and len(empty):
        name = target_names[empty[0]] if target_names else str(empty[0] + 1)
        raise InputError(f"label column {name!r} has no value in any of the {len(labels)} rows: leave it out.")
    if splits is not None and task.has_classes:
        for split in np.unique(splits):
            _check_two_classes(labels[splits == split, 0], str(split), class_names)


_ALLOWED: dict[Task, Callable[[NDArray[np.floating], int], tuple[NDArray[np.bool_], str]]] = {
    Task.BINARY: lambda labels, _: (np.isin(labels, (0, 1)), "0 or 1"),
    Task.MULTICLASS: lambda labels, n: (np.isin(labels, np.arange(n)), f"a class number from 0 to {n - 1}"),
    Task.MULTILABEL: lambda labels, _: (np.isin(labels, (0, 1)), "0, 1 or an empty field"),
    Task.REGRESSION: lambda labels, _: (np.isfinite(labels), "finite numbers or an empty field"),
}


def _check_two_classes(labels: NDArray[np.floating], split: str, class_names: tuple[str, ...]) -> None:
    present = np.unique(labels)
    if len(present) < 2:
        name = class_names[int(present[0])] if class_names else f"{present[0]:g}"
        raise InputError(
            f"split {split!r} holds only one class ({name}, {len(labels)} rows): nothing can be learned from it or "
            "measured on it. Add rows of the other class, or split again (--split random keeps the classes balanced)."
        )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
