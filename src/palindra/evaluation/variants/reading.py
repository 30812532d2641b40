"""What the outputs of a model are, and the one number per target that a variant is judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palindra.errors import InputError
from palindra.evaluation.variants.scores import Kind
from palindra.symmetry import Position, Target


@dataclass(frozen=True)
class Reading:
    """What the outputs of a model are and how the other strand reads them.

    Args:
        target: how outputs change with the strand; one declaration serves values per sequence and tracks.
        kind: ``"coverage"`` and ``"probability"`` have a log fold change, ``"value"`` has differences only.
        bin_size: letters per bin of tracks ``(rows, tracks, bins)``; None where the bins fill the window exactly.
        pseudocount: of the log fold change; None for the one of the kind.
    """

    target: Target
    kind: Kind = "value"
    bin_size: int | None = None
    pseudocount: float | None = None

    @property
    def score(self) -> str:
        """The score that a variant is judged by: the log fold change where there is one, else the difference."""
        return "difference" if self.kind == "value" else "log_fold_change"

    @property
    def totals(self) -> Target:
        """How one number per target changes with the strand: stranded partners swap, and no position is left."""
        return Target(self.target.rep, Position.IDENTITY, self.target.order)

    def sums(self, length: int, region: tuple[int, int], *, turned: bool = False) -> Callable[[Tensor], Tensor]:
        """A function from outputs for windows to one number per target ``(rows, targets)``.

        Values per sequence are taken as they are. Tracks are summed over the bins in a region; a bin that its border
        cuts counts by the part inside.

        Args:
            length: letters of a window.
            region: first letter of the window that counts, and the one after the last.
            turned: whether the windows are read from the other strand (the region is given for the first one).
        """

        def reduce(outputs: Tensor) -> Tensor:
            if outputs.ndim == 2:
                return outputs
            weight = bin_weights(length, outputs.shape[-1], region, self.bin_size).to(outputs.device, outputs.dtype)
            return (outputs * (weight.flip(0) if turned else weight)).sum(-1)

        return reduce


def bin_weights(length: int, bins: int, region: tuple[int, int], bin_size: int | None = None) -> Tensor:
    """For each bin of a track, which lies in the middle of a window, the part of it that is inside a region.

    Args:
        length: letters of the window.
        bins: of the track.
        region: first letter that counts, and the one after the last.
        bin_size: letters per bin; None where the bins fill the window.

    Raises:
        InputError: if the bins cannot lie like that.

    Examples:
        >>> bin_weights(12, 3, (2, 12)).tolist(), bin_weights(10, 2, (0, 10), bin_size=3).tolist()
        ([0.5, 1.0, 1.0], [1.0, 1.0])
    """
    size = length // bins if bin_size is None else bin_size
    left, rest = divmod(length - bins * size, 2)
    if left < 0 or rest or (bin_size is None and left):
        raise InputError(
            f"{bins} bins{'' if bin_size is None else f' of {bin_size} letters'} do not lie in the middle of a window "
            f"of {length} letters: give the number of letters per bin (bin_size)."
        )
    first = left + torch.arange(bins, dtype=torch.float64) * size
    inside = torch.clamp(torch.clamp(first + size, max=region[1]) - torch.clamp(first, min=region[0]), min=0)
    return inside / size


def common_region(length: int, shifts: Sequence[int]) -> tuple[int, int]:
    """The letters that every shifted window holds, counted from the window that is not shifted.

    Raises:
        InputError: if there are none.

    Examples:
        >>> common_region(2048, [-512, 0, 511])
        (511, 1536)
    """
    region = max(*shifts, 0), length + min(*shifts, 0)
    if region[0] >= region[1]:
        raise InputError(
            f"windows of {length} letters shifted by {min(shifts)} to {max(shifts)} have no letter in common: use "
            "smaller shifts."
        )
    return region


def symmetric_shifts(count: int, largest: int, *, seed: int = 0) -> tuple[int, ...]:
    """Zero and pairs of random shifts in both directions, so that both strands see the same windows.

    Args:
        count: of shifts, odd.
        largest: in letters.
        seed: of the draw.

    Raises:
        InputError: if ``count`` is even, or there are not so many shifts.

    Examples:
        >>> symmetric_shifts(3, 1)
        (-1, 0, 1)
    """
    if count % 2 == 0 or count < 1 or count // 2 > largest:
        raise InputError(
            f"{count} shifts of up to {largest} letters cannot be zero and pairs in both directions: give an odd "
            "number of at most twice the largest shift and one."
        )
    drawn = torch.randperm(largest, generator=torch.Generator().manual_seed(seed))[: count // 2] + 1
    steps = sorted(drawn.tolist())
    return (*(-step for step in reversed(steps)), 0, *steps)
