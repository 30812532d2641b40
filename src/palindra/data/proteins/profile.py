"""What the columns of an alignment hold: weights of its rows, frequencies of letters, conservation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palindra.data.proteins.alignment import GAP, LETTERS, Codes

Array = NDArray[np.float64]

STATES = len(LETTERS) + 1
_ROWS_AT_ONCE = 2000


def one_hot(codes: Codes, states: int) -> NDArray[np.float32]:
    """Codes as (rows, columns, states); codes beyond the states are all zero."""
    return (codes[..., None] == np.arange(states, dtype=np.uint8)).astype(np.float32)


def sequence_weights(codes: Codes, identity: float = 0.8) -> Array:
    """One over the number of rows, itself included, that agree with a row in at least ``identity`` of the columns.

    Two gaps agree, as in Morcos et al. (2011); unknown residues agree with nothing. The sum of the weights is the
    effective number of sequences.

    Examples:
        >>> sequence_weights(np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, 5], [9, 9, 9, 9, 9]], np.uint8))
        array([0.5, 0.5, 1. ])
    """
    if not 0 < identity <= 1:
        raise ValueError(f"an identity lies in (0, 1], got {identity}.")
    flat = one_hot(codes, STATES).reshape(len(codes), -1)
    least = identity * codes.shape[1] - 1e-6  # agreements are counted in float32
    neighbours = [
        (flat[start : start + _ROWS_AT_ONCE] @ flat.T >= least).sum(axis=1)
        for start in range(0, len(codes), _ROWS_AT_ONCE)
    ]
    # A row of unknown residues does not even agree with itself.
    return 1.0 / np.maximum(np.concatenate(neighbours), 1)


def column_profile(codes: Codes, weights: Array, pseudocount: float = 1.0) -> Array:
    """Weighted frequencies of the twenty letters among the residues of each column, (columns, 20).

    ``pseudocount`` residues drawn from the composition of the whole alignment are added to every column, so a column
    of gaps has that composition.
    """
    counts = np.einsum("r,rcl->cl", weights, one_hot(codes, len(LETTERS)), optimize=True)
    composition = (counts.sum(axis=0) + 1) / (counts.sum() + len(LETTERS))
    return (counts + pseudocount * composition) / (counts.sum(axis=1, keepdims=True) + pseudocount)


def gap_share(codes: Codes, weights: Array) -> Array:
    """Weighted share of rows with a gap, per column."""
    return weights @ (codes == GAP) / weights.sum()


def entropy(profile: Array) -> Array:
    """Entropy of each column in units of log 20: 0 where one letter stands alone, 1 where all are equally frequent."""
    return -(profile * np.log(np.maximum(profile, 1e-300))).sum(axis=1) / np.log(profile.shape[1])
