"""How a typed layer prints: its types, and the options that differ from their defaults, on one line."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn


class OneLine(nn.Module):
    """Prints ``Conv1d(2 regular -> 8 regular, kernel_size=15)`` instead of the parts that tying adds to a layer.

    Attributes:
        shown: the options to print, with the default values at which they are left out.
        keeps_type: whether one type says it all.
    """

    shown: ClassVar[dict[str, Any]] = {}
    keeps_type: ClassVar[bool] = False

    def __repr__(self) -> str:
        types = str(self.out_rep) if self.keeps_type else f"{self.in_rep} -> {self.out_rep}"
        options = {name: _single(getattr(self, name)) for name in self.shown}
        told = [f"{name}={value}" for name, value in options.items() if value != self.shown[name]]
        return f"{printed_name(self)}({', '.join([types, *told])})"


def printed_name(layer: nn.Module) -> str:
    """The name of the class that the user wrote; parametrisation makes a subclass of its own."""
    return type(layer).__name__.removeprefix("Parametrized")


def _single(value: Any) -> Any:
    """The stock layers repeat a number for every axis; ours have the same along all, so it is printed once."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
