"""Information of motifs and where they begin and end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.motifs import Motif

THRESHOLD = 0.5  # bits of a position that belongs to a motif
PAD = 3  # positions kept on each side of the first and last of these
_LETTERS = "ACGT"


def information(chances: ArrayLike) -> NDArray[np.float64]:
    """Bits at each position ``(width,)`` of chances of four letters ``(width, 4)``, 0 to 2.

    Examples:
        >>> information([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]]).round(3)
        array([2., 1., 0.])

    Source: Schneider & Stephens (1990), without their correction for small samples.
    """
    known = np.asarray(chances, dtype=np.float64)
    return np.clip(2 + (known * np.log2(known + 1e-7)).sum(axis=-1), 0, 2)


def trim(motif: Motif, *, threshold: float = THRESHOLD, pad: int = PAD) -> Motif:
    """A motif from its first to its last position above the threshold in bits, and ``pad`` more on each side.

    A motif without such a position stays as it is.

    Examples:
        >>> import numpy as np
        >>> trim(Motif("A", np.array([[0.25] * 4] * 8 + [[1, 0, 0, 0]] + [[0.25] * 4]))).width
        5
    """
    kept = np.flatnonzero(information(motif.chances) > threshold)
    if not len(kept):
        return motif
    first, last = max(int(kept[0]) - pad, 0), int(kept[-1]) + pad + 1
    return replace(motif, chances=motif.chances[first:last])


def consensus(motif: Motif, *, threshold: float = THRESHOLD) -> str:
    """The likeliest letters, small ones at positions that do not reach the threshold in bits.

    Examples:
        >>> import numpy as np
        >>> consensus(Motif("m", np.array([[0.7, 0.3, 0, 0], [0.3, 0.3, 0.2, 0.2]])))
        'Aa'
    """
    certain = information(motif.chances) > threshold
    letters = [_LETTERS[best] for best in motif.chances.argmax(axis=1)]
    return "".join(letter if sure else letter.lower() for letter, sure in zip(letters, certain, strict=True))
