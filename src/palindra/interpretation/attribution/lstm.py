"""Long short-term memory written out in steps, so that every gate and every product is an operation of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def lstm_in_steps(
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    bias: bool,
    layers: int,
    dropout: float,
    training: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """What ``torch.lstm`` gives in evaluation mode, from operations on tensors ``(steps, batch, features)``."""
    directions = 2 if bidirectional else 1
    per_layer = len(weights) // (layers * directions)
    x = x.transpose(0, 1) if batch_first else x
    last: list[list[Tensor]] = [[], []]
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            number = layer * directions + direction
            own = weights[number * per_layer : (number + 1) * per_layer]
            start = state[0][number], state[1][number]
            found, hidden, cell = _one_way(x.flip(0) if direction else x, start, own, bias)
            outputs.append(found.flip(0) if direction else found)
            last[0].append(hidden)
            last[1].append(cell)
        x = torch.cat(outputs, dim=-1)
    return x.transpose(0, 1) if batch_first else x, torch.stack(last[0]), torch.stack(last[1])


def _one_way(
    x: Tensor, start: tuple[Tensor, Tensor], weights: Sequence[Tensor], bias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    from_input, from_hidden = weights[0], weights[1]
    shifts: Any = weights[2:4] if bias else (None, None)
    projection = weights[-1] if len(weights) % 2 else None  # of the output of each step, where there is one
    hidden, cell = start
    read = functional.linear(x, from_input, shifts[0])  # of all steps at once
    found = []
    for step in read.unbind(0):
        entry, forget, candidate, exit_ = (step + functional.linear(hidden, from_hidden, shifts[1])).chunk(4, -1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(entry) * torch.tanh(candidate)
        hidden = torch.sigmoid(exit_) * torch.tanh(cell)
        hidden = hidden if projection is None else functional.linear(hidden, projection)
        found.append(hidden)
    return torch.stack(found), hidden, cell
