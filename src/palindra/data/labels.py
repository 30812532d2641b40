"""Label fields as written become numbers: parsed, or numbered by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.data.records import Records
from palindra.data.task import Task, check_labels, infer_task, is_one_hot
from palindra.errors import InputError

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none", "."})

# (negative, positive), lower case: pairs of words that can only be meant one way round
_YES_AND_NO = (("false", "true"), ("no", "yes"), ("negative", "positive"), ("neg", "pos"), ("unbound", "bound"))


@dataclass(frozen=True)
class Labels:
    """Labels ready for a model: numbers (rows, targets), what they are, and the names of targets and classes."""

    values: NDArray[np.float32]
    task: Task
    target_names: tuple[str, ...]
    class_names: tuple[str, ...]


def numbers(fields: Sequence[str]) -> NDArray[np.float64] | None:
    """The fields as numbers, NaN where missing, or None if one of them is neither.

    Examples:
        >>> numbers(["1", "NA", "2.5"])
        array([1. , nan, 2.5])
        >>> numbers(["1", "high"]) is None
        True
    """
    try:
        return np.array(["nan" if field.lower() in MISSING else field for field in fields], dtype=np.float64)
    except ValueError:
        return None


def understand_labels(records: Records, task: Task | None, class_names: Sequence[str] = ()) -> Labels:
    """Turn the label fields of a source into numbers, inferring the task where it is not given.

    Raises:
        InputError: for a field that is not a number where its column is numeric, for text that does not say which
            class is positive, and for everything that ``check_labels`` refuses; with file and line.
    """
    if task in (None, Task.BINARY, Task.MULTICLASS) and len(records.labels) == 1 and isinstance(records.labels, list):
        fields = records.labels[0]
        if class_names or task is Task.MULTICLASS or _is_text(fields):
            return _numbered(fields, records, task, tuple(class_names))
    values = _matrix(records)
    if task is None:
        try:
            task = infer_task(values)
        except InputError as error:
            raise InputError(f"{records.source}: {error}") from None
        if task is Task.MULTICLASS and isinstance(records.labels, list):
            return _numbered(records.labels[0], records, task, tuple(class_names))
    if task is Task.MULTICLASS and is_one_hot(values):
        return Labels(values.argmax(axis=1)[:, None].astype(np.float32), task, ("class",), records.target_names)
    names = tuple(class_names)
    if task is Task.MULTICLASS and not names:
        names = tuple(str(n) for n in range(int(np.nanmax(values, initial=0)) + 1))
    check_labels(task, values, where=records.where, target_names=records.target_names, class_names=names)
    return Labels(values, task, records.target_names, names)


def _is_text(fields: Sequence[str]) -> bool:
    """Whether no field is a number, so that they are names of classes and not numbers with a slip among them."""
    return not any(numbers([field]) is not None for field in fields if field.lower() not in MISSING)


def _matrix(records: Records) -> NDArray[np.float32]:
    if isinstance(records.labels, np.ndarray):
        values = records.labels
    else:
        columns = [numbers(fields) for fields in records.labels]
        for name, fields, column in zip(records.target_names, records.labels, columns, strict=True):
            if column is None:
                row = next(row for row, field in enumerate(fields) if numbers([field]) is None)
                raise InputError(
                    f"{records.where(row)}: label {fields[row]!r} in column {name!r} is not a number. Correct it, leave "
                    "the field empty, choose other label_columns (--label-columns), or use task='multiclass' for names."
                )
        values = np.stack([column for column in columns if column is not None], axis=1)
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    infinite = np.argwhere(np.isinf(single))
    if len(infinite):
        row, column = (int(n) for n in infinite[0])
        raise InputError(f"{records.where(row)}: label {values[row, column]:g} is infinite or beyond single precision.")
    return single


def _numbered(fields: list[str], records: Records, task: Task | None, given: tuple[str, ...]) -> Labels:
    missing = [row for row, field in enumerate(fields) if field.lower() in MISSING]
    if missing and len(missing) < len(fields):
        raise InputError(
            f"{records.where(missing[0])}: the label is missing, and a class is needed in every row "
            f"({len(missing)} of {len(fields)} rows have none). Remove these rows."
        )
    found = _sorted_names(set(fields))
    names = given or found
    if not given and len(found) == 2 and task is not Task.MULTICLASS:
        names, task = _negative_and_positive(found, records), Task.BINARY
    if not given and task is None and len(found) > max(2, len(fields) // 2):
        raise InputError(
            f"{records.source}: column {records.target_names[0]!r} holds {len(found)} different texts in {len(fields)} "
            f"rows ({', '.join(found[:3])}, ...), so they are hardly classes. Choose other label_columns "
            "(--label-columns), or say task='multiclass' (--task multiclass)."
        )
    number = {name: n for n, name in enumerate(names)}
    for row, field in enumerate(fields):
        if field not in number:
            raise InputError(
                f"{records.where(row)}: class {field!r} is not among the known classes ({', '.join(names[:20])})."
            )
    values = np.array([[number[field]] for field in fields], dtype=np.float32)
    task = task or Task.MULTICLASS
    check_labels(task, values, where=records.where, target_names=records.target_names, class_names=names)
    return Labels(values, task, records.target_names, names)


def _sorted_names(names: set[str]) -> tuple[str, ...]:
    """By value where all are numbers (2 before 10), otherwise by letter."""
    values = numbers(sorted(names))
    order = sorted(names) if values is None else [name for _, name in sorted(zip(values, sorted(names), strict=True))]
    return tuple(order)


def _negative_and_positive(found: tuple[str, ...], records: Records) -> tuple[str, ...]:
    for pair in _YES_AND_NO:
        if tuple(sorted(name.lower() for name in found)) == tuple(sorted(pair)):
            return tuple(sorted(found, key=lambda name: pair.index(name.lower())))
    raise InputError(
        f"{records.source}: the labels are {found[0]!r} and {found[1]!r}, which does not say which is the positive "
        "class. Write 0 (negative) and 1 (positive), give class_names in that order, or use task='multiclass'."
    )
