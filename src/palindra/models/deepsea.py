"""DeepSEA: three convolutions without padding, one dense layer, one row of logits per window."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.conv_block import ConvBlock, DenseBlock
from palindra.models.flatten import Flatten
from palindra.models.track_config import WindowConfig
from palindra.models.track_heads import require_length
from palindra.nn import Sequential, VectorHead


@dataclass(frozen=True)
class DeepSEAConfig(WindowConfig):
    """Sizes of a :class:`DeepSEA`; the defaults are the published ones (Zhou & Troyanskaya, 2015)."""

    length: int = 1000
    widths: tuple[int, ...] = (320, 480, 960)
    kernel_sizes: tuple[int, ...] = (8, 8, 8)
    pools: tuple[int, ...] = (4, 4, 1)
    dropouts: tuple[float, ...] = (0.2, 0.2, 0.5)
    dense_width: int = 925


class DeepSEA(nn.Module):
    """The classifier of chromatin features.

    Args:
        config: sizes and types.

    Inputs are one-hot ``(batch, 4, length)``, outputs logits ``(batch, outputs)``.

    Examples:
        >>> import torch
        >>> DeepSEA(DeepSEAConfig(length=200, widths=(8, 8, 8), dense_width=16))(torch.zeros(2, 4, 200)).shape
        torch.Size([2, 1])
    """

    def __init__(self, config: DeepSEAConfig) -> None:
        super().__init__()
        self.config = config
        rep, length, function, layers = config.dna, config.length, config.first_activation, list[nn.Module]()
        rows = zip(config.widths, config.kernel_sizes, config.pools, config.dropouts, strict=True)
        for width, size, pool, dropout in rows:
            block = ConvBlock(
                rep,
                config.filled(width),
                size,
                function,
                length=length,
                padding="valid",
                norm=False,
                pool=pool,
                dropout=dropout,
                position=config.position,
            )
            layers.append(block)
            rep, length, function = config.filled(width), block.out_length or length, config.activation
        flatten, dense = Flatten(rep, length, position=config.position), config.filled(config.dense_width)
        self.trunk = Sequential(*layers, flatten, DenseBlock(flatten.out_rep, dense, config.activation, norm=False))
        self.head = VectorHead(dense, config.tied_target, config.outputs)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        require_length(x, exactly=self.config.length)
        return self.head(self.trunk(x))
