"""What short words of a genome alone tell of a base: Markov models, the baseline beside a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError

Codes = NDArray[np.uint8]
Array = NDArray[np.float64]

LETTERS = 4
HIGHEST = 8  # letters of context; 4^9 words
STRENGTHS = tuple(2.0**power for power in range(-2, 13))
"""Weights of the shorter context to choose from."""
_AT_ONCE = 1 << 22  # positions counted together: bounds the memory


@dataclass(frozen=True)
class MarkovModel:
    """P(base | letters beside it), the same for both strands of the training data.

    Args:
        left: letters of context on the left.
        right: letters of context on the right; 0 for a causal model.
        tables: for each number of steps back, from none on, probabilities ``(contexts, 4)``.
        contexts: letters on the left and right that each table reads.
        strengths: weight of the shorter context in each table, chosen on the training data.
    """

    left: int
    right: int
    tables: tuple[Array, ...] = field(repr=False)
    contexts: tuple[tuple[int, int], ...]
    strengths: tuple[float, ...]

    def probabilities(self, windows: Codes) -> Array:
        """Probabilities of A, C, G, T in the middle of windows, ``(windows, 4)``.

        The longest context whose letters are all known is used, so N and the ends of a sequence shorten it.

        Args:
            windows: codes ``(windows, left + 1 + right)``, 0 to 3 for ACGT and more for anything else; the middle
                letter is not looked at.
        """
        found = np.empty((len(windows), LETTERS))
        for (left, right), table in zip(self.contexts, self.tables, strict=True):
            beside = _beside(windows, self.left, left, right)
            known = (beside < LETTERS).all(1)
            found[known] = table[_number(beside[known])]
        return found

    def shortened(self, steps: int) -> MarkovModel:
        """The model that is interpolated from contexts of at most so many letters (on each side)."""
        first = steps + 1
        return MarkovModel(
            steps,
            steps if self.right else 0,
            self.tables[:first],
            self.contexts[:first],
            self.strengths[:first],
        )

    def bits(self, codes: Codes, scored: NDArray[np.bool_], *, context: Codes | None = None) -> Array:
        """-log2 of the probability of some letters of sequences, ``(rows, length)``, 0 where nothing is scored.

        Args:
            codes: ``(rows, length)``; every row is a sequence of its own.
            scored: which letters; they must be A, C, G or T.
            context: the same sequences as they are read, e.g. with hidden letters; by default ``codes``.
        """
        return _scored_bits(
            self.probabilities, codes, scored, codes if context is None else context, self.left, self.right
        )


@dataclass(frozen=True)
class ChainModel:
    """The exact two-sided probability under a causal Markov model: every base given all others.

    A causal model of order k says more of a base than its own conditional: the next k bases were drawn given it. The
    probability of x is proportional to the product of its conditional and of those of the k bases after it, so k
    letters on both sides count.

    Args:
        causal: with ``right`` 0.
    """

    causal: MarkovModel

    def probabilities(self, windows: Codes) -> Array:
        """Probabilities ``(windows, 4)`` from codes ``(windows, 2 k + 1)``, as of :class:`MarkovModel`."""
        k = self.causal.left
        logs = np.zeros((len(windows), LETTERS))
        filled = windows.copy()
        for letter in range(LETTERS):
            filled[:, k] = letter
            for after in range(k + 1):
                here = filled[:, after : after + k + 1]
                known = here[:, -1] < LETTERS
                chances = self.causal.probabilities(here[known])
                logs[known, letter] += np.log(chances[np.arange(len(chances)), here[known, -1]])
        odds = np.exp(logs - logs.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def bits(self, codes: Codes, scored: NDArray[np.bool_], *, context: Codes | None = None) -> Array:
        """As :meth:`MarkovModel.bits`; from a letter that is hidden on, the right side counts for less."""
        k = self.causal.left
        return _scored_bits(self.probabilities, codes, scored, codes if context is None else context, k, k)


def fit_markov(pieces: Iterable[Codes], *, left: int, right: int = 0) -> MarkovModel:
    """Count words on both strands and interpolate between contexts of all lengths.

    With n occurrences of a context, of which c were followed by x, and a weight w:

        P(x | context) = (c + w P(x | shorter context)) / (n + w)

    The shorter context lacks the letter farthest away (of both sides in a model that reads both); without any letter
    all four bases start out equal. The weight of each length is the one of :data:`STRENGTHS` that gives the training
    words most probability when each is left out of its own counts, so nothing is chosen on held-out data. Counts of a
    word are those of the word and of its reverse complement together.

    Args:
        pieces: codes of the training regions, 0 to 3 for ACGT and more for anything else; a word never spans two.
        left: letters of context on the left; up to 8 in all.
        right: letters of context on the right; 0 or as many as on the left.

    Raises:
        InputError: if there are no letters A, C, G, T to count.
        ValueError: for contexts out of range.

    Examples:
        >>> model = fit_markov([np.array([0, 1] * 50, dtype=np.uint8)], left=1)
        >>> model.probabilities(np.array([[0, 4]], dtype=np.uint8)).argmax(1)  # C follows A
        array([1])
    """
    if not 0 <= left + right <= HIGHEST or min(left, right) < 0 or (right and right != left):
        raise ValueError(f"contexts of {left} letters on the left and {right} on the right: up to {HIGHEST} in all.")
    contexts = tuple((n, n if right else 0) for n in range(left + 1))
    counts = [np.zeros(LETTERS ** (a + b + 1)) for a, b in contexts]
    for piece in pieces:
        for (a, b), found in zip(contexts, counts, strict=True):
            found += _words(piece, a + b + 1)
    if not counts[0].any():
        raise InputError("there are no letters A, C, G, T in the training regions, so nothing can be counted.")
    tables: list[Array] = []
    strengths = []
    for (a, b), found in zip(contexts, counts, strict=True):
        both = _by_context(found + found[_reverse_complements(a + b + 1)], a, b)
        shorter = np.full((1, LETTERS), 1 / LETTERS) if not tables else tables[-1][_shorter(a, b, bool(right))]
        strength = _strength(both, shorter)
        tables.append((both + strength * shorter) / (both.sum(1, keepdims=True) + strength))
        strengths.append(strength)
    return MarkovModel(left, right, tuple(tables), contexts, tuple(strengths))


def _strength(counts: Array, shorter: Array) -> float:
    """The weight under which words that are left out of their own counts are most probable."""
    rows, letters = np.nonzero(counts)
    seen, totals, prior = counts[rows, letters], counts.sum(1)[rows], shorter[rows % len(shorter), letters]
    losses = []
    for strength in STRENGTHS:
        left_out = (seen - 1 + strength * prior) / (totals - 1 + strength)
        losses.append(-(seen * np.log(left_out)).sum())
    return STRENGTHS[int(np.argmin(losses))]


def _words(codes: Codes, k: int) -> Array:
    """How often each word of k letters is in a sequence, ``(4^k,)``."""
    found = np.zeros(LETTERS**k)
    for start in range(0, max(len(codes) - k + 1, 0), _AT_ONCE):
        part = codes[start : start + _AT_ONCE + k - 1]
        words = np.lib.stride_tricks.sliding_window_view(part, k)
        numbers = np.zeros(len(words), dtype=np.int64)
        known = np.ones(len(words), dtype=bool)
        for place in range(k):
            numbers = numbers * LETTERS + words[:, place]
            known &= words[:, place] < LETTERS
        found += np.bincount(numbers[known], minlength=LETTERS**k)
    return found


def _digits(k: int) -> NDArray[np.int64]:
    """The letters of all words in their order, ``(4^k, k)``."""
    return np.arange(LETTERS**k)[:, None] // LETTERS ** np.arange(k)[::-1] % LETTERS


def _reverse_complements(k: int) -> NDArray[np.int64]:
    return _number(LETTERS - 1 - _digits(k)[:, ::-1])


def _number(letters: NDArray[np.integer]) -> NDArray[np.int64]:
    """Words ``(words, k)`` as numbers in base 4, the first letter first."""
    return letters.astype(np.int64) @ LETTERS ** np.arange(letters.shape[1])[::-1]


def _by_context(words: Array, left: int, right: int) -> Array:
    """Counts of words as ``(contexts, 4)``, the letters of a context in their order."""
    cube = words.reshape(LETTERS**left, LETTERS, LETTERS**right)
    return np.ascontiguousarray(cube.transpose(0, 2, 1).reshape(-1, LETTERS))


def _shorter(left: int, right: int, both: bool) -> NDArray[np.int64]:
    """For each context the number of the one without its farthest letter (of both sides)."""
    letters = _digits(left + right)
    return _number(letters[:, 1 : left + right - 1] if both else letters[:, 1:])


def _beside(windows: Codes, middle: int, left: int, right: int) -> Codes:
    """The nearest letters on both sides of the middle of windows."""
    return np.concatenate([windows[:, middle - left : middle], windows[:, middle + 1 : middle + 1 + right]], axis=1)


def _scored_bits(
    model: Callable[[Codes], Array], codes: Codes, scored: NDArray[np.bool_], context: Codes, left: int, right: int
) -> Array:
    found = np.zeros(codes.shape)
    for rows, columns, windows in _windows(context, scored, left, right):
        middle = codes[rows, columns]
        if (middle >= LETTERS).any():
            raise ValueError("a position that is to be scored has no letter A, C, G or T.")
        chances = model(windows)
        found[rows, columns] = -np.log2(chances[np.arange(len(chances)), middle])
    return found


def _windows(
    codes: Codes, scored: NDArray[np.bool_], left: int, right: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Codes]]:
    """Scored positions and the letters around them, some at a time."""
    wide = np.pad(codes, ((0, 0), (left, right)), constant_values=LETTERS)
    every = np.lib.stride_tricks.sliding_window_view(wide, left + 1 + right, axis=1)
    rows, columns = np.nonzero(scored)
    for start in range(0, len(rows), 1 << 18):
        part = slice(start, start + (1 << 18))
        yield rows[part], columns[part], np.ascontiguousarray(every[rows[part], columns[part]])
