"""Letters that a masked language model has to find again: chosen once, hidden or changed, and scored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.sequences.vocabulary import VOCABULARY

LETTERS, MASK, PAD = VOCABULARY.letters, VOCABULARY.mask, VOCABULARY.padding
NOT_SCORED = -100  # the target that cross entropies of PyTorch leave out


class Corrupted(NamedTuple):
    """What a model reads and what it is to say.

    Both have the shape of the tokens that were given. Positions whose target is not ``NOT_SCORED`` are those that were
    chosen; every position that was changed is one of them.
    """

    tokens: NDArray[np.uint8]
    targets: NDArray[np.int64]


def corrupt(
    tokens: ArrayLike,
    rng: np.random.Generator,
    *,
    rate: float = 0.15,
    weights: ArrayLike | None = None,
    spans: int | None = None,
    masked: float = 0.8,
    random: float = 0.1,
) -> Corrupted:
    """Choose positions at random and hide them (Devlin et al., 2019).

    One draw decides: each position with a letter A, C, G or T is chosen with probability ``rate * weight``. Of the
    chosen ones a share ``masked`` becomes the mask symbol, a share ``random`` a base drawn evenly from A, C, G, T, and
    the others stay. N and padding are never chosen and never changed. The second strand of the window is to be formed
    afterwards, as the reverse complement of what this gives, so that both strands hide the same base pairs.

    Args:
        tokens: ids ``(..., length)``: A 0, C 1, G 2, T 3, N 4, mask 5, padding 6.
        rng: where the draws come from; one draw per position, whatever the letters.
        rate: share of positions, more than 0 and at most 1.
        weights: of each position, 0 to 1, e.g. 0 for what is not to be learned from; all 1 by default.
        spans: hide contiguous stretches of this many positions; they begin anywhere, at positions drawn so that the
            share of hidden positions is still ``rate``. A stretch is hidden in one way: masked, random or unchanged.
        masked: share of chosen positions that become the mask symbol; 1 for validation, where a letter that stays
            would be known.
        random: share that becomes a random base.

    Raises:
        ValueError: for a rate, shares, weights or a span length out of range.

    Examples:
        >>> seen = corrupt([[0, 1, 2, 3, 4, 6]], np.random.default_rng(0), rate=1.0, masked=1.0, random=0.0)
        >>> seen.tokens.tolist(), seen.targets.tolist()
        ([[5, 5, 5, 5, 4, 6]], [[0, 1, 2, 3, -100, -100]])
    """
    given = np.asarray(tokens)
    if not 0 < rate <= 1 or masked < 0 or random < 0 or masked + random > 1 + 1e-9:
        raise ValueError(f"a rate of {rate} with shares {masked} masked and {random} random: all lie between 0 and 1.")
    length = 1 if spans is None else spans
    if length < 1:
        raise ValueError(f"spans of {spans} positions: at least 1 is needed.")
    chance = np.ones(given.shape) if weights is None else np.broadcast_to(np.asarray(weights, float), given.shape)
    if chance.size and not 0 <= chance.min() <= chance.max() <= 1:
        raise ValueError(f"weights lie between 0 and 1, not between {chance.min():g} and {chance.max():g}.")
    first = _starts(rng, given.shape, rate, length)
    kept = rng.random(given.shape) < chance
    chosen = (first >= 0) & kept & (given < LETTERS)
    kind = np.take_along_axis(rng.random(given.shape), np.maximum(first, 0), axis=-1)  # one for the whole stretch
    bases = rng.integers(0, LETTERS, given.shape, dtype=np.uint8)
    changed = given.astype(np.uint8)
    changed[chosen & (kind < masked)] = MASK
    replaced = chosen & (kind >= masked) & (kind < masked + random)
    changed[replaced] = bases[replaced]
    return Corrupted(changed, np.where(chosen, given.astype(np.int64), NOT_SCORED))


def _starts(rng: np.random.Generator, shape: tuple[int, ...], rate: float, span: int) -> NDArray[np.int64]:
    """For each position where the stretch that hides it begins, -1 where none does.

    Stretches may begin before the first position, so that the ends of a window are hidden as often as its middle.
    With a chance q at every position a position is in some stretch with probability 1 - (1 - q)^span.
    """
    begins = -np.expm1(np.log1p(-rate) / span) if rate < 1 else 1.0
    *outer, length = shape
    drawn = rng.random((*outer, length + span - 1)) < begins
    place = np.where(drawn, np.arange(length + span - 1), -span)
    latest = np.maximum.accumulate(place, axis=-1)[..., span - 1 :]
    here = np.arange(span - 1, length + span - 1)
    return np.where(here - latest < span, np.maximum(latest - (span - 1), 0), -1)
