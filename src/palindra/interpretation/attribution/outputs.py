"""Which number is explained: a weighted sum of the outputs of a model, with weights fixed before anything is explained.

One value, the total of a track, the shape of a profile, entries of a map over pairs: each is a choice of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.nn import StrandMean
from palindra.symmetry import Target

Weights = Callable[[Tensor], Tensor]
"""From the outputs of sequences ``(rows, outputs, ...)`` to weights that can be multiplied with them."""


@dataclass(frozen=True)
class Output:
    """A number per sequence, as a weighted sum of a model's outputs.

    Args:
        weights: from the outputs of the sequences that are explained, without gradients.
        field: name or number of the output, where a model gives several.
        link: function of outputs that comes first, e.g. the logarithm of coverage.
    """

    weights: Weights
    field: str | int | None = None
    link: Callable[[Tensor], Tensor] | None = None

    def turned(self, target: Target) -> Output:
        """The number that, read from the other strand, is the same one."""
        return Output(lambda y: target.act(self.weights(target.act(y)).expand_as(y)), self.field, self.link)


def value(number: int = 0, *, field: str | int | None = None) -> Output:
    """One of the values per sequence ``(rows, outputs)``.

    Examples:
        >>> value(1).weights(torch.zeros(1, 3))
        tensor([[0., 1., 0.]])
    """
    return Output(lambda y: _one(y, number, axes=0), field)


def total(track: int = 0, *, start: int = 0, end: int | None = None, field: str | int | None = None) -> Output:
    """The sum of a track ``(rows, tracks, bins)`` over bins from ``start`` to before ``end``.

    Examples:
        >>> total(0, start=1).weights(torch.zeros(1, 2, 3))
        tensor([[[0., 1., 1.],
                 [0., 0., 0.]]])
    """

    def weights(y: Tensor) -> Tensor:
        chosen = _one(y, track, axes=1)
        last = y.shape[-1] if end is None else end
        if not 0 <= start < last <= y.shape[-1]:
            raise InputError(f"bins {start} to {last} are no stretch of a track of {y.shape[-1]} bins.")
        chosen[..., :start] = 0
        chosen[..., last:] = 0
        return chosen

    return Output(weights, field)


def profile_shape(track: int = 0, *, logits: bool = True, field: str | int | None = None) -> Output:
    """The shape of a track without its height: logits less their mean, weighted by the predicted profile.

    The weights are the profile of the sequence itself and stay what they are for its references, so that contributions
    add up (where every sequence and reference has its own, as in published code, they do not).

    Args:
        track: number of the track.
        logits: whether the model gives logits of the multinomial profile; else coverage, whose logarithm is taken.
        field: name or number of the output, e.g. ``"profile"``.

    Source: Avsec et al. (2021), profile contribution scores.
    """

    def weights(y: Tensor) -> Tensor:
        return _one(y, track, axes=1) * (y.softmax(-1) - 1 / y.shape[-1])

    return Output(weights, field, None if logits else torch.log)


def map_entries(pairs: Iterable[tuple[int, int]], *, channel: int = 0, field: str | int | None = None) -> Output:
    """The mean of chosen entries of a map over pairs ``(rows, channels, length, length)``.

    Examples:
        >>> map_entries([(0, 1)]).weights(torch.zeros(1, 1, 2, 2))
        tensor([[[[0., 1.],
                  [0., 0.]]]])
    """
    chosen = list(pairs)

    def weights(y: Tensor) -> Tensor:
        found = torch.zeros_like(_one(y, channel, axes=2))
        if not chosen:
            raise InputError("no entries of the map are chosen: give pairs of positions.")
        for row, column in chosen:
            if not (0 <= row < y.shape[-2] and 0 <= column < y.shape[-1]):
                raise InputError(f"the map has {y.shape[-2]} x {y.shape[-1]} entries and none at ({row}, {column}).")
            found[:, channel, row, column] += 1 / len(chosen)
        return found

    return Output(weights, field)


def only_output(y: Tensor) -> Tensor:
    """Weights of the one value per sequence, or of the total of the one track.

    Raises:
        InputError: if there are several, because none is the obvious one.
    """
    if y.dim() < 2 or y.shape[1] != 1 or y.dim() > 3:
        raise InputError(
            f"the model gives outputs {tuple(y.shape[1:])} per sequence: say which is explained, e.g. "
            "output=value(2), total(track=1), profile_shape(track=1) or map_entries([(3, 8)])."
        )
    return torch.ones_like(y)


class Chosen(nn.Module):
    """A network reduced to the output that is explained, averaged over both strands where a target is given.

    Args:
        network: any model of one-hot sequences.
        output: what is explained.
        reading: how that output changes with the strand; None for the given strand alone.
    """

    def __init__(self, network: nn.Module, output: Output, reading: Target | None = None) -> None:
        super().__init__()
        field = _Field(network, output.field)
        self.network = field if reading is None else StrandMean(field, reading)
        self.link = output.link

    def forward(self, x: Tensor) -> Tensor:
        y = self.network(x)
        return y if self.link is None else self.link(y)


class _Field(nn.Module):
    def __init__(self, network: nn.Module, field: str | int | None) -> None:
        super().__init__()
        self.network, self.field = network, field

    def forward(self, x: Tensor) -> Tensor:
        found = self.network(x)
        if isinstance(found, Tensor) and self.field is None:
            return found
        named: dict[Any, Any] = dict(found) if isinstance(found, dict) else {}
        if isinstance(found, (tuple, list)):
            named = {**dict(enumerate(found)), **(found._asdict() if hasattr(found, "_asdict") else {})}
        if not isinstance(named.get(self.field), Tensor):
            raise InputError(
                f"the model returns {type(found).__name__} with {list(named) or 'no'} parts, and field={self.field!r} "
                "is asked for: choose one of them, e.g. value(0, field='log_counts')."
            )
        return named[self.field]


def _one(y: Tensor, number: int, *, axes: int) -> Tensor:
    """Weights of one output, channel or track at all positions."""
    kind = ("values (rows, outputs)", "tracks (rows, tracks, bins)", "maps (rows, channels, length, length)")[axes]
    if y.dim() != 2 + axes:
        raise InputError(f"{kind} are needed for this choice, and the model gives {tuple(y.shape)}.")
    if not 0 <= number < y.shape[1]:
        raise InputError(f"output {number} is asked for, and the model gives {y.shape[1]}, counted from 0.")
    chosen = torch.zeros_like(y)
    chosen[:, number] = 1
    return chosen
