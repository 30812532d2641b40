"""A task that only the orientation of a motif decides: a check that strands are treated as declared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import integers, uniform
from palindra.sequences import encode
from palindra.training.track_memory import ArrayTracks, NamedTrack

MOTIF = "TGACGTTC"  # not its own reverse complement
TRACKS = (NamedTrack("plus", "minus"), NamedTrack("minus", "plus"), NamedTrack("unstranded"))
_LETTERS, _PLACE, _STRAND, _NOISE = range(4)
_SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}


def planted_strand_task(seed: int, n: int, length: int, *, half_width: int = 8, noise: float = 0.05) -> ArrayTracks:
    """Random sequences with one motif each, whose orientation decides which of two stranded tracks has a signal.

    Where the motif reads forward the plus track is 1 in the ``half_width`` positions behind it; where its reverse
    complement lies, the minus track is 1 in the positions before it (which are behind it on that strand). The third,
    unstranded track is 1 over the motif itself. Both orientations are equally likely, so nothing but the orientation
    tells the strands apart. A model whose stranded tracks are declared to be two unstranded ones must predict, for
    plus minus minus, a track that the reverse complement leaves alone, while the true one changes its sign: it
    correlates by chance only.

    Args:
        seed: all draws are a function of it and of the row.
        n: windows, 60 % to train, 20 % to validate and 20 % to test.
        length: of the windows.
        half_width: positions with a signal.
        noise: half-width of the even noise added to all tracks, which stay positive.

    Examples:
        >>> data = planted_strand_task(0, n=50, length=64)
        >>> [len(data.splits[split]) for split in ("train", "valid", "test")], data.target.rep
        ([30, 10, 10], Rep(regular=1, even=1, odd=0))
    """
    rows = np.arange(n)
    motif = encode([MOTIF])[0]
    size = len(motif)
    spots = rows[:, None] * (1 << 21) + np.arange(length)
    codes = np.floor(4 * uniform(seed, 0, spots, _LETTERS)).astype(np.uint8)
    values = np.stack([2 * noise * uniform(seed, track, spots, _NOISE) for track in range(3)], axis=1)
    starts = integers(seed, 0, rows, _PLACE, half_width, length - half_width - size + 1)
    forward = uniform(seed, 0, rows, _STRAND) < 0.5
    for row, start in enumerate(starts):
        end = start + size
        codes[row, start:end] = motif if forward[row] else 3 - motif[::-1]
        values[row, 0, end : end + half_width] += forward[row]
        values[row, 1, start - half_width : start] += not forward[row]
        values[row, 2, start:end] += 1
    first, second = round(_SHARES["train"] * n), round((_SHARES["train"] + _SHARES["valid"]) * n)
    parts = {"train": slice(0, first), "valid": slice(first, second), "test": slice(second, n)}
    letters: dict[str, NDArray[np.uint8]] = {split: codes[part] for split, part in parts.items()}
    return ArrayTracks(letters, {split: values[part] for split, part in parts.items()}, TRACKS)
