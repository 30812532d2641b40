"""Merging of peaks whose windows overlap, until no neighbours share much."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence


def merge_peaks(
    midpoints: Sequence[int], targets: Sequence[int], *, window: int, overlap: int, length: int
) -> tuple[list[int], list[int]]:
    """Windows around the peaks of one chromosome and strand, neighbours merged while they overlap by enough.

    Peaks are points, extended to the window around them and shifted inside the chromosome. A group stays open while
    the next window starts before the end of the group less the overlap. In a group, the neighbours with the largest
    overlap (the first of several) are merged while that is at least ``overlap``: the new midpoint is the mean of both,
    weighted by 1 + number of targets, rounded (a half goes up), the targets are united.

    Args:
        midpoints: sorted.
        targets: for each peak the set of its tracks, as the bits of a number.
        window: length of every window, at most that of the chromosome.
        overlap: m, in bp, above 0.
        length: of the chromosome.

    Returns:
        Starts of the merged windows, in order, and their targets.

    Examples:
        >>> merge_peaks([100, 110, 400], [0b01, 0b10, 0b01], window=50, overlap=20, length=1000)
        ([80, 375], [3, 1])
    """

    def inside(midpoint: int) -> int:
        return min(max(midpoint - window // 2, 0), length - window)

    starts = [inside(midpoint) for midpoint in midpoints]
    merged_starts: list[int] = []
    merged_targets: list[int] = []
    for low, high in _groups(starts, window, overlap):
        group, sets = starts[low:high], list(targets[low:high])
        size = high - low
        following = [*range(1, size), -1]
        previous = list(range(-1, size - 1))
        age = [0] * size  # of the pair that a peak opens; a pair on the heap that is older was changed since
        heap = [(group[i + 1] - group[i], i, 0) for i in range(size - 1)]  # distance: the largest overlap is least
        heapq.heapify(heap)
        alive = [True] * size
        while heap:
            distance, left, stamp = heapq.heappop(heap)
            if stamp != age[left] or not alive[left]:
                continue
            if window - distance < overlap:
                break
            right = following[left]
            weights = [1 + sets[i].bit_count() for i in (left, right)]
            middles = [group[i] + window // 2 for i in (left, right)]
            total = sum(weights)
            middle = (2 * sum(w * m for w, m in zip(weights, middles, strict=True)) + total) // (2 * total)
            group[left], sets[left] = inside(middle), sets[left] | sets[right]
            alive[right] = False
            following[left] = after = following[right]
            if after >= 0:
                previous[after] = left
            for i in (left, previous[left]):
                if i >= 0:
                    age[i] += 1
                    if following[i] >= 0:
                        heapq.heappush(heap, (group[following[i]] - group[i], i, age[i]))
        merged_starts += [start for start, kept in zip(group, alive, strict=True) if kept]
        merged_targets += [some for some, kept in zip(sets, alive, strict=True) if kept]
    return merged_starts, merged_targets


def _groups(starts: Sequence[int], window: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Ranges of peaks that are merged among themselves only."""
    first = 0
    for number in range(1, len(starts) + 1):  # windows are of one length, so the last one ends last
        if number == len(starts) or starts[number] >= starts[number - 1] + window - overlap:
            yield first, number
            first = number
