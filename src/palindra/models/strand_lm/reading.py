"""Sequences as a language model reads them: tokens, both strands, and features that strands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.models.strand_lm.opening import is_equivariant
from palindra.sequences.vocabulary import VOCABULARY


def tokens_of(one_hot: Shaped[Tensor, "batch 4 length"]) -> Int[Tensor, "batch length"]:
    """Tokens of a one-hot tensor: the letter where there is exactly one, N where there is none or equal shares of all.

    Raises:
        InputError: for mixtures of letters, of which no token speaks.

    Examples:
        >>> tokens_of(torch.tensor([[[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]]))
        tensor([[0, 3, 4]])
    """
    whole = (one_hot == 1).sum(1) == 1
    single = whole & ((one_hot != 0).sum(1) == 1)
    any_letter = (one_hot == one_hot[:, :1]).all(1)
    if not bool((single | any_letter).all()):
        row, position = (~(single | any_letter)).nonzero()[0].tolist()
        values = ", ".join(f"{value:.3g}" for value in one_hot[row, :, position].tolist())
        raise InputError(
            f"row {row}, position {position + 1}: the channels ({values}) are a mixture of letters, which a language "
            "model of tokens cannot read. Leave out what mixes sequences (mixup, noise), or use another model."
        )
    return torch.where(single, one_hot.argmax(1), VOCABULARY.unknown)


class Reading(NamedTuple):
    """What a language model says of a sequence when both strands are read."""

    logits: Float[Tensor, "batch length 4"]  # of A, C, G, T: reversed and complemented with the strand
    hidden: Float[Tensor, "batch length width"]  # of the molecule: reversed with the strand
    strands: Float[Tensor, "batch 2 length width"]  # of each strand, at the positions of the given one


def read_both(model: nn.Module, tokens: Tensor, mask: Tensor | None = None) -> Reading:
    """What a language model says of both strands together, the same whichever of them is given.

    A model that is equivariant by construction is run once. Any other one is run on both strands: what it says of the
    second is brought back to the positions and letters of the first, and the features of a strand are those that the
    model has when that strand is given.

    Args:
        model: ``model(tokens, mask)`` gives logits, hidden features and features of strands.
        tokens: ids of :data:`palindra.sequences.vocabulary.VOCABULARY` ``(batch, length)``.
        mask: True at real positions.
    """
    given = model(tokens, mask)
    if is_equivariant(model):
        return Reading(given.logits, given.hidden, given.strands)
    back = model(VOCABULARY.reverse_complement(tokens), None if mask is None else mask.flip(-1))
    strands = torch.stack([given.hidden, back.hidden.flip(1)], dim=1)
    return Reading((given.logits + back.logits.flip(1, 2)) / 2, strands.mean(1), strands)


@contextmanager
def in_evaluation(model: nn.Module) -> Iterator[None]:
    """A model in evaluation mode and without gradients for the duration of a block; each part gets its mode back."""
    in_training = [part for part in model.modules() if part.training]
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for part in in_training:
            part.training = True
