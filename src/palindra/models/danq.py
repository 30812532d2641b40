"""DanQ: one convolution, a recurrent layer that reads both ways, one dense layer, one row of logits per window."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.conv_block import ConvBlock, DenseBlock
from palindra.models.flatten import Flatten
from palindra.models.track_config import WindowConfig
from palindra.models.track_heads import require_length
from palindra.nn import Dropout, Sequential, VectorHead
from palindra.nn.recurrent import TwoWayLSTM


@dataclass(frozen=True)
class DanQConfig(WindowConfig):
    """Sizes of a :class:`DanQ`; the defaults are the published ones (Quang & Xie, 2016)."""

    length: int = 1000
    width: int = 320
    kernel_size: int = 26
    pool: int = 13
    dropout: float = 0.2
    recurrent_width: int = 320  # in each direction
    recurrent_dropout: float = 0.5
    dense_width: int = 925


class DanQ(nn.Module):
    """The classifier of chromatin features with a memory over motifs.

    Args:
        config: sizes and types.

    Inputs are one-hot ``(batch, 4, length)``, outputs logits ``(batch, outputs)``.

    Examples:
        >>> import torch
        >>> model = DanQ(DanQConfig(length=200, width=8, recurrent_width=4, dense_width=16))
        >>> model(torch.zeros(2, 4, 200)).shape
        torch.Size([2, 1])
    """

    def __init__(self, config: DanQConfig) -> None:
        super().__init__()
        self.config = config
        hidden, dense, position = config.filled(config.width), config.filled(config.dense_width), config.position
        convolution = ConvBlock(
            config.dna,
            hidden,
            config.kernel_size,
            config.first_activation,
            length=config.length,
            padding="valid",
            norm=False,
            pool=config.pool,
            dropout=config.dropout,
            position=position,
        )
        recurrent = TwoWayLSTM(hidden, config.recurrent_width, position=position)
        flatten = Flatten(recurrent.out_rep, convolution.out_length or 1, position=position)
        self.trunk = Sequential(
            convolution,
            recurrent,
            Dropout(recurrent.out_rep, config.recurrent_dropout, position=position),
            flatten,
            DenseBlock(flatten.out_rep, dense, config.activation, norm=False),
        )
        self.head = VectorHead(dense, config.tied_target, config.outputs)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        require_length(x, exactly=self.config.length)
        return self.head(self.trunk(x))
