"""The tokens of language models of DNA: one table for data, models, tokenizers and exported files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int
from torch import Tensor

from palindra.errors import InputError
from palindra.sequences.alphabet import DNA, Codes
from palindra.sequences.codes import encode

Tokens = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Vocabulary:
    """Single letters and special tokens, each with the token that it becomes on the other strand.

    The mask symbol is distinct from N, so that a model can tell what was hidden from what is unknown. N, the mask and
    padding are their own complements, and ambiguity codes other than N are read as N.

    Args:
        symbols: the text of each token; its place is the id. The letters come first, then N, the mask, padding.
        complement: the id that each id becomes on the other strand; it undoes itself.

    Raises:
        ValueError: if there is not one complement for each symbol, or the table does not undo itself.

    Examples:
        >>> VOCABULARY.encode("acgtnR").tolist()
        [0, 1, 2, 3, 4, 4]
        >>> VOCABULARY.decode(VOCABULARY.reverse_complement(VOCABULARY.encode("AACGN")))
        'NCGTT'
        >>> print(VOCABULARY)
        A C G T N [MASK] [PAD]
    """

    symbols: tuple[str, ...] = ("A", "C", "G", "T", "N", "[MASK]", "[PAD]")
    complement: tuple[int, ...] = (3, 2, 1, 0, 4, 5, 6)

    def __post_init__(self) -> None:
        ids = list(range(len(self.symbols)))
        if len(set(self.symbols)) != len(ids) or sorted(self.complement) != ids:
            raise ValueError(
                f"a vocabulary has distinct symbols and one complement for each, not {self.symbols} {self.complement}."
            )
        if [self.complement[other] for other in self.complement] != ids:
            raise ValueError(f"the complement of a complement is the token itself, which {self.complement} breaks.")

    def __str__(self) -> str:
        """The symbols in the order of their ids, as saved models write them."""
        return " ".join(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def letters(self) -> int:
        """The number of letters that a model can predict: A, C, G and T, ids 0 to 3."""
        return len(DNA.letters)

    @property
    def unknown(self) -> int:
        """The id of N."""
        return self.symbols.index("N")

    @property
    def mask(self) -> int:
        """The id of the mask symbol."""
        return self.symbols.index("[MASK]")

    @property
    def padding(self) -> int:
        """The id of padding."""
        return self.symbols.index("[PAD]")

    def encode(self, text: str, *, name: str = "the sequence") -> Tokens:
        """The ids of the letters of one sequence, in capital or small letters.

        Raises:
            InputError: at the first letter that is not DNA, or if there is none; ``name`` says where it came from.
        """
        return self.from_codes(encode([text], names=[name])[0])

    def from_codes(self, codes: Codes) -> Tokens:
        """Ids from the codes of DNA (see :func:`palindra.sequences.encode`): ambiguity codes become N."""
        return np.minimum(codes, self.unknown).astype(np.uint8)

    def decode(self, tokens: Int[Tensor, " length"] | Tokens) -> str:
        """The text of the ids of one sequence."""
        return "".join(self.symbols[int(token)] for token in tokens)

    @overload
    def reverse_complement(self, tokens: Tensor) -> Tensor: ...
    @overload
    def reverse_complement(self, tokens: Tokens) -> Tokens: ...
    def reverse_complement(self, tokens: Tensor | Tokens) -> Tensor | Tokens:
        """The other strand ``(..., length)``, read in its own direction; padding moves to the other side."""
        if isinstance(tokens, Tensor):
            table = torch.tensor(self.complement, dtype=tokens.dtype, device=tokens.device)
            return table[tokens.flip(-1).long()]
        return np.ascontiguousarray(np.array(self.complement, dtype=tokens.dtype)[tokens[..., ::-1]])

    def check(self, tokens: Int[Tensor, "batch length"]) -> None:
        """Make sure that ids are of this vocabulary.

        Raises:
            InputError: for ids that it does not have.
        """
        low, high = torch.stack(tokens.aminmax()).tolist() if tokens.numel() else (0, 0)
        if low < 0 or high >= len(self):
            raise InputError(
                f"token {low if low < 0 else high} is not in the vocabulary, whose ids are 0 to {len(self) - 1} "
                f"({self}). Make the tokens with palindra.sequences.vocabulary.VOCABULARY: other tokenizers "
                "have other ids."
            )


VOCABULARY = Vocabulary()
"""The vocabulary of all language models of DNA in this library."""
