"""From a map of pair probabilities to pairs in which every base has one partner at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.rna import CANONICAL, LETTERS, Pairs, heaviest_nested, rna_codes
from palindra.evaluation.pairs.heaviest_matching import heaviest_matching

_SYMMETRIC = 1e-3  # largest difference of P(i, j) and P(j, i), which is rounding in bfloat16 maps
_MAY_PAIR = np.array([[first + second in CANONICAL for second in LETTERS] for first in LETTERS])


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs that may be chosen, each with what it adds to the score: its probability above the threshold.

    Args:
        first: smaller position of each, from 0.
        second: larger position of each.
        weight: probability minus threshold, above 0.
        length: number of bases.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    weight: NDArray[np.float64]
    length: int

    def __len__(self) -> int:
        return len(self.weight)

    def score(self, pairs: Pairs) -> float:
        """Sum of the weights of some pairs, all of which are candidates."""
        weights = dict(zip(zip(self.first.tolist(), self.second.tolist(), strict=True), self.weight, strict=True))
        return float(sum(weights[pair] for pair in pairs))

    def take(self, chosen: ArrayLike) -> Pairs:
        """Some candidates, by number or mask, as sorted pairs."""
        rows = np.asarray(chosen)
        return tuple(sorted(zip(self.first[rows].tolist(), self.second[rows].tolist(), strict=True)))


Decoder = Callable[[Candidates], Pairs]


def decode(
    probabilities: ArrayLike,
    decoder: Decoder | None = None,
    *,
    threshold: float = 0.5,
    minimum_loop: int = 3,
    canonical: str | None = None,
) -> Pairs:
    """Choose pairs from a map of probabilities; no base is in two of them.

    Args:
        probabilities: symmetric ``(length, length)``, or its upper triangle with zeros below.
        decoder: :func:`matching` by default, which allows pseudoknots; :func:`nested` forbids them; :func:`greedy`.
        threshold: pairs at or below this probability are never chosen.
        minimum_loop: unpaired bases between two that pair, at least.
        canonical: the sequence, if only GC, AU and GU may pair.

    Raises:
        ValueError: for a map that is not square or symmetric, has NaN, or does not fit the sequence.

    Examples:
        >>> map_of = np.zeros((8, 8))
        >>> map_of[0, 7], map_of[0, 6], map_of[1, 7] = 0.9, 0.8, 0.8
        >>> decode(map_of, greedy), decode(map_of), decode(map_of, nested)
        (((0, 7),), ((0, 6), (1, 7)), ((0, 7),))
    """
    found = candidates(probabilities, threshold=threshold, minimum_loop=minimum_loop, canonical=canonical)
    return (decoder or matching)(found)


def candidates(
    probabilities: ArrayLike, *, threshold: float = 0.5, minimum_loop: int = 3, canonical: str | None = None
) -> Candidates:
    """The pairs of a map that may be chosen; arguments as for :func:`decode`."""
    table = np.asarray(probabilities)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(f"a map of pair probabilities has the shape (length, length), not {table.shape}.")
    if minimum_loop < 0:
        raise ValueError(f"minimum_loop={minimum_loop}: a number from 0 is needed, e.g. 3.")
    if np.isnan(table).any():
        raise ValueError("the map of pair probabilities has values that are not numbers (NaN).")
    lower = np.tril(table, -1)
    if lower.any() and np.abs(lower - np.triu(table, 1).T).max() > _SYMMETRIC:
        raise ValueError("the map is not symmetric: give (P + P.T) / 2, or the upper triangle with zeros below.")
    allowed = np.triu(table > threshold, minimum_loop + 1)
    if canonical is not None:
        if len(canonical) != len(table):
            raise ValueError(f"the map has {len(table)} positions but the sequence {len(canonical)} letters.")
        codes = rna_codes(canonical)
        allowed &= _MAY_PAIR[codes[:, None], codes]
    first, second = np.nonzero(allowed)
    return Candidates(first, second, table[first, second].astype(np.float64) - threshold, len(table))


def greedy(found: Candidates) -> Pairs:
    """The most probable pair, then the most probable of the bases that are left, in either role, and so on.

    Of equal ones the first in the order of positions. Published decoders struck out one row and one column only, so
    that a base could pair twice, to its left and to its right.
    """
    free = np.ones(found.length, dtype=np.bool_)
    chosen = []
    order = np.argsort(-found.weight, kind="stable")
    for row, i, j in zip(order.tolist(), found.first[order].tolist(), found.second[order].tolist(), strict=True):
        if free[i] and free[j]:
            free[i] = free[j] = False
            chosen.append(row)
    return found.take(np.array(chosen, dtype=np.int64))


def matching(found: Candidates) -> Pairs:
    """The pairs with the largest sum of weights, crossing or not, see :func:`heaviest_matching`."""
    return found.take(heaviest_matching(found.first, found.second, found.weight, found.length))


def nested(found: Candidates) -> Pairs:
    """The pairs with the largest sum of weights of which none cross, by dynamic programming (Nussinov et al. 1978)."""
    return found.take(heaviest_nested(found.first, found.second, found.weight, found.length))


DECODERS: dict[str, Decoder] = {"matching": matching, "nested": nested, "greedy": greedy}
