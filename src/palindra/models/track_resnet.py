"""A small local residual network for tracks of small genomes: early pooling, dilated blocks, known receptive field."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.activations import activation
from palindra.models.track_config import TrackConfig
from palindra.models.track_heads import output_layer, require_length
from palindra.nn import AvgPool1d, BatchNorm, Conv1d, Dropout, MagnitudePool1d, MaxPool1d, Residual, Sequential
from palindra.symmetry import Rep


@dataclass(frozen=True)
class TrackResNetConfig(TrackConfig):
    """Sizes of a :class:`TrackResNet`; the defaults suit a few megabases on a CPU."""

    activation: str = "silu"
    first_activation: str = "silu"
    width: int = 64
    stem_size: int = 15  # about one motif
    stem_pool: int = 5  # at most; the largest divisor of the bin size up to it
    block_size: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8)  # of the blocks before bins are made
    bin_block_size: int = 3
    bin_dilations: tuple[int, ...] = (1, 2, 4)  # of the blocks on bins, which see far at little cost
    dropout: float = 0.1  # of whole channels in the blocks


class TrackResNet(nn.Module):
    """Convolution, pooling, dilated residual blocks, means over bins, dilated residual blocks on bins, head.

    Every output is a function of the letters around its bin only (:attr:`receptive_field`), so a window of any number
    of bins may be given and long windows agree with short ones away from their ends.

    Args:
        config: sizes and types; with odd channels the first pooling is by magnitude.

    Inputs are one-hot ``(batch, 4, length)`` of any length with whole bins; outputs ``(batch, tracks, bins)``, or
    logits ``(batch, outputs)`` of a binary model.

    Examples:
        >>> import torch
        >>> model = TrackResNet(TrackResNetConfig(length=3000, bin_size=75))
        >>> model(torch.zeros(2, 4, 3000)).shape, model.receptive_field
        (torch.Size([2, 1, 40]), 1439)
    """

    def __init__(self, config: TrackResNetConfig) -> None:
        super().__init__()
        self.config = config
        position, hidden = config.position, config.filled(config.width)
        self.stem_pool = _largest_divisor(config.bin_size, config.stem_pool)
        stem: list[nn.Module] = [
            Conv1d(config.dna, hidden, config.stem_size, padding="same", bias=False, position=position),
            BatchNorm(hidden),
            activation(hidden, config.first_activation),
        ]
        if self.stem_pool > 1:
            stem.append((MagnitudePool1d if hidden.odd else MaxPool1d)(hidden, self.stem_pool, position=position))
        blocks = [_block(config, hidden, config.block_size, dilation) for dilation in config.dilations]
        rest = config.bin_size // self.stem_pool
        bins: list[nn.Module] = [AvgPool1d(hidden, rest, position=position)] if rest > 1 else []
        bins += [_block(config, hidden, config.bin_block_size, dilation) for dilation in config.bin_dilations]
        self.trunk = Sequential(*stem, *blocks, *bins)
        self.head = output_layer(hidden, config)

    @property
    def receptive_field(self) -> int:
        """Letters on which one bin depends: itself and as many on either side."""
        config = self.config
        side = config.stem_size // 2
        side += config.block_size // 2 * sum(config.dilations) * self.stem_pool
        side += config.bin_block_size // 2 * sum(config.bin_dilations) * config.bin_size
        side += 3 * config.bin_size if config.head == "task" else 0  # its convolution has seven taps
        return config.bin_size + 2 * side

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Tensor:
        require_length(x, multiple_of=self.config.bin_size)
        return self.head(self.trunk(x))


def _block(config: TrackResNetConfig, hidden: Rep, size: int, dilation: int) -> Residual:
    """Dilated convolution, batch norm, activation, dropout of channels, added to the input."""
    return Residual(
        Sequential(
            Conv1d(hidden, hidden, size, dilation=dilation, padding="same", bias=False, position=config.position),
            BatchNorm(hidden),
            activation(hidden, config.activation),
            Dropout(hidden, config.dropout, channels=True, position=config.position),
        )
    )


def _largest_divisor(number: int, up_to: int) -> int:
    """The largest divisor of ``number`` that is not larger than ``up_to``."""
    return next(divisor for divisor in range(min(up_to, number), 0, -1) if number % divisor == 0)
