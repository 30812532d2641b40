"""Where motifs occur in sequences, on either strand, and how far apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from palindra.data.motifs import Motif
from palindra.sequences import one_hot
from palindra.sequences.alphabet import Codes

P_VALUE = 1e-4  # of a hit at one position of one strand, as FIMO has it by default
_STEPS_PER_BIT = 100  # of scores that are added up exactly
_ROWS_AT_ONCE = 512


class Hits(NamedTuple):
    """Occurrences of motifs, in the order of rows, motifs and positions."""

    row: NDArray[np.int64]
    motif: NDArray[np.int64]
    centre: NDArray[np.float64]  # position of the middle of the hit, from 0
    direction: NDArray[np.int64]  # 1 on the strand as given, -1 on the other, 0 where both fit equally well
    counts: NDArray[np.int64]  # (rows, motifs)


def find_motifs(
    codes: Codes, motifs: Sequence[Motif], *, background: ArrayLike = (0.25, 0.25, 0.25, 0.25), p_value: float = P_VALUE
) -> Hits:
    """Places whose log-odds score is one that a random sequence reaches with a chance of at most ``p_value``.

    Both strands are scanned; a place that reaches the threshold on both is one hit. Windows with a letter that is not
    certain are no hits. A motif too weak to reach such a score has no hits.

    Args:
        codes: of DNA ``(rows, length)``.
        motifs: see :func:`read_meme`.
        background: chances of A, C, G, T; made the same for both strands.
        p_value: for one position of one strand; the threshold is exact for scores rounded to 1/100 bit.

    Examples:
        >>> from palindra.sequences import encode
        >>> tga = Motif("tgacgtaa", np.eye(4)[[3, 2, 0, 1, 2, 3, 0, 0]])
        >>> found = find_motifs(encode(["CCTGACGTAACC", "CCTTACGTCACC", "AAAAAAAAAAAA"]), [tga])
        >>> found.counts[:, 0], found.centre, found.direction
        (array([1, 1, 0]), array([5.5, 5.5]), array([ 1, -1]))
    """
    chance = np.asarray(background, dtype=np.float64)
    chance = (chance + chance[::-1]) / (2 * chance.sum())
    known = [_scores(motif, chance) for motif in motifs]
    thresholds = [_threshold(scores, chance, p_value) for scores in known]
    parts: list[tuple[NDArray[np.int64], ...]] = []
    for start in range(0, len(codes), _ROWS_AT_ONCE):
        x = one_hot(codes[start : start + _ROWS_AT_ONCE], dtype=torch.float32)
        for number, (scores, threshold) in enumerate(zip(known, thresholds, strict=True)):
            if threshold is None or len(scores) > x.shape[-1]:
                continue
            kernel = torch.from_numpy(scores.T.astype(np.float32))  # whole numbers, which float32 adds exactly
            both = functional.conv1d(x, torch.stack([kernel, kernel.flip(0, 1)]))  # (rows, strands, places)
            certain = functional.avg_pool1d(x.sum(1), len(scores), 1) > 1 - 0.5 / len(scores)
            hit = (both >= threshold) & certain[:, None]
            row, place = (index.numpy() for index in hit.any(dim=1).nonzero(as_tuple=True))
            better = torch.sign(both[:, 0] - both[:, 1]).long().numpy()[row, place]
            parts.append((row + start, np.full(len(row), number), place, better))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0, np.int64)] * 4
    row, motif, place, better = (column[np.lexsort((joined[2], joined[1], joined[0]))] for column in joined)
    widths = np.array([one.width for one in motifs])
    counts = np.bincount(row * len(motifs) + motif, minlength=len(codes) * len(motifs))
    centre = place + (widths[motif] - 1) / 2
    return Hits(row, motif, centre, better, counts.reshape(len(codes), len(motifs)))


def spacings(hits: Hits, first: int, second: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances in bp between the middles of hits of two motifs in one sequence, and their directions.

    Every pair of hits counts once. The order of the two along the sequence is not kept, so that both strands of a
    sequence have the same spacings. A direction is 1 where both hits point the same way, -1 where they do not, 0 where
    one of them has none.
    """
    gaps, directions = [np.empty(0)], [np.empty(0, dtype=np.int64)]
    chosen = [np.flatnonzero(hits.motif == motif) for motif in (first, second)]
    for row in sorted(set(hits.row[chosen[0]].tolist()) & set(hits.row[chosen[1]].tolist())):
        one, two = (part[hits.row[part] == row] for part in chosen)
        pairs = (one[:, None] < two[None]) if first == second else np.ones((len(one), len(two)), dtype=bool)
        a, b = (index[pairs] for index in np.broadcast_arrays(one[:, None], two[None]))
        gaps.append(np.abs(hits.centre[a] - hits.centre[b]))
        directions.append(hits.direction[a] * hits.direction[b])
    return np.concatenate(gaps), np.concatenate(directions)


def _scores(motif: Motif, background: NDArray[np.float64]) -> NDArray[np.int64]:
    """Log-odds in hundredths of a bit, whole numbers ``(width, 4)``; a little background keeps them finite."""
    smoothed = 0.99 * motif.chances + 0.01 * background
    return np.round(_STEPS_PER_BIT * np.log2(smoothed / background)).astype(np.int64)


def _threshold(scores: NDArray[np.int64], background: NDArray[np.float64], p_value: float) -> float | None:
    """The least score whose chance in random letters is at most ``p_value``, by adding up position after position."""
    chance, lowest = np.ones(1), 0
    for column in scores:
        least = int(column.min())
        longer = np.zeros(len(chance) + int(column.max()) - least)
        for score, share in zip(column, background, strict=True):
            offset = int(score) - least
            longer[offset : offset + len(chance)] += share * chance
        chance, lowest = longer, lowest + least
    reached = chance[::-1].cumsum()[::-1]  # chance of this score or more
    fits = np.flatnonzero((reached <= p_value * (1 + 1e-9)) & (chance > 0))
    return float(lowest + fits[0]) if len(fits) else None
