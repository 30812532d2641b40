"""What needs no training: the letters themselves, and how often short words occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from palindra.errors import InputError
from palindra.probing.source import Embedded
from palindra.probing.sources.bases import batches, joined, require_letters, shown, single_bases
from palindra.sequences import count_kmers, encode, one_hot

ROWS_TOGETHER = 1024


@dataclass(frozen=True)
class OneHot:
    """The sequence itself: one token per base, four features; N is all zeros.

    Examples:
        >>> OneHot().embed(["ACN"]).features[0].tolist()
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """

    name: str = "one-hot"
    width: int = 4
    parameters: int = 0
    fingerprint: str = "one-hot 1"

    def embed(self, sequences: Sequence[str]) -> Embedded:
        """One-hot letters ``(batch, length, 4)``; U is read as T."""
        require_letters(sequences)
        features: list[torch.Tensor] = [torch.empty(0)] * len(sequences)
        for rows in batches([len(text) for text in sequences], ROWS_TOGETHER):
            found = one_hot(
                [as_dna(sequences[row]) for row in rows],
                dtype=torch.float32,
                names=[f"sequence {row + 1}" for row in rows],
            )
            for row, letters in zip(rows, found.transpose(1, 2), strict=True):
                features[row] = letters
        return joined(features, [single_bases(len(text)) for text in sequences])


@dataclass(frozen=True)
class Counts:
    """How often each word of ``k`` letters occurs, as a share of all: one token for the whole sequence.

    Words overlap, and those with N or another ambiguity code are not counted. A word and its reverse complement are
    counted apart; strands that are averaged count them together.

    Args:
        k: 1 for nucleotides, 2 for dinucleotides, at most 8.

    Examples:
        >>> Counts(1).embed(["AACG"]).features.flatten().tolist()
        [0.5, 0.25, 0.25, 0.0]
    """

    k: int

    def __post_init__(self) -> None:
        """Check the length of words.

        Raises:
            InputError: for one that is not offered.
        """
        if not 1 <= self.k <= 8:
            raise InputError(f"kmers:{self.k}: words of 1 to 8 letters can be counted.")

    @property
    def name(self) -> str:
        """As reports print it."""
        return {1: "nucleotides", 2: "dinucleotides"}.get(self.k, f"{self.k}-mers")

    @property
    def width(self) -> int:
        """Number of words."""
        return 4**self.k

    @property
    def parameters(self) -> int:
        """None: nothing is trained."""
        return 0

    @property
    def fingerprint(self) -> str:
        """Of the words that are counted."""
        return f"counts 1 k={self.k}"

    def embed(self, sequences: Sequence[str]) -> Embedded:
        """Shares of words ``(batch, 1, 4^k)``; zeros where none can be counted.

        Raises:
            InputError: for a sequence shorter than a word.
        """
        require_letters(sequences)
        features: list[torch.Tensor] = [torch.empty(0)] * len(sequences)
        for rows in batches([len(text) for text in sequences], ROWS_TOGETHER):
            if len(text := sequences[rows[0]]) < self.k:
                raise InputError(f"{shown(rows[0], text)} is shorter than the words of {self.name}: leave it out.")
            codes = encode([as_dna(sequences[row]) for row in rows], names=[f"sequence {row + 1}" for row in rows])
            counts = torch.from_numpy(count_kmers(codes, self.k, canonical=False)).double()
            for row, shares in zip(rows, counts / counts.sum(1, keepdim=True).clamp(min=1), strict=True):
                features[row] = shares.float()[None]
        return joined(features, [torch.tensor([[0, len(text)]]) for text in sequences])


def as_dna(text: str) -> str:
    """A sequence of DNA or RNA with T for U.

    Examples:
        >>> as_dna("acgU")
        'acgT'
    """
    return text.replace("U", "T").replace("u", "t")
