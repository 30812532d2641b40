"""Residual blocks over pairs of bases, symmetric, that correct the pair probabilities of thermodynamics if given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from palindra.models.checkpointed import checkpointed
from palindra.models.pair_cnn import LETTERS
from palindra.nn.pair import OuterConv2d, PairBatchNorm, PairConv2d, valid_positions, zero_outside
from palindra.symmetry import Rep

LEAST_PROBABILITY = 1e-3  # probabilities are kept this far from 0 and 1, so that their logits are finite
_PAIRS_OF_LETTERS = ((1, 2), (0, 3), (2, 3))  # GC, AU, GU


@dataclass(frozen=True)
class PairResNetConfig:
    """Sizes of a :class:`PairResNet`.

    Raises:
        ValueError: for sizes that are not positive.
    """

    thermodynamic: int = 1  # maps of pair probabilities that are given; 0 is a network of the letters alone
    context: int = 16  # channels of a convolution along the sequence
    context_kernel: int = 9
    channels: int = 16  # of the maps
    dilations: tuple[int, ...] = (1, 2, 4, 1)  # one residual block each
    kernel_size: int = 3
    oriented: bool = True  # kernels may tell the inner from the outer side of a stem

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.context, self.channels, self.kernel_size, *self.dilations) < 1 or self.thermodynamic < 0:
            raise ValueError(f"sizes must be positive, got {self}.")


class OrientedConv2d(nn.Module):
    """A kernel that is free above the diagonal, and its mirror image below: every local map that stays symmetric.

    A kernel tied under transposition weighs the pair inside ``(s+1, t-1)`` and the one outside ``(s-1, t+1)`` alike,
    since its taps are mirror images. Here antisymmetric channels are made as well and multiplied by the sign of
    ``t - s``, which is antisymmetric too, so that the product is symmetric and the two sides of a stem differ.

    Args:
        channels: of the symmetric inputs.
        filters: of the symmetric outputs.
        kernel_size: taps along each axis, odd.
        dilation: distance between taps.

    Examples:
        >>> x = torch.randn(1, 3, 9, 9)
        >>> y = OrientedConv2d(3, 5, 3)(x + x.mT)
        >>> torch.allclose(y, y.mT, atol=1e-5)
        True
    """

    def __init__(self, channels: int, filters: int, kernel_size: int, *, dilation: int = 1) -> None:
        super().__init__()
        out_rep = Rep(even=filters, odd=filters)
        self.filters = filters
        self.layer = PairConv2d(Rep(even=channels), out_rep, kernel_size, dilation=dilation)

    def forward(self, x: Float[Tensor, "batch channels length length"]) -> Float[Tensor, "batch filters length length"]:
        even, odd = self.layer(x).split(self.filters, dim=1)
        at = torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)
        return even + odd * (at - at[:, None]).sign()


class PairResNet(nn.Module):
    """Symmetric residual blocks with dilated kernels; the output is a correction of a prior on the logits.

    The prior is the mean logit of the given pair probabilities; without them it is one number for pairs of letters that
    bind (GC, AU, GU) and one for all others, both learned. The last layer begins at zero, so that the untrained network
    is its prior: what it learns is where thermodynamics is wrong.

    Args:
        config: sizes.

    Examples:
        >>> model = PairResNet(PairResNetConfig(context=4, channels=4, dilations=(1, 2))).eval()
        >>> given = torch.full((1, 1, 8, 8), 0.25)
        >>> model(torch.eye(5)[[2, 2, 0, 0, 0, 0, 1, 1]].mT[None], None, given).sigmoid()[0, 0, 0, 7].item()
        0.25
    """

    def __init__(self, config: PairResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False  # set it to spend time instead of memory on long sequences
        kernel = config.context_kernel
        along = LETTERS + config.thermodynamic  # letters, and the chance of each base to be unpaired
        self.context = nn.Conv1d(along, config.context, kernel, padding=kernel // 2)
        bases = LETTERS + config.thermodynamic + config.context
        self.generate = OuterConv2d(bases, Rep(even=config.channels), 1)
        given = config.thermodynamic + len(_PAIRS_OF_LETTERS) + 1
        self.read = _convolution(given, config.channels, config.kernel_size, 1, config.oriented)
        self.blocks = nn.ModuleList(
            _Block(config.channels, config.kernel_size, dilation, config.oriented) for dilation in config.dilations
        )
        self.norm = PairBatchNorm(Rep(even=config.channels))
        self.correction = PairConv2d(Rep(even=config.channels), Rep(even=1), 1)
        for parameter in self.correction.parameters():
            nn.init.zeros_(parameter)
        self.prior = nn.Parameter(torch.tensor([-4.0, -8.0])) if config.thermodynamic == 0 else None

    def forward(
        self,
        one_hot: Float[Tensor, "batch 5 length"],
        lengths: Int[Tensor, " batch"] | None = None,
        probabilities: Float[Tensor, "batch thermodynamic length length"] | None = None,
    ) -> Float[Tensor, "batch 1 length length"]:
        """Logits of pairs, symmetric, 0 in the padding."""
        given = 0 if probabilities is None else probabilities.shape[1]
        if given != self.config.thermodynamic:
            raise ValueError(f"{self.config.thermodynamic} maps of pair probabilities are needed, got {given}.")
        length = one_hot.shape[-1]
        if lengths is None:
            lengths = torch.full(one_hot.shape[:1], length, device=one_hot.device)
        valid = valid_positions(lengths, length)[:, None]
        along = one_hot if probabilities is None else torch.cat([one_hot, 1 - probabilities.sum(-1)], dim=1)
        along = along.masked_fill(~valid, 0.0)
        bases = torch.cat([along, torch.relu(self.context(along)).masked_fill(~valid, 0.0)], dim=1)
        binding = letters_that_bind(one_hot)
        at = torch.arange(length, device=one_hot.device, dtype=one_hot.dtype)
        distance = torch.log1p((at - at[:, None]).abs()).expand(len(one_hot), 1, -1, -1) / 4
        maps = [binding, distance]
        if probabilities is None:
            bound, free = self.prior.unbind()  # type: ignore[union-attr]
            prior = free + (bound - free) * binding.sum(1, keepdim=True)
        else:
            logits = probabilities.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).logit()
            maps.append(logits / 4)
            prior = logits.mean(1, keepdim=True)
        read = self.read(zero_outside(torch.cat(maps, dim=1), lengths))
        z = zero_outside(self.generate(bases, lengths) + read, lengths)
        for block in self.blocks:
            z = checkpointed(block, z, lengths) if self.checkpointing else block(z, lengths)
        z = self.correction(torch.relu(self.norm(z, lengths)))
        return zero_outside(prior + z, lengths)


def letters_that_bind(one_hot: Float[Tensor, "batch 5 length"]) -> Float[Tensor, "batch 3 length length"]:
    """Where the letters are those of a GC, an AU, a GU pair: symmetric maps of 0 and 1."""
    maps = []
    for first, second in _PAIRS_OF_LETTERS:
        one = one_hot[:, first, :, None] * one_hot[:, second, None, :]
        maps.append(one + one.mT)
    return torch.stack(maps, dim=1)


def _convolution(channels: int, filters: int, kernel: int, dilation: int, oriented: bool) -> nn.Module:
    if oriented:
        return OrientedConv2d(channels, filters, kernel, dilation=dilation)
    return PairConv2d(Rep(even=channels), Rep(even=filters), kernel, dilation=dilation, evaluation="auto")


class _Block(nn.Module):
    """``z + conv(relu(norm(z)))``, its padding zero."""

    def __init__(self, channels: int, kernel: int, dilation: int, oriented: bool) -> None:
        super().__init__()
        self.norm = PairBatchNorm(Rep(even=channels))
        self.layer = _convolution(channels, channels, kernel, dilation, oriented)

    def forward(self, z: Tensor, lengths: Tensor) -> Tensor:
        return z + zero_outside(self.layer(zero_outside(torch.relu(self.norm(z, lengths)), lengths)), lengths)
