"""Which residues of a chain touch: distances, contacts, and the pairs of which it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palindra.data.proteins.structure import Chain

Atom = Literal["alpha", "beta"]


@dataclass(frozen=True)
class ContactMap:
    """Contacts of a chain and the pairs of residues that are both resolved; all arrays (residues, residues)."""

    contacts: NDArray[np.bool_]
    known: NDArray[np.bool_]
    distances: NDArray[np.float64]  # in Angstrom, NaN where not known


def contact_map(chain: Chain, *, atom: Atom = "beta", below: float = 8.0) -> ContactMap:
    """Pairs of residues whose atoms are nearer than a distance.

    Args:
        chain: the residues.
        atom: C-beta (C-alpha in glycine), as in assessments of predictions, or C-alpha, as in the published network.
        below: in Angstrom; a pair at this very distance is no contact.

    Examples:
        >>> at = np.array([[0.0, 0, 0], [4, 0, 0], [8, 0, 0], [np.nan] * 3])
        >>> found = contact_map(Chain("a.pdb", "A", "GGGX", np.arange(4), at, at))
        >>> found.contacts.astype(int).tolist()
        [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    places = chain.alpha if atom == "alpha" else chain.beta
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    known = ~np.isnan(distances)
    return ContactMap(np.where(known, distances, np.inf) < below, known, distances)
