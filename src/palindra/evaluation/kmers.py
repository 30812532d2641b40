"""k-mers of many sequences as a sparse table, both strands counted as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from palindra.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_CODE = np.full(256, -1, dtype=np.int8)
for _code, _letters in enumerate(("Aa", "Cc", "Gg", "TtUu")):
    _CODE[[ord(letter) for letter in _letters]] = _code

_LETTERS_AT_ONCE = 4_000_000  # bounds the memory of the index arrays


def kmer_table(sequences: Sequence[str], k: int) -> csr_matrix:
    """Counts ``(sequences, features)`` of k-mers, a k-mer and its reverse complement sharing one column.

    Windows that hold any letter but A, C, G, T, U are not counted. The row of a sequence equals the row of its reverse
    complement, entry by entry. Columns are in alphabetical order of the smaller of the two: 2, 10, 32, 136, 512 and
    2,080 of them for k from 1 to 6.

    Raises:
        InputError: when there is no sequence, or none holds a k-mer.

    Examples:
        >>> kmer_table(["AAC", "GTT", "ANA"], 2).toarray()[:, :2]     # AA = TT and AC = GT
        array([[1., 1.],
               [1., 1.],
               [0., 0.]])
    """
    from scipy.sparse import vstack

    blocks = [_count(block, k) for block in _blocks(sequences)]
    table = vstack(blocks, format="csr") if blocks else None
    if table is None or table.nnz == 0:
        raise InputError(
            f"none of the {len(sequences)} sequences holds {k} letters A, C, G, T in a row: "
            f"k-mer features need DNA or RNA of at least {k} letters."
        )
    return table


def kmer_names(k: int) -> list[str]:
    """The k-mer that names each column of :func:`kmer_table`: the first of a k-mer and its reverse complement.

    Examples:
        >>> kmer_names(1)
        ['A', 'C']
    """
    column, features = _canonical_columns(k)
    first = [int(np.flatnonzero(column == c)[0]) for c in range(features)]
    return ["".join("ACGT"[word // 4**place % 4] for place in range(k - 1, -1, -1)) for word in first]


def _blocks(sequences: Sequence[str]) -> Iterator[list[str]]:
    block: list[str] = []
    letters = 0
    for sequence in sequences:
        block.append(sequence)
        letters += len(sequence) + 1
        if letters >= _LETTERS_AT_ONCE:
            yield block
            block, letters = [], 0
    if block:
        yield block


def _count(sequences: list[str], k: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    column, features = _canonical_columns(k)
    text = "".join(sequence + "-" * k for sequence in sequences)  # no window may reach into the next sequence
    code = _CODE[np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8)]
    lengths = np.array([len(sequence) + k for sequence in sequences])
    row = np.repeat(np.arange(len(sequences), dtype=np.int32), lengths)
    windows = len(code) - k + 1
    word = np.zeros(windows, dtype=np.int32)
    known = np.ones(windows, dtype=bool)
    for offset in range(k):
        letter = code[offset : offset + windows]
        word = 4 * word + letter
        known &= letter >= 0
    counts = np.ones(int(known.sum()))
    table = csr_matrix((counts, (row[:windows][known], column[word[known]])), shape=(len(sequences), features))
    table.sum_duplicates()  # also sorts the columns, so that equal rows are added up in the same order
    return table


def _canonical_columns(k: int) -> tuple[np.ndarray[Any, Any], int]:
    """For each k-mer, as a number in base 4, its column; and the number of columns."""
    word = np.arange(4**k)
    digits = word[:, None] // 4 ** np.arange(k) % 4  # last letter first
    reverse_complement = (3 - digits) @ 4 ** np.arange(k - 1, -1, -1)
    smaller, column = np.unique(np.minimum(word, reverse_complement), return_inverse=True)
    return column, len(smaller)
