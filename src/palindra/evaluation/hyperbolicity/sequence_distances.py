"""Distances between sequences: of aligned ones site by site, of any by their k-mers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.phylogenies import Alignment

Distances = NDArray[np.float64]

_ROWS = 256


class SiteDistances(NamedTuple):
    """Distances of aligned sequences, and the pairs that have none.

    ``values`` holds NaN where pairs are ``saturated`` (so different that the correction has no finite value) or
    ``apart`` (no column in which both have a letter); never infinity.
    """

    values: Distances
    saturated: NDArray[np.bool_]
    apart: NDArray[np.bool_]
    errors: Distances  # standard errors by the number of columns compared

    @property
    def unknown(self) -> int:
        """Number of pairs without a distance."""
        return int((self.saturated | self.apart).sum()) // 2


def p_distances(alignment: Alignment) -> SiteDistances:
    """Share of the columns in which two sequences differ, of those in which both have one of A, C, G, T.

    Examples:
        >>> p_distances(Alignment.from_rows(["a", "b"], ["ACG-", "ACTT"])).values[0, 1].round(3)
        np.float64(0.333)
    """
    codes = alignment.codes
    known = (codes < 4).astype(np.float32)
    compared = known @ known.T  # exact up to 2^24 columns
    same = np.zeros_like(compared)
    for letter in range(4):
        has = (codes == letter).astype(np.float32)
        same += has @ has.T
    apart = compared == 0
    np.fill_diagonal(apart, False)
    values = np.where(apart, np.nan, 1 - same.astype(np.float64) / np.maximum(compared, 1))
    np.fill_diagonal(values, 0.0)
    errors = np.sqrt(values * (1 - values) / np.maximum(compared, 1))
    return SiteDistances(values, np.zeros_like(apart), apart, errors)


def jc69_distances(alignment: Alignment) -> SiteDistances:
    """Expected substitutions per site between sequences, -3/4 log(1 - 4p/3) (Jukes & Cantor, 1969).

    Pairs that differ in three quarters of their sites or more, as unrelated sequences do, have no finite distance:
    they are marked as saturated.

    Examples:
        >>> found = jc69_distances(Alignment.from_rows(["a", "b", "c"], ["AAAA", "AAAC", "CCGG"]))
        >>> found.values.round(3)[0].tolist(), found.saturated[0].tolist(), found.unknown
        ([0.0, 0.304, nan], [False, False, True], 2)
    """
    p = p_distances(alignment)
    saturated = np.nan_to_num(p.values) >= 0.75
    inner = np.where(saturated, 0.0, p.values)
    values = np.where(saturated, np.nan, -0.75 * np.log1p(-4 * inner / 3))
    np.fill_diagonal(values, 0.0)
    return SiteDistances(values, saturated, p.apart, np.where(saturated, np.nan, p.errors / (1 - 4 * inner / 3)))


def complete_rows(found: SiteDistances) -> NDArray[np.int64]:
    """Rows that have a distance to all others, after leaving out those that lack most, one after the other.

    Examples:
        >>> complete_rows(jc69_distances(Alignment.from_rows(["a", "b", "c"], ["AAAA", "AAAC", "CCGG"]))).tolist()
        [0, 1]
    """
    lacking = np.isnan(found.values)
    kept = np.ones(len(lacking), dtype=bool)
    while True:
        counts = lacking[:, kept].sum(axis=1) * kept
        if not counts.any():
            return np.flatnonzero(kept)
        kept[len(counts) - 1 - int(np.argmax(counts[::-1]))] = False  # of equal ones the last


def kmer_spectra(sequences: Sequence[str], k: int, *, canonical: bool = True) -> Distances:
    """Square roots of the frequencies of k-mers ``(sequences, features)``; rows have norm 1.

    Args:
        sequences: of any lengths, without gaps.
        k: 1 to 8.
        canonical: a k-mer and its reverse complement are one, so that a sequence and its other strand are the same.

    Raises:
        ValueError: for a sequence without any k-mer of certain letters.
    """
    from palindra.sequences import count_kmers, encode

    longest = max(map(len, sequences))
    if longest < k:
        raise ValueError(f"sequences of up to {longest} letters have no {k}-mers: choose a smaller k.")
    counts = np.concatenate(
        [
            count_kmers(encode([text.ljust(longest, "N") for text in sequences[n : n + _ROWS]]), k, canonical=canonical)
            for n in range(0, len(sequences), _ROWS)
        ]
    )
    total = counts.sum(axis=1, keepdims=True)
    if not total.all():
        row = int(np.flatnonzero(total == 0)[0])
        raise ValueError(f"sequence {row + 1} has no {k}-mer of certain letters: leave it out, or choose a smaller k.")
    return np.sqrt(counts / total)


def kmer_distances(sequences: Sequence[str], k: int = 4, *, canonical: bool = True) -> Distances:
    """Hellinger distances of the k-mers of sequences: a metric from 0 to 1, whatever their lengths.

    Examples:
        >>> kmer_distances(["AAAAAA", "TTTTTTTT", "CCCCCC"], 2).round(3)[0].tolist()
        [0.0, 0.0, 1.0]
    """
    from palindra.evaluation.hyperbolicity.distances import euclidean_distances

    return euclidean_distances(kmer_spectra(sequences, k, canonical=canonical)) / np.sqrt(2)
