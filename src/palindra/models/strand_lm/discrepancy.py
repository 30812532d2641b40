"""How far a language model is from giving the same answer on both strands, and its average over them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from palindra.models.strand_lm.model import LMOutput, StrandLM
from palindra.sequences.vocabulary import VOCABULARY


class Discrepancy(NamedTuple):
    """Differences between what a model says of a window and of its reverse complement; all 0 when it is equivariant."""

    logits: float  # largest difference, relative to the largest logit
    hidden: float  # the same of the fused features
    probability: float  # mean total variation between the two distributions over letters, 0 to 1
    letters: float  # share of positions at which another letter is the most probable one


@torch.no_grad()
def rc_discrepancy(
    model: nn.Module, tokens: Int[Tensor, "batch length"], mask: Bool[Tensor, "batch length"] | None = None
) -> Discrepancy:
    """Compare a model on windows and on their reverse complements; a random layer must be off (``model.eval()``).

    Args:
        model: ``model(tokens, mask)`` gives ``logits`` and ``hidden``, as :class:`StrandLM`.
        tokens: windows.
        mask: True at real positions.
    """
    straight = model(tokens, mask)
    other = model(VOCABULARY.reverse_complement(tokens), None if mask is None else mask.flip(1))
    logits, hidden = other.logits.flip(1, 2), other.hidden.flip(1)
    real = tokens != VOCABULARY.padding
    real = real if mask is None else real & mask
    first, second = straight.logits[real], logits[real]
    return Discrepancy(
        logits=_relative(second, first),
        hidden=_relative(hidden[real], straight.hidden[real]),
        probability=float((first.softmax(-1) - second.softmax(-1)).abs().sum(-1).mean() / 2),
        letters=float((first.argmax(-1) != second.argmax(-1)).double().mean()),
    )


def _relative(found: Tensor, expected: Tensor) -> float:
    scale = expected.abs().max().clamp(min=torch.finfo(expected.dtype).tiny)
    return float((found - expected).abs().max() / scale)


class StrandAverage(nn.Module):
    """A language model averaged over both strands after training, which makes any model equivariant at twice the cost.

    Args:
        model: untied, bidirectional or single; its outputs are brought to the given strand and averaged.
    """

    def __init__(self, model: StrandLM) -> None:
        super().__init__()
        self.model, self.config, self.hidden_width = model, model.config, model.hidden_width

    def forward(
        self, tokens: Int[Tensor, "batch length"], mask: Bool[Tensor, "batch length"] | None = None
    ) -> LMOutput:
        straight: LMOutput = self.model(tokens, mask)
        other: LMOutput = self.model(VOCABULARY.reverse_complement(tokens), None if mask is None else mask.flip(1))
        return LMOutput(
            (straight.logits + other.logits.flip(1, 2)) / 2,
            (straight.hidden + other.hidden.flip(1)) / 2,
            (straight.strands + other.strands.flip(1, 2)) / 2,
        )
