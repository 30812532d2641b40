"""ResidualBind: dilated residual blocks before each pooling, at base resolution, at 32 bp, and as a classifier."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.models.conv_block import ConvBlock
from palindra.models.gopher_cnn import GopherCNN, GopherCNNConfig
from palindra.models.track_config import TrackConfig
from palindra.models.track_heads import output_layer, require_length
from palindra.nn import AvgPool1d, Sequential
from palindra.symmetry import Target


@dataclass(frozen=True)
class ResidualBindConfig(GopherCNNConfig):
    """The published network for base resolution with a single head (Toneyan, Tang & Koo, 2022).

    The one published with task heads has another trunk: pools 8, 4, 4, residual layers 5, 5, 3, tail 6 with dropout
    0.2. Here the head is a choice of its own, so that trunks can be held fixed.
    """

    residual_layers: tuple[int, ...] = (5, 5, 4)
    pools: tuple[int, ...] = (4, 4, 4)
    dense_width: int = 512
    tail_dropout: float = 0.1
    tail_residual_layers: int = 5


@dataclass(frozen=True)
class ResidualBindBinaryConfig(ResidualBindConfig):
    """The published classifier of windows: the trunk up to its first dense layer."""

    target: Target = field(default_factory=lambda: Target.invariant(1))
    binary: bool = True


class ResidualBind(GopherCNN):
    """The network of :class:`palindra.models.gopher_cnn.GopherCNN` with residual blocks, as ResidualBind is published.

    Args:
        config: sizes and types.
    """

    def __init__(self, config: ResidualBindConfig) -> None:
        super().__init__(config)


@dataclass(frozen=True)
class LocalResidualBindConfig(TrackConfig):
    """Sizes of a :class:`LocalResidualBind`; the defaults are those published for 32 bp with a single head.

    With task heads the published last layer before them is a convolution: ``neck_size=7, neck_dropout=0.2``.
    """

    bin_size: int = 32
    widths: tuple[int, ...] = (256, 512, 1024)
    kernel_sizes: tuple[int, ...] = (19, 7, 7)
    residual_layers: tuple[int, ...] = (5, 5, 3)
    pools: tuple[int, ...] = (4, 4, 2)
    dropouts: tuple[float, ...] = (0.2, 0.2, 0.5)
    neck_width: int = 256
    neck_size: int = 1  # a dense layer per position
    neck_dropout: float = 0.3

    def __post_init__(self) -> None:
        """Check what can be checked without building the model.

        Raises:
            InputError: saying which field to change.
        """
        super().__post_init__()
        for name in ("kernel_sizes", "residual_layers", "pools", "dropouts"):
            if len(getattr(self, name)) != len(self.widths):
                raise InputError(f"{name} needs {len(self.widths)} values, one for each of the widths.")
        if self.bin_size % math.prod(self.pools):
            raise InputError(
                f"pools of {' x '.join(map(str, self.pools))} = {math.prod(self.pools)} do not make bins of "
                f"{self.bin_size}: their product must divide the bin size."
            )


class LocalResidualBind(nn.Module):
    """ResidualBind at 32 bp: no layer sees the whole window, pooling makes the bins.

    Coarser bins are means of features before the last layers.

    Args:
        config: sizes and types.

    Inputs are one-hot ``(batch, 4, length)`` of any length with whole bins; outputs ``(batch, tracks, bins)``, or
    logits ``(batch, outputs)`` of a binary model.

    Examples:
        >>> import torch
        >>> config = LocalResidualBindConfig(length=256, widths=(4, 6, 8), residual_layers=(2, 2, 1), neck_width=4)
        >>> LocalResidualBind(config)(torch.zeros(2, 4, 256)).shape
        torch.Size([2, 1, 8])

    Source: Koo et al. (2021); Toneyan, Tang & Koo (2022).
    """

    def __init__(self, config: LocalResidualBindConfig) -> None:
        super().__init__()
        self.config = config
        rep, function, blocks = config.dna, config.first_activation, list[nn.Module]()
        for row, (width, size) in enumerate(zip(config.widths, config.kernel_sizes, strict=True)):
            blocks.append(
                ConvBlock(
                    rep,
                    config.filled(width),
                    size,
                    function,
                    residual_layers=config.residual_layers[row],
                    pool=config.pools[row],
                    dropout=config.dropouts[row],
                    position=config.position,
                )
            )
            rep, function = config.filled(width), config.activation
        rest, neck = config.bin_size // math.prod(config.pools), config.filled(config.neck_width)
        if rest > 1:
            blocks.append(AvgPool1d(rep, rest, position=config.position))
        self.trunk = Sequential(*blocks)
        self.neck = ConvBlock(
            rep, neck, config.neck_size, config.activation, dropout=config.neck_dropout, position=config.position
        )
        self.head = output_layer(neck, config)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Tensor:
        require_length(x, multiple_of=self.config.bin_size)
        return self.head(self.neck(self.trunk(x)))
