"""A small residual network on either strand: wide first filters, dilated residual blocks, pooled features."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn import (
    Activation,
    AvgPool1d,
    BatchNorm,
    Conv1d,
    Dropout,
    GlobalAvgPool,
    GlobalMaxPool,
    Linear,
    MaxPool1d,
    Residual,
    Sequential,
    VectorHead,
)
from palindra.symmetry import Position, Rep, Target, concat


@dataclass(frozen=True)
class StrandResNetConfig:
    """Sizes of a :class:`StrandResNet`; the defaults were chosen on validation sets (benchmarks/results).

    ``involution=None`` gives the baseline without symmetry from the same lines: the same number of channels, nothing
    tied.
    """

    length: int  # of the one-hot input
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    hidden: Rep = field(default=Rep(regular=32))
    stem_size: int = 15  # about one motif
    pool: int = 2  # after the stem; windows overlap by one where the length asks for it
    block_size: int = 5
    dilations: tuple[int, ...] = (1, 2, 4)
    dropout: float = 0.2  # of whole channels in the blocks, and of pooled features
    stem_dropout: float = 0.1
    involution: Position | None = Position.REVERSE


class StrandResNet(nn.Module):
    """Residual convolutional network of any type, for one value or several per sequence.

    Args:
        config: sizes and types; odd channels are averaged after the stem, and become pairs before the maxima.

    Inputs are one-hot ``(batch, 4, length)``, outputs ``(batch, outputs)`` (logits or values).

    Examples:
        >>> import torch
        >>> model = StrandResNet(StrandResNetConfig(length=101))
        >>> model(torch.zeros(3, 4, 101)).shape
        torch.Size([3, 1])
    """

    def __init__(self, config: StrandResNetConfig) -> None:
        super().__init__()
        self.config = config
        position = config.involution or Position.IDENTITY
        dna = Rep(regular=2) if config.involution else Rep(even=4)
        hidden = config.hidden if config.involution else Rep(even=config.hidden.channels)
        target = config.target if config.involution else Target.strand_specific()  # the baseline ties nothing
        pooling = AvgPool1d if hidden.odd else MaxPool1d
        stem: list[nn.Module] = [
            Conv1d(dna, hidden, config.stem_size, padding="same", bias=False, position=position),
            BatchNorm(hidden),
            Activation(hidden, functional.silu),
            Dropout(hidden, config.stem_dropout, channels=True, position=position),
        ]
        if config.pool > 1:
            # Windows of pool (+ 1) positions every pool ones cover any length exactly.
            size = config.pool + config.length % config.pool
            stem.append(pooling(hidden, size, stride=config.pool, position=position))
        self.stem = Sequential(*stem)
        self.blocks = nn.Sequential(
            *(
                Residual(
                    Sequential(
                        Conv1d(
                            hidden,
                            hidden,
                            config.block_size,
                            dilation=dilation,
                            padding="same",
                            bias=False,
                            position=position,
                        ),
                        BatchNorm(hidden),
                        Activation(hidden, functional.silu),
                        Dropout(hidden, config.dropout, channels=True, position=position),
                    )
                )
                for dilation in config.dilations
            )
        )
        # The largest value of an odd channel over positions is none of the other strand's. Pairs are even and odd
        # channels in another basis, so one map along the channels makes the maxima possible.
        paired = Rep(regular=(hidden.channels + 1) // 2)
        self.to_pairs = Conv1d(hidden, paired, 1, bias=False, position=position) if hidden.odd else nn.Identity()
        pooled = paired if hidden.odd else hidden
        self.pools = nn.ModuleList([GlobalAvgPool(pooled), GlobalMaxPool(pooled)])
        pooled = pooled * len(self.pools)
        self.features = nn.Sequential(
            BatchNorm(pooled),
            Dropout(pooled, config.dropout, position=Position.IDENTITY),
            Linear(pooled, hidden),
            Activation(hidden, functional.silu),
            Dropout(hidden, config.dropout, position=Position.IDENTITY),
        )
        self.head = VectorHead(hidden, target, config.outputs)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        return self.head(self.embed(x))

    def embed(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch hidden"]:
        """The features before the last linear map, of type ``config.hidden``."""
        x = self.to_pairs(self.blocks(self.stem(x)))  # (batch, hidden, length / pool)
        pooled, _ = concat([pool(x) for pool in self.pools], [pool.in_rep for pool in self.pools])
        return self.features(pooled)
