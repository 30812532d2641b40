"""Operations that change their first input, and those that give the same as a new tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def operations_in_place() -> dict[Any, Any]:
    """Each operation of PyTorch that overwrites its first input, and its twin that does not.

    Examples:
        >>> operations_in_place()[torch.Tensor.add_] is torch.Tensor.add
        True
    """
    found: dict[Any, Any] = {}
    for place in (Tensor, torch, functional):
        for name in dir(place):
            if name.endswith("_") and not name.endswith("__") and hasattr(place, name[:-1]):
                found[getattr(place, name)] = getattr(place, name[:-1])
    for name in ("add", "sub", "mul", "truediv"):
        found[getattr(Tensor, f"__i{name}__")] = getattr(Tensor, "div" if name == "truediv" else name)
    found.pop(Tensor.requires_grad_, None)  # says something of a tensor, and changes no number
    return found
