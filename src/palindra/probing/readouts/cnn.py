"""The baseline CNN on all tokens: the four heads of Tang (2024, chapter 3), for embeddings and one-hot alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.probing.readouts.masked import ConvBlock, MaskedBatchNorm, zero_fill

ONE_HOT_WIDTH = 4


@dataclass(frozen=True)
class ConvSize:
    """One convolution block."""

    width: int
    size: int
    pool: int = 1
    dropout: float = 0.2
    activation: str = "relu"
    dilations: tuple[int, ...] = ()  # of residual layers after the activation
    bias: bool = True
    norm: bool = True


@dataclass(frozen=True)
class CnnConfig:
    """Sizes of the CNN and how it is trained.

    ``project`` says which sources pass a convolution of one token first: "embeddings" (wider than one-hot, as the
    thesis prints), "all" (as some of the released code does, one-hot too) or "none".
    """

    blocks: tuple[ConvSize, ...]
    towers: int = 1  # inputs of a row; each passes a block of its own, then they stand one after the other
    tower_block: ConvSize | None = None
    dense: tuple[int, ...] = (256,)
    dense_dropout: float = 0.5
    dense_norm: bool = True
    pooled: bool = False  # mean over tokens instead of flattening
    projection: int = 64
    projection_norm: bool = True
    project: Literal["embeddings", "all", "none"] = "embeddings"
    start: Literal["he", "glorot"] = "glorot"  # first weights
    learning_rates: tuple[float, ...] = field(default=(1e-3,), kw_only=True)
    batch_size: int = field(default=256, kw_only=True)
    epochs: int = field(default=100, kw_only=True)
    weight_decay: float = field(default=0.0, kw_only=True)


LENTI_MPRA = CnnConfig(
    blocks=(ConvSize(196, 7, 5, activation="exp"), ConvSize(256, 7, 4)),
    dense=(512, 256),
    projection=196,
    learning_rates=(1e-3, 1e-4),  # published: 1e-4 for embeddings, 1e-3 for one-hot; here every source may have either
    batch_size=64,
)
BINDING = CnnConfig(blocks=(ConvSize(64, 7, 4), ConvSize(96, 5, 4), ConvSize(128, 5, 2)), projection=512, start="he")
SPLICING = CnnConfig(
    towers=2,
    tower_block=ConvSize(128, 7, 4),
    blocks=(ConvSize(164, 5, 4), ConvSize(256, 5, 2)),
    dense=(256, 256),
    projection=128,
)
INSERT = CnnConfig(
    blocks=(
        ConvSize(96, 19, 10, dropout=0.1, activation="exp", dilations=(1, 2, 4), bias=False),
        ConvSize(128, 7, dropout=0.1, bias=False),
    ),
    dense=(128,),
    dense_norm=False,
    pooled=True,
    projection=48,
    projection_norm=False,
    learning_rates=(1e-3, 1e-4),
    batch_size=128,
    epochs=200,
    weight_decay=1e-8,
)


class Cnn(nn.Module):
    """Convolutions over all tokens, then dense layers; gives logits or values ``(batch, outputs)``.

    Args:
        width: features of a token.
        tokens: of every row, fill included.
        outputs: what is predicted.
        config: sizes.

    Called with features ``(batch, width, tokens)`` and a mask ``(batch, tokens)``, True at tokens, for each tower.

    Examples:
        >>> model = Cnn(4, 200, 1, BINDING)
        >>> sum(p.numel() for p in model.parameters())
        292449
        >>> model(torch.zeros(2, 4, 200), torch.ones(2, 200, dtype=torch.bool)).shape
        torch.Size([2, 1])
    """

    def __init__(self, width: int, tokens: int, outputs: int, config: CnnConfig) -> None:
        super().__init__()
        self.config = config
        self.projections = nn.ModuleList()
        if config.project == "all" or (config.project == "embeddings" and width > ONE_HOT_WIDTH):
            self.projections.extend(_Projection(width, config) for _ in range(config.towers))
            width = config.projection
        self.towers = nn.ModuleList()
        if config.tower_block is not None:
            towers = [_block(width, tokens, config.tower_block) for _ in range(config.towers)]
            self.towers.extend(towers)
            width, tokens = config.tower_block.width, towers[0].tokens
        tokens *= config.towers
        self.blocks = nn.ModuleList()
        for sizes in config.blocks:
            block = _block(width, tokens, sizes)
            self.blocks.append(block)
            width, tokens = sizes.width, block.tokens
        self.pooled = config.pooled
        features = width if config.pooled else width * tokens
        dense: list[nn.Module] = []
        for size in config.dense:
            norm: list[nn.Module] = [nn.BatchNorm1d(size)] if config.dense_norm else []
            dense += [nn.Linear(features, size), *norm, nn.ReLU(), nn.Dropout(config.dense_dropout)]
            features = size
        self.dense = nn.Sequential(*dense, nn.Linear(features, outputs))
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                (nn.init.kaiming_uniform_ if config.start == "he" else nn.init.xavier_uniform_)(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, *inputs: Tensor) -> Tensor:
        if len(inputs) != 2 * self.config.towers:
            raise InputError(
                f"{len(inputs) // 2} inputs a row are given to a CNN of {self.config.towers}: choose a configuration "
                "with as many towers."
            )
        parts = []
        for number in range(self.config.towers):
            x, mask = inputs[2 * number : 2 * number + 2]
            x = zero_fill(x, mask)
            if self.projections:
                x = self.projections[number](x, mask)
            if self.towers:
                x, mask = self.towers[number](x, mask)
            parts.append((x, mask))
        x, mask = torch.cat([part[0] for part in parts], dim=2), torch.cat([part[1] for part in parts], dim=1)
        for block in self.blocks:
            x, mask = block(x, mask)
        if self.pooled:
            return self.dense(x.sum(2) / mask.sum(1, keepdim=True).clamp(min=1))
        return self.dense(x.flatten(1))


class _Projection(nn.Module):
    """Batch norm of the embedding where asked for, and a convolution of one token."""

    def __init__(self, width: int, config: CnnConfig) -> None:
        super().__init__()
        self.norm = MaskedBatchNorm(width) if config.projection_norm else None
        self.convolution = nn.Conv1d(width, config.projection, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return zero_fill(self.convolution(x if self.norm is None else self.norm(x, mask)), mask)


def _block(channels: int, tokens: int, sizes: ConvSize) -> ConvBlock:
    return ConvBlock(
        channels,
        sizes.width,
        sizes.size,
        tokens=tokens,
        activation=sizes.activation,
        pool=sizes.pool,
        dropout=sizes.dropout,
        dilations=sizes.dilations,
        norm=sizes.norm,
        bias=sizes.bias,
    )
