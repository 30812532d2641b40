"""What every source of representations gives: features of tokens, and which bases each token stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Embedded(NamedTuple):
    """Features of some sequences.

    ``spans[i, t]`` is the half-open stretch ``[start, end)`` of bases of sequence ``i``, counted from 0, that token
    ``t`` stands for. Tokens run from the first base to the last. Rows with fewer tokens than others are filled with
    zeros whose span is ``(0, 0)``. Tokens that stand for no base (CLS, SEP) are not among them.
    """

    features: Float[Tensor, "batch tokens width"]
    spans: Int[Tensor, "batch tokens 2"]
    cls: Float[Tensor, "batch width"] | None = None  # of the model's own summary token, where there is one

    @property
    def mask(self) -> Tensor:
        """True at tokens that stand for bases ``(batch, tokens)``."""
        return self.spans[..., 1] > self.spans[..., 0]

    def mean(self) -> Tensor:
        """Mean over tokens ``(batch, width)``, as published probing does; fill and CLS are left out."""
        weights = self.mask.to(self.features.dtype).unsqueeze(-1)
        return (self.features * weights).sum(1) / weights.sum(1).clamp(min=1)

    def maximum(self) -> Tensor:
        """Largest value of each feature over tokens ``(batch, width)``."""
        return self.features.masked_fill(~self.mask.unsqueeze(-1), -torch.inf).amax(1)


@runtime_checkable
class Source(Protocol):
    """Anything that turns sequences into features of tokens."""

    @property
    def name(self) -> str:
        """As reports print it."""
        ...

    @property
    def width(self) -> int:
        """Features of a token."""
        ...

    @property
    def parameters(self) -> int:
        """Weights that were trained or drawn; 0 for counts."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes with anything that changes the features: weights, layer, tokenizer, options."""
        ...

    def embed(self, sequences: Sequence[str]) -> Embedded:
        """Features of sequences (letters of the task's alphabet, each of its own length).

        Raises:
            InputError: for sequences that cannot be read whole: nothing is ever cut off silently.
        """
        ...
