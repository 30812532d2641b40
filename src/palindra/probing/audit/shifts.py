"""What happens to features and tokens when a sequence begins a few letters later.

A sequence is turned: its first letters go to its end. It keeps its length and its letters, so that nothing but their
places, and the context at the one new border, changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from palindra.evaluation.readings import Difference
from palindra.probing.audit.distances import Apart, apart
from palindra.probing.audit.reading import Along

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Shift:
    """Embeddings of sequences beside those of the same ones turned by some letters."""

    letters: int
    mean: Apart
    prediction: Difference | None  # of the linear readout, where there are labels


@dataclass(frozen=True)
class Tokens:
    """What a shift by one letter does to tokens, and to features at the very same bases.

    Args:
        per_sequence: mean number of tokens.
        moved: share of the borders between tokens that lie elsewhere on the sequence.
        changed: share of bases whose token is another one.
        bases: features at the same bases, relative to the spread between different sequences.
        at_kept: the same at bases whose token stayed; None where there are too few.
        at_changed: at bases whose token is another one.
    """

    per_sequence: float
    moved: float
    changed: float
    bases: Apart
    at_kept: Apart | None
    at_changed: Apart | None


def turned(sequence: str, letters: int) -> str:
    """The sequence with its first letters at its end.

    Examples:
        >>> turned("ACGGT", 2)
        'GGTAC'
    """
    return sequence[letters:] + sequence[:letters]


def compare_tokens(given: Along, moved: Along, letters: int, *, seed: int = 0) -> Tokens:
    """Compare features along sequences with those of the same ones turned by some letters, base by base.

    Bases that went to the end are left out.

    Args:
        given: along the sequences.
        moved: along the turned ones.
        letters: by how many they were turned.
        seed: of the bootstrap.
    """
    before, after = given.bases[:, letters:], moved.bases[:, : given.bases.shape[1] - letters]
    length = given.bases.shape[1]
    shifted = [[(first + letters, last + letters) for first, last in spans] for spans in moved.spans]
    kept = torch.tensor([kept_bases(one, two, length)[letters:] for one, two in zip(given.spans, shifted, strict=True)])
    shares = [moved_borders(one, two, letters, length) for one, two in zip(given.spans, shifted, strict=True)]
    borders = [share for share in shares if share is not None]
    return Tokens(
        per_sequence=given.tokens,
        moved=sum(borders) / len(borders) if borders else 0.0,
        changed=float((~kept).double().mean()),
        bases=apart(before, after, seed=seed),
        at_kept=_at(before, after, kept, seed),
        at_changed=_at(before, after, ~kept, seed),
    )


def moved_borders(given: Spans, other: Spans, first: int, last: int) -> float | None:
    """Share of the borders of tokens, strictly between two bases, that the other tokens do not have.

    None where there is no border between them.

    Examples:
        >>> moved_borders([(0, 3), (3, 6), (6, 9)], [(1, 3), (3, 5), (5, 9)], 0, 9)
        0.5
    """
    one, two = ({place for span in spans for place in span if first < place < last} for spans in (given, other))
    return len(one - two) / len(one) if one else None


def kept_bases(given: Spans, other: Spans, length: int) -> list[bool]:
    """For every base, whether all tokens that stand for it are among the other ones too.

    Examples:
        >>> kept_bases([(0, 2), (2, 4)], [(0, 2), (2, 3), (3, 4)], 4)
        [True, True, False, False]
    """
    found = [True] * length
    for first, last in set(given) - set(other):
        found[first:last] = [False] * (min(last, length) - first)
    return found


def _at(before: torch.Tensor, after: torch.Tensor, chosen: torch.Tensor, seed: int) -> Apart | None:
    """The change at some bases; None where most sequences have none of them."""
    rows = chosen.any(1)
    if int(rows.sum()) < max(2, len(rows) // 2):
        return None
    hidden = ~chosen[rows][..., None]
    return apart(before[rows].masked_fill(hidden, torch.nan), after[rows].masked_fill(hidden, torch.nan), seed=seed)
