"""The CNN baselines of GOPHER: three convolutions, a dense bottleneck over the window, and positions made anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.models.conv_block import ConvBlock, DenseBlock
from palindra.models.flatten import Flatten, Unflatten
from palindra.models.residual_block import residual_block
from palindra.models.track_config import TrackConfig
from palindra.models.track_heads import TrackOutput, require_length
from palindra.nn import Dropout, Sequential, VectorHead
from palindra.symmetry import Target


@dataclass(frozen=True)
class GopherCNNConfig(TrackConfig):
    """Sizes of a :class:`GopherCNN`; the defaults are those of the CNN baseline (Toneyan, Tang & Koo, 2022)."""

    length: int = 2048
    widths: tuple[int, ...] = (192, 256, 512)
    kernel_sizes: tuple[int, ...] = (19, 7, 7)
    residual_layers: tuple[int, ...] = (0, 0, 0)  # of a residual block before each pooling
    pools: tuple[int, ...] = (8, 4, 4)
    dropouts: tuple[float, ...] = (0.1, 0.1, 0.2)
    dense_width: int = 256  # of the vector that sums up the window
    dense_dropout: float = 0.3
    bin_width: int = 8  # channels per bin that the second dense layer makes
    bin_dropout: float = 0.1
    tail_width: int = 256
    tail_size: int = 7
    tail_dropout: float = 0.2
    tail_residual_layers: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked without building the model.

        Raises:
            InputError: saying which field to change.
        """
        super().__post_init__()
        rows = {name: getattr(self, name) for name in ("kernel_sizes", "residual_layers", "pools", "dropouts")}
        for name, values in rows.items():
            if len(values) != len(self.widths):
                raise InputError(
                    f"{name} has {len(values)} values for {len(self.widths)} convolutions (widths): give as many."
                )


@dataclass(frozen=True)
class CNN32Config(GopherCNNConfig):
    """The CNN baseline at 32 bp."""

    bin_size: int = 32


@dataclass(frozen=True)
class CNNBinaryConfig(GopherCNNConfig):
    """The CNN baseline as a classifier of windows: the trunk up to its first dense layer."""

    target: Target = field(default_factory=lambda: Target.invariant(1))
    binary: bool = True


class GopherCNN(nn.Module):
    """Convolutions with pooling, one dense vector per window, a dense layer that makes all bins, convolutions on them.

    With symmetry, flattened positions are channels that the strand moves (see :mod:`palindra.models.flatten`), so both
    dense layers are exactly equivariant and the bins that they make are reversed for the other strand.

    Args:
        config: sizes and types; with residual layers this is ResidualBind.

    Inputs are one-hot ``(batch, 4, length)`` of the one length that the dense layers were built for; outputs
    ``(batch, tracks, bins)``, or logits ``(batch, outputs)`` of a binary model.

    Examples:
        >>> import torch
        >>> model = GopherCNN(GopherCNNConfig(length=256, bin_size=32, widths=(8, 12, 16), dense_width=16))
        >>> model(torch.zeros(2, 4, 256)).shape
        torch.Size([2, 1, 8])
    """

    def __init__(self, config: GopherCNNConfig) -> None:
        super().__init__()
        self.config = config
        rep, length, position, function = config.dna, config.length, config.position, config.first_activation
        blocks: list[nn.Module] = []
        for row, (width, size) in enumerate(zip(config.widths, config.kernel_sizes, strict=True)):
            block = ConvBlock(
                rep,
                config.filled(width),
                size,
                function,
                length=length,
                residual_layers=config.residual_layers[row],
                pool=config.pools[row],
                dropout=config.dropouts[row],
                position=position,
            )
            blocks.append(block)
            rep, length, function = config.filled(width), block.out_length or length, config.activation
        flatten = Flatten(rep, length, position=position)
        dense = config.filled(config.dense_width)
        self.trunk = Sequential(
            *blocks, flatten, DenseBlock(flatten.out_rep, dense, config.activation, dropout=config.dense_dropout)
        )
        self.tail: nn.Module = nn.Identity()
        self.head: nn.Module
        if config.binary:
            self.head = VectorHead(dense, config.tied_target, config.outputs)
            return
        bin_rep, tail = config.filled(config.bin_width), config.filled(config.tail_width)
        unflatten = Unflatten(bin_rep, config.bins, position=position)
        residual = config.tail_residual_layers
        self.tail = Sequential(
            DenseBlock(dense, unflatten.in_rep, config.activation),  # batch norm of every channel in every bin
            unflatten,
            Dropout(bin_rep, config.bin_dropout, position=position),
            ConvBlock(
                bin_rep, tail, config.tail_size, config.activation, dropout=config.tail_dropout, position=position
            ),
            *([residual_block(tail, residual, position=position)] if residual else []),
        )
        self.head = TrackOutput(tail, config)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Tensor:
        require_length(x, exactly=self.config.length)
        return self.head(self.tail(self.trunk(x)))
