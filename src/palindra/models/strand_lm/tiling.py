"""Long sequences read in overlapping tiles that lie alike on both strands."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin: the first at 0, the last at the end, evenly, and mirrored about the middle.

    Neighbours share ``overlap`` letters at least. The tiles of the reverse complement are the same ones.

    Args:
        length: of the sequence.
        tile: letters of each tile.
        overlap: letters that neighbours share, fewer than a tile has.

    Examples:
        >>> tile_starts(10, 10, 2), tile_starts(11, 5, 1), tile_starts(12, 5, 1)
        ([0], [0, 3, 6], [0, 2, 5, 7])
    """
    last = length - tile
    if last <= 0:
        return [0]
    count = -(-last // (tile - overlap)) + 1
    if last % 2 and count % 2:  # an odd rest has no tile in its middle
        count += 1
    first = [number * last // (count - 1) for number in range(count // 2)]
    middle = [last // 2] if count % 2 else []
    return [*first, *middle, *(last - start for start in reversed(first))]


def tile_weights(tile: int) -> Tensor:
    """How much each position of a tile counts where tiles overlap: most in the middle, least at the borders.

    Examples:
        >>> tile_weights(5).tolist()
        [1.0, 2.0, 3.0, 2.0, 1.0]
    """
    place = torch.arange(tile, dtype=torch.float64)
    return torch.minimum(place + 1, tile - place)


def read_in_tiles(
    read: Callable[[Tensor], Tensor], tokens: Tensor, *, tile: int, overlap: int
) -> Iterator[tuple[int, Tensor]]:
    """Features along one sequence, in parts from its first position to its last.

    Where tiles overlap the features are averaged with :func:`tile_weights`. Only one tile and its overlap are held.

    Args:
        read: features ``(length, width)`` of the tokens of one tile ``(length,)``.
        tokens: of the sequence ``(length,)``.
        tile: letters of a tile.
        overlap: letters that neighbours share.

    Yields:
        The first position of each part, and its features in float32.
    """
    length = len(tokens)
    tile = min(tile, length)
    starts = tile_starts(length, tile, overlap)
    weights = tile_weights(tile)
    total = torch.zeros(length, dtype=torch.float64)
    for start in starts:
        total[start : start + tile] += weights
    pending = torch.zeros(0)  # sums over the tiles so far, from `start` on
    for start, following in zip(starts, [*starts[1:], length], strict=True):
        share = weights / total[start : start + tile]
        part = read(tokens[start : start + tile]).double() * share[:, None]
        if len(pending):
            part[: len(pending)] += pending
        yield start, part[: following - start].float()
        pending = part[following - start :]
