"""A recurrent encoder on both strands: filters of motifs, a memory along each strand, pooled features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.strand_parts import PooledFeatures, feed_forward, strand_stem
from palindra.models.track_heads import require_length
from palindra.nn import BothStrands, Conv1d, Dropout, Residual, RMSNorm, Sequential, VectorHead
from palindra.nn.recurrence import Comba, Mamba2
from palindra.nn.recurrent import TwoWayLSTM
from palindra.symmetry import Position, Rep, Target


@dataclass(frozen=True)
class StrandRecurrentConfig:
    """Sizes of a :class:`StrandRecurrent`.

    ``involution=None`` gives the baseline without symmetry from the same lines: the same number of channels, nothing
    tied, a second set of weights for the other direction.
    """

    length: int  # of the one-hot input
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    hidden: Rep = field(default=Rep(regular=32))
    stem_size: int = 15  # about one motif
    pool: int = 4  # after the stem
    depth: int = 1  # of recurrent and feed-forward layers
    mixer: Literal["lstm", "comba", "mamba2"] = "lstm"  # the others run in chunks, for long sequences
    heads: int = 4  # of comba and mamba2
    key_size: int = 16  # of comba and mamba2: rows of each head's memory
    feed_forward: int = 2  # times the hidden channels
    dropout: float = 0.2  # of what recurrent and feed-forward layers add, and of pooled features
    stem_dropout: float = 0.1
    involution: Position | None = Position.REVERSE


class StrandRecurrent(nn.Module):
    """Equivariant recurrent encoder of any type, for one value or several per sequence.

    In every layer one recurrence reads each strand from its 5' end, and at every position all channels of both
    (:class:`palindra.nn.BothStrands`), so the strands meet in every layer and not at the end only.

    Args:
        config: sizes and types; odd channels are averaged after the stem, and become pairs before the maxima.

    Inputs are one-hot ``(batch, 4, length)`` of the length in ``config``, outputs ``(batch, outputs)`` (logits or
    values).

    Examples:
        >>> model = StrandRecurrent(StrandRecurrentConfig(length=101))
        >>> model(torch.zeros(3, 4, 101)).shape
        torch.Size([3, 1])
    """

    def __init__(self, config: StrandRecurrentConfig) -> None:
        super().__init__()
        self.config = config
        position = config.involution or Position.IDENTITY
        hidden = config.hidden if config.involution else Rep(even=config.hidden.channels)
        target = config.target if config.involution else Target.strand_specific()  # the baseline ties nothing
        self.stem = strand_stem(
            hidden,
            config.stem_size,
            length=config.length,
            pool=config.pool,
            dropout=config.stem_dropout,
            position=position,
        )
        layers: list[nn.Module] = []
        for _ in range(config.depth):
            recurrent = TWO_WAYS[config.mixer](hidden, config, position)
            out = Conv1d(recurrent.out_rep, hidden, 1, bias=False, position=position)  # type: ignore[arg-type]
            dropout = Dropout(hidden, config.dropout, position=position)
            layers += [
                Residual(Sequential(RMSNorm(hidden), recurrent, out, dropout)),
                feed_forward(hidden, config.feed_forward, config.dropout, position=position),
            ]
        self.encoder = Sequential(*layers, RMSNorm(hidden))
        self.pooled = PooledFeatures(hidden, config.dropout, position=position)
        self.head = VectorHead(hidden, target, config.outputs)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        return self.head(self.embed(x))

    def embed(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch hidden"]:
        """The features before the last linear map, of type ``config.hidden``."""
        require_length(x, exactly=self.config.length)
        return self.pooled(self.encoder(self.stem(x)))  # along (batch, hidden, length / pool)


class OneWay(nn.Module):
    """A mixer of ``(batch, length, features)`` that reads ``(batch, channels, length)`` in one direction.

    Args:
        channels: of the inputs.
        features: of the mixer, and of the outputs ``(batch, features, length)``.
        mixer: the module.
    """

    def __init__(self, channels: int, features: int, mixer: nn.Module) -> None:
        super().__init__()
        self.into, self.mixer = nn.Linear(channels, features, bias=False), mixer

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch features length"]:
        return self.mixer(self.into(x.transpose(1, 2))).transpose(1, 2)


class BothDirections(nn.Module):
    """The baseline of :class:`palindra.nn.BothStrands`: each direction has its own weights, and none is turned.

    Args:
        forward: reads ``(batch, channels, length)`` as it is given.
        backward: reads it from its other end.
        channels: of the inputs.
        features: of each direction.
    """

    position = Position.IDENTITY

    def __init__(self, forward: nn.Module, backward: nn.Module, channels: int, features: int) -> None:
        super().__init__()
        self.onward, self.back = forward, backward
        self.in_rep, self.out_rep = Rep(even=channels), Rep(even=2 * features)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch features length"]:
        return torch.cat([self.onward(x), self.back(x.flip(-1)).flip(-1)], dim=1)


TwoWay = Callable[[Rep, StrandRecurrentConfig, Position], nn.Module]


def _lstm(rep: Rep, config: StrandRecurrentConfig, position: Position) -> nn.Module:
    return TwoWayLSTM(rep, _features(rep), position=position)


def _both_ways(build: Callable[[int, StrandRecurrentConfig], nn.Module]) -> TwoWay:
    """A layer of the mixer that ``build`` makes from a number of features, with or without symmetry."""

    def layer(rep: Rep, config: StrandRecurrentConfig, position: Position) -> nn.Module:
        features = _features(rep)
        onward = OneWay(rep.channels, features, build(features, config))
        if position is Position.REVERSE:
            return BothStrands(onward, rep, features)
        back = OneWay(rep.channels, features, build(features, config))
        return BothDirections(onward, back, rep.channels, features)

    return layer


def _features(rep: Rep) -> int:
    """Of each direction, so that both together are as many as the channels."""
    return (rep.channels + 1) // 2


def _comba(features: int, config: StrandRecurrentConfig) -> nn.Module:
    return Comba(features, heads=config.heads, key_size=config.key_size)


def _mamba2(features: int, config: StrandRecurrentConfig) -> nn.Module:
    return Mamba2(features, state_size=config.key_size, head_size=max(1, 2 * features // config.heads))


TWO_WAYS: Mapping[str, TwoWay] = {"lstm": _lstm, "comba": _both_ways(_comba), "mamba2": _both_ways(_mamba2)}
"""Recurrent layers ``(batch, channels, length)`` along both directions, by the name of their mixer."""
