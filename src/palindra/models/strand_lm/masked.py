"""A language model that is asked about each position while it alone is masked: maps of its certainty."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from palindra.models.strand_lm.reading import read_both, tokens_of
from palindra.sequences.vocabulary import VOCABULARY


class MaskedReader:
    """A language model for :func:`palindra.interpretation.attribution.language_model_map`.

    Both strands are read, so the map of a reverse complement is the reversed map.

    Args:
        model: ``model(tokens, mask) -> LMOutput``.
        apart: 1 masks one position at a time, which costs one reading per letter; n masks every n-th position
            together, which costs n readings per sequence and hides others n letters away. None for the first.
        batch_size: readings at a time.
    """

    def __init__(self, model: nn.Module, *, apart: int | None = None, batch_size: int = 64) -> None:
        self.model, self.apart, self.batch_size = model, apart, batch_size

    @torch.no_grad()
    def masked_logits(self, one_hot: Shaped[Tensor, "batch 4 length"]) -> Float[Tensor, "batch 4 length"]:
        """Logits of A, C, G, T at every position while it is masked."""
        device = next(self.model.parameters()).device
        tokens = tokens_of(one_hot).to(device)
        length = tokens.shape[1]
        steps = min(self.apart or length, length)
        phase = torch.arange(length, device=device) % steps  # (length,): the reading in which a position is masked
        hidden = phase == torch.arange(steps, device=device)[:, None]  # (steps, length)
        found = torch.stack([self._of_row(row, hidden) for row in tokens])
        return found.transpose(1, 2)

    def _of_row(self, row: Tensor, hidden: Tensor) -> Tensor:
        parts = []
        for block in torch.split(hidden, self.batch_size):
            logits = read_both(self.model, torch.where(block, VOCABULARY.mask, row)).logits[..., : VOCABULARY.letters]
            parts.append(torch.where(block[..., None], logits, 0).sum(0))
        return torch.stack(parts).sum(0)
