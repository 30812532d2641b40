"""What every learned model of RNA structure stands beside: folding by energy, the most pairs, the nearest known one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from palindra.data.rna import (
    LETTERS,
    Pairs,
    Structure,
    heaviest_nested,
    is_canonical,
    maximum_expected_accuracy,
    minimum_free_energy,
    nearest_by_kmers,
    rna_codes,
)

_BONDS = {"GC": 3.0, "CG": 3.0, "AU": 2.0, "UA": 2.0, "GU": 1.0, "UG": 1.0}


def rnafold(sequence: str) -> Pairs:
    """The structure of minimum free energy (ViennaRNA): the baseline to beat on families that were not seen."""
    return minimum_free_energy(sequence).pairs


def rnafold_mea(sequence: str) -> Pairs:
    """The structure of maximum expected accuracy (ViennaRNA)."""
    return maximum_expected_accuracy(sequence).pairs


def most_bonds(sequence: str, *, minimum_loop: int = 3) -> Pairs:
    """The trivial baseline: the nested structure with the most hydrogen bonds (GC 3, AU 2, GU 1), without energies.

    Examples:
        >>> most_bonds("GGGAAAACCC")
        ((0, 9), (1, 8), (2, 7))
    """
    codes = rna_codes(sequence)
    bonds = np.array([[_BONDS.get(first + second, 0.0) for second in LETTERS] for first in LETTERS])
    table = np.triu(bonds[codes[:, None], codes], minimum_loop + 1)
    i, j = np.nonzero(table)
    kept = heaviest_nested(i, j, table[i, j], len(codes))
    return tuple(sorted(zip(i[kept].tolist(), j[kept].tolist(), strict=True)))


def nearest_structures(sequences: Sequence[str], known: Sequence[Structure], *, minimum_loop: int = 3) -> list[Pairs]:
    """The pairs of the most similar known molecule at the same positions, where the bases can pair: memory alone.

    It says how much of a score comes from relatives in the training set, and fails on families that were not seen.

    Args:
        sequences: letters of RNA.
        known: structures of the training set.
        minimum_loop: unpaired bases between two that pair, at least.

    Examples:
        >>> nearest_structures(["GGGCAAAGCUUC"], [Structure("a", "GGGCAAAGCUUU", [(0, 11), (1, 10), (3, 8)])])
        [((0, 11), (1, 10))]
    """
    rows = nearest_by_kmers(sequences, [structure.sequence for structure in known]).row
    found = []
    for sequence, row in zip(sequences, rows.tolist(), strict=True):
        pairs = known[row].pairs if row >= 0 else ()
        found.append(
            tuple(
                (i, j)
                for i, j in pairs
                if j < len(sequence) and j - i > minimum_loop and is_canonical(sequence[i], sequence[j])
            )
        )
    return found
