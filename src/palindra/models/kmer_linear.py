"""A linear model of k-mer counts as a network: what a trivial baseline knows, ready to join an ensemble."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.nn import Kmers, VectorHead
from palindra.sequences import kmer_order, kmer_rep
from palindra.symmetry import Rep, Target


@dataclass(frozen=True)
class KmerLinearConfig:
    """Sizes of a :class:`KmerLinear`."""

    length: int  # of the one-hot input; any other works as well
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    k: int = 6  # even
    counts: str = "unit length"  # scaled to unit length, or "log": log(1 + count) times `scale`
    scale: float = 1.0


class KmerLinear(nn.Module):
    """Counts of k-mers, each together with its reverse complement, scaled and mapped linearly.

    Counts are products of half-length k-mer maps, so they are exact for one-hot input, differentiable everywhere, and
    never held per position. The type of k-mers ties the weights: 2,080 numbers for k = 6 and one invariant output.

    Args:
        config: sizes; weights start at zero and are set by :meth:`set_weights` or trained.

    Examples:
        >>> model = KmerLinear(KmerLinearConfig(length=20, k=4))
        >>> model(torch.zeros(2, 4, 20)).shape
        torch.Size([2, 1])
    """

    order: Tensor

    def __init__(self, config: KmerLinearConfig) -> None:
        super().__init__()
        if config.k % 2 or config.k not in (2, 4, 6):
            raise ValueError(f"k is 2, 4 or 6 (two halves of equal length), not {config.k}.")
        self.config = config
        self.halves = Kmers(config.k // 2)
        rep = kmer_rep(config.k)
        half = {name: number for number, name in enumerate(kmer_order(config.k // 2))}
        pairs = [(half[w[: config.k // 2]], half[w[config.k // 2 :]]) for w in kmer_order(config.k)]
        self.register_buffer("order", torch.tensor([a * len(half) + b for a, b in pairs]), persistent=False)
        self.rep = rep
        self.collapsed = Rep(even=rep.regular + rep.even)
        self.head = VectorHead(self.collapsed, config.target, config.outputs)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        half, k = self.halves(x), self.config.k // 2
        first, second = half[..., : half.shape[-1] - k], half[..., k:]
        counts = torch.bmm(first, second.transpose(1, 2)).flatten(1).index_select(1, self.order)
        n = self.rep.regular
        counts = torch.cat([counts[:, :n] + counts[:, n : 2 * n].flip(1), counts[:, 2 * n :]], dim=1)
        if self.config.counts == "log":
            return self.head(counts.log1p() * self.config.scale)
        return self.head(counts / counts.square().sum(1, keepdim=True).clamp(min=1).sqrt())

    @property
    def names(self) -> list[str]:
        """The k-mer of every weight; its reverse complement shares it."""
        n = self.rep.regular
        order = kmer_order(self.config.k)
        return order[:n] + order[2 * n :]

    @torch.no_grad()
    def set_weights(self, weight: Float[Tensor, "outputs kmers"], bias: Float[Tensor, " outputs"]) -> None:
        """Set the linear map, for k-mers in the order of :attr:`names`."""
        self.head.map.weight.copy_(weight)
        self.head.map.bias.copy_(bias)
