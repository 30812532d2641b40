"""Tasks for language models in which what matters lies far away: rows of letters with some to be found again.

A row is a background of random bases with blocks of entries far apart. An entry is N, two letters of a key and a value,
all of them A or C; on the other strand they read G or T, so that each block says on which strand it is meant to be read
from its 5' end. Letters N occur nowhere else. There is one entry for each of four keys, in random order, and two of the
four values are A: without the key nothing is known of a value, and 1 bit per hidden letter is chance. Half of the rows
are read from the other strand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from palindra.data.language import NOT_SCORED, Corrupted
from palindra.sequences.vocabulary import VOCABULARY

Task = Callable[[np.random.Generator, int, int], Corrupted]
Letters = NDArray[np.uint8]
N, MASK = VOCABULARY.unknown, VOCABULARY.mask
KEYS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.uint8)  # AA, AC, CA, CC
CHANCE = 1.0  # bits per hidden letter


def copy(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """The entries once more, far downstream: what one reading of a strand knows."""
    return _two_blocks(rng, rows, length, turned=False)


def palindrome(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """The distant block pairs with the first one: its entries are on the other strand.

    One reading meets the values before the hidden letter, and the key that says which one after it. For readings that
    see nothing of what follows, a sum over strands ``f(values) + g(key)`` can be no better than chance; a stem of nine
    letters shows the key to both.
    """
    return _two_blocks(rng, rows, length, turned=True)


def strand_cue(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """Entries at both ends, each to be read towards the middle; there a cue says which end a hidden letter repeats.

    Each reading knows one of the two values and the cue, so that a sum over strands is enough.
    """
    return _between(rng, length, np.zeros((rows, len(KEYS)), dtype=bool))


def both_sides(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """As :func:`strand_cue`, but the hidden letter is A where both values are alike, and C where they differ.

    A sum over strands of what each of them says, ``f(upstream) + g(downstream)``, can be no better than chance: the
    cross entropy is convex in f and g, and by the symmetry of the rule has its lowest value where they say nothing.
    """
    return _between(rng, length, np.ones((rows, len(KEYS)), dtype=bool))


def both_kinds(rng: np.random.Generator, rows: int, length: int) -> Corrupted:
    """What :func:`both_sides` is learned from: half of the hidden letters, with another cue, repeat one value."""
    return _between(rng, length, rng.permuted(np.tile([False, False, True, True], (rows, 1)), axis=1))


TASKS: dict[str, Task] = {
    "copy": copy,
    "palindrome": palindrome,
    "strand cue": strand_cue,
    "both sides": both_sides,
}
LESSONS: dict[str, tuple[Task, Task]] = {  # what a task is learned from first, and later
    "copy": (strand_cue, copy),
    "palindrome": (strand_cue, palindrome),
    "strand cue": (strand_cue, strand_cue),
    "both sides": (strand_cue, both_kinds),
}


def _two_blocks(rng: np.random.Generator, rows: int, length: int, *, turned: bool) -> Corrupted:
    values = _values(rng, rows)
    tokens, targets = _background(rng, rows, length)
    shown, (asked, hidden) = _block(rng, values), _block(rng, values, hide=True)
    if turned:
        asked, hidden = _turn(asked, hidden)
    first, second = _places(rng, rows, length, (shown[0], asked))
    _write(tokens, first, shown[0])
    _write(tokens, second, asked)
    _write(targets, second, hidden)
    return _either_strand(rng, tokens, targets)


def _between(rng: np.random.Generator, length: int, compared: NDArray[np.bool_]) -> Corrupted:
    rows = len(compared)
    upstream, downstream = _values(rng, rows), _values(rng, rows)
    tokens, targets = _background(rng, rows, length)
    left, right = _block(rng, upstream)[0], _turn(*_block(rng, downstream))[0]
    asked, hidden = _questions(rng, np.where(compared, upstream ^ downstream, upstream), cues=1 - compared)
    first, middle, last = _places(rng, rows, length, (left, asked, right))
    _write(tokens, first, left)
    _write(tokens, last, right)
    _write(tokens, middle, asked)
    _write(targets, middle, hidden)
    return _either_strand(rng, tokens, targets)


def _values(rng: np.random.Generator, rows: int) -> Letters:
    """Two A and two C for the four keys ``(rows, 4)``."""
    return rng.permuted(np.tile(np.array([0, 0, 1, 1], dtype=np.uint8), (rows, 1)), axis=1)


def _block(rng: np.random.Generator, values: Letters, *, hide: bool = False) -> tuple[Letters, NDArray[np.int64]]:
    """Entries in random order, ``N key value``, closed by N; tokens and targets ``(rows, 17)``."""
    order = rng.permuted(np.tile(np.arange(len(KEYS)), (len(values), 1)), axis=1)
    chosen = np.take_along_axis(values, order, 1)[..., None]
    ends = np.full_like(chosen, N)
    shown = np.full_like(chosen, MASK) if hide else chosen
    none = np.full((*order.shape, 3), NOT_SCORED)
    return _closed(np.concatenate([ends, KEYS[order], shown], 2), np.concatenate([none, chosen], 2))


def _questions(
    rng: np.random.Generator, answers: Letters, *, cues: NDArray[np.integer]
) -> tuple[Letters, NDArray[np.int64]]:
    """Hidden letters with their key on either side, each on its strand, and the same cue, A or C, around them.

    The other reading sees the same keys and T or G, the cue of the strand that is not meant.
    """
    order = rng.permuted(np.tile(np.arange(len(KEYS)), (len(answers), 1)), axis=1)
    keys, chosen, cue = (
        KEYS[order],
        *(np.take_along_axis(given, order, 1)[..., None].astype(np.uint8) for given in (answers, cues)),
    )
    ends, mask = np.full_like(chosen, N), np.full_like(chosen, MASK)
    shown = np.concatenate([ends, cue, keys, mask, 3 - keys[..., ::-1], cue], 2)
    targets = np.full(shown.shape, NOT_SCORED)
    targets[..., 4:5] = chosen
    return _closed(shown, targets)


def _closed(tokens: Letters, targets: NDArray[np.int64]) -> tuple[Letters, NDArray[np.int64]]:
    """Entries side by side with N after the last."""
    rows = len(tokens)
    return (
        np.pad(tokens.reshape(rows, -1), ((0, 0), (0, 1)), constant_values=N),
        np.pad(targets.reshape(rows, -1).astype(np.int64), ((0, 0), (0, 1)), constant_values=NOT_SCORED),
    )


def _background(rng: np.random.Generator, rows: int, length: int) -> tuple[Letters, NDArray[np.int64]]:
    return rng.integers(0, 4, (rows, length), dtype=np.uint8), np.full((rows, length), NOT_SCORED, dtype=np.int64)


def _places(
    rng: np.random.Generator, rows: int, length: int, blocks: Sequence[Letters]
) -> tuple[NDArray[np.int64], ...]:
    """Where blocks begin: of the letters of the background, up to a sixth lies before the first and after the last."""
    sizes = [block.shape[1] for block in blocks]
    free = length - sum(sizes)
    if free < 0:
        raise ValueError(f"rows of {length} letters; {sum(sizes)} are needed.")
    before = [rng.integers(0, free // 6 + 1, rows), free - rng.integers(0, free // 6 + 1, rows)]
    if len(blocks) == 3:
        before.insert(1, rng.integers(free // 3, 2 * free // 3 + 1, rows))
    return tuple(start + sum(sizes[:number]) for number, start in enumerate(before))


def _write(into: NDArray[np.integer], starts: NDArray[np.int64], what: NDArray[np.integer]) -> None:
    """Put a stretch into each row where it begins."""
    np.put_along_axis(into, starts[:, None] + np.arange(what.shape[1]), what.astype(into.dtype), axis=1)


def _turn(tokens: Letters, targets: NDArray[np.int64]) -> tuple[Letters, NDArray[np.int64]]:
    """As they read on the other strand."""
    other = targets[:, ::-1]
    return VOCABULARY.reverse_complement(tokens), np.where(other == NOT_SCORED, NOT_SCORED, 3 - other)


def _either_strand(rng: np.random.Generator, tokens: Letters, targets: NDArray[np.int64]) -> Corrupted:
    """Half of the rows as they read on the other strand."""
    turned = rng.random(len(tokens)) < 0.5
    tokens[turned], targets[turned] = _turn(tokens[turned], targets[turned])
    return Corrupted(tokens, targets)
