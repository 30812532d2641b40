"""Configurations as plain values that TOML can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from palindra.symmetry import Position, Rep, Target


def to_plain(config: Any) -> dict[str, Any]:
    """A configuration dataclass as strings, numbers, lists and dicts.

    Examples:
        >>> from palindra.models import StrandCNNConfig
        >>> plain = to_plain(StrandCNNConfig(length=101))
        >>> plain["hidden"], plain["involution"]
        ('16 regular', 'reverse')
    """
    return {field.name: _plain(getattr(config, field.name)) for field in fields(config)}


def _plain(value: Any) -> Any:
    if isinstance(value, Rep):
        return str(value)
    if isinstance(value, Position):
        return value.value
    if isinstance(value, Target):
        return target_to_plain(value)
    if isinstance(value, tuple):
        return list(value)
    return "none" if value is None else value


def from_plain(kind: type[Any], plain: dict[str, Any]) -> Any:
    """Build a configuration of ``kind`` from what :func:`to_plain` gave.

    Raises:
        ValueError: for a field that the configuration does not have.
    """
    return kind(**typed_fields(kind, plain))


def typed_fields(kind: type[Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Some fields of a configuration as its types, from plain values.

    Raises:
        ValueError: for a field that the configuration does not have, or a value that does not fit.
    """
    hints = get_type_hints(kind)
    if unknown := sorted(plain.keys() - hints.keys()):
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}; it has {', '.join(sorted(hints))}.")
    found = {}
    for name, value in plain.items():
        try:
            found[name] = typed(hints[name], value)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from error
    return found


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def typed(hint: Any, value: Any) -> Any:
    """A plain value as the type that a field asks for.

    Raises:
        ValueError: saying what is needed.

    Examples:
        >>> typed(tuple[int, ...], [1, 2]), typed(float, 3), typed(Position | None, "none")
        ((1, 2), 3.0, None)
        >>> typed(int, "three")
        Traceback (most recent call last):
        ValueError: 'three' is given and a whole number needed.
    """
    if hint is Rep:
        return value if isinstance(value, Rep) else Rep.parse(str(value))
    if hint is Target:
        return value if isinstance(value, Target) else target_from_plain(value)
    if get_origin(hint) is UnionType:  # of one type and None
        inner = next(part for part in get_args(hint) if part is not type(None))
        return None if value in (None, "none") else typed(inner, value)
    if hint is Position:
        return Position(value)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{value!r} is given and one of {', '.join(get_args(hint))} needed.")
        return value
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if not isinstance(value, list | tuple):
            raise ValueError(f"{value!r} is given and a list needed, e.g. [1, 2].")
        return tuple(typed(inner, part) for part in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"{value!r} is given and {_WORDS.get(hint, hint.__name__)} needed.")
    return value


def target_to_plain(target: Target) -> dict[str, Any]:
    """The declaration of a target, e.g. ``{"rep": "1 even", "position": "identity"}``."""
    plain: dict[str, Any] = {
        "rep": "strand-specific" if target.rep is None else str(target.rep),
        "position": target.position.value,
    }
    return plain if target.order is None else plain | {"order": list(target.order)}


def target_from_plain(plain: dict[str, Any]) -> Target:
    """The target that :func:`target_to_plain` described."""
    rep = None if plain["rep"] == "strand-specific" else Rep.parse(plain["rep"])
    order = tuple(plain["order"]) if "order" in plain else None
    return Target(rep, Position(plain["position"]), order)
