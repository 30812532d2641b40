"""How likely a sequence is under a chain of letters fitted to the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.evaluation.shift.spectra import multiplicity, spectrum
from palindra.sequences import count_kmers
from palindra.sequences.alphabet import Codes

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Chain:
    """A Markov chain in which each letter depends on the ``order`` letters before it, read from either strand.

    The chance of a sequence is the product of the chances of its (order+1)-mers over that of the order-mers in which
    they overlap. With frequencies counted on both strands (canonical k-mers) it is the same for a sequence and its
    reverse complement.

    Args:
        order: 0 to 7.
        words: natural logarithm of the chance of each (order+1)-mer.
        overlaps: of each order-mer; empty for order 0.
        canonical: whether these are canonical k-mers.

    Examples:
        >>> from palindra.sequences import encode
        >>> chain = fit_chain(encode(["ACACACACACAC"]), order=1, pseudocount=0.1)
        >>> (chain.log_likelihood(encode(["ACACAC", "GTGTGT", "AAAAAA"])) > -1).tolist()
        [True, True, False]
    """

    order: int
    words: NDArray[np.float64]
    overlaps: NDArray[np.float64]
    canonical: bool = True

    def log_likelihood(self, codes: Codes) -> NDArray[np.float64]:
        """Mean natural log-likelihood per letter of each sequence; NaN where no (order+1)-mer is certain."""
        found = [self._block(codes[start : start + _ROWS_AT_ONCE]) for start in range(0, len(codes), _ROWS_AT_ONCE)]
        return np.concatenate(found) if found else np.empty(0)

    def _block(self, codes: Codes) -> NDArray[np.float64]:
        counts = count_kmers(codes, self.order + 1, canonical=self.canonical)
        total = counts @ self.words
        if self.order and codes.shape[1] > self.order + 1:
            total = total - count_kmers(codes[:, 1:-1], self.order, canonical=self.canonical) @ self.overlaps
        windows = counts.sum(axis=1)
        return np.divide(total, windows, out=np.full(len(codes), np.nan), where=windows > 0)


def fit_chain(codes: Codes, *, order: int = 5, canonical: bool = True, pseudocount: float = 1.0) -> Chain:
    """The chain of a set of sequences.

    Args:
        codes: of DNA or RNA, shape (sequences, length).
        order: letters before a letter on which it depends, 0 to 7.
        canonical: count on both strands; off for data with a given strand, such as RNA.
        pseudocount: added to the count of each (order+1)-mer.

    Raises:
        ValueError: for an order out of range, or no pseudocount: words that were not seen need a chance.
    """
    if not pseudocount > 0:
        raise ValueError(f"pseudocount {pseudocount}: a number above 0 is needed.")
    if not 0 <= order <= 7:
        raise ValueError(f"order {order}: chains of order 0 to 7 are offered.")
    words = spectrum(codes, order + 1, canonical=canonical, pseudocount=pseudocount)
    overlaps = spectrum(codes, order, canonical=canonical, pseudocount=4 * pseudocount) if order else np.empty(0)
    chances = [_log_chance(found, k, canonical) for found, k in ((words, order + 1), (overlaps, order))]
    return Chain(order, chances[0], chances[1], canonical)


def _log_chance(frequencies: NDArray[np.float64], k: int, canonical: bool) -> NDArray[np.float64]:
    """Of one k-mer: a canonical feature of two is shared by them."""
    if not k:
        return frequencies
    words = 2 * multiplicity(k, canonical) if canonical else multiplicity(k, canonical)
    return np.log(frequencies / words)
