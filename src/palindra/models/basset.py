"""Basset: three convolutions with batch norm and pooling, two dense layers, one row of logits per window."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.conv_block import ConvBlock, DenseBlock, initialise
from palindra.models.flatten import Flatten
from palindra.models.track_config import WindowConfig
from palindra.models.track_heads import require_length
from palindra.nn import Conv1d, Linear, Sequential, VectorHead


@dataclass(frozen=True)
class BassetConfig(WindowConfig):
    """Sizes of a :class:`Basset`; the defaults are those of GOPHER (Toneyan, Tang & Koo, 2022)."""

    length: int = 2048
    widths: tuple[int, ...] = (300, 200, 200)
    kernel_sizes: tuple[int, ...] = (10, 11, 7)
    pools: tuple[int, ...] = (3, 4, 4)
    dense_widths: tuple[int, ...] = (1000, 1000)
    dropout: float = 0.3


class Basset(nn.Module):
    """The classifier of accessible windows.

    The first kernel has ten taps, so keeping the length would treat the two ends unlike: with symmetry that layer
    gives one position less, and pooling windows grow by what the length leaves over.

    Args:
        config: sizes and types.

    Inputs are one-hot ``(batch, 4, length)``, outputs logits ``(batch, outputs)``.

    Examples:
        >>> import torch
        >>> Basset(BassetConfig(length=200, widths=(8, 8, 8), dense_widths=(16, 16)))(torch.zeros(2, 4, 200)).shape
        torch.Size([2, 1])

    Source: Kelley, Snoek & Rinn (2016).
    """

    def __init__(self, config: BassetConfig) -> None:
        super().__init__()
        self.config = config
        rep, length, function, layers = config.dna, config.length, config.first_activation, list[nn.Module]()
        for width, size, pool in zip(config.widths, config.kernel_sizes, config.pools, strict=True):
            block = ConvBlock(
                rep, config.filled(width), size, function, length=length, pool=pool, position=config.position
            )
            layers.append(block)
            rep, length, function = config.filled(width), block.out_length or length, config.activation
        flatten = Flatten(rep, length, position=config.position)
        layers.append(flatten)
        rep = flatten.out_rep
        for width in config.dense_widths:
            layers.append(DenseBlock(rep, config.filled(width), config.activation, norm=False, dropout=config.dropout))
            rep = config.filled(width)
        self.trunk = Sequential(*layers)
        self.head = VectorHead(rep, config.tied_target, config.outputs)
        for layer in self.modules():
            if isinstance(layer, Conv1d | Linear):
                initialise(layer, "fan_mean")

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        require_length(x, exactly=self.config.length)
        return self.head(self.trunk(x))
