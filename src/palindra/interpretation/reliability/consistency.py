"""Do important places of many sequences look alike? Two divergences that rise when they do.

A model that has learned motifs gives high attributions to few words and few patterns of attributions; one that
answers by chance gives them to all. Both scores need no known motif.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.sequences import reverse_complement
from palindra.sequences.alphabet import Codes

Maps = NDArray[np.floating]

ZERO_SUM_BASIS: NDArray[np.float64] = np.array(
    [[-1, 1, 0, 0], [-1, -1, 2, 0], [-1, -1, -1, 3]] / np.sqrt([[2], [6], [12]])
)
"""Orthonormal rows that span all four numbers whose sum is 0.

The published code lacks the third entry of the second row, so that its lengths and angles are not those of the
attributions.
"""

BOX = 0.1  # side of a box of angles, rad
_BOXES = int(np.pi / BOX)  # on each axis; what is left over belongs to the last
_AROUND = 6  # boxes on a side of the moving average, three before and two behind


def corrected(maps: Maps) -> NDArray[np.float64]:
    """Maps ``(sequences, 4, length)`` without the mean over letters, each of length 1.

    One-hot sequences have a sum of 1 over letters at every position, so gradients in that direction mean nothing
    (Majdandzic, Rajesh & Koo 2023, Genome Biology). Maps that are 0 stay 0.

    Raises:
        InputError: for another shape.
    """
    values = np.asarray(maps, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] != 4 or not len(values):
        raise InputError(
            f"attribution maps of shape {values.shape}: (sequences, 4, length) in the order ACGT is needed."
        )
    values = values - values.mean(1, keepdims=True)
    size = np.linalg.norm(values, axis=(1, 2), keepdims=True)
    return values / np.where(size > 0, size, 1)


def important_positions(maps: Maps, *, quantile: float = 0.9, margin: int = 2) -> NDArray[np.bool_]:
    """Positions above a quantile of the lengths of their attributions in each sequence, and those beside them.

    Args:
        maps: ``(sequences, 4, length)``.
        quantile: of each sequence.
        margin: letters added on both sides; what then touches is one stretch.
    """
    if not 0 <= quantile < 1 or margin < 0:
        raise InputError(f"a quantile of {quantile} with a margin of {margin}: 0 to below 1 and at least 0 are needed.")
    size = np.linalg.norm(corrected(maps), axis=1)
    high: NDArray[np.bool_] = np.greater(size, np.quantile(size, quantile, axis=1, keepdims=True))
    wide = high.copy()
    for step in range(1, margin + 1):
        wide[:, step:] |= high[:, :-step]
        wide[:, :-step] |= high[:, step:]
    return wide


def kmer_divergence(
    maps: Maps, codes: Codes, *, k: int = 6, quantile: float = 0.9, margin: int = 2, both_strands: bool = False
) -> float:
    """KLD-1: divergence (nats) of the k-mers at important places from those of all sequences.

    Args:
        maps: attributions ``(sequences, 4, length)``; their mean over letters is removed here.
        codes: the same sequences ``(sequences, length)``; k-mers with uncertain letters are left out.
        k: 1 to 8.
        quantile: see :func:`important_positions`.
        margin: see :func:`important_positions`.
        both_strands: count every k-mer on both strands, so that the strand on which a sequence is written does not
            matter.

    Raises:
        InputError: when the shapes differ, or no stretch has k letters.

    Source: Tang (2024), thesis; stretches are widened on both sides, and not only to the right as in the released code.
    """
    if maps.shape[0] != codes.shape[0] or maps.shape[-1] != codes.shape[1] or not 1 <= k <= min(8, codes.shape[1]):
        raise InputError(
            f"maps of shape {maps.shape} for sequences of shape {codes.shape} and {k}-mers: one map for each sequence, "
            "of its length, and k from 1 to 8 are needed."
        )
    inside = important_positions(maps, quantile=quantile, margin=margin)
    within = np.asarray(np.lib.stride_tricks.sliding_window_view(inside, k, axis=1).all(-1))
    important, every = np.zeros(4**k), np.zeros(4**k)
    for strand, at in ((codes, within), (reverse_complement(codes), within[:, ::-1]))[: 1 + both_strands]:
        windows = np.lib.stride_tricks.sliding_window_view(strand, k, axis=1)
        words = windows.astype(np.int64) @ 4 ** np.arange(k - 1, -1, -1)
        certain = (windows < 4).all(-1)
        every += np.bincount(words[certain], minlength=4**k)
        important += np.bincount(words[certain & at], minlength=4**k)
    if not important.sum():
        raise InputError(f"no stretch of important positions has {k} letters: lower k or the quantile of {quantile}.")
    return divergence(important, every)


def angle_divergence(maps: Maps, *, window: int = 3, share: float = 0.1, both_strands: bool = False) -> float:
    """KLD-2: divergence (nats) of the directions of high attributions from their own moving average.

    Attributions are summed over windows of neighbouring positions, which never reach over the ends, written in three
    coordinates of the plane of zero sum, and the longest of all sequences kept. Their two angles fill boxes of 0.1 rad,
    weighted by the squared length, and the boxes are compared with their mean over 6 x 6 boxes.

    Args:
        maps: attributions ``(sequences, 4, length)``; their mean over letters is removed here.
        window: positions that are summed.
        share: of all windows that is kept.
        both_strands: fill the boxes from maps of both strands, so that the strand on which a sequence is written does
            not matter.

    Raises:
        InputError: for windows longer than the maps, or maps without any attribution.

    Source: Majdandzic et al. (2022), MLCB; Tang (2024), thesis. The published basis is not orthonormal, and its
    windows join the end of a sequence with its beginning; here neither is so.
    """
    radius, phi, theta = spherical(maps, window=window, share=share, both_strands=both_strands)
    boxes = np.zeros((_BOXES, _BOXES))
    place = [np.minimum((angle / BOX).astype(np.int64), _BOXES - 1) for angle in (phi, theta)]
    np.add.at(boxes, tuple(place), radius**2)
    return divergence(boxes, _moving_average(boxes))


def spherical(
    maps: Maps, *, window: int = 3, share: float = 0.1, both_strands: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Length, longitude (halved, 0 to pi) and colatitude (0 to pi) of the highest attributions of all sequences.

    The pole is the first coordinate of :data:`ZERO_SUM_BASIS`. Arguments and errors as in :func:`angle_divergence`.
    """
    values = corrected(maps)
    if not 1 <= window <= values.shape[-1] or not 0 < share <= 1:
        raise InputError(
            f"windows of {window} positions of maps with {values.shape[-1]}, and a share of {share}: windows must fit "
            "and the share lie above 0 and not above 1."
        )
    if both_strands:
        values = np.concatenate([values, values[:, ::-1, ::-1]])
    summed = np.lib.stride_tricks.sliding_window_view(values, window, axis=2).sum(-1)
    points = np.einsum("ca,nal->nlc", ZERO_SUM_BASIS, summed).reshape(-1, 3)
    radius = np.linalg.norm(points, axis=1)
    kept = radius >= np.quantile(radius, 1 - share) if share < 1 else np.ones(len(radius), dtype=np.bool_)
    kept &= radius > 0
    if not kept.any():
        raise InputError("all attributions are 0: there is nothing to compare.")
    (pole, x, y), radius = points[kept].T, radius[kept]
    return radius, np.arctan2(y, x) / 2 + np.pi / 2, np.arccos(np.clip(pole / radius, -1, 1))


def divergence(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence (nats) of two tables of counts, each brought to a sum of 1.

    Examples:
        >>> round(divergence(np.array([2.0, 0.0]), np.array([1.0, 1.0])), 4)
        0.6931
    """
    from scipy.special import rel_entr

    return float(rel_entr(first / first.sum(), second / second.sum()).sum())


def _moving_average(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over 6 x 6 boxes, three before and two behind, of those that exist."""
    before, behind = _AROUND // 2, _AROUND - 1 - _AROUND // 2
    padded = [np.pad(table, ((before, behind), (before, behind))) for table in (boxes, np.ones_like(boxes))]
    sums = [np.lib.stride_tricks.sliding_window_view(table, (_AROUND, _AROUND)).sum((-1, -2)) for table in padded]
    return sums[0] / sums[1]
