"""A Transformer encoder on both strands: filters of motifs, attention between them, pooled features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.strand_parts import PooledFeatures, feed_forward, strand_stem
from palindra.models.track_heads import require_length
from palindra.nn import Dropout, Residual, RMSNorm, Sequential, VectorHead
from palindra.nn.attention import Attention
from palindra.symmetry import Position, Rep, Target


@dataclass(frozen=True)
class StrandTransformerConfig:
    """Sizes of a :class:`StrandTransformer`.

    ``involution=None`` gives the baseline without symmetry from the same lines: the same number of channels, nothing
    tied.
    """

    length: int  # of the one-hot input
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    hidden: Rep = field(default=Rep(regular=32))
    stem_size: int = 15  # about one motif
    pool: int = 4  # after the stem: attention costs a sixteenth
    depth: int = 2  # of attention and feed-forward layers
    heads: int = 4
    window: int | None = None  # positions after the stem seen to each side; none: all
    positions: Literal["rotary", "alibi", "none"] = "rotary"
    cross_strand: bool = False  # a head for each strand and across; regular hidden channels only
    feed_forward: int = 2  # times the hidden channels
    dropout: float = 0.2  # of what attention and feed-forward layers add, and of pooled features
    stem_dropout: float = 0.1
    involution: Position | None = Position.REVERSE


class StrandTransformer(nn.Module):
    """Equivariant Transformer encoder of any type, for one value or several per sequence.

    Layers are normalised before attention and before gated feed-forward layers (Vaswani et al., 2017; Xiong et al.,
    2020); attention is that of :class:`palindra.nn.attention.Attention`.

    Args:
        config: sizes and types; odd channels are averaged after the stem, and become pairs before the maxima.

    Inputs are one-hot ``(batch, 4, length)`` of the length in ``config``, outputs ``(batch, outputs)`` (logits or
    values).

    Examples:
        >>> import torch
        >>> model = StrandTransformer(StrandTransformerConfig(length=101))
        >>> model(torch.zeros(3, 4, 101)).shape
        torch.Size([3, 1])
    """

    def __init__(self, config: StrandTransformerConfig) -> None:
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
            attention = Attention(
                hidden,
                config.heads,
                window=config.window,
                positions=None if config.positions == "none" else config.positions,
                cross_strand=config.cross_strand,
                position=position,
            )
            dropout = Dropout(hidden, config.dropout, position=position)
            layers += [
                Residual(Sequential(RMSNorm(hidden), attention, dropout)),
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
