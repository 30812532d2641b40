"""Windows side by side along contigs: the coverage-threshold set, and the whole-chromosome test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from palindra.data.tracks.regions import Axis, Ints, Regions, ranges
from palindra.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Windows tiled along contigs, kept where some track exceeds a threshold.

    Args:
        window: length of the stored windows; models read all of it or a part.
        stride: from one window to the next; None for the window itself, so that windows do not overlap.
        min_contig: shorter contigs are left out (one shorter than the window has no window anyway).
        max_contig: longer contigs are cut into pieces of this length, None for no cut.
        threshold: keep a window if any track is *above* it (strictly) at any position. 0 drops windows without any
            signal; None keeps every window.
        test_threshold: the same for test windows.
    """

    window: int = 3072
    stride: int | None = None
    min_contig: int = 0
    max_contig: int | None = None
    threshold: float | None = 2.0
    test_threshold: float | Literal["same"] | None = "same"


def contigs(regions: Regions, *, min_contig: int = 0, max_contig: int | None = None) -> Regions:
    """The intervals of some regions, long ones cut into pieces, short ones left out.

    The pieces touch, so unlike other regions they are separate intervals by intention.

    Examples:
        >>> print(contigs(Regions.of([0, 50], [23, 54]), min_contig=4, max_contig=10))
        0-10 10-20 50-54
    """
    if max_contig is not None:
        pieces = -(-regions.lengths // max_contig)
        starts = np.repeat(regions.starts, pieces) + ranges(pieces) * max_contig
        regions = Regions(starts, np.minimum(starts + max_contig, np.repeat(regions.ends, pieces)))
    long_enough = regions.lengths >= min_contig
    return Regions(regions.starts[long_enough], regions.ends[long_enough])


def tile(regions: Regions, window: int, stride: int) -> Ints:
    """Starts of the windows of each contig, from its first position on; the last partial window is dropped.

    Examples:
        >>> tile(Regions.of([0, 100], [10, 104]), window=4, stride=3).tolist()
        [0, 3, 6, 100]
    """
    counts = np.maximum((regions.lengths - window) // stride + 1, 0)
    return np.repeat(regions.starts, counts) + ranges(counts) * stride


def require_room(regions: Regions, window: int, axis: Axis) -> None:
    """Make sure that a window fits somewhere.

    Raises:
        InputError: names the longest contig.
    """
    if not len(regions) or regions.lengths.max() < window:
        longest = "there is none"
        if len(regions):
            best = int(regions.lengths.argmax())
            place = axis.text(int(regions.starts[best]), int(regions.ends[best]))
            longest = f"the longest is {place} with {regions.lengths[best]} bp"
        raise InputError(
            f"windows of {window} bp are longer than every contig ({longest}). Choose shorter windows, or check the "
            "unmappable regions, dropped chromosomes and splits."
        )
