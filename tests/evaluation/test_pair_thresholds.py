"""The threshold of pair probabilities is the one with the highest F1 of validation molecules."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.rna import Structure
from palindra.evaluation.pairs import matching
from palindra.evaluation.pairs.thresholds import best_threshold

KNOWN = [Structure("a", "GGGAAACCC", [(0, 8), (1, 7)]), Structure("b", "GGGAAACCC", [(0, 8)]), Structure("c", "AAAAAA")]


def tables() -> list[np.ndarray]:
    found = [np.zeros((len(one), len(one))) for one in KNOWN]
    found[0][0, 8], found[0][1, 7], found[0][2, 6] = 0.9, 0.5, 0.3
    found[1][0, 8], found[1][1, 7] = 0.6, 0.45
    return found


@pytest.mark.parametrize("decoder", [None, matching])
def test_scores_by_hand(decoder: object) -> None:
    more = {} if decoder is None else {"decoder": decoder}
    chosen = best_threshold(tables(), KNOWN, thresholds=(0.2, 0.4, 0.55, 0.8), **more)  # type: ignore[arg-type]
    # Molecule a has 2 of 3, 2 of 2, 1 of 2, 1 of 2 pairs; b 1 of 2, 1 of 2, 1 of 1, none; c has no pairs.
    expected = [(0.8 + 2 / 3) / 2, (1 + 2 / 3) / 2, (2 / 3 + 1) / 2, (2 / 3 + 0) / 2]
    assert chosen.scores == pytest.approx(expected)
    assert chosen.threshold == 0.55  # the higher of two equal ones
    assert chosen.f1 == pytest.approx(5 / 6)


def test_nothing_to_choose_by() -> None:
    with pytest.raises(ValueError, match="no validation molecule has pairs"):
        best_threshold([np.zeros((6, 6))], KNOWN[2:])
    with pytest.raises(ValueError, match="longer than"):
        best_threshold(tables()[:1], KNOWN)
