"""How often each k-mer occurs in one sequence, or in a set of them, both strands read as one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from palindra.sequences import count_kmers
from palindra.sequences.alphabet import Codes

LARGEST_K = 8
_COUNTS_AT_ONCE = 1 << 22  # bounds the memory of counts of single sequences

Spectrum = NDArray[np.float64]


def spectrum(codes: Codes, k: int, *, canonical: bool = True, pseudocount: float = 1.0) -> Spectrum:
    """Frequencies ``(features,)`` of the k-mers of a set of sequences, which sum to 1.

    Args:
        codes: of DNA or RNA, shape (sequences, length), see :func:`palindra.sequences.encode`; windows with any other
            letter are not counted.
        k: 1 to 8.
        canonical: a k-mer and its reverse complement are one feature, so that the strand on which a sequence is written
            does not matter; off for data with a given strand, such as RNA.
        pseudocount: added to the count of each of the 4^k k-mers, of both strands where both are read. A feature of
            two k-mers gets twice that of a self-complementary one, so that an empty set has the spectrum of letters
            drawn with equal chances.

    Returns:
        Frequencies in the order of `canonical_kmers`, or of all 4^k k-mers in alphabetical order.

    Raises:
        ValueError: for a k out of range, or if there is nothing to count and no pseudocount.

    Examples:
        >>> from palindra.sequences import encode
        >>> spectrum(encode(["AAAC"]), 1, pseudocount=0)
        array([0.75, 0.25])
        >>> spectrum(encode(["NNNN"]), 2).round(3)          # AT, CG, GC, TA are their own reverse complements
        array([0.125, 0.125, 0.125, 0.062, 0.125, 0.125, 0.062, 0.125, 0.062,
               0.062])
    """
    sums = np.stack([counts.sum(axis=0) for counts in _counts(codes, k, canonical)])
    return _frequencies(sums.sum(axis=0, keepdims=True).astype(np.float64), k, canonical, pseudocount)[0]


def sequence_spectra(
    codes: Codes, k: int, *, canonical: bool = True, pseudocount: float = 0.0
) -> Iterator[NDArray[np.float64]]:
    """The spectrum of each sequence, in blocks ``(rows, features)`` that follow one another.

    A sequence without any k-mer of certain letters has the spectrum of equal chances.

    Examples:
        >>> from palindra.sequences import encode
        >>> list(sequence_spectra(encode(["AAAC", "CCCC"]), 1))
        [array([[0.75, 0.25],
           [0.  , 1.  ]])]
    """
    for counts in _counts(codes, k, canonical):
        empty = counts.sum(axis=1) == 0
        values = counts.astype(np.float64)
        values[empty] = multiplicity(k, canonical)
        yield _frequencies(values, k, canonical, pseudocount)


def multiplicity(k: int, canonical: bool) -> NDArray[np.float64]:
    """How many k-mers each feature stands for, halved where canonical: 1, or 1/2 for a self-complementary one."""
    if not canonical:
        return np.ones(4**k)
    first, second = _pairs(k)
    return np.where(first == second, 0.5, 1.0)


@lru_cache(maxsize=16)
def _pairs(k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each canonical feature its k-mer, as a number in base 4, and the reverse complement of it."""
    word = np.arange(4**k)
    digits = word[:, None] // 4 ** np.arange(k) % 4  # last letter first
    partner = (3 - digits) @ 4 ** np.arange(k - 1, -1, -1)
    first = np.flatnonzero(word <= partner)
    return first, partner[first]


def _counts(codes: Codes, k: int, canonical: bool) -> Iterator[NDArray[np.int64]]:
    if not 1 <= k <= LARGEST_K:
        raise ValueError(f"k={k}: spectra are offered for k from 1 to {LARGEST_K}.")
    rows = max(1, _COUNTS_AT_ONCE // 4**k)
    for start in range(0, len(codes), rows):
        found = count_kmers(codes[start : start + rows], k, canonical=False)
        if canonical:  # folded here, because the pairs of many k-mers are then found once and not for every block
            first, second = _pairs(k)
            found = found[:, first] + found[:, second] * (first != second)
        yield found


def _frequencies(counts: NDArray[np.float64], k: int, canonical: bool, pseudocount: float) -> NDArray[np.float64]:
    smoothed = counts + pseudocount * multiplicity(k, canonical)
    total = smoothed.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise ValueError(f"there is no {k}-mer of certain letters to count: give a pseudocount, or other sequences.")
    return smoothed / total
