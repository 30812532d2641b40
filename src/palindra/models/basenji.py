"""Basenji as GOPHER trained it: dilated residual blocks on one window, tracks at any resolution or window labels."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.activations import activation
from palindra.models.conv_block import initialise
from palindra.models.track_config import TrackConfig
from palindra.models.track_heads import output_layer, require_length
from palindra.nn import AvgPool1d, BatchNorm, Conv1d, Dropout, MagnitudePool1d, MaxPool1d, Residual, Sequential
from palindra.symmetry import Position, Rep, Target


@dataclass(frozen=True)
class BasenjiConfig(TrackConfig):
    """Sizes of a :class:`Basenji`; the defaults are those of GOPHER (Toneyan, Tang & Koo, 2022)."""

    first_activation: str = "identity"  # after the first batch norm; the original has none there
    activation: str = "quick_gelu"
    width: int = 256
    stem_size: int = 15
    stem_pool: int = 2  # where it divides the bin size; base resolution has none
    layers: int = 11
    bottleneck: int = 128
    dilation_growth: float = 1.5
    dropout: float = 0.3  # of the residual branches
    last_width: int = 2048
    last_dropout: float = 0.05


@dataclass(frozen=True)
class BasenjiBinaryConfig(BasenjiConfig):
    """Basenji as a classifier of windows: averaged over positions before the last map."""

    target: Target = field(default_factory=lambda: Target.invariant(1))
    binary: bool = True


class Basenji(nn.Module):
    """Convolution, residual blocks of growing dilation with zero-initialised branches, one wide layer, mean over bins.

    Args:
        config: sizes and types.

    Inputs are one-hot ``(batch, 4, length)`` of any length with whole bins; outputs ``(batch, tracks, bins)``, or
    logits ``(batch, outputs)`` of a binary model.

    Examples:
        >>> import torch
        >>> model = Basenji(BasenjiConfig(length=256, bin_size=32, width=8, bottleneck=4, last_width=16, layers=3))
        >>> model(torch.zeros(2, 4, 256)).shape
        torch.Size([2, 1, 8])

    Source: Kelley et al. (2018).
    """

    def __init__(self, config: BasenjiConfig) -> None:
        super().__init__()
        self.config = config
        position, hidden = config.position, config.filled(config.width)
        pooled = config.binary or config.bin_size % config.stem_pool == 0
        stem_pool = config.stem_pool if pooled else 1
        stem: list[nn.Module] = [
            activation(config.dna, config.activation),
            _conv(config.dna, hidden, config.stem_size, position),
            BatchNorm(hidden),
            activation(hidden, config.first_activation),
        ]
        if stem_pool > 1:
            stem.append((MagnitudePool1d if hidden.odd else MaxPool1d)(hidden, stem_pool, position=position))
        blocks = [_block(config, hidden, round(config.dilation_growth**layer)) for layer in range(config.layers)]
        last = config.filled(config.last_width)
        self.trunk = Sequential(
            *stem,
            *blocks,
            activation(hidden, config.activation),
            _conv(hidden, last, 1, position),
            BatchNorm(last),
            Dropout(last, config.last_dropout, position=position),
        )
        pool = config.bin_size // stem_pool
        self.pool = AvgPool1d(last, pool, position=position) if pool > 1 and not config.binary else nn.Identity()
        self.head = output_layer(last, config)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Tensor:
        require_length(x, multiple_of=self.config.bin_size)
        return self.head(self.pool(self.trunk(x)))


def _block(config: BasenjiConfig, hidden: Rep, dilation: int) -> Residual:
    """Dilated convolution to few channels and back, added to its input; it starts as nothing."""
    position, narrow = config.position, config.filled(config.bottleneck)
    last_norm = BatchNorm(hidden)
    for name, parameter in last_norm.named_parameters():
        if "weight" in name:
            nn.init.zeros_(parameter)
    return Residual(
        Sequential(
            activation(hidden, config.activation),
            _conv(hidden, narrow, 3, position, dilation),
            BatchNorm(narrow),
            activation(narrow, config.activation),
            _conv(narrow, hidden, 1, position),
            last_norm,
            Dropout(hidden, config.dropout, position=position),
        )
    )


def _conv(in_rep: Rep, out_rep: Rep, size: int, position: Position, dilation: int = 1) -> Conv1d:
    """A convolution that keeps the length, without bias (batch norm follows), of He-normal weights."""
    layer = Conv1d(in_rep, out_rep, size, dilation=dilation, padding="same", bias=False, position=position)
    initialise(layer, "fan_in")
    return layer
