"""From probabilities of tokens to probabilities of the letters at each base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

LETTERS = "ACGT"


class Words(NamedTuple):
    """The tokens of one number of letters."""

    ids: Tensor  # (words,)
    letters: Tensor  # one-hot (words, size, 4), float64
    complete: Tensor  # (size,): whether every letter occurs there


class LetterTable:
    """Which letters the tokens of a vocabulary have, by their number.

    Args:
        words: the letters of each token that is nothing but A, C, G, T, by id.

    Examples:
        >>> table = LetterTable({3: "A", 4: "C", 5: "G", 6: "T", 7: "AC"})
        >>> logits = torch.zeros(1, 8)
        >>> table.log_probabilities(logits, 1).exp()[0].tolist()
        [[0.25, 0.25, 0.25, 0.25]]
        >>> table.log_probabilities(logits, 2).isnan().all().item()
        True
    """

    def __init__(self, words: Mapping[int, str]) -> None:
        sizes: dict[int, list[int]] = {}
        for number, word in sorted(words.items()):
            sizes.setdefault(len(word), []).append(number)
        self.words: dict[int, Words] = {}
        for size, ids in sizes.items():
            codes = torch.tensor([[LETTERS.index(letter) for letter in words[number]] for number in ids])
            letters = torch.nn.functional.one_hot(codes, 4).double()
            self.words[size] = Words(torch.tensor(ids), letters, (letters.sum(0) > 0).all(-1))

    def log_probabilities(
        self, logits: Float[Tensor, "tokens vocabulary"], size: int
    ) -> Float[Tensor, "tokens size 4"]:
        """Log-probabilities of the letters of tokens with ``size`` bases, given that the token has as many letters.

        NaN at bases where no such token has some letter.
        """
        if size not in self.words:
            return logits.new_full((len(logits), size, 4), torch.nan)
        words = self.words[size]
        shares = logits[:, words.ids].double().softmax(-1)
        found = torch.einsum("tw,wsl->tsl", shares, words.letters).log()
        return found.masked_fill(~words.complete[None, :, None], torch.nan).float()
