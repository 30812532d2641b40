"""Caduceus in plain PyTorch: a bidirectional state-space language model, of both strands (PS) or of one (Ph)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from palindra.models.caduceus.config import CaduceusConfig, complement_table
from palindra.models.caduceus.layers import Block, Norm, tied_logits


class CaduceusOutput(NamedTuple):
    """Logits of tokens, and what each strand knows at every position."""

    logits: Float[Tensor, "batch length vocabulary"]  # under reverse complement reversed and complemented (PS)
    strands: Float[Tensor, "batch strands length width"]  # given strand, other strand; positions of the given one


class Caduceus(nn.Module):
    """Caduceus-PS or -Ph (Schiff et al., 2024).

    PS reads both strands with the same layers and lets them meet in the head alone: its logits are exactly
    equivariant. Ph reads the given strand.

    Token ids are those of the published vocabulary (:data:`palindra.models.caduceus.TOKENS`). There is no padding:
    sequences of one batch have one length. No token at one end is added, because it would not move with the strand.

    Args:
        config: sizes.

    Examples:
        >>> model = Caduceus(CaduceusConfig(width=8, depth=2))
        >>> model(torch.tensor([[7, 8, 9, 10, 11]])).logits.shape
        torch.Size([1, 5, 16])
    """

    complement: Tensor

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(config.vocabulary_size, config.width)
        nn.init.normal_(self.embeddings.weight, std=0.02)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm_f = Norm(config.width, epsilon=config.norm_epsilon, centred=not config.rms_norm)
        table = torch.tensor(complement_table(config.vocabulary_size))
        self.register_buffer("complement", table, persistent=False)

    def forward(self, tokens: Int[Tensor, "batch length"]) -> CaduceusOutput:
        strands = self.strands(tokens)
        logits = tied_logits(strands, self.embeddings.weight, self.complement)
        forward = [strands[0], *(other.flip(1) for other in strands[1:])]
        return CaduceusOutput(logits, torch.stack(forward, dim=1))

    def strands(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "strands batch length width"]:
        """Features of each strand read from its own 5' end."""
        both = [tokens, self.complement[tokens].flip(1)] if self.config.equivariant else [tokens]
        x, residual = self.embeddings(torch.stack(both)), None
        for layer in self.layers:
            x, residual = layer(x, residual)
        return self.norm_f(x if residual is None else residual + x)
