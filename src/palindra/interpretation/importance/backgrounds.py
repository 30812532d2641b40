"""Sequences that a pattern is put into: those of the user, shuffles of them, or draws from a model of their k-mers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.sequences import count_kmers, dinucleotide_shuffle, nucleotide_shuffle, reverse_complement
from palindra.sequences.alphabet import Codes

_LARGEST_K = 8


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """Sequences of one length, and which of them are variants of one source.

    Effects are averaged over the rows of a source before intervals are drawn over sources: two shuffles of one
    sequence, or its two strands, are no two observations.

    Args:
        codes: ``(rows, length)``, see :func:`palindra.sequences.encode`.
        source: number of the source of each row ``(rows,)``.
    """

    codes: Codes
    source: NDArray[np.int64]

    @property
    def length(self) -> int:
        """Letters of each sequence."""
        return int(self.codes.shape[1])

    @property
    def sources(self) -> int:
        """How many independent backgrounds there are."""
        return len(np.unique(self.source))

    def both_strands(self) -> Backgrounds:
        """Each background and its reverse complement, as variants of one source.

        A pattern then has the same importance as its reverse complement in every model that gives both strands of a
        sequence the same output. Leave it out where only the given strand exists (RNA).
        """
        return Backgrounds(np.concatenate([self.codes, reverse_complement(self.codes)]), np.tile(self.source, 2))


def own(codes: Codes, length: int | None = None) -> Backgrounds:
    """The user's own sequences, each its own source.

    Args:
        codes: ``(rows, length)``.
        length: of the model's input; None where it takes any.

    Raises:
        InputError: for none, or for a length that the model does not take.

    Examples:
        >>> from palindra.sequences import encode
        >>> own(encode(["ACGT", "TTTT"]), 4).both_strands().source
        array([0, 1, 0, 1])
    """
    if codes.ndim != 2 or codes.size == 0:
        raise InputError("there is no background: at least one sequence of at least one letter is needed.")
    if length is not None and codes.shape[1] != length:
        raise InputError(
            f"the backgrounds have {codes.shape[1]} letters and the model takes {length}: give backgrounds of "
            f"{length} letters."
        )
    return Backgrounds(codes, np.arange(len(codes)))


def shuffled(codes: Codes, seed: int, *, copies: int = 1, dinucleotides: bool = True) -> Backgrounds:
    """Shuffles of sequences that keep the dinucleotides of each (or its letters alone); copies share their source.

    Args:
        codes: ``(rows, length)``, e.g. test sequences with a high measured value.
        seed: of the shuffles.
        copies: shuffles of each sequence.
        dinucleotides: whether all 16 counts stay, and the first and the last letter.

    Raises:
        InputError: without sequences or copies.
    """
    given = own(codes)
    if copies < 1:
        raise InputError(f"{copies} shuffles of each sequence: at least one is needed.")
    shuffle = dinucleotide_shuffle if dinucleotides else nucleotide_shuffle
    return Backgrounds(shuffle(codes, copies, seed).reshape(-1, given.length), np.repeat(given.source, copies))


def drawn(codes: Codes, number: int, seed: int, *, k: int = 3, length: int | None = None) -> Backgrounds:
    """Random sequences from a model of the k-mers of some sequences: each letter given the ``k - 1`` before it.

    Every k-mer is counted once more than it occurs, so that all sequences are possible. ``k=1`` keeps the letters
    only. Row r depends on the seed and r alone.

    Args:
        codes: ``(rows, any length)`` from which the model is fitted.
        number: how many sequences are drawn.
        seed: of the draws.
        k: 1 to 8.
        length: of the sequences; by default that of the given ones.

    Raises:
        InputError: for a k or a number out of range, or sequences shorter than k.

    Examples:
        >>> from palindra.sequences import encode
        >>> drawn(encode(["ACACACACACACACACACACAC"]), 3, seed=0, k=2, length=7).codes.shape
        (3, 7)
    """
    given = own(codes)
    size = given.length if length is None else length
    if not 1 <= k <= min(_LARGEST_K, given.length) or number < 1 or size < 1:
        raise InputError(
            f"{number} sequences of {size} letters from {k}-mers of sequences of {given.length}: choose k from 1 to "
            f"{min(_LARGEST_K, given.length)}, and at least one sequence of at least one letter."
        )
    counts = count_kmers(codes, k, canonical=False).sum(0).reshape(-1, 4) + 1.0  # (words before, next letter)
    words = counts.sum(1)
    start, following = (words / words.sum()).cumsum(), (counts / words[:, None]).cumsum(1)
    uniform = np.empty((number, size + 1))
    for row in range(number):
        stream = np.random.Philox(key=np.array([seed, row], dtype=np.uint64))
        uniform[row] = (stream.random_raw(size + 1) >> np.uint64(11)) * 2.0**-53
    word = np.minimum(np.searchsorted(start, uniform[:, -1], side="right"), len(start) - 1)
    letters = np.empty((number, k - 1 + size), dtype=np.uint8)
    for place in range(k - 1):
        letters[:, place] = word // 4 ** (k - 2 - place) % 4
    for place in range(size):
        letter = np.minimum((uniform[:, place, None] >= following[word]).sum(1), 3)
        letters[:, k - 1 + place] = letter
        word = (word * 4 + letter) % len(words)
    return Backgrounds(np.ascontiguousarray(letters[:, :size]), np.arange(number))
