"""Random shuffles of sequences that keep their letters, or also their dinucleotides.

A shuffle is a permutation of positions, so that it is the same for codes, for one-hot tensors of any type, and for
every way to write N. Copy c of row r depends on (seed, r, c) alone: not on the other rows, on the number of copies,
or on the device.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from palindra.sequences.alphabet import DNA, Alphabet, Codes
from palindra.sequences.codes import check_codes
from palindra.sequences.onehot import check_one_hot, codes_from_one_hot

Sequences = TypeVar("Sequences", Codes, Tensor)
Draws = npt.NDArray[np.uint64]  # (rows, copies, length) random bits
Positions = npt.NDArray[np.int64]  # (rows, copies, length) the position that each letter is taken from

_CLASSES = 5  # four letters and N, which here is any ambiguity code
_CLASS_BITS = 3
_LETTERS_AT_ONCE = 1 << 22  # bounds the memory to some hundred megabytes


def nucleotide_shuffle(
    sequences: Sequences, copies: int, seed: int, *, first_row: int = 0, alphabet: Alphabet = DNA
) -> Sequences:
    """Shuffle the letters of each sequence; ambiguity codes move like letters.

    Arguments, result and errors are those of `dinucleotide_shuffle`, but any alphabet is possible.

    Examples:
        >>> from palindra.sequences import decode_codes, encode
        >>> decode_codes(nucleotide_shuffle(encode(["AACCGGN"]), copies=2, seed=0)[0])
        ['ACAGGCN', 'GCANGCA']
    """
    if isinstance(sequences, Tensor):
        check_one_hot(sequences, alphabet)
    else:
        check_codes(sequences, alphabet)

    def positions(block: slice, draws: Draws) -> Positions:
        bits = draws.shape[-1].bit_length()
        keys = draws >> np.uint64(bits) << np.uint64(bits) | np.arange(draws.shape[-1], dtype=np.uint64)
        keys.sort(axis=-1)
        return (keys & np.uint64((1 << bits) - 1)).astype(np.int64)

    return _shuffled(sequences, copies, seed, first_row, positions)


def dinucleotide_shuffle(sequences: Sequences, copies: int, seed: int, *, first_row: int = 0) -> Sequences:
    """Shuffle each sequence among all sequences with the same dinucleotide counts, each equally likely.

    Such sequences have the same first and the same last letter too. All ambiguity codes count as one fifth letter N.

    A sequence is a walk along edges between letters, its dinucleotides. The last edges that a walk takes out of the
    letters make a tree that leads to its last letter. A tree is drawn with its exact probability, the other edges
    out of each letter are put in random order, and the walk is followed (Altschul & Erickson, 1985,
    https://doi.org/10.1093/oxfordjournals.molbev.a040370).

    Args:
        sequences: codes (rows, length) of DNA or RNA, or a one-hot tensor (rows, 4, length) of any type.
        copies: the number of shuffles of each sequence.
        seed: copy c of row r is the same for any number of rows and copies.
        first_row: the number of the first row, for sequences that are shuffled batch by batch.

    Returns:
        Codes (rows, copies, length), or a tensor (rows, copies, 4, length) with the dtype and device of the input.

    Raises:
        ValueError: for negative numbers, for empty sequences, or if a tensor is not one-hot.

    Examples:
        >>> from palindra.sequences import decode_codes, encode
        >>> decode_codes(dinucleotide_shuffle(encode(["ACAGATA"]), copies=3, seed=0)[0])
        ['ATACAGA', 'ATAGACA', 'ATAGACA']
    """
    codes = codes_from_one_hot(sequences) if isinstance(sequences, Tensor) else sequences
    check_codes(codes, DNA)
    classes = np.minimum(codes, _CLASSES - 1)
    return _shuffled(sequences, copies, seed, first_row, lambda block, draws: _walks(classes[block], draws))


def _shuffled(
    sequences: Sequences, copies: int, seed: int, first_row: int, positions: Callable[[slice, Draws], Positions]
) -> Sequences:
    """Permute blocks of rows by the positions found from random bits."""
    rows, length = sequences.shape[0], sequences.shape[-1]
    if min(copies, seed, first_row) < 0 or length == 0:
        raise ValueError(
            f"shuffling needs {copies=}, {seed=} and {first_row=} of at least 0 and sequences of at least one letter, "
            f"not of {length}."
        )
    blocks = []
    step = max(1, _LETTERS_AT_ONCE // (max(1, copies) * length))
    for start in range(0, max(1, rows), step):
        block = slice(start, min(start + step, rows))
        draws = np.empty((block.stop - block.start, copies, length), dtype=np.uint64)
        for row in range(block.start, block.stop):
            # Raw bits, because numpy promises the same stream of them in every version.
            stream = np.random.Philox(key=np.array([seed, first_row + row], dtype=np.uint64))
            draws[row - start] = stream.random_raw(copies * length).reshape(copies, length)
        blocks.append(_permuted(sequences[block], positions(block, draws)))
    return torch.cat(blocks) if isinstance(sequences, Tensor) else np.concatenate(blocks)


def _permuted(sequences: Sequences, positions: Positions) -> Sequences:
    if isinstance(sequences, Tensor):
        index = torch.from_numpy(positions).to(sequences.device)[:, :, None]  # (rows, copies, 1, length)
        copied = sequences[:, None].expand(-1, index.shape[1], -1, -1)
        return copied.gather(-1, index.expand(copied.shape))
    return np.take_along_axis(sequences[:, None], positions, axis=-1)


def _walks(classes: Codes, draws: Draws) -> Positions:
    """Random Euler paths with the dinucleotides of each row: for each place, the position its letter comes from.

    Classes are counted from the last letter of the row on, so that the root of the tree is 0 in every row.
    """
    rows, copies, length = draws.shape
    relative = ((classes + _CLASSES - classes[:, -1:]) % _CLASSES).astype(np.int64)
    source, target = relative[:, :-1], relative[:, 1:]  # the edge i leads from position i to position i + 1
    row = np.arange(rows)[:, None]
    pair = (row * _CLASSES + source) * _CLASSES + target
    counts = np.bincount(pair.ravel(), minlength=rows * _CLASSES**2).reshape(rows, _CLASSES, _CLASSES)
    example = np.full((rows, _CLASSES, _CLASSES), -1)
    example[row, source, target] = np.arange(length - 1)  # one edge for each pair of letters

    # Sorting these keys lists the edges by source, in random order, the edge of the tree last. From the top:
    # source | edge of the tree | random bits | edge | target
    edge_bits = length.bit_length() + _CLASS_BITS
    tree_bit = np.uint64(1 << 63 - _CLASS_BITS)
    edges = np.arange(length - 1) << _CLASS_BITS | target
    fixed = source.astype(np.uint64) << np.uint64(64 - _CLASS_BITS) | edges.astype(np.uint64)
    keys = draws[..., : length - 1] & np.uint64((1 << 63 - _CLASS_BITS) - (1 << edge_bits))
    keys |= fixed[:, None]
    last = np.take_along_axis(example[:, None, 1:], _trees_drawn(counts, draws[..., -1])[..., None], axis=-1)[..., 0]
    in_row, in_copy, letter = np.nonzero(last >= 0)  # absent letters have no edge
    keys[in_row, in_copy, last[in_row, in_copy, letter]] |= tree_bit
    keys.sort(axis=-1)
    listed = (keys & np.uint64((1 << edge_bits) - 1)).astype(np.int64).ravel()

    # All walks take one step at a time; `following` is the place in the list of the next edge out of each letter.
    walk = np.arange(rows * copies)
    degree = counts.sum(axis=-1)
    following = np.repeat(degree.cumsum(axis=-1) - degree, copies, axis=0)
    following = (following + walk[:, None] * (length - 1)).ravel()
    letter = np.repeat(relative[:, 0], copies)
    steps = np.empty((length, rows * copies), dtype=np.int64)
    steps[0] = -1 << _CLASS_BITS  # as if edge -1 led to position 0
    for place in range(1, length):
        slot = walk * _CLASSES + letter
        edge = listed[following[slot]]
        following[slot] += 1
        letter = edge & ((1 << _CLASS_BITS) - 1)
        steps[place] = edge
    return np.ascontiguousarray(((steps >> _CLASS_BITS) + 1).T).reshape(rows, copies, length)


def _trees_drawn(counts: npt.NDArray[np.int64], draws: Draws) -> npt.NDArray[np.int64]:
    """Draw trees that lead to class 0, with probability proportional to the product of the counts of their edges.

    Returns the class that follows classes 1 to 4 in the tree, (rows, copies, 4).
    """
    present = counts.sum(axis=-1) > 0
    weights = counts.astype(np.float64)
    weights[..., 0] += ~present  # an absent letter is given one edge to the root, which changes no probability
    trees = _trees()
    cumulative = np.prod([weights[:, letter, trees[:, letter - 1]] for letter in range(1, _CLASSES)], axis=0).cumsum(-1)
    total = cumulative[:, -1:]
    uniform = (draws >> np.uint64(11)) * 2.0**-53
    drawn = np.minimum(uniform * total, np.nextafter(total, 0))  # below the total, whatever was rounded
    return trees[(cumulative[:, None] <= drawn[..., None]).sum(axis=-1)]


@lru_cache(maxsize=1)
def _trees() -> npt.NDArray[np.int64]:
    """All 125 trees on five classes that lead to class 0: the class that follows each of classes 1 to 4."""
    following = np.array([(0, *rest) for rest in product(range(_CLASSES), repeat=_CLASSES - 1)])
    reached = following
    for _ in range(_CLASSES):
        reached = np.take_along_axis(following, reached, axis=1)
    return following[(reached == 0).all(axis=1)][:, 1:]
