"""What sequences are made of, and how different those of one set are from each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.evaluation.design.identity import nearest_identity
from palindra.sequences import reverse_complement
from palindra.sequences.alphabet import Codes


class Diversity(NamedTuple):
    """How different the sequences of one set are."""

    distinct: float  # share of different sequences, a sequence and its reverse complement being one
    nearest_identity: float  # mean identity with the most similar other one; NaN for a single sequence


def gc_content(codes: Codes) -> NDArray[np.float64]:
    """Share of G and C among the certain letters of each sequence; NaN where there is none.

    Examples:
        >>> from palindra.sequences import encode
        >>> gc_content(encode(["ACGN", "TTTT"])).round(2)
        array([0.67, 0.  ])
    """
    certain = (codes < 4).sum(axis=1)
    strong = ((codes == 1) | (codes == 2)).sum(axis=1)
    return np.divide(strong, certain, out=np.full(len(codes), np.nan), where=certain > 0)


def diversity(codes: Codes) -> Diversity:
    """How many sequences of a set are different, and how alike each is to the most similar other one.

    Examples:
        >>> from palindra.sequences import encode
        >>> diversity(encode(["AACC", "GGTT", "AAAA"])).distinct.__round__(2)
        0.67
    """
    other = reverse_complement(codes)
    names = {min(a.tobytes(), b.tobytes()) for a, b in zip(codes, other, strict=True)}
    nearest = nearest_identity(codes).identity.mean() if len(codes) > 1 else float("nan")
    return Diversity(len(names) / max(1, len(codes)), float(nearest))
