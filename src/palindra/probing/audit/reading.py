"""Sources read in blocks, so that features along sequences are held for a few sequences at a time only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palindra.errors import InputError
from palindra.probing.source import Source
from palindra.sequences import reverse_complement

BLOCK = 64
HELD = 2**25  # numbers of features along sequences that are held at once, 128 MB


@dataclass(frozen=True)
class Summary:
    """One vector per sequence, as linear probes read it.

    Args:
        mean: over tokens ``(sequences, width)``.
        cls: of the summary token ``(sequences, width)``, where the source has one.
    """

    mean: Tensor
    cls: Tensor | None


def summaries(source: Source, sequences: Sequence[str], *, block: int = BLOCK) -> Summary:
    """Mean and CLS embeddings of many sequences.

    Raises:
        InputError: where the source gives numbers that are not finite.
    """
    means, cls = [], []
    for start in range(0, len(sequences), block):
        found = source.embed(sequences[start : start + block])
        means.append(found.mean().float().cpu())
        if found.cls is not None:
            cls.append(found.cls.float().cpu())
    mean = torch.cat(means)
    if not mean.isfinite().all():
        row = int((~mean.isfinite().all(1)).nonzero()[0])
        raise InputError(
            f"{source.name}: the embedding of sequence {row + 1} of {len(sequences)} holds NaN or infinite numbers, "
            "and nothing can be measured with it. Check the weights, or use float32 instead of half precision."
        )
    return Summary(mean, torch.cat(cls) if cls else None)


@dataclass(frozen=True)
class Along:
    """Features along some sequences.

    Args:
        bases: of every base ``(sequences, length, width)``; NaN where no token stands for a base.
        spans: the half-open stretches of bases of the tokens of each sequence.
    """

    bases: Tensor
    spans: list[list[tuple[int, int]]]

    @property
    def tokens(self) -> float:
        """Mean number of tokens of a sequence."""
        return sum(map(len, self.spans)) / len(self.spans)


def along(source: Source, sequences: Sequence[str], *, block: int = 16) -> Along:
    """Features of every base of a few sequences, all of one length."""
    from palindra.probing.sources import at_bases

    features: list[Tensor] = []
    spans: list[list[tuple[int, int]]] = []
    for start in range(0, len(sequences), block):
        part = sequences[start : start + block]
        found = source.embed(part)
        at = at_bases(found, len(part[0])).float().cpu()
        for row, (places, mask) in enumerate(zip(found.spans.tolist(), found.mask.tolist(), strict=True)):
            spans.append([(first, last) for (first, last), real in zip(places, mask, strict=True) if real])
            at[row, ~_covered(spans[-1], at.shape[1])] = torch.nan
        features.append(at)
    return Along(torch.cat(features), spans)


def _covered(spans: Sequence[tuple[int, int]], length: int) -> Tensor:
    """Whether any token stands for each base."""
    covered = torch.zeros(length, dtype=torch.bool)
    for first, last in spans:
        covered[first:last] = True
    return covered


def few(sequences: Sequence[str], width: int, limit: int) -> list[str]:
    """As many of the first sequences as can be held with all their features, two or more.

    Examples:
        >>> len(few(["ACGT" * 250] * 100, 1024, limit=80)), len(few(["ACGT"] * 100, 8, limit=80))
        (32, 80)
    """
    fitting = HELD // max(1, len(sequences[0]) * width)
    return list(sequences[: max(2, min(limit, fitting))])


def other_strand(sequences: Sequence[str]) -> list[str]:
    """The reverse complement of every sequence.

    Examples:
        >>> other_strand(["AAC", "GGN"])
        ['GTT', 'NCC']
    """
    return [reverse_complement(sequence) for sequence in sequences]


def one_length(sequences: Sequence[str]) -> int:
    """The one length of the sequences.

    Raises:
        InputError: for fewer than two sequences, or several lengths.
    """
    lengths = sorted({len(sequence) for sequence in sequences})
    if len(sequences) < 2 or len(lengths) != 1 or lengths[0] < 2:
        shown = f"{lengths[0]:,} to {lengths[-1]:,} letters" if lengths else "no letters"
        raise InputError(
            f"{len(sequences):,} sequences of {shown}: an audit needs two or more sequences of one length (cut them, "
            "or pad them with N)."
        )
    return lengths[0]
