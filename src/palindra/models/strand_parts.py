"""First and last layers that the encoders of labelled sequences share: filters of motifs, and pooled features."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn import (
    Activation,
    AvgPool1d,
    BatchNorm,
    Conv1d,
    Dropout,
    Gated,
    GlobalAvgPool,
    GlobalMaxPool,
    Linear,
    MaxPool1d,
    Residual,
    RMSNorm,
    Sequential,
)
from palindra.symmetry import Position, Rep, concat


def strand_stem(
    hidden: Rep, size: int, *, length: int, pool: int, dropout: float, position: Position = Position.REVERSE
) -> Sequential:
    """One-hot DNA ``(batch, 4, length)`` to ``hidden`` features of ``length // pool`` positions.

    Examples:
        >>> import torch
        >>> strand_stem(Rep(regular=3), 15, length=101, pool=4, dropout=0.1)(torch.zeros(2, 4, 101)).shape
        torch.Size([2, 6, 25])
    """
    if not 1 <= pool <= length:
        raise ValueError(f"pooling by {pool} positions does not fit sequences of {length}: give 1 to {length}.")
    dna = Rep(regular=2) if position is Position.REVERSE else Rep(even=4)
    layers: list[nn.Module] = [
        Conv1d(dna, hidden, size, padding="same", bias=False, position=position),
        BatchNorm(hidden),
        Activation(hidden, functional.silu),
        Dropout(hidden, dropout, channels=True, position=position),
    ]
    if pool > 1:
        # Windows of pool (+ rest) positions every pool ones cover any length exactly.
        pooling = AvgPool1d if hidden.odd else MaxPool1d
        layers.append(pooling(hidden, pool + length % pool, stride=pool, position=position))
    return Sequential(*layers)


def feed_forward(rep: Rep, ratio: int, dropout: float, *, position: Position = Position.REVERSE) -> Residual:
    """Normalised features through ``ratio`` times as many gated ones (SwiGLU), added to what came in.

    Examples:
        >>> import torch
        >>> feed_forward(Rep(regular=2, odd=1), 2, 0.0)(torch.zeros(3, 5, 20)).shape
        torch.Size([3, 5, 20])

    Source: Shazeer (2020), GLU variants improve Transformer.
    """
    if ratio < 1:
        raise ValueError(f"feed-forward layers widen the features {ratio} times: give 1 or more.")
    gated = Gated(rep * ratio, functional.silu)
    return Residual(
        Sequential(
            RMSNorm(rep),
            Conv1d(rep, gated.in_rep, 1, bias=False, position=position),
            gated,
            Conv1d(gated.out_rep, rep, 1, bias=False, position=position),
            Dropout(rep, dropout, position=position),
        )
    )


class PooledFeatures(nn.Module):
    """Means and largest values over positions, and a layer on them: one vector of type ``hidden`` per sequence.

    Args:
        hidden: type of the features along the sequence and of the vector.
        dropout: of pooled features, and of the vector.
        position: the action on positions.
    """

    out_position = Position.IDENTITY

    def __init__(self, hidden: Rep, dropout: float, *, position: Position = Position.REVERSE) -> None:
        super().__init__()
        self.in_rep = self.out_rep = hidden
        self.position = position
        # The largest value of an odd channel over positions is none of the other strand's. Pairs are even and odd
        # channels in another basis, so one map along the channels makes the maxima possible.
        pooled = Rep(regular=(hidden.channels + 1) // 2) if hidden.odd else hidden
        self.to_pairs = Conv1d(hidden, pooled, 1, bias=False, position=position) if hidden.odd else nn.Identity()
        self.pools = nn.ModuleList([GlobalAvgPool(pooled), GlobalMaxPool(pooled)])
        pooled = pooled * len(self.pools)
        self.features = nn.Sequential(
            BatchNorm(pooled),
            Dropout(pooled, dropout, position=Position.IDENTITY),
            Linear(pooled, hidden),
            Activation(hidden, functional.silu),
            Dropout(hidden, dropout, position=Position.IDENTITY),
        )

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch channels"]:
        x = self.to_pairs(x)
        pooled, _ = concat([pool(x) for pool in self.pools], [pool.in_rep for pool in self.pools])
        return self.features(pooled)
