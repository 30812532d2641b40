"""Tasks for language models in which what matters lies far away: rows of letters with some to be found again.

What counts is framed by letters N, which occur nowhere else, in a background of random bases. Half of the rows are read
from the other strand, so that what matters lies before a hidden letter as often as after it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from palindra.data.language import NOT_SCORED, Corrupted
from palindra.sequences.vocabulary import VOCABULARY

Letters = NDArray[np.uint8]
N, MASK = VOCABULARY.unknown, VOCABULARY.mask
PAYLOAD = 4  # letters that are copied or paired
SENSE = (1, 1)  # CC before a hidden letter: this strand counts; GG after it: the other one


def copy(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """Four framed letters are repeated far away: what one reading of a strand can know."""
    return _repeated(rng, rows, length, lambda letters: letters)


def palindrome(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """The distant arm pairs with the first one: it is its reverse complement, so the last letter comes first."""
    return _repeated(rng, rows, length, lambda letters: 3 - letters[:, ::-1])


def strand_cue(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """One framed letter at each end; a cue beside the hidden letter says on which strand to look upstream.

    Each reading knows one of the two letters and the cue, so that a sum over strands is enough.
    """
    return _between(rng, rows, length, lambda upstream, _: upstream)


def both_sides(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """As :func:`strand_cue`, but the hidden letter is the sum modulo 4 of the letter upstream and the one downstream.

    A sum over strands of what each of them says, ``f(upstream) + g(downstream)``, can be no better than chance: the
    cross entropy is convex in f and g, and by the symmetry of the sum has its lowest value where they say nothing.
    """
    return _between(rng, rows, length, lambda upstream, downstream: (upstream + downstream) % 4)


TASKS: dict[str, Callable[[np.random.Generator, int, int], Corrupted]] = {
    "copy": copy,
    "palindrome": palindrome,
    "strand cue": strand_cue,
    "both sides": both_sides,
}


def _repeated(rng: np.random.Generator, rows: int, length: int, arm: Callable[[Letters], Letters]) -> Corrupted:
    background, letters = _letters(rng, rows, length), _letters(rng, rows, PAYLOAD)
    first, second = _near_ends(rng, rows, length, PAYLOAD + 4)
    tokens = background.copy()
    _write(tokens, first, _framed(letters))
    _write(tokens, second, _framed(np.full_like(letters, MASK)))
    targets = np.full(tokens.shape, NOT_SCORED, dtype=np.int64)
    _write(targets, second + 2, arm(letters))
    return _either_strand(rng, tokens, targets)


def _between(
    rng: np.random.Generator, rows: int, length: int, rule: Callable[[Letters, Letters], Letters]
) -> Corrupted:
    tokens, ends = _letters(rng, rows, length), _letters(rng, rows, 2)
    first, second = _near_ends(rng, rows, length, 5)
    middle = rng.integers(length // 3, 2 * length // 3, rows)
    _write(tokens, first, _framed(ends[:, :1]))
    _write(tokens, second, _framed(ends[:, 1:]))
    _write(tokens, middle, _framed(np.tile(np.array([*SENSE, MASK], dtype=np.uint8), (rows, 1))))
    targets = np.full(tokens.shape, NOT_SCORED, dtype=np.int64)
    _write(targets, middle + 4, rule(ends[:, :1], ends[:, 1:]))
    return _either_strand(rng, tokens, targets)


def _letters(rng: np.random.Generator, rows: int, length: int) -> Letters:
    return rng.integers(0, 4, (rows, length), dtype=np.uint8)


def _near_ends(rng: np.random.Generator, rows: int, length: int, size: int) -> tuple[NDArray[np.int64], ...]:
    """Where something of a size begins in the first and in the last eighth of a row."""
    if length < 8 * size:
        raise ValueError(f"rows of {length} letters; {8 * size} are needed.")
    room = length // 8
    return rng.integers(0, room, rows), length - size - rng.integers(0, room, rows)


def _framed(letters: Letters) -> Letters:
    return np.pad(letters, ((0, 0), (2, 2)), constant_values=N)


def _write(into: NDArray[np.integer], starts: NDArray[np.int64], what: NDArray[np.integer]) -> None:
    """Put a stretch into each row where it begins."""
    np.put_along_axis(into, starts[:, None] + np.arange(what.shape[1]), what.astype(into.dtype), axis=1)


def _either_strand(rng: np.random.Generator, tokens: Letters, targets: NDArray[np.int64]) -> Corrupted:
    """Half of the rows as they read on the other strand."""
    turned = rng.random(len(tokens)) < 0.5
    other = targets[turned, ::-1]
    tokens[turned] = VOCABULARY.reverse_complement(tokens[turned])
    targets[turned] = np.where(other == NOT_SCORED, NOT_SCORED, 3 - other)
    return Corrupted(tokens, targets)
