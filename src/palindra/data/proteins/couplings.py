"""Coevolution of columns: mutual information, mean-field direct couplings, and the average product correction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palindra.data.proteins.alignment import GAP, LETTERS, Codes
from palindra.data.proteins.profile import STATES, Array, one_hot

_LEAST_COVERED = 0.3


def mutual_information(codes: Codes, weights: Array) -> Array:
    """Mutual information in nats between all pairs of columns, over the rows that have a residue in both.

    Gaps are no 21st letter here: neighbouring columns share them, which says nothing about contacts. Pairs without a
    common row have 0.

    Examples:
        >>> codes = np.array([[0, 0, 5], [0, 0, 5], [1, 1, 5], [1, 1, 5]], np.uint8)
        >>> mutual_information(codes, np.ones(4)).round(4)      # log 2 between the first two
        array([[0.6931, 0.6931, 0.    ],
               [0.6931, 0.6931, 0.    ],
               [0.    , 0.    , 0.    ]])
    """
    columns, letters = codes.shape[1], len(LETTERS)
    flat = one_hot(codes, letters).astype(np.float64).reshape(len(codes), -1)
    joint = ((flat * weights[:, None]).T @ flat).reshape(columns, letters, columns, letters)
    joint /= np.maximum(joint.sum(axis=(1, 3), keepdims=True), 1e-12)
    # The rows of a pair are its own, so are the shares of the letters among them: H(first) + H(second) - H(both).
    first, second = joint.sum(axis=3), joint.sum(axis=1)  # (i, a, j) and (i, j, b)
    found = _x_log_x(joint).sum(axis=(1, 3)) - _x_log_x(first).sum(axis=1) - _x_log_x(second).sum(axis=2)
    return np.maximum((found + found.T) / 2, 0.0)


def _x_log_x(shares: Array) -> Array:
    return shares * np.log(np.maximum(shares, 1e-300))


def mean_field_couplings(codes: Codes, weights: Array, pseudocount: float = 0.5) -> Array:
    """Couplings of a Potts model with the frequencies of an alignment, in the mean-field approximation.

    The couplings are minus the inverse of the covariance of the letters (Morcos et al., 2011), with the gap as the
    reference state and unknown residues counted as gaps.

    Args:
        codes: the alignment, (rows, columns).
        weights: of the rows.
        pseudocount: share of the frequencies that is uniform; 0.5 is the published choice.

    Returns:
        Of shape (columns, columns, 21, 21), zero in the reference state and between a column and itself.
    """
    if not 0 < pseudocount < 1:
        raise ValueError(f"the pseudocount is a share in (0, 1), got {pseudocount}.")
    columns, free = codes.shape[1], STATES - 1
    indicators = one_hot(np.minimum(codes, np.uint8(GAP)), STATES).astype(np.float64)
    flat = indicators[:, :, :free].reshape(len(codes), -1)
    share = weights / weights.sum()
    single = (1 - pseudocount) * share @ flat + pseudocount / STATES
    joint = (1 - pseudocount) * (flat * share[:, None]).T @ flat + pseudocount / STATES**2
    blocks = joint.reshape(columns, free, columns, free)
    for column in range(columns):  # a column has one letter at a time
        here = slice(column * free, (column + 1) * free)
        blocks[column, :, column, :] = np.diag(single[here])
    inverse = np.linalg.inv(joint - np.outer(single, single)).reshape(columns, free, columns, free)
    couplings = np.zeros((columns, columns, STATES, STATES))
    couplings[:, :, :free, :free] = -inverse.transpose(0, 2, 1, 3)
    couplings[np.arange(columns), np.arange(columns)] = 0.0
    return couplings


def coupling_strength(couplings: Array) -> Array:
    """Frobenius norm of each pair's couplings between letters, in the zero-sum gauge; gaps take no part in the norm.

    Source: Ekeberg et al. (2013).
    """
    centred = couplings - couplings.mean(axis=2, keepdims=True) - couplings.mean(axis=3, keepdims=True)
    centred += couplings.mean(axis=(2, 3), keepdims=True)
    letters = len(LETTERS)
    return np.sqrt(np.square(centred[:, :, :letters, :letters]).sum(axis=(2, 3)))


def average_product_correction(scores: Array, columns: NDArray[np.bool_] | None = None) -> Array:
    """Scores less what the two columns share with all others: ``S_ij - S_i. S_.j / S_..`` (Dunn et al., 2008).

    Args:
        scores: symmetric, (columns, columns); the diagonal takes no part.
        columns: those that are known well enough; pairs with another one get 0 and take no part in the means.

    Examples:
        >>> entropy = np.array([1.0, 2.0, 3.0, 4.0])
        >>> np.allclose(average_product_correction(np.outer(entropy, entropy), np.array([1, 1, 0, 0], bool)), 0)
        True
    """
    known = np.ones(len(scores), bool) if columns is None else columns
    pairs = np.outer(known, known) & ~np.eye(len(scores), dtype=bool)
    kept = np.where(pairs, scores, 0.0)
    total = kept.sum()
    if total == 0:
        return np.zeros_like(kept)
    others = np.maximum(pairs.sum(axis=0), 1)
    mean = kept.sum(axis=0) / others
    return np.where(pairs, kept - np.outer(mean, mean) / (total / pairs.sum()), 0.0)


def covered_columns(codes: Codes, weights: Array, least: float = _LEAST_COVERED) -> NDArray[np.bool_]:
    """Columns in which at least a share ``least`` of the (weighted) rows has a residue."""
    return weights @ (codes < GAP) / weights.sum() >= least
