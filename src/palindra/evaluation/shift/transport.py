"""How far two spectra are apart when changing one letter of a k-mer costs 1: the Wasserstein distance."""

from __future__ import annotations

from functools import lru_cache, reduce
from itertools import product

import numpy as np
from numpy.typing import NDArray

EXACT_K = 4  # the linear programme takes .1 s or less up to here
REGULARISATION = 0.1  # in letters; costs were within .01 letters of the exact ones for k up to 5
_ITERATIONS = 500
_TOLERANCE = 1e-4  # mass that the plan may miss

Frequencies = NDArray[np.float64]


def wasserstein(p: Frequencies, q: Frequencies, k: int, *, canonical: bool = True) -> float:
    """1-Wasserstein distance of two spectra with the Hamming distance of k-mers as cost, in letters.

    A canonical feature is a k-mer or its reverse complement, whichever is nearer; the distance is then that of the
    spectra of both strands together.

    Exact for k <= 4: k-mers that differ in one letter are neighbours, the Hamming distance is the shortest path, so the
    cheapest transport is a flow along edges (3k/2 * 4^k of them instead of 4^k * 4^k pairs), solved as a linear
    programme. Above, an entropic (Sinkhorn) plan, see :func:`sinkhorn`.

    Args:
        p: spectrum ``(features,)`` that sums to 1.
        q: the other one.
        k: length of the k-mers.
        canonical: whether the features are canonical k-mers.

    Raises:
        ValueError: if the spectra do not have the features of k.

    Examples:
        >>> from palindra.evaluation.shift.spectra import spectrum
        >>> from palindra.sequences import encode
        >>> one, other = (spectrum(encode([text]), 3, pseudocount=0) for text in ("AAAAA", "AAGAA"))
        >>> wasserstein(one, other, 3)                       # AAG, AGA, GAA are one letter from AAA
        1.0
    """
    p, q = _full(p, k, canonical), _full(q, k, canonical)
    return _exact(p, q, k) if k <= EXACT_K else float(sinkhorn(p[None], q[None], k, canonical=False)[0])


def sinkhorn(
    p: Frequencies, q: Frequencies, k: int, *, canonical: bool = True, regularisation: float = REGULARISATION
) -> NDArray[np.float64]:
    """Cost of the entropic transport plan between spectra, row by row: an upper estimate of the Wasserstein distance.

    The kernel exp(-Hamming / regularisation) is a product over the letters of a k-mer, so that one step costs
    k * 4^(k+1) operations for each row and nothing of size 4^k * 4^k is held (Cuturi, 2013; Solomon et al., 2015).

    Args:
        p: spectra ``(rows, features)``.
        q: spectra ``(rows or 1, features)``.
        k: length of the k-mers.
        canonical: whether the features are canonical k-mers.
        regularisation: of the plan, in letters; smaller is nearer to the exact distance and slower.

    Raises:
        ValueError: if the spectra do not have the features of k.
    """
    p, q = _full(p, k, canonical), _full(q, k, canonical)
    q = np.broadcast_to(q, p.shape)
    same, other = 1.0, float(np.exp(-1 / regularisation))
    kernel = [np.where(np.eye(4, dtype=bool), same, other)] * k
    u = np.ones_like(p)
    active = np.arange(len(p))  # rows that are not there yet
    for step in range(_ITERATIONS):
        now = u[active]
        image = _apply(kernel, _divided(q[active], _apply(kernel, now)))
        if step % 10 == 9:
            missed = np.abs(now * image - p[active]).sum(axis=1) >= _TOLERANCE
            active, image = active[missed], image[missed]
            if not len(active):
                break
        u[active] = _divided(p[active], image)
    v = _divided(q, _apply(kernel, u))
    weighted = np.where(np.eye(4, dtype=bool), 0.0, other)  # kernel times cost of one letter
    costs = sum(
        _apply([weighted if place == changed else kernel[place] for place in range(k)], v) for changed in range(k)
    )
    return np.asarray((u * costs).sum(axis=1))


def _divided(numerator: Frequencies, denominator: Frequencies) -> Frequencies:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _apply(factors: list[NDArray[np.float64]], rows: Frequencies) -> Frequencies:
    """The product of one 4 x 4 matrix per letter, applied to rows ``(rows, 4^k)``."""
    values = rows
    for factor in factors:  # the first letter is mapped and moved to the end, so that after k steps all are in place
        values = np.matmul(factor, values.reshape(len(rows), 4, -1)).transpose(0, 2, 1).reshape(len(rows), -1)
    return values


def _exact(p: Frequencies, q: Frequencies, k: int) -> float:
    from scipy.optimize import linprog

    edges = _edges(k)
    if not np.abs(p - q).sum() > 0:
        return 0.0
    found = linprog(np.ones(edges.shape[1]), A_eq=edges[:-1], b_eq=(p - q)[:-1], bounds=(0, None), method="highs")
    if found.status != 0:
        raise ValueError(f"the cheapest transport was not found: {found.message}")
    return float(found.fun)


@lru_cache(maxsize=8)
def _edges(k: int) -> NDArray[np.float64]:
    """What flows out of each k-mer (rows) along each directed edge (columns), a sparse matrix."""
    from scipy.sparse import csr_matrix

    word = np.arange(4**k)
    pairs = []
    for place, step in product(range(k), range(1, 4)):
        digit = word // 4**place % 4
        pairs.append(np.stack([word, word + ((digit + step) % 4 - digit) * 4**place]))
    ends = np.concatenate(pairs, axis=1)
    number = np.arange(ends.shape[1])
    values = np.concatenate([np.ones(len(number)), -np.ones(len(number))])
    return csr_matrix((values, (ends.ravel(), np.tile(number, 2))), shape=(4**k, len(number)))


def _full(spectra: Frequencies, k: int, canonical: bool) -> Frequencies:
    """Spectra over all 4^k k-mers; a canonical feature is shared by its two k-mers."""
    column, features = _canonical(k) if canonical else (np.arange(4**k), 4**k)
    if spectra.shape[-1] != features:
        raise ValueError(f"a spectrum of {spectra.shape[-1]} features is given; {k}-mers have {features}.")
    return spectra[..., column] / np.bincount(column)[column]


@lru_cache(maxsize=16)
def _canonical(k: int) -> tuple[NDArray[np.int64], int]:
    """The canonical feature of each k-mer, in alphabetical order, and their number."""
    word = np.arange(4**k)
    digits = [word // 4**place % 4 for place in range(k)]
    partner = reduce(lambda number, digit: 4 * number + 3 - digit, digits, np.zeros_like(word))
    _, column = np.unique(np.minimum(word, partner), return_inverse=True)
    return column, int(column.max()) + 1
