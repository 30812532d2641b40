"""Configurations as plain values that TOML can hold, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

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
    hints = get_type_hints(kind)
    if unknown := sorted(plain.keys() - hints.keys()):
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}; it has {', '.join(sorted(hints))}.")
    return kind(**{name: _typed(hints[name], value) for name, value in plain.items()})


def _typed(hint: Any, value: Any) -> Any:
    if hint is Rep:
        return Rep.parse(value)
    if hint is Target:
        return target_from_plain(value)
    if hint == Position | None:
        return None if value == "none" else Position(value)
    return tuple(value) if isinstance(value, list) else value


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
