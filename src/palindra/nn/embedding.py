"""From symbols to channels: learned embeddings of tokens, and fixed overlapping k-mers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from palindra.nn.printed import OneLine
from palindra.sequences.kmers import kmer_rep, kmers
from palindra.symmetry import Position, Rep, tie


class Embedding(OneLine, nn.Embedding):
    """Embedding of tokens with ``E[complement(v)] = rho E[v]``.

    Self-complementary tokens (N, padding, mask) get vectors that the involution leaves alone: shared inside pairs and
    zero on odd channels.

    Args:
        complement: for every token id the id of its complement, by id and not by order of appearance.
        out_rep: type of the embedding.

    Inputs are token ids ``(batch, length)``, outputs ``(batch, channels, length)``.

    Raises:
        ValueError: if the complement does not undo itself.

    Examples:
        >>> layer = Embedding([3, 2, 1, 0, 4], Rep(regular=8))          # A C G T N
        >>> layer(torch.tensor([[0, 1, 4]])).shape
        torch.Size([1, 16, 3])
    """

    keeps_type = True
    shown: ClassVar[dict[str, Any]] = {"num_embeddings": None}

    def __init__(self, complement: Sequence[int], out_rep: Rep) -> None:
        tokens = len(complement)
        for token, other in enumerate(complement):
            if not 0 <= other < tokens or complement[other] != token:
                raise ValueError(
                    f"token {token} has complement {other}, which is not undone: give for every id the id of its "
                    "complement, e.g. [3, 2, 1, 0, 4] for A C G T N."
                )
        super().__init__(tokens, out_rep.channels)
        self.out_rep = out_rep
        self.complement = tuple(complement)
        numbered = torch.arange(1, tokens * out_rep.channels + 1).reshape(tokens, out_rep.channels)
        tie(self, "weight", out_rep.act(numbered[list(complement)], dim=1))

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch channels length"]:
        return super().forward(tokens).movedim(-1, 1)


class Kmers(nn.Module):
    """Overlapping k-mers of one-hot DNA ``(batch, 4, length)`` as channels ``(batch, channels, length - k + 1)``.

    An exact equivariant convolution without parameters. For odd k all channels are regular pairs; for even k the
    self-complementary k-mers are even channels. k = 1 returns its input.

    Args:
        k: 1 to 6.
        position: ``Position.IDENTITY`` declares the same channels as even ones, for baselines without symmetry.
    """

    def __init__(self, k: int, *, position: Position = Position.REVERSE) -> None:
        super().__init__()
        self.k, self.position = k, position
        typed = kmer_rep(k)
        self.in_rep = Rep(regular=2) if position is Position.REVERSE else Rep(even=4)
        self.out_rep = typed if position is Position.REVERSE else Rep(even=typed.channels)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch channels kmers"]:
        return kmers(x, self.k) if self.k > 1 else x

    def extra_repr(self) -> str:
        return f"k={self.k}"
