"""What the other strand does to the features of a source."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from palindra.probing.audit.distances import Apart, apart, exchanged, left_after_map
from palindra.probing.audit.reading import Along, Summary

_ROUNDING = 1e-4


@dataclass(frozen=True)
class Strands:
    """Embeddings of sequences beside those of their reverse complements.

    Args:
        mean: of the mean over tokens.
        full: of features along the sequence, those of the other strand turned back to the bases of the given one;
            None where the source has one token per sequence.
        cls: of the summary token, where the source has one.
        exchanged: whether the other strand has the same mean features in another order (as one-hot letters, whose
            order turns): nothing is lost then, though a readout must know the order.
        after_map: what is left of ``full`` when one linear map may bring the features of the other strand to those of
            the given one; None where there are too few places to fit it.
    """

    mean: Apart
    full: Apart | None
    cls: Apart | None
    exchanged: bool
    after_map: float | None

    @property
    def alike(self) -> bool:
        """Whether both strands have the same features, up to rounding."""
        parts = [part for part in (self.mean, self.full, self.cls) if part is not None]
        return all(part.relative < _ROUNDING for part in parts)

    @property
    def equivariant(self) -> bool:
        """Whether the other strand has the same features in another order or under a fixed linear map."""
        return self.exchanged or (self.after_map is not None and self.after_map < 0.01)


def compare_strands(
    given: Summary, other: Summary, along_given: Along, along_other: Along, *, seed: int = 0
) -> Strands:
    """Compare what a source says of sequences and of their reverse complements.

    Args:
        given: summaries of the sequences.
        other: those of their reverse complements.
        along_given: features along some of the sequences.
        along_other: along the reverse complements of the same ones, in their own order.
        seed: of the bootstrap.
    """
    turned = along_other.bases.flip(1)
    several = along_given.tokens > 1
    known = [torch.where(along_given.bases.isnan() | turned.isnan(), 0.0, part) for part in (along_given.bases, turned)]
    return Strands(
        mean=apart(given.mean, other.mean, seed=seed),
        full=apart(along_given.bases, turned, seed=seed) if several else None,
        cls=None if given.cls is None or other.cls is None else apart(given.cls, other.cls, seed=seed),
        exchanged=exchanged(given.mean, other.mean),
        after_map=left_after_map(*known) if several else None,
    )
