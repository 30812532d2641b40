"""Convolution blocks on rows with different numbers of tokens: what stands at fill never matters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "exp": torch.exp}

Mask = Bool[Tensor, "batch tokens"]


def zero_fill(x: Float[Tensor, "batch channels tokens"], mask: Mask) -> Float[Tensor, "batch channels tokens"]:
    """Zeros wherever the mask is false, whatever stood there."""
    return x.masked_fill(~mask.unsqueeze(1), 0.0)


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm whose statistics are those of the tokens alone; fill stays zero."""

    def forward(self, x: Float[Tensor, "batch channels tokens"], mask: Mask) -> Tensor:  # type: ignore[override]
        if bool(mask.all()):
            return super().forward(x)
        spread = torch.zeros_like(x).transpose(1, 2)
        spread[mask] = super().forward(x.transpose(1, 2)[mask])
        return spread.transpose(1, 2)


class ResidualLayers(nn.Module):
    """Dilated convolutions of three tokens with a skip connection over all of them, and ReLU at the end."""

    def __init__(self, width: int, dilations: tuple[int, ...], dropout: float = 0.1) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=d, dilation=d, bias=False) for d in dilations
        )
        self.norms = nn.ModuleList(MaskedBatchNorm(width) for _ in dilations)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch width tokens"], mask: Mask) -> Float[Tensor, "batch width tokens"]:
        y = x
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            y = norm(convolution(self.dropout(torch.relu(y)) if number else y), mask)
        return zero_fill(torch.relu(x + y), mask)


class ConvBlock(nn.Module):
    """Convolution, batch norm, activation, residual layers where asked for, max pooling and dropout.

    Pools that are larger than the number of tokens take all of them, so that sources with few tokens can be read by
    the same head; what is left over at the end by a pool is dropped, as in the published models.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        size: int,
        *,
        tokens: int,
        activation: str = "relu",
        pool: int = 1,
        dropout: float = 0.2,
        dilations: tuple[int, ...] = (),
        norm: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, width, size, padding=size // 2, bias=bias)
        self.norm = MaskedBatchNorm(width) if norm else None
        self.activation = ACTIVATIONS[activation]
        self.residual = ResidualLayers(width, dilations) if dilations else None
        self.pool = min(pool, tokens)
        self.tokens = tokens // self.pool  # after it
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch channels tokens"], mask: Mask) -> tuple[Tensor, Tensor]:
        y = self.convolution(x)  # whose fill is zero already
        y = zero_fill(self.activation(y if self.norm is None else self.norm(y, mask)), mask)
        if self.residual is not None:
            y = self.residual(y, mask)
        if self.pool > 1:  # values are not negative, so zeros at fill never win over a token
            y = functional.max_pool1d(y, self.pool)
            mask = functional.max_pool1d(mask.float().unsqueeze(1), self.pool).squeeze(1) > 0
        return self.dropout(y), mask
