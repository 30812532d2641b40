"""CosRec and SCosRec: the last items of a user in pairs, as a small map, to the items taken next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn import Conv2d, Linear
from palindra.symmetry import Position, Rep


@dataclass(frozen=True)
class CosRecConfig:
    """Sizes of a :class:`CosRec`; the defaults are the published ones for MovieLens-1M.

    ``involution=None`` is CosRec (Yan et al., 2019), ``Position.TRANSPOSE`` is SCosRec (Maduranga, Zadorozhnyy & Ye):
    the same channels, kernels and layers, with the kernels tied.

    Raises:
        ValueError: if the kernels leave no position of the map.
    """

    users: int
    items: int  # numbered from 1; 0 is padding
    length: int = 5  # items of the past; the map is length x length
    width: int = 50  # of user and item vectors; published for Gowalla: 100
    blocks: tuple[int, ...] = (128, 256)  # channels of each block of a 1 x 1 and a 3 x 3 convolution
    kernel_size: int = 3
    features: int = 150  # taken from the map; published for Gowalla: 50
    dropout: float = 0.5
    involution: Position | None = Position.TRANSPOSE
    initialisation: Literal["stock", "half_glorot", "published"] = "stock"  # of the layers of the map

    def __post_init__(self) -> None:
        """Check what can be checked without building the model."""
        if self.map_size < 1:
            raise ValueError(
                f"a {self.length} x {self.length} map leaves no position after {len(self.blocks)} kernels of "
                f"{self.kernel_size}: give a length of at least {self.length - self.map_size + 1}, or fewer blocks."
            )
        if min(self.users, self.items, self.width, self.features, *self.blocks) < 1:
            raise ValueError(f"sizes must be positive, got {self}.")
        if self.initialisation not in ("stock", "half_glorot", "published"):
            raise ValueError(
                f'initialisation {self.initialisation!r}: choose "stock", "half_glorot" or "published" (see CosRec).'
            )

    @property
    def map_size(self) -> int:
        """Positions along each axis of the last map."""
        return self.length - len(self.blocks) * (self.kernel_size - 1)


class PairMap(nn.Module):
    """A 1 x 1 convolution of all pairs of positions, Z(s, t) = g(s) + h(t) + bias, without a map of pairs.

    Tied, the weight of ``[x(s) ; reversed x(t)]`` is an even function of a regular input, so g = h and Z is symmetric:
    the symmetry-generating layer.

    Args:
        width: channels of a position.
        channels: of the map.
        symmetric: tie g and h.

    Examples:
        >>> layer = PairMap(4, 6, symmetric=True)
        >>> z = layer(torch.randn(2, 5, 4))
        >>> z.shape, torch.equal(z, z.transpose(1, 2))
        (torch.Size([2, 5, 5, 6]), True)
    """

    def __init__(self, width: int, channels: int, *, symmetric: bool) -> None:
        super().__init__()
        self.width, self.symmetric = width, symmetric
        # The channels of the second position lie in reverse: that is the layout of regular pairs.
        self.pair = Linear(Rep(regular=width), Rep(even=channels)) if symmetric else nn.Linear(2 * width, channels)

    def forward(self, x: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch length length channels"]:
        weight = self.pair.weight  # (channels, 2 width); built once a call where it is tied
        first = functional.linear(x, weight[:, : self.width], self.pair.bias / 2)
        if self.symmetric:
            return first[:, :, None] + first[:, None]
        second = functional.linear(x, weight[:, self.width :].flip(1), self.pair.bias / 2)
        return first[:, :, None] + second[:, None]


class CosRec(nn.Module):
    """Vectors of the last items in pairs, two blocks of convolutions, and one score per item.

    The map of the last ``length`` items goes through ``blocks`` (1 x 1 and 3 x 3 convolutions, each with batch norm
    and ReLU), is averaged, turned into features (tanh, dropout) and set beside the vector of the user; the score of an
    item is the product with the item's output vector, plus the item's bias.

    Vectors of users and items start with a standard deviation of one over their size. The layers of the map start as
    in PyTorch (``"stock"``, tied kernels with the same spread), with half of Glorot's deviation (``"half_glorot"``), or
    as in the published code (``"published"``: half of Glorot's without counting the taps of a kernel).

    Args:
        config: sizes and the involution.

    Inputs are user numbers ``(batch,)`` from 0 and past items ``(batch, length)``; items are numbered from 1, padding
    in front is 0 and its vector stays zero. Padding has no output vector, so it is never a candidate.

    Source: Yan, Cheng, Kang, Wan & McAuley (2019); Maduranga, Zadorozhnyy & Ye, Symmetry Structured CNNs.

    Examples:
        >>> model = CosRec(CosRecConfig(users=3, items=20)).eval()
        >>> past = torch.tensor([[0, 0, 4, 7, 20]])
        >>> model(torch.tensor([2]), past, torch.tensor([[1, 20]])).shape
        torch.Size([1, 2])
        >>> model.score_all(torch.tensor([2]), past).shape
        torch.Size([1, 20])
    """

    def __init__(self, config: CosRecConfig) -> None:
        super().__init__()
        self.config = config
        symmetric = config.involution is not None
        position = config.involution or Position.IDENTITY
        self.user = nn.Embedding(config.users, config.width)
        self.item = nn.Embedding(config.items + 1, config.width, padding_idx=0)
        self.pairs = PairMap(config.width, config.blocks[0], symmetric=symmetric)
        before = (config.blocks[0], *config.blocks)
        self.pointwise = nn.ModuleList(
            Conv2d(Rep(even=before[n]), Rep(even=channels), 1, position=position) if n else nn.Identity()
            for n, channels in enumerate(config.blocks)
        )
        self.kernels = nn.ModuleList(
            Conv2d(Rep(even=channels), Rep(even=channels), config.kernel_size, position=position)
            for channels in config.blocks
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in config.blocks for _ in range(2))
        self.features = nn.Linear(config.blocks[-1], config.features)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Embedding(config.items, config.features + config.width)  # row i - 1 is item i
        self.bias = nn.Embedding(config.items, 1)
        self._initialise()

    def _initialise(self) -> None:
        with torch.no_grad():
            for table in (self.user, self.item, self.output):
                nn.init.normal_(table.weight, std=1 / table.embedding_dim)
            self.item.weight[0] = 0
            nn.init.zeros_(self.bias.weight)
            if self.config.initialisation == "stock":
                return
            for layer in [self.pairs.pair, *self.kernels, *list(self.pointwise)[1:]]:
                outputs, inputs, *taps = layer.weight.shape
                if layer is self.pairs.pair:
                    inputs //= 2  # as published: the channels of one of both positions
                if self.config.initialisation == "half_glorot":
                    inputs, outputs = inputs * math.prod(taps), outputs * math.prod(taps)
                tied = getattr(layer, "parametrizations", None)
                free = tied.weight.original if tied is not None and "weight" in tied else layer.weight
                nn.init.normal_(free, std=(2 * (inputs + outputs)) ** -0.5)
                nn.init.zeros_(layer.bias)

    def state(
        self, users: Int[Tensor, " batch"], past: Int[Tensor, "batch length"]
    ) -> Float[Tensor, "batch features_and_width"]:
        """What is known of a user and the last items, ready for the product with output vectors."""
        z = self.pairs(self.item(past)).permute(
            0, 3, 1, 2
        )  # (batch, channels, length, length), channels last in memory
        for number, (pointwise, kernel) in enumerate(zip(self.pointwise, self.kernels, strict=True)):
            z = functional.relu(self.norms[2 * number](pointwise(z)))
            z = functional.relu(self.norms[2 * number + 1](_convolve(kernel, z)))
        z = torch.tanh(self.features(z.mean((2, 3))))
        return torch.cat([self.dropout(z), self.user(users)], 1)

    def forward(
        self, users: Int[Tensor, " batch"], past: Int[Tensor, "batch length"], items: Int[Tensor, "batch items"]
    ) -> Float[Tensor, "batch items"]:
        """Scores (logits) of some items for each row."""
        state = self.state(users, past)
        rows = items - 1
        return torch.einsum("bf,bif->bi", state, self.output(rows)) + self.bias(rows)[:, :, 0]

    def score_all(
        self, users: Int[Tensor, " batch"], past: Int[Tensor, "batch length"]
    ) -> Float[Tensor, "batch all_items"]:
        """Scores of all items; column ``i`` is item ``i + 1``."""
        return functional.linear(self.state(users, past), self.output.weight, self.bias.weight[:, 0])


def _convolve(kernel: nn.Module, z: Tensor) -> Tensor:
    """A convolution; where the kernel covers the whole map it is one matrix product, which is 2.5 times as fast."""
    if not isinstance(kernel, Conv2d) or z.shape[-1] != kernel.kernel_size[0]:
        return kernel(z)
    weight = kernel.weight.permute(0, 2, 3, 1).flatten(1)
    return functional.linear(z.permute(0, 2, 3, 1).flatten(1), weight, kernel.bias)[:, :, None, None]


def parameters(config: CosRecConfig, *, padding_rows: int = 0) -> int:
    """Number of trainable parameters, by formula.

    Args:
        config: sizes and the involution.
        padding_rows: output vectors of padding, which the published code has (1) and this model has not (0).

    Examples:
        >>> parameters(CosRecConfig(6040, 3416, involution=None), padding_rows=1)
        1983369
        >>> parameters(CosRecConfig(6040, 3416), padding_rows=1)
        1731209
    """
    symmetric, k = config.involution is not None, config.kernel_size
    taps = k * (k + 1) // 2 if symmetric else k * k
    total = config.users * config.width + (config.items + 1) * config.width
    total += (config.items + padding_rows) * (config.features + config.width + 1)
    inputs = config.width if symmetric else 2 * config.width
    for channels in config.blocks:
        total += channels * (inputs + 1) + channels * (channels * taps + 1) + 4 * channels  # biases and batch norms
        inputs = channels
    return total + config.features * (inputs + 1)
