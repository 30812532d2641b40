"""How much of a sequence occurs in another: shared k-mers, counted for all pairs of sequences at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.rna.letters import rna_codes

if TYPE_CHECKING:
    from scipy.sparse import csr_array

K = 10  # letters: 4^10 k-mers, of which unrelated RNAs of 120 bases share none and of 1,500 bases 0.2 %
_ROWS = 512  # whose shared k-mers with all others are in memory at a time


class Nearest(NamedTuple):
    """The sequence of another set that has most of each sequence."""

    row: NDArray[np.int64]  # of the other set, the first of equal ones; -1 where nothing is shared
    identity: NDArray[np.float64]  # estimated share of equal letters, 0 to 1


def nearest_by_kmers(sequences: Sequence[str], others: Sequence[str], *, k: int = K) -> Nearest:
    """For each sequence the most similar one of another set, and their estimated identity.

    The share c of the different k-mers of the shorter sequence that the longer one has is p^k if a share p of letters
    is equal at random places, so identity is estimated as c^(1/k) (Ondov et al. 2016, for the k-mers of both). A
    fragment has identity 1 with the whole. Changes lie closer together in real families, which raises the estimate.
    Sequences are read in one direction, unlike in :func:`palindra.data.similarity_clusters`: RNA has no other strand.

    Args:
        sequences: letters of RNA.
        others: the set to search.
        k: letters of a k-mer, 3 to 12; shorter ones are for shorter or less similar sequences.

    Examples:
        >>> found = nearest_by_kmers(["ACGUACCA", "GGGGGGG"], ["UUUUUUU", "ACGUACCAUU"], k=5)
        >>> found.row, found.identity
        (array([ 1, -1]), array([1., 0.]))
    """
    own, their = kmer_sets(sequences, k), kmer_sets(others, k)
    columns = their.T.tocsr()  # once: its row ends are 4^k numbers
    rows, identity = np.full(len(sequences), -1, dtype=np.int64), np.zeros(len(sequences))
    for start in range(0, len(sequences), _ROWS):
        shares = _shares(own[start : start + _ROWS], columns, their)
        best = shares.argmax(axis=1)
        most = shares[np.arange(len(best)), best]
        rows[start : start + _ROWS] = np.where(most > 0, best, -1)
        identity[start : start + _ROWS] = most ** (1 / k)
    return Nearest(rows, identity)


def kmer_clusters(sequences: Sequence[str], *, identity: float, k: int = K) -> NDArray[np.int64]:
    """Number of the cluster of each sequence; those of this estimated identity, and those similar to them, are in one.

    Args:
        sequences: letters of RNA.
        identity: of sequences that belong together, above 0 and up to 1; see :func:`nearest_by_kmers`.
        k: letters of a k-mer.

    Examples:
        >>> kmer_clusters(["ACGUACCA", "GGGGGGG", "CGUACCAA", "ACGUACCA"], identity=0.9, k=4)
        array([0, 1, 0, 0])
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _check_identity(identity)
    sets = kmer_sets(sequences, k)
    columns = sets.T.tocsr()
    ends: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for start in range(0, len(sequences), _ROWS):
        first, second = np.nonzero(_shares(sets[start : start + _ROWS], columns, sets) >= identity**k * (1 - 1e-9))
        ends.append((first + start, second))
    firsts: dict[str, int] = {}  # sequences without k-mers are joined to their copies
    copies = np.array([firsts.setdefault(sequence, row) for row, sequence in enumerate(sequences)], dtype=np.int64)
    ends.append((np.arange(len(sequences)), copies))
    joined = tuple(np.concatenate(side) for side in zip(*ends, strict=True))
    graph = coo_array((np.ones(len(joined[0]), dtype=bool), joined), shape=(len(sequences), len(sequences)))
    clusters = connected_components(graph, directed=False)[1]
    _, first, number = np.unique(clusters, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number].astype(np.int64)  # numbered in the order of their first row


def kmer_sets(sequences: Sequence[str], k: int) -> csr_array:
    """Which k-mers occur in each sequence, a sparse matrix of ones (sequences, 4^k); k-mers with X are left out.

    Raises:
        ValueError: for a k that is too long for the matrix or too short to tell sequences apart.
    """
    from scipy.sparse import csr_array

    if not 3 <= k <= 12:
        raise ValueError(f"k = {k}: 3 to 12 letters are possible, e.g. {K}.")
    found = [_kmer_numbers(rna_codes(sequence), k) for sequence in sequences]
    ends = np.concatenate([[0], np.cumsum([len(numbers) for numbers in found])]).astype(np.int64)
    columns = np.concatenate([np.empty(0, dtype=np.int64), *found])
    return csr_array((np.ones(len(columns), dtype=np.float32), columns, ends), shape=(len(found), 4**k))


def _kmer_numbers(codes: NDArray[np.uint8], k: int) -> NDArray[np.int64]:
    if len(codes) < k:
        return np.empty(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, k)
    known = windows[(windows < 4).all(axis=1)].astype(np.int64)
    return np.unique(known @ (4 ** np.arange(k - 1, -1, -1)))


def _shares(own: csr_array, columns: csr_array, their: csr_array) -> NDArray[np.float64]:
    """Share of the k-mers of the shorter one that both have, for all pairs (own, their)."""
    shared = (own @ columns).toarray().astype(np.float64)
    sizes = np.minimum(np.diff(own.indptr)[:, None], np.diff(their.indptr))
    return shared / np.maximum(sizes, 1)


def _check_identity(identity: float) -> None:
    if not 0 < identity <= 1:
        raise ValueError(f"identity {identity:g}: a number above 0 and up to 1 is needed, e.g. 0.9.")
