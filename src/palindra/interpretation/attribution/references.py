"""References and noise for which the strand does not matter: those of a reverse complement are the reverse complements.

A random draw for a sequence is made on one of its two strands, the one that comes first by its letters, and turned back
where that is the other one. So an attribution of an equivariant model is equivariant, whatever it draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palindra.errors import InputError
from palindra.sequences import dinucleotide_shuffle

References = Callable[[Tensor, int], Tensor]
"""From sequences ``(rows, letters, length)`` and the number of the first row to ``(rows, references, ...)``."""


def zeros(one_hot: Tensor, first_row: int = 0) -> Tensor:
    """All zeros, what an N is: ``(rows, 1, letters, length)``."""
    return torch.zeros_like(one_hot)[:, None]


def uniform(one_hot: Tensor, first_row: int = 0) -> Tensor:
    """Equal parts of all letters: ``(rows, 1, letters, length)``.

    Examples:
        >>> uniform(torch.zeros(1, 4, 1)).flatten()
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return torch.full_like(one_hot, 1 / one_hot.shape[1])[:, None]


@dataclass(frozen=True)
class DinucleotideShuffles:
    """Shuffles of each sequence with the same dinucleotides; those of the other strand are the same, turned.

    Args:
        copies: of each sequence.
        seed: with the number of the row it fixes the shuffles.

    Examples:
        >>> x = torch.eye(4)[None, :, [0, 2, 1, 2, 0, 3, 1, 0]]
        >>> shuffles = DinucleotideShuffles(3)
        >>> torch.equal(shuffles(x.flip(-1, -2), 0), shuffles(x, 0).flip(-1, -2))
        True
    """

    copies: int = 20
    seed: int = 0

    def __call__(self, one_hot: Tensor, first_row: int = 0) -> Tensor:
        """The shuffles ``(rows, copies, letters, length)``."""
        return on_either_strand(
            one_hot, lambda x: dinucleotide_shuffle(x, copies=self.copies, seed=self.seed, first_row=first_row)
        )


@dataclass(frozen=True)
class Given:
    """References that are given for every row ``(rows, references, letters, length)``."""

    references: Tensor

    def __call__(self, one_hot: Tensor, first_row: int = 0) -> Tensor:
        """Those of some rows.

        Raises:
            InputError: if their shape is not that of the sequences.
        """
        found = self.references[first_row : first_row + len(one_hot)]
        if found.dim() != 4 or len(found) != len(one_hot) or found.shape[2:] != one_hot.shape[1:]:
            raise InputError(
                f"references {tuple(self.references.shape)} do not fit sequences {tuple(one_hot.shape)}: give "
                "(rows, references, letters, length)."
            )
        return found.to(one_hot)


def noise(one_hot: Tensor, copies: int, *, seed: int, first_row: int) -> Tensor:
    """Standard normal numbers ``(rows, copies, letters, length)``; those of the other strand are the same, turned."""

    def drawn(x: Tensor) -> Tensor:
        rows = [
            np.random.Generator(
                np.random.Philox(key=np.array([seed, first_row + row], dtype=np.uint64))
            ).standard_normal((copies, *x.shape[1:]), dtype=np.float32)
            for row in range(len(x))
        ]
        return torch.from_numpy(np.stack(rows)).to(x)

    return on_either_strand(one_hot, drawn)


def on_either_strand(one_hot: Tensor, draw: Callable[[Tensor], Tensor]) -> Tensor:
    """Draws ``(rows, copies, letters, length)`` on one strand of each sequence, turned to the one that is given.

    A sequence that is its own reverse complement gets every draw with the turned one beside it (with an odd number of
    copies the last is alone). Sequences of other letters than the four of DNA have one strand.
    """
    if one_hot.shape[1] != 4:
        return draw(one_hot)
    turned = one_hot.flip(1, 2)
    apart = (one_hot - turned).mT.flatten(1)  # position by position
    first = apart.gather(1, (apart != 0).to(torch.int8).argmax(1, keepdim=True))[:, 0]
    other, own = first < 0, first == 0
    found = draw(torch.where(other[:, None, None], turned, one_hot))
    half = found.shape[1] // 2
    found = found.clone()
    found[own, half : 2 * half] = found[own, :half].flip(-1, -2)
    return torch.where(other[:, None, None, None], found.flip(-1, -2), found)


def as_references(given: Any) -> References:
    """References from a tensor for every row, or from a function."""
    return Given(given) if isinstance(given, Tensor) else given
