"""Overlapping k-mers: as channels in their exact type, and as counts."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Num
from torch import Tensor

from palindra.sequences.alphabet import DNA, Alphabet, Codes
from palindra.sequences.codes import check_codes
from palindra.sequences.onehot import check_one_hot, codes_from_one_hot
from palindra.symmetry.rep import Rep

_LARGEST_CHANNELS = 6  # 4096 channels
_LARGEST_COUNTS = 8  # 32,896 features
_ROWS_AT_ONCE = 256  # bounds the memory of counting


def kmer_rep(k: int, duplicate_self_complementary: bool = False) -> Rep:
    """The type of the channels that `kmers` makes.

    The reverse complement swaps a k-mer with its own reverse complement. For odd k no k-mer is its own; for even k
    4^(k/2) are, and these are even channels.

    Args:
        k: 1 to 6.
        duplicate_self_complementary: give each self-complementary k-mer two channels, so that all channels are
            regular, as Equi-RC does (Mallet & Vert, NeurIPS 2021); one k-mer then fires two channels.

    Examples:
        >>> print(kmer_rep(2), "or", kmer_rep(2, duplicate_self_complementary=True))
        6 regular + 4 even or 10 regular
    """
    first, alone = _orbits(_checked(k, _LARGEST_CHANNELS))
    if duplicate_self_complementary:
        return Rep(regular=len(first) + len(alone))
    return Rep(regular=len(first), even=len(alone))


def kmer_order(k: int, duplicate_self_complementary: bool = False, *, alphabet: Alphabet = DNA) -> list[str]:
    """The k-mers in the order of the channels of `kmers`: pairs, channel i with channel 2n-1-i, then even ones.

    Examples:
        >>> kmer_order(2)
        ['AA', 'AC', 'AG', 'CA', 'CC', 'GA', 'TC', 'GG', 'TG', 'CT', 'GT', 'TT', 'AT', 'CG', 'GC', 'TA']
    """
    return [_name(index, k, alphabet) for index in _channel_order(k, duplicate_self_complementary)]


def kmers(
    x: Num[Tensor, "batch 4 length"], k: int, *, duplicate_self_complementary: bool = False
) -> Num[Tensor, "batch kmers windows"]:
    """Turn one-hot nucleotides into one-hot overlapping k-mers, one window for each start.

    Uncertain letters multiply: a window that touches an all-zero N is all zeros, one that touches a uniform N has
    1/4 on each of four k-mers. The reverse complement of the result is
    ``kmer_rep(k).act(kmers(x, k).flip(-1))`` and equals ``kmers`` of the reverse complement.

    Args:
        x: one-hot DNA or RNA of any dtype.
        k: 1 to 6; 1 changes nothing.
        duplicate_self_complementary: see `kmer_rep`.

    Returns:
        (batch, 4^k channels or more, length - k + 1), with the dtype and device of ``x``.

    Raises:
        ValueError: if k is out of range or longer than the sequences.

    Examples:
        >>> from palindra.sequences import one_hot
        >>> [kmer_order(2)[channel] for channel in kmers(one_hot(["ACGT"]), 2)[0].T.nonzero()[:, 1]]
        ['AC', 'CG', 'GT']
    """
    check_one_hot(x, DNA)
    windows = _windows(x.shape[-1], k)
    order = torch.tensor(_channel_order(k, duplicate_self_complementary), device=x.device)
    joint = x[..., :windows]
    for step in range(1, k):
        joint = (joint[:, :, None] * x[:, None, :, step : step + windows]).flatten(1, 2)  # channels grow fourfold
    return joint.index_select(1, order)


def canonical_kmers(k: int, *, alphabet: Alphabet = DNA) -> list[str]:
    """The k-mers of which each also stands for its reverse complement: those not after it in the alphabet.

    Examples:
        >>> canonical_kmers(2)
        ['AA', 'AC', 'AG', 'AT', 'CA', 'CC', 'CG', 'GA', 'GC', 'TA']
    """
    first, alone = _orbits(_checked(k, _LARGEST_COUNTS))
    return [_name(index, k, alphabet) for index in sorted(first + alone)]


def count_kmers(
    sequences: Codes | Num[Tensor, "batch 4 length"], k: int, *, canonical: bool = True
) -> npt.NDArray[np.int64]:
    """Count the overlapping k-mers of each sequence; windows with an ambiguity code are not counted.

    Args:
        sequences: codes of DNA or RNA from `encode`, or a one-hot tensor.
        k: 1 to 8.
        canonical: count a k-mer and its reverse complement together, so that both strands have the same counts.

    Returns:
        (rows, features); the features are `canonical_kmers`, or else all 4^k k-mers in alphabetical order.

    Examples:
        >>> from palindra.sequences import encode
        >>> count_kmers(encode(["AATTN", "AAAAA"]), 2)
        array([[2, 0, 0, 1, 0, 0, 0, 0, 0, 0],
               [4, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
    """
    codes = codes_from_one_hot(sequences) if isinstance(sequences, Tensor) else sequences
    check_codes(codes, DNA)
    _checked(k, _LARGEST_COUNTS)
    windows = _windows(codes.shape[1], k)
    feature, features = _features(k, canonical)
    counts = np.empty((len(codes), features), dtype=np.int64)
    for start in range(0, len(codes), _ROWS_AT_ONCE):
        block = codes[start : start + _ROWS_AT_ONCE].astype(np.int32)
        index = np.zeros((len(block), windows), dtype=np.int32)
        for step in range(k):
            index = index * 4 + block[:, step : step + windows]
        ambiguous = np.lib.stride_tricks.sliding_window_view(block > 3, k, axis=1).any(axis=-1)
        index[ambiguous] = 4**k  # counted in one column more, which is then dropped
        place = feature[index] + (np.arange(len(block)) * (features + 1))[:, None]
        found = np.bincount(place.ravel(), minlength=len(block) * (features + 1))
        counts[start : start + _ROWS_AT_ONCE] = found.reshape(len(block), features + 1)[:, :features]
    return counts


def _checked(k: int, largest: int) -> int:
    if not 1 <= k <= largest:
        raise ValueError(f"k={k} is not a length of k-mers that is offered here: choose 1 to {largest}.")
    return k


def _windows(length: int, k: int) -> int:
    if length < k:
        raise ValueError(f"sequences of length {length} have no {k}-mers: choose a k of at most {length}.")
    return length - k + 1


def _reverse_complements(k: int) -> list[int]:
    """The index of the reverse complement of each k-mer; an index is the k-mer read as a number in base 4."""
    return [sum((3 - letter) * 4**place for place, letter in enumerate(kmer)) for kmer in product(range(4), repeat=k)]


@lru_cache(maxsize=16)
def _orbits(k: int) -> tuple[list[int], list[int]]:
    """The first member of each pair of k-mers, and the self-complementary k-mers."""
    partner = _reverse_complements(k)
    return [i for i, j in enumerate(partner) if i < j], [i for i, j in enumerate(partner) if i == j]


def _channel_order(k: int, duplicate: bool) -> list[int]:
    first, alone = _orbits(_checked(k, _LARGEST_CHANNELS))
    if duplicate:
        first, alone = sorted(first + alone), []
    partner = _reverse_complements(k)
    return first + [partner[index] for index in reversed(first)] + alone


def _features(k: int, canonical: bool) -> tuple[npt.NDArray[np.int64], int]:
    """The feature of each k-mer and, last, of a window that is not counted; and the number of features."""
    if not canonical:
        return np.arange(4**k + 1), 4**k
    first, alone = _orbits(k)
    representatives = np.minimum(np.arange(4**k), _reverse_complements(k))
    features = len(first) + len(alone)
    return np.append(np.searchsorted(sorted(first + alone), representatives), features), features


def _name(index: int, k: int, alphabet: Alphabet) -> str:
    return "".join(alphabet.letters[index >> 2 * place & 3] for place in reversed(range(k)))
