"""Sequences longer than a source reads in one piece: refused, or read in overlapping tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.errors import InputError
from palindra.models.strand_lm.tiling import read_in_tiles, tile_starts
from palindra.probing.sources.bases import shown

MaxLength = Literal["refuse", "tile"]
MAX_LENGTHS: tuple[str, ...] = get_args(MaxLength)


def tile_texts(text: str, tile: int) -> list[str]:
    """The tiles of a sequence, which share a quarter at least; those of its reverse complement are the same ones.

    Examples:
        >>> tile_texts("ACGTAC", 4)
        ['ACGT', 'GTAC']
    """
    return [text[start : start + tile] for start in tile_starts(len(text), tile, tile // 4)]


def read_tiles(
    read: Callable[[Sequence[str]], Float[Tensor, "tiles tile width"]], text: str, tile: int
) -> Float[Tensor, "length width"]:
    """Features of the bases of one sequence from those of its tiles, which count less towards their ends.

    Args:
        read: features of the bases of tiles.
        text: the sequence.
        tile: letters of a tile, at most those of the sequence.
    """
    parts = iter(read(tile_texts(text, tile)))
    places = torch.arange(len(text))
    return torch.cat([part for _, part in read_in_tiles(lambda _: next(parts), places, tile=tile, overlap=tile // 4)])


def tile_size(text: str, most: int, count: Callable[[str], int], mirror: Callable[[str], str]) -> int:
    """Letters of tiles of which each, and its reverse complement, has at most so many tokens.

    Both strands have the same tiles.

    Args:
        text: the sequence, which has more tokens.
        most: tokens of a tile.
        count: tokens of a text.
        mirror: reverse complement.
    """
    tile = max(1, len(text) * most // max(count(text), count(mirror(text))))
    while tile > 1:
        texts = tile_texts(text, min(tile, len(text)))
        if all(count(part) <= most and count(mirror(part)) <= most for part in texts):
            break
        tile = tile * 9 // 10
    return min(max(tile, 1), len(text))


def refusal(row: int, text: str, source: str, what: str) -> InputError:
    """The error for a sequence that is too long."""
    return InputError(
        f"{shown(row, text)}: {source} reads {what} at most. Cut the sequence, or have it read in overlapping tiles "
        '(max_length="tile"); nothing is cut off silently.'
    )


def checked_max_length(max_length: str) -> None:
    """Make sure that what to do with long sequences is one of the two.

    Raises:
        InputError: otherwise.
    """
    if max_length not in MAX_LENGTHS:
        raise InputError(f"max_length {max_length!r}: choose {' or '.join(MAX_LENGTHS)}.")
