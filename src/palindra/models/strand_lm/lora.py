"""Low-rank updates of frozen linear maps (LoRA), as parametrisations that merge into the stock weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class LowRank(nn.Module):
    """A weight and a learned update of low rank: ``W + (alpha / rank) up down`` (Hu et al., 2022).

    The update begins at zero: the untrained model is the one it was.

    Args:
        weight: of a linear map ``(outputs, inputs)``; device and dtype are taken from it.
        rank: of the update.
        alpha: scale of the update times its rank.
    """

    def __init__(self, weight: Tensor, *, rank: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / rank
        self.down = nn.Parameter(weight.new_empty(rank, weight.shape[1]))
        self.up = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.up @ self.down)


def add_lora(
    model: nn.Module, *, rank: int = 8, alpha: float = 16.0, where: Callable[[str], bool] = lambda name: True
) -> list[str]:
    """Freeze a model and give its linear maps updates of low rank that are trained instead.

    Parametrisations keep every layer where and what it is, and reach layers that read the weight of a map themselves,
    where a replaced module would be passed by. Maps whose weights are tied already are left frozen.

    Args:
        model: changed in place.
        rank: of each update; no larger than the smaller side of a map is of use.
        alpha: scale of updates times their rank.
        where: says of the name of a linear map whether it gets an update.

    Returns:
        The names of the maps that got one.

    Raises:
        ValueError: if the rank is not positive, or there is no such map.

    Examples:
        >>> model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> add_lora(model, rank=2)
        ['0', '2']
        >>> sum(p.numel() for p in model.parameters() if p.requires_grad)
        30
    """
    if rank < 1:
        raise ValueError(f"updates of rank {rank} do not exist: at least 1 is needed.")
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and where(name) and not parametrize.is_parametrized(module, "weight")
    ]
    if not found:
        raise ValueError(f"{type(model).__name__} has no linear map that could get an update of low rank.")
    model.requires_grad_(False)
    for _, module in found:
        update = LowRank(module.weight.detach(), rank=rank, alpha=alpha)
        parametrize.register_parametrization(module, "weight", update)
    return [name for name, _ in found]


def merge_lora(model: nn.Module) -> list[str]:
    """Write the updates into the weights and take the parametrisations away; the function stays the same.

    All parameters can be trained again afterwards.

    Returns:
        The names of the maps that had an update.
    """
    names = []
    for name, module in list(model.named_modules()):
        if not isinstance(module, nn.Linear) or not parametrize.is_parametrized(module, "weight"):
            continue
        steps = module.parametrizations.weight  # type: ignore[union-attr]
        if isinstance(steps[-1], LowRank):  # type: ignore[index]
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
            names.append(name)
    model.requires_grad_(True)
    return names


def lora_state(model: nn.Module) -> dict[str, Tensor]:
    """The learned updates alone: a small file beside a large model."""
    return {
        f"{name}.{side}": value.detach().clone()
        for name, module in model.named_modules()
        if isinstance(module, LowRank)
        for side, value in (("down", module.down), ("up", module.up))
    }


def load_lora_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put learned updates into a model with updates of the same maps and rank.

    Raises:
        ValueError: if they are of other maps or another rank.
    """
    own = lora_state(model)
    wrong = sorted(own.keys() ^ state.keys()) or [n for n in own if own[n].shape != state[n].shape]
    if wrong:
        raise ValueError(f"the updates do not fit the model, e.g. {wrong[0]}: maps and rank must be the same.")
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, LowRank):
                module.down.copy_(state[f"{name}.down"])
                module.up.copy_(state[f"{name}.up"])
