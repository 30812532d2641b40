"""Caduceus behind the interface of the library's own language models: one vocabulary, both strands, padding."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from palindra.models.caduceus.config import TOKENS, CaduceusConfig
from palindra.models.caduceus.model import Caduceus
from palindra.models.strand_lm import LMOutput

PUBLISHED = ("A", "C", "G", "T", "N", "[MASK]", "[PAD]")  # in the order of palindra.sequences.vocabulary


class CaduceusLanguageModel(nn.Module):
    """A Caduceus that reads the tokens of :data:`palindra.sequences.vocabulary.VOCABULARY`.

    Features and logits are those of :class:`palindra.models.strand_lm.StrandLM`: logits of A, C, G, T of the given
    strand, features of each strand, and their mean, which is only reversed on the other strand. Ph reads one strand,
    so it is run on both and averaged, as its authors do at test time; then this holds for it as well.

    Rows with padding are read without it, those of one length together.

    Args:
        caduceus: the network.
    """

    ids: Tensor

    def __init__(self, caduceus: Caduceus) -> None:
        super().__init__()
        self.caduceus = caduceus
        self.register_buffer("ids", torch.tensor([TOKENS.index(token) for token in PUBLISHED]), persistent=False)

    @property
    def config(self) -> CaduceusConfig:
        """Of the network."""
        return self.caduceus.config

    @property
    def hidden_width(self) -> int:
        """Features at each position."""
        return self.caduceus.config.width

    def forward(
        self, tokens: Int[Tensor, "batch length"], mask: Bool[Tensor, "batch length"] | None = None
    ) -> LMOutput:
        if mask is None or bool(mask.all()):
            return self._read(tokens)
        batch, length = tokens.shape
        weight = self.caduceus.embeddings.weight
        logits = weight.new_zeros(batch, length, 4)
        strands = weight.new_zeros(batch, 2, length, self.hidden_width)
        for size in sorted(set(mask.sum(1).tolist())):
            if not size:
                continue
            rows = (mask.sum(1) == size).nonzero().squeeze(1)
            places = mask[rows].nonzero()[:, 1].view(len(rows), size)
            found = self._read(tokens[rows].gather(1, places))
            logits[rows[:, None], places] = found.logits
            strands[rows[:, None], :, places] = found.strands.transpose(1, 2)
        return _output(logits, strands)

    def _read(self, tokens: Tensor) -> LMOutput:
        ids = self.ids[tokens]
        letters = self.ids[:4]
        found = self.caduceus(ids)
        if self.config.equivariant:
            return _output(found.logits[..., letters], found.strands)
        other = self.caduceus(self.caduceus.complement[ids].flip(1))
        strands = torch.cat([found.strands, other.strands.flip(2)], dim=1)
        complements = self.caduceus.complement[letters]
        logits = (found.logits[..., letters] + other.logits.flip(1)[..., complements]) / 2
        return _output(logits, strands)


def _output(logits: Tensor, strands: Tensor) -> LMOutput:
    """Both strands weigh the same, so the logits of the gate between them are zero."""
    return LMOutput(logits, strands.mean(1), strands, logits.new_zeros(*logits.shape[:2], 1))
