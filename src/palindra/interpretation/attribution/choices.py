"""Multipliers of tensors that are put together by choosing, entry by entry, from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from palindra.interpretation.attribution.backward import ruled
from palindra.interpretation.attribution.followed import Followed, plain
from palindra.interpretation.attribution.pair import Pair


@dataclass
class Alternative:
    """A tensor that is chosen somewhere, on the side of references and on that of sequences."""

    chosen: Tensor
    x_chosen: Tensor
    tensor: Tensor
    x: Tensor

    def where(self, condition: Tensor, x_condition: Tensor) -> Alternative:
        """The same where a condition holds as well."""
        return Alternative(self.chosen & condition, self.x_chosen & x_condition, self.tensor, self.x)


def choice(pair: Pair) -> Any:
    """One of several tensors at each entry; a choice among choices is one choice.

    Where another one is chosen than for the reference, each of the two counts by half of its change, and the jump
    between them is carried by the changes of all, in parts of their squares. No order of them is preferred, so that the
    entry of largest magnitude, with either sign, is treated alike on both strands.
    """
    condition, first, second = chosen_from(pair.function, pair.args)
    sides = iter(pair.step.inputs)
    given = {id(tensor): next(sides) for tensor in pair.given}
    c, x_c = plain(condition), given[id(condition)]
    value = pair.run([plain(tensor).detach() for tensor in pair.given])
    alternatives: list[Alternative] = []
    for side, holds, x_holds in ((first, c, x_c), (second, ~c, ~x_c)):
        if getattr(side, "alternatives", None):
            alternatives += [other.where(holds, x_holds) for other in side.alternatives]
        else:
            tensor = plain(side) if isinstance(side, Tensor) else value.new_tensor(side)
            alternatives.append(Alternative(holds, x_holds, tensor, given.get(id(side), tensor.detach())))
    moved = [other.x - other.tensor.detach() for other in alternatives]
    jump = torch.zeros_like(value)
    for other in alternatives:
        jump += (other.x_chosen.to(value.dtype) - other.chosen.to(value.dtype)) * (other.x + other.tensor.detach()) / 2
    sizes = torch.stack([part.square().expand_as(value) for part in moved]).sum(0)
    carried = torch.where(sizes > 0, jump / torch.where(sizes > 0, sizes, 1), 0)

    def multipliers(grad: Tensor) -> list[Tensor]:
        return [
            (grad * ((other.chosen.to(grad.dtype) + other.x_chosen.to(grad.dtype)) / 2 + carried * part)).sum_to_size(
                other.tensor.shape
            )
            for other, part in zip(alternatives, moved, strict=True)
        ]

    found = ruled(value, multipliers, *[other.tensor for other in alternatives]).as_subclass(Followed)
    found.alternatives = alternatives
    return found


def chosen_from(function: Any, args: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """The condition, and what is chosen where it is true and where it is not."""
    if len(args) != 3:
        return None, None, None
    order = {torch.where: (0, 1, 2), Tensor.where: (1, 0, 2)}.get(function, (1, 2, 0))  # else masked_fill
    first, second, third = (args[place] for place in order)
    return first, second, third


CHOOSING = {torch.where, Tensor.where, torch.masked_fill, Tensor.masked_fill}
