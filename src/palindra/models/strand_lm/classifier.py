"""A language model with a head on top, for labelled sequences."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.errors import InputError
from palindra.models.strand_lm.opening import from_description
from palindra.models.strand_lm.reading import read_both, tokens_of
from palindra.nn.heads import VectorHead
from palindra.sequences.vocabulary import VOCABULARY
from palindra.symmetry import Rep, Target


@dataclass(frozen=True)
class LanguageModelClassifierConfig:
    """What a :class:`LanguageModelClassifier` is made of."""

    length: int  # of the sequences it was trained on; others can be read
    language_model: str  # see palindra.models.strand_lm.opening.describe
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    dropout: float = 0.1  # of pooled features
    frozen: bool = False  # the language model is not trained
    bins: int = 1  # equal parts of the sequence, each with features of its own


class LanguageModelClassifier(nn.Module):
    """A linear map of what a language model knows of a sequence, averaged over the letters of each of its bins.

    Features of the two strands form a regular type, so that the head follows the declared target exactly: an
    invariant one sees the sum of strands, a pair of outputs has one for each strand, and a strand-specific one sees
    them apart. Each strand numbers its bins in its own direction. Positions that hold no letter (N, also that of
    padding) are left out of the means. Where bins do not divide the length, neighbours share a letter.

    Inputs are one-hot ``(batch, 4, length)`` as of every other model, outputs ``(batch, outputs)``. Letters become
    tokens, so there is no gradient with respect to the input: importance is found by mutagenesis.

    Args:
        config: sizes and the language model without its weights.

    Raises:
        InputError: for fewer bins than one, or more than letters.
    """

    def __init__(self, config: LanguageModelClassifierConfig) -> None:
        super().__init__()
        if not 1 <= config.bins <= config.length:
            raise InputError(f"bins {config.bins}: must be from 1 to {config.length}, the letters of a sequence.")
        self.config = config
        self.language_model = from_description(config.language_model)
        width = int(self.language_model.hidden_width)  # type: ignore[arg-type]
        features = Rep(regular=config.bins * width)
        # Pooled features of a trained network have any scale; the head starts from ones of the same size.
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.head = VectorHead(features, config.target, config.outputs)
        if config.frozen:
            self.language_model.requires_grad_(False)

    def train(self, mode: bool = True) -> LanguageModelClassifier:
        """A frozen language model stays in evaluation mode, without dropout."""
        super().train(mode)
        if self.config.frozen:
            self.language_model.eval()
        return self

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        return self.head(self.dropout(self.embed(x)))

    def embed(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch features"]:
        """Features before the last linear map, of type ``Rep(regular=bins * width)``."""
        if x.requires_grad:
            raise InputError(
                "this model reads letters as tokens, so its outputs have no gradient with respect to the sequence: use "
                "mutagenesis instead, and no regulariser that needs such gradients."
            )
        tokens = tokens_of(x)
        strands = read_both(self.language_model, tokens).strands  # (batch, 2, length, width)
        letters = (tokens != VOCABULARY.unknown).to(strands.dtype)[:, None]
        counted = _means(letters, self.config.bins)[..., None]  # the part of each bin that holds letters
        sums = _means((strands * letters[..., None]).movedim(2, -1), self.config.bins).movedim(-1, 2)
        given, other = self.norm(sums / counted.clamp(min=1 / tokens.shape[-1])).unbind(1)
        return torch.cat([given.flatten(1), other.flip(1).flatten(1).flip(-1)], dim=1)


def _means(x: Tensor, bins: int) -> Tensor:
    """Over equal parts of the last dimension, which lie alike in both directions."""
    return functional.adaptive_avg_pool1d(x.flatten(0, -2), bins).view(*x.shape[:-1], bins)
