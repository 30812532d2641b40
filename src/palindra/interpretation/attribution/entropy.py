"""What a language model is certain of: how far the entropy at each masked position is below the highest one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Certainty = Callable[[Tensor], Tensor]


class MaskedModel(Protocol):
    """A language model that is asked about masked positions."""

    def masked_logits(self, one_hot: Tensor) -> Tensor:
        """Logits of every position while it alone is masked, ``(rows, vocabulary, positions)``."""


def delta_entropy(logits: Tensor) -> Tensor:
    """The highest entropy of a sequence less that of each position, in nats: ``(rows, positions)``.

    The highest one is that of the sequence itself, so that no attribution depends on which sequences are read with it
    (published code takes it over a batch).

    Args:
        logits: of each position while it is masked ``(rows, vocabulary, positions)``.

    Examples:
        >>> delta_entropy(torch.tensor([[[0., 100.], [0., 0.]]]))
        tensor([[0.0000, 0.6931]])

    Source: Tang (2024).
    """
    log_probabilities = logits.log_softmax(1)
    entropy = -(log_probabilities.exp() * log_probabilities).nan_to_num(0.0).sum(1)
    return entropy.amax(1, keepdim=True) - entropy


@torch.no_grad()
def language_model_map(model: MaskedModel, one_hot: Tensor, *, batch_size: int = 32) -> Tensor:
    """:func:`delta_entropy` of many sequences, ``(rows, positions)``."""
    return torch.cat([delta_entropy(model.masked_logits(part)) for part in torch.split(one_hot, batch_size)])
