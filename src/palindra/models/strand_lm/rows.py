"""Windows as rows that causal layers can read: blocks, rows without padding in front, and long rows in parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Blocks:
    """The blocks of a window, the same ones when it is read from its other end.

    A short last block would be the first one of the other strand, so blocks are equal where the length allows it, and
    otherwise a little shorter than asked, the middle one most.

    Args:
        borders: where blocks start, and the length of the window.

    Examples:
        >>> Blocks.placed(8, 4).borders, Blocks.placed(9, 4).borders, Blocks.placed(10, 4).borders
        ((0, 4, 8), (0, 3, 6, 9), (0, 4, 6, 10))
    """

    borders: tuple[int, ...]

    @classmethod
    def placed(cls, length: int, block: int) -> Blocks:
        """Blocks of at most ``block`` positions that fill a window."""
        count = -(-length // block)
        if length % 2 and count % 2 == 0:  # an odd length has no border in its middle
            count += 1
        first = [-(-i * length // count) for i in range((count + 1) // 2)]
        middle = [length // 2] if count % 2 == 0 else []
        return cls((*first, *middle, *(length - border for border in reversed(first))))

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self.borders) - 1

    @property
    def sizes(self) -> list[int]:
        """Positions of each block."""
        return [stop - start for start, stop in pairwise(self.borders)]

    def inside(self, like: Tensor) -> Bool[Tensor, "blocks size"] | None:
        """Which places of the rows are positions, or None when all blocks have one size."""
        sizes = self.sizes
        if min(sizes) == max(sizes):
            return None
        return torch.arange(max(sizes), device=like.device) < torch.tensor(sizes, device=like.device)[:, None]

    def split(self, x: Shaped[Tensor, "batch length *rest"]) -> Shaped[Tensor, "rows size *rest"]:
        """Each block as a row of its own, shorter ones filled up at their end."""
        size = max(self.sizes)
        if self.inside(x) is None:
            return x.reshape(-1, size, *x.shape[2:])
        starts = torch.tensor(self.borders[:-1], device=x.device)[:, None]
        places = (starts + torch.arange(size, device=x.device)).clamp(max=self.borders[-1] - 1)
        return x[:, places].flatten(0, 1)

    def split_mask(self, mask: Bool[Tensor, "batch length"] | None, like: Tensor) -> Bool[Tensor, "rows size"] | None:
        """Which places of the rows hold letters; None when all do."""
        inside = self.inside(like)
        if mask is None:
            return None if inside is None else inside.repeat(like.shape[0], 1)
        rows = self.split(mask)
        return rows if inside is None else rows & inside.repeat(mask.shape[0], 1)

    def join(self, rows: Shaped[Tensor, "rows size *rest"]) -> Shaped[Tensor, "batch length *rest"]:
        """The windows of these rows, the inverse of :meth:`split`."""
        size, starts = max(self.sizes), [block * max(self.sizes) for block in range(self.count)]
        whole = rows.reshape(-1, self.count * size, *rows.shape[2:])
        if whole.shape[1] == self.borders[-1]:
            return whole
        kept = [torch.arange(start, start + n) for start, n in zip(starts, self.sizes, strict=True)]
        return whole[:, torch.cat(kept).to(rows.device)]


def packed(x: Shaped[Tensor, "rows length width"], mask: Bool[Tensor, "rows length"] | None) -> Tensor:
    """Rows whose letters come first, so that nothing precedes them in a causal layer; :func:`unpacked` undoes it."""
    return x if mask is None else _rolled(x, mask.int().argmax(1))


def unpacked(x: Shaped[Tensor, "rows length width"], mask: Bool[Tensor, "rows length"] | None) -> Tensor:
    """Packed rows with their letters where they were."""
    return x if mask is None else _rolled(x, -mask.int().argmax(1))


def _rolled(x: Tensor, by: Tensor) -> Tensor:
    places = (torch.arange(x.shape[1], device=x.device) + by[:, None]) % x.shape[1]
    return x.gather(1, places[:, :, None].expand_as(x))


def in_parts(
    function: Callable[..., Tensor], *inputs: Shaped[Tensor, "rows length width"], positions: int, halo: int = 0
) -> Tensor:
    """``function(*inputs)`` of a local function, in parts of at most so many positions when nothing is differentiated.

    Args:
        function: gives ``(rows, length, any)``, where a position depends on those at most ``halo`` away.
        inputs: of one length, or of length 1 where they belong to the row as a whole.
        positions: largest number of positions that are worked on at once.
        halo: positions on both sides that an output depends on.
    """
    rows, length = inputs[0].shape[:2]
    if torch.is_grad_enabled() or rows * length <= positions:
        return function(*inputs)
    together, result = max(1, positions // length), None
    for row in range(0, rows, together):
        for start in range(0, length, positions):
            stop = min(start + positions, length)
            first, last = max(start - halo, 0), min(stop + halo, length)
            part = [x[row : row + together] for x in inputs]
            y = function(*(x if x.shape[1] == 1 else x[:, first:last] for x in part))
            if result is None:
                result = y.new_empty(rows, length, y.shape[2])
            result[row : row + together, start:stop] = y[:, start - first : stop - first]
    assert result is not None  # there is at least one row and one position
    return result
