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
                    f"{records.where(row)}: label {fields[row]!r} in column {name!r} is not a number. Correct it, "
                    "leave the field empty, choose other label_columns (--label-columns), or for names task=multiclass."
                )
        values = np.stack([column for column in columns if column is not None], axis=1)
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    infinite = np.argwhere(np.isinf(single))
    if len(infinite):
        row, place = (int(n) for n in infinite[0])
        raise InputError(f"{records.where(row)}: label {values[row, place]:g} is infinite or beyond single precision.")
    return single


def _numbered(fields: list[str], records: Records, task: Task | None, given: tuple[str, ...]) -> Labels:
    missing = [row for row, field in enumerate(fields) if field.lower() in MISSING]
    if missing:
        raise InputError(
            f"{records.where(missing[0])}: the label is missing, and a class is needed in every row "
            f"({len(missing)} of {len(fields)} rows have none). Remove these rows."
        )
    fields, given = _one_spelling(fields), tuple(_one_spelling(given))
    found = _sorted_names(set(fields))
    names = given or found
    if task is not Task.MULTICLASS and len(names) <= 2:
        names, task = given or _negative_and_positive(found, records), Task.BINARY
    if task is Task.BINARY and len(names) != 2:
        raise InputError(
            f"{records.source}: column {records.target_names[0]!r} holds {len(found)} classes ({_listed(names)}), and "
            "a binary task has two. Use task='multiclass' (--task multiclass), or another label column."
        )
    if task is None and not given and len(found) > max(2, len(fields) // 2):
        raise InputError(
            f"{records.source}: column {records.target_names[0]!r} holds {len(found)} different texts in {len(fields)} "
            f"rows ({_listed(found)}), so they are hardly classes. Choose other label_columns (--label-columns), or "
            "say task='multiclass' (--task multiclass)."
        )
    number = {name: n for n, name in enumerate(names)}
    unknown = next((row for row, field in enumerate(fields) if field not in number), None)
    if unknown is not None:
        raise InputError(f"{records.where(unknown)}: class {fields[unknown]!r} is not one of {_listed(names)}.")
    values = np.array([[number[field]] for field in fields], dtype=np.float32)
    return Labels(values, task or Task.MULTICLASS, records.target_names, names)


def _one_spelling(names: Sequence[str]) -> list[str]:
    """Numbers spelled in one way (1 and 1.0 are one class); other names as they are."""
    values = numbers(names)
    if values is None or not len(values) or not np.isfinite(values).all():
        return list(names)
    return [str(int(value)) if value == int(value) else repr(value) for value in values.tolist()]


def _sorted_names(names: set[str]) -> tuple[str, ...]:
    """By value where all are numbers (2 before 10), otherwise by letter."""
    values = numbers(sorted(names))
    return tuple(sorted(names) if values is None else sorted(names, key=float))


def _negative_and_positive(found: tuple[str, ...], records: Records) -> tuple[str, ...]:
    if set(found) <= {"0", "1"}:
        return "0", "1"
    for pair in _YES_AND_NO:
        if {name.lower() for name in found} <= set(pair):
            spelled = {name.lower(): name for name in found}
            return tuple(spelled.get(name, name) for name in pair)
    raise InputError(
        f"{records.source}: column {records.target_names[0]!r} holds {_listed(found)}, which does not say which is the "
        "positive class. Write 0 (negative) and 1 (positive), give class_names in that order, or use task='multiclass'."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
