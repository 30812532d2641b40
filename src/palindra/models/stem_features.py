"""What a map of pair probabilities says about each likely pair: its stem, its neighbours, its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from palindra.data.rna import rna_codes

LEAST_MEAN = 0.003  # pairs of less mean probability are left to thermodynamics
CLIP = 1e-3  # probabilities are kept this far from 0 and 1, so that their logits are finite
REACH = 4  # pairs along the stem that are looked at, inwards and outwards
MINIMUM_LOOP = 3
_BULGES = ((1, 0), (0, -1), (-1, 0), (0, 1), (1, -2), (2, -1), (-1, 2), (-2, 1))
_KIND = np.zeros((5, 5), dtype=np.int64)  # of a pair of letters A C G U X: 0 none, 1 GC, 2 AU, 3 GU
for _first, _second, _kind in ((1, 2, 1), (0, 3, 2), (2, 3, 3)):
    _KIND[_first, _second] = _KIND[_second, _first] = _kind


@dataclass(frozen=True, eq=False)
class StemRows:
    """The likely pairs of one molecule.

    Args:
        first: smaller position of each, from 0.
        second: larger position of each.
        prior: mean logit of its thermodynamic probabilities.
        features: numbers about it, :func:`feature_names` says which.
        length: number of bases.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    prior: NDArray[np.float32]
    features: NDArray[np.float32]
    length: int

    def __len__(self) -> int:
        return len(self.first)


def feature_names(maps: int) -> tuple[str, ...]:
    """What the columns of :class:`StemRows` are, for so many maps of probabilities.

    Examples:
        >>> len(feature_names(1)), len(feature_names(3)), feature_names(1)[:3]
        (49, 52, ('logit -4', 'GC -4', 'AU -4'))
    """
    stem = [f"{what} {step:+d}" for step in range(-REACH, REACH + 1) for what in ("logit", "GC", "AU", "GU")]
    bulges = [f"logit ({row:+d}, {column:+d})" for row, column in _BULGES]
    sets = [f"logit of set {number + 1} less the mean" for number in range(maps)] if maps > 1 else []
    return (*stem, *bulges, *sets, "unpaired 5'", "unpaired 3'", "rival 5'", "rival 3'", "log distance")


def stem_rows(sequence: str, probabilities: Sequence[Float[np.ndarray, "length length"]]) -> StemRows:
    """Describe each pair whose mean probability is at least 0.003 and whose loop has at least 3 bases.

    A pair is read from its outer side inwards and once, (s, t) with s < t, so what is said about it is the same for
    (t, s): functions of it make symmetric maps.

    Args:
        sequence: letters of RNA.
        probabilities: symmetric maps of pair probabilities, one for each set of energies.

    Examples:
        >>> given = np.zeros((9, 9))
        >>> given[0, 8] = given[8, 0] = 0.9
        >>> rows = stem_rows("GGGAAACCC", [given])
        >>> rows.first, rows.second, dict(zip(feature_names(1), rows.features[0]))["GC +1"]
        (array([0]), array([8]), np.float32(1.0))
    """
    maps = [np.asarray(table, dtype=np.float32) for table in probabilities]
    length, pad = len(sequence), REACH + 2
    if not maps or any(table.shape != (length, length) for table in maps):
        shapes = ", ".join(str(table.shape) for table in maps) or "none"
        raise ValueError(f"maps of shape {(length, length)} are needed for {length} bases, got {shapes}.")
    mean: NDArray[np.float32] = np.asarray(np.mean(maps, axis=0), dtype=np.float32)
    logits = [_logit(table) for table in maps]
    prior: NDArray[np.float32] = np.asarray(np.mean(logits, axis=0), dtype=np.float32)
    first, second = np.nonzero(np.triu(mean >= LEAST_MEAN, MINIMUM_LOOP + 1))
    codes, at = rna_codes(sequence), np.arange(length)
    kinds = np.where(np.abs(at - at[:, None]) > MINIMUM_LOOP, _KIND[codes[:, None], codes], 0)
    around = np.pad(prior, pad, constant_values=_logit(np.zeros((), np.float32)).item())
    around_kinds = np.pad(kinds, pad)
    i, j = first + pad, second + pad
    columns: list[NDArray[np.generic]] = []
    for step in range(-REACH, REACH + 1):
        kind = around_kinds[i + step, j - step]
        columns += [around[i + step, j - step], kind == 1, kind == 2, kind == 3]
    columns += [around[i + row, j + column] for row, column in _BULGES]
    if len(maps) > 1:
        columns += [table[first, second] - prior[first, second] for table in logits]
    unpaired = 1 - mean.sum(axis=1)
    columns += [unpaired[first], unpaired[second], *_rivals(mean, first, second), np.log(second - first)]
    features = np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)
    return StemRows(first, second, prior[first, second], features, length)


def _logit(table: NDArray[np.float32]) -> NDArray[np.float32]:
    kept = np.clip(table, CLIP, 1 - CLIP)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float32)


def _rivals(
    mean: NDArray[np.float32], first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The most probable other partner of each of the two bases."""
    best = mean.argmax(axis=1)
    most = mean.max(axis=1)
    others = mean.copy()
    others[np.arange(len(mean)), best] = 0
    next_most = others.max(axis=1)
    return (
        np.where(best[first] == second, next_most[first], most[first]),
        np.where(best[second] == first, next_most[second], most[second]),
    )
