"""The inputs of the contact networks: 25 numbers per residue, 3 per pair of residues."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.proteins.alignment import LETTERS, Alignment
from palindra.data.proteins.couplings import (
    average_product_correction,
    coupling_strength,
    covered_columns,
    mean_field_couplings,
    mutual_information,
)
from palindra.data.proteins.potential import mean_potential
from palindra.data.proteins.profile import Array, column_profile, entropy, gap_share, sequence_weights
from palindra.errors import InputError

RESIDUE_FEATURES = (*(f"share of {letter}" for letter in LETTERS), "gaps", "entropy", "helix", "strand", "turn")
"""The 25 numbers per residue. See :func:`contact_features`."""

PAIR_FEATURES = ("mutual information", "couplings", "potential")
"""The 3 numbers per pair. See :func:`contact_features`."""

_WINDOW = 7
_NEAR = 6  # pairs nearer in sequence take no part in the scale of the pair features

# How often a residue is found in a helix, strand or turn, relative to all residues (Chou & Fasman, 1978), in the order
# ACDEFGHIKLMNPQRSTVWY.
_CHOU_FASMAN = """
1.42 .70 1.01 1.51 1.13 .57 1.00 1.08 1.16 1.21 1.45 .67 .57 1.11 .98 .77 .83 1.06 1.08 .69
.83 1.19 .54 .37 1.38 .75 .87 1.60 .74 1.30 1.05 .89 .55 1.10 .93 .75 1.19 1.70 1.37 1.47
.66 1.19 1.46 .74 .60 1.56 .95 .47 1.01 .59 .60 1.56 1.52 .98 .95 1.43 .96 .50 .96 1.14
"""
_PROPENSITY = np.array(_CHOU_FASMAN.split(), dtype=float).reshape(3, len(LETTERS))


class ContactFeatures(NamedTuple):
    """Inputs of a contact network and the plain scores that it has to beat."""

    residues: NDArray[np.float32]  # (25, residues)
    pairs: NDArray[np.float32]  # (3, residues, residues), symmetric
    mutual_information: Array  # with the average product correction, (residues, residues)
    couplings: Array  # likewise
    effective_sequences: float


def contact_features(alignment: Alignment, identity: float = 0.8) -> ContactFeatures:
    """Features of every residue and every pair of residues of the first row of an alignment.

    Per residue, in this order: the shares of the twenty amino acids in the column (rows weighted, see
    :func:`sequence_weights`), the share of gaps, the entropy of the column, and the mean propensities for helix,
    strand and turn (Chou & Fasman, 1978) of the column's profile over seven residues. The last three stand where
    the published network has a predicted structure, which needs a trained predictor of its own.

    Per pair: mutual information and mean-field couplings, both with the average product correction, and the mean
    contact potential of the two columns (Miyazawa & Jernigan, 1996). Each is centred and scaled over the pairs at
    least six residues apart. Columns in which fewer than 30 % of the rows have a residue get couplings of 0.

    Args:
        alignment: whose first row is the query; columns with a gap there are left out.
        identity: rows that agree in this share of columns count together as one.

    Raises:
        InputError: if the alignment has one row only, or the query is too short.
    """
    rows = alignment.on_first_row()
    count, length = rows.codes.shape
    if count < 2:
        raise InputError(
            f"{alignment.source}: has one row only. Coevolution is measured over rows: give an alignment of the family "
            "(hundreds of rows are usual)."
        )
    if length <= _NEAR:
        raise InputError(f"{alignment.place(0)}: the first row has {length} residues; more than {_NEAR} are needed.")
    weights = sequence_weights(rows.codes, identity)
    profile = column_profile(rows.codes, weights)
    covered = covered_columns(rows.codes, weights)
    information = average_product_correction(mutual_information(rows.codes, weights), covered)
    couplings = average_product_correction(coupling_strength(mean_field_couplings(rows.codes, weights)), covered)
    single = np.stack([*profile.T, gap_share(rows.codes, weights), entropy(profile), *_propensities(profile)])
    pairs = np.stack([standardised(scores) for scores in (information, couplings, mean_potential(profile))])
    return ContactFeatures(
        single.astype(np.float32), pairs.astype(np.float32), information, couplings, float(weights.sum())
    )


def standardised(scores: Array) -> Array:
    """Scores with mean 0 and spread 1 over the pairs at least six residues apart."""
    apart = scores[np.triu_indices(len(scores), _NEAR)]
    return (scores - apart.mean()) / (apart.std() or 1.0)


def _propensities(profile: Array) -> Array:
    """Helix, strand and turn, (3, residues): averages over a window that ends with the sequence."""
    own = _PROPENSITY @ profile.T
    inside = np.convolve(np.ones(len(profile)), np.ones(_WINDOW), "same")[: len(profile)]
    return np.stack([np.convolve(row, np.ones(_WINDOW), "same")[: len(profile)] for row in own]) / inside
