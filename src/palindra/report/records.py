"""Frozen dataclasses to strict JSON and back, guided by their own field types."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from palindra.errors import InputError

Record = TypeVar("Record")


def to_json(record: Any) -> str:
    """Write a dataclass of dataclasses, lists, dictionaries and numbers as strict, indented JSON.

    JSON has no NaN and no infinity: they are written as the strings ``"nan"``, ``"inf"`` and ``"-inf"``, so that any
    reader of JSON can open the file and nothing is lost.

    Examples:
        >>> from palindra.report.comparison import DataCheck
        >>> print(to_json(DataCheck("duplicates", "ok", "no sequence occurs twice")))
        {
          "name": "duplicates",
          "level": "ok",
          "message": "no sequence occurs twice"
        }
    """
    return json.dumps(_plain(record), indent=2, ensure_ascii=False, allow_nan=False)


def from_json(kind: type[Record], text: str) -> Record:
    """Read what `to_json` wrote.

    Raises:
        InputError: if the text is not JSON, or a field is missing, unknown or of another type; names the field.

    Examples:
        >>> from palindra.report.comparison import DataCheck
        >>> from_json(DataCheck, '{"name": "length", "level": "ok"}')
        Traceback (most recent call last):
        palindra.errors.InputError: DataCheck lacks the field 'message'. ...
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}. "
            f"Needed is a file as written next to the report, holding one {kind.__name__}."
        ) from error
    return _typed(kind, value, kind.__name__)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    return value


def _typed(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _record(kind, value, where)
    return _READERS[get_origin(kind) or kind](get_args(kind), value, where)


def _record(kind: Any, value: Any, where: str) -> Any:
    wanted = get_type_hints(kind)
    given = _instance(dict, value, where)
    for name in wanted.keys() - given.keys():
        raise InputError(f"{where} lacks the field {name!r}. It needs: {', '.join(wanted)}.")
    for name in given.keys() - wanted.keys():
        raise InputError(f"{where} has an unknown field {name!r}. It knows: {', '.join(wanted)}.")
    parts = {name: _typed(wanted[name], given[name], f"{where}.{name}") for name in wanted}
    try:
        return kind(**parts)
    except ValueError as error:
        raise InputError(f"{where} does not fit together: {error}") from error


def _instance(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        needed = getattr(kind, "__name__", "number")
        raise InputError(f"{where} is {value!r:.80}, of type {type(value).__name__}; needed is {needed}.")
    return value


def _float(_: Any, value: Any, where: str) -> float:
    return float(value if value in ("nan", "inf", "-inf") else _instance((int, float), value, where))


def _tuple(kinds: Any, value: Any, where: str) -> tuple[Any, ...]:
    items = _instance(list, value, where)
    if len(items) != len(kinds):
        raise InputError(f"{where} has {len(items)} values; needed are {len(kinds)}.")
    return tuple(_typed(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, items, strict=True)))


def _optional(kinds: Any, value: Any, where: str) -> Any:
    return None if value is None else _typed(next(kind for kind in kinds if kind is not NoneType), value, where)


_READERS: dict[Any, Callable[[Any, Any, str], Any]] = {
    str: lambda _, value, where: _instance(str, value, where),
    int: lambda _, value, where: _instance(int, value, where),
    bool: lambda _, value, where: _instance(bool, value, where),
    float: _float,
    tuple: _tuple,
    UnionType: _optional,
    Union: _optional,
    list: lambda kinds, value, where: [
        _typed(kinds[0], item, f"{where}[{i}]") for i, item in enumerate(_instance(list, value, where))
    ],
    dict: lambda kinds, value, where: {
        key: _typed(kinds[1], item, f"{where}[{key!r}]") for key, item in _instance(dict, value, where).items()
    },
}
