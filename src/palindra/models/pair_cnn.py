"""The network of the article for RNA: a recurrent layer over bases, then convolutions over pairs, symmetric or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from palindra.models.checkpointed import checkpointed
from palindra.nn import Conv2d
from palindra.nn.pair import (
    OuterConv2d,
    PairBatchNorm,
    PairConv2d,
    half_glorot_,
    self_cartesian,
    valid_positions,
    zero_outside,
)
from palindra.symmetry import Position, Rep

LETTERS = 5  # A C G U X
Kernels = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PairCNNConfig:
    """Sizes of a :class:`PairCNN`; the defaults are the published ones.

    Raises:
        ValueError: for even kernels, or an involution that is not of pairs.
    """

    recurrent_width: int = 75  # in each direction
    base_width: int = 15  # after the recurrent layer, beside the letters
    generated: int = 40  # step A, of the symmetric network alone
    # Steps B, C and D: each is a row of (kernel, filters) whose outputs are concatenated.
    blocks: tuple[Kernels, ...] = (((13, 20), (9, 20), (5, 10)), ((9, 20), (5, 20)), ((5, 20),))
    generated_again: int = 20  # step E
    last_kernel: int = 3  # step F
    half_glorot: bool = False  # the article's initialisation of kernels, instead of that of stock layers
    involution: Position | None = Position.TRANSPOSE  # None: the CNN
    free_map: Literal["upper", "mean"] = "upper"  # of the CNN: its upper triangle, as in the article, or both averaged

    def __post_init__(self) -> None:
        """Check what can be checked without building the model."""
        if self.involution not in (Position.TRANSPOSE, None):
            raise ValueError(
                f"maps of pairs are transposed or without symmetry; involution={self.involution} is neither. Give "
                "Position.TRANSPOSE or None."
            )
        kernels = [kernel for block in self.blocks for kernel, _ in block] + [self.last_kernel]
        even = [kernel for kernel in kernels if kernel % 2 == 0]
        if even:
            raise ValueError(f"odd kernels keep the length, got {even[0]}: use {even[0] + 1}.")


class PairCNN(nn.Module):
    """The SCNN for RNA (steps A to F), and with ``involution=None`` the CNN that it was compared with.

    Letters pass through a bidirectional LSTM and join its outputs; pairs of bases are formed; blocks of convolutions
    follow; pairs of the letters join again before the last convolution. The CNN reads the self-Cartesian product itself
    where the SCNN has a generating layer (step A), all its kernels are free, and its map is what the upper triangle of
    its output says, as in the article. That leaves the lower triangle free to be anything, and the last batch norm,
    which looks at both, lets the loss fall by that alone; ``free_map="mean"`` averages the triangles and learns better.

    Called with the lengths of a padded batch, every sequence gives what it gives alone: the recurrent layer reads
    packed sequences, and padded pairs count in no statistic and are zero throughout.

    With the published sizes it has 239,318 trainable numbers; the printed 239,198 leave out the 120 of the batch norms
    of steps A and E. The CNN has 387,818; the printed 387,798 leave out the 20 of the bias of step E.

    Args:
        config: sizes and the involution.

    Examples:
        >>> model = PairCNN(PairCNNConfig(recurrent_width=4, generated=6, blocks=(((3, 4),),))).eval()
        >>> logits = model(torch.randn(2, 5, 11), torch.tensor([11, 8]))
        >>> logits.shape, torch.allclose(logits, logits.mT, atol=1e-6)
        (torch.Size([2, 1, 11, 11]), True)

    Source: Maduranga, Zadorozhnyy & Ye, "Symmetry Structured Convolutional Neural Networks"; Willmott (2018) for the
    CNN.
    """

    def __init__(self, config: PairCNNConfig) -> None:
        super().__init__()
        self.config = config
        self.symmetric = config.involution is Position.TRANSPOSE
        self.checkpointing = False  # set it to spend time instead of memory on long sequences
        self.recurrent = nn.LSTM(LETTERS, config.recurrent_width, batch_first=True, bidirectional=True)
        for name, parameter in self.recurrent.named_parameters():
            if name.startswith("bias_hh"):  # a second bias that is only added to the first
                nn.init.zeros_(parameter)
                parameter.requires_grad_(False)
        self.narrow = nn.Linear(2 * config.recurrent_width, config.base_width)
        bases = LETTERS + config.base_width
        self.first_pairs = _Normalised(_outer(bases, config.generated), config.generated) if self.symmetric else None
        channels = config.generated if self.symmetric else 2 * bases
        self.blocks = nn.ModuleList()
        for kernels in config.blocks:
            filters = sum(number for _, number in kernels)
            self.blocks.append(_Normalised(_Beside(channels, kernels, self.symmetric), filters))
            channels = filters
        again = config.generated_again
        generating = _outer(LETTERS, again) if self.symmetric else Conv2d(Rep(even=2 * LETTERS), Rep(even=again), 1)
        self.second_pairs = _Normalised(generating, again)
        self.last = _convolution(channels + again, 1, config.last_kernel, self.symmetric)
        self.last_norm = PairBatchNorm(Rep(even=1))
        if config.half_glorot:
            for module in self.modules():
                if isinstance(module, OuterConv2d | nn.Conv2d):
                    half_glorot_(module)

    def forward(
        self, one_hot: Float[Tensor, "batch 5 length"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch 1 length length"]:
        """Logits of pairs, symmetric, 0 in the padding."""
        if lengths is not None:
            one_hot = one_hot.masked_fill(~valid_positions(lengths, one_hot.shape[-1])[:, None], 0.0)
        x = torch.cat([one_hot, self._context(one_hot, lengths)], dim=1)  # (batch, 5 + 15, length)
        z = (
            self._run(self.first_pairs, x, lengths)
            if self.first_pairs is not None
            else zero_outside(self_cartesian(x), lengths)
        )
        for block in self.blocks:
            z = self._run(block, z, lengths)
        letters = one_hot if self.symmetric else self_cartesian(one_hot)
        z = torch.cat([z, self._run(self.second_pairs, letters, lengths)], dim=1)
        z = self.last_norm(zero_outside(self.last(z), lengths), lengths)
        if self.symmetric:
            return z
        return (z + z.mT) / 2 if self.config.free_map == "mean" else z.triu() + z.triu(1).mT

    def _run(self, block: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
        return checkpointed(block, x, lengths) if self.checkpointing else block(x, lengths)

    def _context(self, one_hot: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return self.narrow(self.recurrent(one_hot.mT)[0]).mT
        rnn = nn.utils.rnn
        packed = rnn.pack_padded_sequence(one_hot.mT, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = rnn.pad_packed_sequence(self.recurrent(packed)[0], True, total_length=one_hot.shape[-1])
        return self.narrow(states).mT.masked_fill(~valid_positions(lengths, one_hot.shape[-1])[:, None], 0.0)


def trainable_numbers(model: nn.Module) -> int:
    """How many numbers training may change; tied entries of a kernel count once.

    Examples:
        >>> trainable_numbers(PairCNN(PairCNNConfig())), trainable_numbers(PairCNN(PairCNNConfig(involution=None)))
        (239318, 387818)
    """
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _outer(features: int, filters: int) -> OuterConv2d:
    return OuterConv2d(features, Rep(even=filters), 1)


def _convolution(channels: int, filters: int, kernel: int, symmetric: bool) -> nn.Module:
    in_rep, out_rep = Rep(even=channels), Rep(even=filters)
    if symmetric:
        return PairConv2d(in_rep, out_rep, kernel, evaluation="auto")
    return Conv2d(in_rep, out_rep, kernel, padding=kernel // 2, position=Position.IDENTITY)


class _Beside(nn.Module):
    """Convolutions with kernels of several sizes of the same maps, their outputs concatenated."""

    def __init__(self, channels: int, kernels: Kernels, symmetric: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_convolution(channels, filters, kernel, symmetric) for kernel, filters in kernels)

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([layer(z) for layer in self.layers], dim=1)


class _Normalised(nn.Module):
    """A layer, batch norm over the valid pairs, which clears the padding before it looks, and ReLU."""

    def __init__(self, layer: nn.Module, filters: int) -> None:
        super().__init__()
        self.layer, self.norm = layer, PairBatchNorm(Rep(even=filters))

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        z = self.layer(x, lengths) if isinstance(self.layer, OuterConv2d) else self.layer(x)
        return torch.relu(zero_outside(self.norm(z, lengths), lengths))
