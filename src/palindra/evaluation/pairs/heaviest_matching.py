"""The set of pairs with the largest sum of weights in which no base occurs twice: a maximum-weight matching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_PARTNERS = 8  # of each base that are tried first, the heaviest ones
_ROUNDING = 1e-9

Numbers = NDArray[np.int64]
Weights = NDArray[np.float64]


def heaviest_matching(first: Numbers, second: Numbers, weight: Weights, length: int) -> Numbers:
    """Of weighted pairs the set with the largest sum in which no base occurs twice; pairs may cross.

    Linear and integer programmes are solved by HiGHS (Huangfu and Hall 2018, through scipy). The linear relaxation
    gives every base a price, and a pair that weighs less than the prices of its two bases together cannot improve it,
    so that a few pairs of each base are tried first and others added while they pay (column generation). Where the
    relaxed solution is not whole, the integer programme decides among the pairs whose prices leave it open (fixing by
    reduced costs). The sum is the largest one to 1e-6, the precision of the solver.

    Args:
        first: one position of each candidate, from 0.
        second: the other position.
        weight: of each candidate; those that are not above 0 are never taken.
        length: number of bases.

    Returns:
        Which candidates were taken, sorted.

    Examples:
        >>> heaviest_matching(np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([2.0, 3.0, 2.0]), 4)
        array([0, 2])
    """
    tried = _heaviest_of_each(first, second, weight, length) & (weight > 0)
    if not tried.any():
        return np.empty(0, dtype=np.int64)
    while True:
        columns = np.flatnonzero(tried)
        shares, prices = _relaxed(first[columns], second[columns], weight[columns], length)
        gain = weight - prices[first] - prices[second]
        paying = (gain > _ROUNDING) & ~tried
        if not paying.any():
            break
        tried |= paying & _heaviest_of_each(first, second, np.where(paying, gain, -np.inf), length)
    if (np.minimum(shares, 1 - shares) < 1e-6).all():
        return columns[shares > 0.5]
    known = columns[_whole(first[columns], second[columns], weight[columns], length)]
    loss = float(prices.sum()) - float(weight[known].sum())  # what the best may have more than this one
    open_ones = np.flatnonzero((gain >= -loss - _ROUNDING) & (weight > 0))
    if np.isin(open_ones, columns).all():
        return known
    return open_ones[_whole(first[open_ones], second[open_ones], weight[open_ones], length)]


def _heaviest_of_each(first: Numbers, second: Numbers, weight: Weights, length: int) -> NDArray[np.bool_]:
    """Mask of the pairs that are among the heaviest of one of their bases."""
    kept = np.zeros(len(weight), dtype=np.bool_)
    for base in (first, second):
        order = np.lexsort((-weight, base))
        starts = np.searchsorted(base[order], np.arange(length))
        kept[order[np.arange(len(order)) - starts[base[order]] < _PARTNERS]] = True
    return kept


def _partners(first: Numbers, second: Numbers, length: int) -> csr_array:
    """Which bases (rows) each pair (column) uses."""
    from scipy.sparse import csr_array

    pair = np.arange(len(first))
    places = (np.concatenate([first, second]), np.concatenate([pair, pair]))
    return csr_array((np.ones(2 * len(pair)), places), shape=(length, len(pair)))


def _relaxed(first: Numbers, second: Numbers, weight: Weights, length: int) -> tuple[Weights, Weights]:
    """Share of each pair in the best solution with fractions, and the price of each base."""
    from scipy.optimize import linprog

    solved = linprog(-weight, A_ub=_partners(first, second, length), b_ub=np.ones(length), method="highs-ds")
    if solved.status:
        raise RuntimeError(f"the relaxed matching was not found: {solved.message}")
    return solved.x, np.maximum(-solved.ineqlin.marginals, 0)


def _whole(first: Numbers, second: Numbers, weight: Weights, length: int) -> Numbers:
    """The best solution without fractions: numbers of its pairs."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    solved = milp(
        -weight,
        integrality=np.ones(len(weight)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(_partners(first, second, length), ub=1),
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        raise RuntimeError(f"the matching was not found: {solved.message}")
    return np.flatnonzero(solved.x > 0.5)
