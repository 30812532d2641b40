"""Contact maps of proteins: a recurrent layer over residues, then convolutions over pairs, symmetric or not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn import Conv2d
from palindra.nn.pair import OuterConv2d, PairBatchNorm, PairConv2d, valid_positions, zero_outside
from palindra.symmetry import Position, Rep

Kernels = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ContactCNNConfig:
    """Sizes of a :class:`ContactCNN`.

    The article gives the order of the layers (figures 5 and 6) but neither filters nor kernels of the contact
    networks; the defaults are those of its network for RNA.
    """

    residue_channels: int = 25
    pair_channels: int = 3
    recurrent_width: int = 75  # in each direction
    residue_width: int = 15  # after the recurrent layer, beside the inputs
    generated: int = 40
    # Each block is a row of (kernel, filters) whose outputs are concatenated.
    blocks: tuple[Kernels, ...] = (((13, 20), (9, 20), (5, 10)), ((9, 20), (5, 20)), ((5, 20),))
    generated_again: int = 20
    last_kernel: int = 3
    dropout: float = 0.0  # of whole feature maps; none in the article
    involution: Position | None = Position.TRANSPOSE  # None: the CNN of the same sizes

    def __post_init__(self) -> None:
        if self.involution not in (Position.TRANSPOSE, None):
            raise ValueError(
                f"contact maps are transposed or without symmetry; involution={self.involution} is neither. Give "
                "Position.TRANSPOSE or None."
            )
        even = [kernel for block in self.blocks for kernel, _ in block if kernel % 2 == 0]
        if even or self.last_kernel % 2 == 0:
            raise ValueError(f"odd kernels keep the length, got {(even or [self.last_kernel])[0]}: use one more tap.")


class ContactCNN(nn.Module):
    """The SCNN of figure 6, and with ``involution=None`` a CNN with the same layers, kernels and filters.

    Features of residues pass through a bidirectional LSTM and join its outputs; all pairs of residues are formed as
    an outer sum, ``g(s) + g(t)`` (symmetric) or ``g(s) + h(t)``, which is what a 1 x 1 convolution of the
    self-Cartesian product is; pair features join; blocks of convolutions follow; pairs of the raw features and the
    pair features join again before the last convolution. Called with the lengths of a padded batch, every protein
    gives what it gives alone: the recurrent layer reads packed sequences, and padded pairs count in no statistic and
    are zero throughout.

    Figure 5 feeds its convolutions the self-Cartesian product itself; here the CNN keeps the 1 x 1 layer, so that the
    two networks differ in the tying of weights alone.

    Args:
        config: sizes and the involution.

    Returns logits ``(batch, length, length)``, 0 in the padding. With ``Position.TRANSPOSE`` and symmetric pair
    features they are symmetric, to the rounding of the convolutions.

    Examples:
        >>> config = ContactCNNConfig(recurrent_width=4, generated=6, blocks=(((3, 4),),), generated_again=4)
        >>> model = ContactCNN(config).eval()
        >>> logits = model(torch.randn(2, 25, 11), torch.zeros(2, 3, 11, 11))
        >>> logits.shape, torch.allclose(logits, logits.mT, atol=1e-6)
        (torch.Size([2, 11, 11]), True)

    Source: Maduranga, Zadorozhnyy & Ye, "Symmetry Structured Convolutional Neural Networks".
    """

    def __init__(self, config: ContactCNNConfig) -> None:
        super().__init__()
        self.config = config
        symmetric = config.involution is Position.TRANSPOSE
        self.recurrent = nn.LSTM(config.residue_channels, config.recurrent_width, batch_first=True, bidirectional=True)
        self.narrow = nn.Linear(2 * config.recurrent_width, config.residue_width)
        residues = config.residue_channels + config.residue_width
        self.first_pairs = _Normalised(_outer(residues, config.generated, symmetric), config.generated)
        channels = config.generated + config.pair_channels
        self.blocks = nn.ModuleList()
        for kernels in config.blocks:
            filters = sum(number for _, number in kernels)
            self.blocks.append(_Normalised(_Beside(channels, kernels, symmetric), filters, config.dropout))
            channels = filters
        again = config.generated_again
        self.second_pairs = _Normalised(_outer(config.residue_channels, again, symmetric), again)
        self.head = _convolution(channels + again + config.pair_channels, 1, config.last_kernel, symmetric)

    def forward(
        self,
        residues: Float[Tensor, "batch residue_channels length"],
        pairs: Float[Tensor, "batch pair_channels length length"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch length length"]:
        if lengths is not None:
            residues = residues.masked_fill(~valid_positions(lengths, residues.shape[-1])[:, None], 0.0)
            pairs = zero_outside(pairs, lengths)
        x = torch.cat([residues, self._context(residues, lengths)], dim=1)  # (batch, 25 + 15, length)
        z = torch.cat([self.first_pairs(x, lengths), pairs], dim=1)  # (batch, 40 + 3, length, length)
        for block in self.blocks:
            z = block(z, lengths)
        z = torch.cat([z, self.second_pairs(residues, lengths), pairs], dim=1)
        return zero_outside(self.head(z), lengths)[:, 0]

    def _context(self, residues: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return self.narrow(self.recurrent(residues.mT)[0]).mT
        rnn = nn.utils.rnn
        packed = rnn.pack_padded_sequence(residues.mT, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = rnn.pad_packed_sequence(self.recurrent(packed)[0], True, total_length=residues.shape[-1])
        return self.narrow(states).mT.masked_fill(~valid_positions(lengths, residues.shape[-1])[:, None], 0.0)


class OrderedOuterSum(nn.Module):
    """``g(s) + h(t)``: any 1 x 1 convolution of the self-Cartesian product, the counterpart without symmetry.

    Args:
        features: per residue.
        filters: per pair.
    """

    def __init__(self, features: int, filters: int) -> None:
        super().__init__()
        self.layer = nn.Conv1d(2 * features, filters, 1)

    def forward(
        self, x: Float[Tensor, "batch features length"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch filters length length"]:
        first, second = self.layer.weight.chunk(2, dim=1)
        rows, columns = functional.conv1d(x, first, self.layer.bias), functional.conv1d(x, second)
        return zero_outside(rows[..., :, None] + columns[..., None, :], lengths)


def _outer(features: int, filters: int, symmetric: bool) -> nn.Module:
    return OuterConv2d(features, Rep(even=filters), 1) if symmetric else OrderedOuterSum(features, filters)


def _convolution(channels: int, filters: int, kernel: int, symmetric: bool) -> nn.Module:
    if symmetric:
        return PairConv2d(Rep(even=channels), Rep(even=filters), kernel, evaluation="auto")
    half = kernel // 2
    return Conv2d(Rep(even=channels), Rep(even=filters), kernel, padding=half, position=Position.IDENTITY)


class _Beside(nn.Module):
    """Convolutions with kernels of several sizes of the same maps, their outputs concatenated."""

    def __init__(self, channels: int, kernels: Kernels, symmetric: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_convolution(channels, filters, kernel, symmetric) for kernel, filters in kernels)

    def forward(self, z: Tensor, lengths: Tensor | None) -> Tensor:
        return torch.cat([layer(z) for layer in self.layers], dim=1)  # the norm behind it clears the padding


class _Normalised(nn.Module):
    """A layer, batch norm over the valid pairs, ReLU, and dropout of whole maps, which keeps symmetric ones so."""

    def __init__(self, layer: nn.Module, filters: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer, self.norm, self.dropout = layer, PairBatchNorm(Rep(even=filters)), nn.Dropout2d(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        return self.dropout(torch.relu(self.norm(self.layer(x, lengths), lengths)))
