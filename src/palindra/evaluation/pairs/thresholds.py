"""The probability above which pairs are chosen, by the F1 of validation molecules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from palindra.data.rna import Structure
from palindra.evaluation.pairs.decoding import Decoder, decode, greedy
from palindra.evaluation.pairs.scores import count_pairs

THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)


class ChosenThreshold(NamedTuple):
    """A threshold and what it gave."""

    threshold: float
    f1: float  # mean over the molecules that have pairs
    scores: tuple[float, ...]  # F1 of each threshold that was tried


def best_threshold(
    probabilities: Iterable[ArrayLike],
    structures: Sequence[Structure],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    decoder: Decoder = greedy,
    minimum_loop: int = 3,
) -> ChosenThreshold:
    """Choose the threshold with the highest mean F1 (strict), the higher of two equal ones.

    Args:
        probabilities: a symmetric map for each molecule.
        structures: the known structures of validation molecules; test molecules have no place here.
        thresholds: to try.
        decoder: from maps to pairs; the greedy one is fast.
        minimum_loop: unpaired bases between two that pair, at least.

    Raises:
        ValueError: if there are not as many maps as structures, or no molecule has pairs.

    Examples:
        >>> table = np.zeros((9, 9))
        >>> table[0, 8], table[1, 7], table[2, 6] = 0.9, 0.5, 0.3
        >>> known = Structure("a", "GGGAAACCC", [(0, 8), (1, 7)])
        >>> best_threshold([table], [known], thresholds=(0.2, 0.4, 0.8))[:2]
        (0.4, 1.0)
    """
    rows = []
    for table, known in zip(probabilities, structures, strict=True):
        found = (decode(table, decoder, threshold=one, minimum_loop=minimum_loop) for one in thresholds)
        scores = [count_pairs(pairs, known.pairs).scores for pairs in found]
        rows.append([np.nan if one is None else one.f1 for one in scores])
    counted = np.array(rows)[~np.isnan(rows).all(axis=1)] if rows else np.empty((0, len(thresholds)))
    if not len(counted):
        raise ValueError("no validation molecule has pairs, so no threshold can be chosen.")
    means = np.nanmean(counted, axis=0)
    best = max(range(len(thresholds)), key=lambda at: (means[at], thresholds[at]))
    return ChosenThreshold(float(thresholds[best]), float(means[best]), tuple(means.tolist()))
