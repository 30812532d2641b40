"""Motifs in attribution maps: TF-MoDISco, its patterns and the places that they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from palindra.data.motifs import Motif
from palindra.errors import InputError
from palindra.interpretation.threads import threads_kept

WINDOW = 400  # bp in the middle of sequences, as TF-MoDISco has it
CORE, FLANK = 21, 10  # bp of the windows that seqlets are found by, and around them


class Seqlet(NamedTuple):
    """A place of high attribution that belongs to a pattern."""

    row: int  # of the sequences
    start: int  # from 0
    end: int  # not included
    strand: str  # "-" where the pattern lies there as its reverse complement
    attribution: float  # sum over the place


@dataclass(frozen=True, eq=False)
class Pattern:
    """A motif of attribution maps, all positions aligned.

    Args:
        motif: letters of its seqlets; ``sites`` is their number.
        sign: 1 where the motif raises the prediction, -1 where it lowers it.
        contributions: mean attribution of the letters that are there ``(width, 4)``.
        hypothetical: mean attribution of all letters ``(width, 4)``.
        seqlets: in the order in which the sequences were given.
    """

    motif: Motif
    sign: int
    contributions: NDArray[np.float64]
    hypothetical: NDArray[np.float64]
    seqlets: list[Seqlet]

    def trimmed(self, *, share: float = 0.3, pad: int = 4) -> Motif:
        """The motif where contributions reach a share of their largest, and ``pad`` positions on each side."""
        weight = np.abs(self.contributions).sum(axis=1)
        kept = np.flatnonzero(weight >= share * weight.max())
        first, last = max(int(kept[0]) - pad, 0), int(kept[-1]) + pad + 1
        return Motif(self.motif.name, self.motif.chances[first:last], self.motif.sites)


def discover_patterns(
    x: Float[Tensor, "batch 4 length"],
    attributions: Float[Tensor, "batch 4 length"],
    *,
    window: int | None = WINDOW,
    seqlets: int = 2000,
    false_discovery_rate: float = 0.2,
    **options: Any,
) -> list[Pattern]:
    """Cluster places of high attribution into patterns, those that raise the prediction first, the largest first.

    The same input gives the same patterns. The first call compiles for up to a minute.

    Args:
        x: one-hot sequences.
        attributions: of every letter at every position, also of those that are not there (hypothetical contributions):
            gradients, integrated gradients, DeepLIFT or mutagenesis before they are multiplied by the sequence.
        window: bp in the middle that are searched; None for all.
        seqlets: the most of each sign that are clustered; time grows with their square.
        false_discovery_rate: of seqlets.
        **options: of ``modiscolite.tfmodisco.TFMoDISco``.

    Returns:
        Patterns called ``pos_0``, ``neg_0`` and so on; none where there are 100 seqlets of a sign or fewer.

    Raises:
        InputError: if modisco-lite is not installed, shapes differ, numbers are not finite or all zero, or sequences
            are too short.

    Source: Shrikumar et al. (2018); modisco-lite of Schreiber.
    """
    if x.shape != attributions.shape or x.ndim != 3 or x.shape[1] != 4:
        raise InputError(
            f"sequences {tuple(x.shape)} and attributions {tuple(attributions.shape)}: both have to be (batch, 4, "
            "length), with an attribution for each letter at each position."
        )
    if not bool(attributions.isfinite().all()) or not bool(attributions.count_nonzero()):
        raise InputError("attributions are all zero or not all finite, so there is nothing to find motifs in.")
    length = x.shape[-1]
    size = length if window is None else min(window, length)
    first = (length - size) // 2
    if size <= CORE + 2 * FLANK:
        raise InputError(f"sequences of {size} bp are too short for seqlets of {CORE + 2 * FLANK}; give longer ones.")
    find = _tfmodisco()
    letters, hypothetical = (
        np.ascontiguousarray(values[..., first : first + size].transpose(1, 2).float().cpu().numpy())
        for values in (x, attributions)
    )
    given = {"max_seqlets_per_metacluster": seqlets, "target_seqlet_fdr": false_discovery_rate, **options}
    with threads_kept():
        found = find(letters, hypothetical, **given)
    return [
        _pattern(f"{name}_{number}", sign, pattern, first)
        for name, sign, patterns in zip(("pos", "neg"), (1, -1), found, strict=True)
        for number, pattern in enumerate(patterns or [])
    ]


def seqlet_rows(patterns: Sequence[Pattern], names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The seqlets of all patterns as rows of a table, each with its pattern and the known motif that it looks like.

    Args:
        patterns: see :func:`discover_patterns`.
        names: of the known motif of each pattern, empty where there is none.
    """
    known = [""] * len(patterns) if names is None else names
    return [
        {**seqlet._asdict(), "pattern": pattern.motif.name, "known": name}
        for pattern, name in zip(patterns, known, strict=True)
        for seqlet in pattern.seqlets
    ]


def _pattern(name: str, sign: int, pattern: Any, first: int) -> Pattern:
    seqlets = [
        Seqlet(
            int(one.example_idx),
            int(one.start) + first,
            int(one.end) + first,
            "-" if one.is_revcomp else "+",
            float(one.contrib_scores.sum()),
        )
        for one in pattern.seqlets
    ]
    chances = np.asarray(pattern.sequence, dtype=np.float64)
    total = chances.sum(axis=1, keepdims=True)
    chances = np.where(total > 0, chances / np.where(total > 0, total, 1), 0.25)
    contributions = np.asarray(pattern.contrib_scores, dtype=np.float64)
    hypothetical = np.asarray(pattern.hypothetical_contribs, dtype=np.float64)
    return Pattern(Motif(name, chances, len(seqlets)), sign, contributions, hypothetical, sorted(seqlets))


def _tfmodisco() -> Any:
    try:
        from modiscolite.tfmodisco import TFMoDISco
    except ImportError as error:
        raise InputError(
            "TF-MoDISco needs modisco-lite, which is not installed: pip install 'palindra[motifs]'"
        ) from error
    return TFMoDISco
