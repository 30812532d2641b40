"""The binary-classification network of "Reverse-complement equivariant networks for DNA sequences"."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn import Activation, BatchNorm, Conv1d, FlattenHead, InvariantPositions, Kmers
from palindra.symmetry import Position, Rep, Target


@dataclass(frozen=True)
class StrandCNNConfig:
    """Sizes of a :class:`StrandCNN`; the defaults are the published ones (Mallet & Vert, 2021).

    ``involution=None`` gives the baseline without symmetry from the same lines: the same number of channels, nothing
    tied.
    """

    length: int  # of the one-hot input
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    k: int = 1  # overlapping k-mers; published best: 2 or 3
    hidden: Rep = field(default=Rep(regular=16))  # 16 pairs = RCPS; the published best irreps are 24 even + 8 odd
    kernel_sizes: tuple[int, ...] = (15, 14, 14)
    pool_size: int = 40  # of invariant features, cut to the length where that is shorter
    pool_stride: int = 20
    involution: Position | None = Position.REVERSE


class StrandCNN(nn.Module):
    """k-mers, three convolutions each with batch norm and activation, invariant features, max pooling, one linear map.

    Args:
        config: sizes and types.

    Inputs are one-hot ``(batch, 4, length)``, outputs ``(batch, outputs)`` (logits or values).

    For strand-specific or paired targets the features keep their type and the last map is tied accordingly.

    Raises:
        ValueError: if the convolutions leave no position.

    Examples:
        >>> import torch
        >>> model = StrandCNN(StrandCNNConfig(length=101, hidden=Rep(even=24, odd=8), k=2))
        >>> model(torch.zeros(3, 4, 101)).shape
        torch.Size([3, 1])
    """

    def __init__(self, config: StrandCNNConfig) -> None:
        super().__init__()
        self.config = config
        position = config.involution or Position.IDENTITY
        hidden = config.hidden if config.involution else Rep(even=config.hidden.channels)
        target = config.target if config.involution else Target.strand_specific()  # the baseline ties nothing
        length = config.length - (config.k - 1) - sum(size - 1 for size in config.kernel_sizes)
        if length < 1:
            raise ValueError(
                f"sequences of {config.length} leave no position after convolutions of {config.kernel_sizes} on "
                f"{config.k}-mers: use sequences of at least {config.length - length + 1}, or smaller kernels."
            )
        layers: list[nn.Module] = [Kmers(config.k, position=position)]
        rep: Rep = layers[0].out_rep  # type: ignore[assignment]
        for size in config.kernel_sizes:
            layers += [Conv1d(rep, hidden, size, position=position), BatchNorm(hidden), Activation(hidden)]
            rep = hidden
        self.trunk = nn.Sequential(*layers)
        # Features that are invariant at every position may be pooled anyhow; others may not, and keep their type.
        invariant = config.target.rep is not None and config.target.rep.regular == config.target.rep.odd == 0
        self.invariant = InvariantPositions(hidden, position=position) if invariant else None
        self.pool = (min(config.pool_size, length), config.pool_stride) if invariant else None
        if self.invariant is not None and self.pool is not None:
            windows = (length - self.pool[0]) // self.pool[1] + 1
            self.head = FlattenHead(self.invariant.out_rep, windows, target, config.outputs, position=Position.IDENTITY)
        else:
            self.head = FlattenHead(hidden, length, target, config.outputs, position=position)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        if x.shape[-1] != self.config.length:  # the windows of the pool would hide a longer sequence's end
            raise ValueError(f"this network was built for {self.config.length} letters and got {x.shape[-1]}.")
        x = self.trunk(x)  # (batch, hidden, length - 40)
        if self.invariant is not None and self.pool is not None:
            x = self.invariant(x)  # (batch, orbits, length - 40)
            # Through two dimensions, so that the exported model keeps other batch sizes (see palindra.nn.pool).
            x = functional.max_pool2d(x.unsqueeze(-2), (1, self.pool[0]), (1, self.pool[1])).squeeze(-2)
        return self.head(x)
