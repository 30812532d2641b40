"""Standard and robust scores of variants: the same shifts and both strands for both alleles, and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation.variants.reading import Reading, common_region
from palindra.evaluation.variants.scores import Array, allele_scores
from palindra.models.local.model import LocalModel, Reduce
from palindra.symmetry import DNA_STRAND


@dataclass(frozen=True)
class VariantScores:
    """Scores of variants, one row each, in their order.

    The standard ones are those of the window that is not shifted, the robust ones those of predictions averaged over
    shifts, and the spread is the standard deviation (population) of the score over single shifts and strands.
    """

    score: str  # which of them `standard`, `robust` and `spread` are
    all_standard: dict[str, Array]  # by name, see `allele_scores`
    all_robust: dict[str, Array]
    all_spread: dict[str, Array]
    reference: Array  # (rows, targets) predictions averaged over shifts and strands
    alternate: Array

    @property
    def standard(self) -> Array:
        """The score at the window that is not shifted ``(rows, targets)``."""
        return self.all_standard[self.score]

    @property
    def robust(self) -> Array:
        """The score of predictions averaged over shifts ``(rows, targets)``."""
        return self.all_robust[self.score]

    @property
    def spread(self) -> Array:
        """Standard deviation of the score over shifts and strands ``(rows, targets)``."""
        return self.all_spread[self.score]

    def __len__(self) -> int:
        return len(self.reference)


def score_alleles(
    model: nn.Module | LocalModel,
    ref: Tensor,
    alt: Tensor,
    *,
    reading: Reading,
    shifts: Sequence[int] = (0,),
    both_strands: bool = True,
    batch_size: int = 64,
) -> VariantScores:
    """Score alternate alleles against their references with any model.

    Both alleles are read in the same shifted windows. With both strands, the outputs for reverse complements are
    brought back by the target's declared action, which swaps stranded tracks, before they are averaged; standard
    scores average the strands too. Where shifts come in both directions, the reverse complements of both alleles get
    the same numbers, bit for bit: strands are added in float32 pairs, shifts in float64 in the order of their size.

    Args:
        model: a network in any mode, or a :class:`LocalModel` of it.
        ref: one-hot windows ``(rows, 4, length + 2 * margin)`` of any dtype, where the margin is the largest shift.
        alt: the same with the alternate alleles.
        reading: what the outputs are.
        shifts: in letters; 0 is always among them.
        both_strands: whether strands are averaged; the target must know the other strand.
        batch_size: rows at a time.

    Raises:
        InputError: for a strand-specific target with both strands, shapes that differ, or windows that are too short.
    """
    steps = sorted({*shifts, 0})
    margin = max(abs(step) for step in steps)
    length = ref.shape[-1] - 2 * margin
    _require_pairs(ref, alt, length)
    if both_strands and reading.target.rep is None:
        raise InputError(
            "the target is strand-specific: its value on the other strand is unknown, so variants cannot be scored on "
            "both strands. Score the given strand only, or declare the target as invariant if it is."
        )
    region = common_region(length, steps)
    local = model if isinstance(model, LocalModel) else LocalModel(model)
    seen: dict[int, list[tuple[Array, Array]]] = {}
    for step in steps:
        window = slice(margin + step, margin + step + length)
        inside = region[0] - step, region[1] - step
        given = ref[..., window], alt[..., window]
        readings = [_totals(local, given, reading.sums(length, inside), batch_size)]
        if both_strands:
            turned = DNA_STRAND.act(given[0]), DNA_STRAND.act(given[1])
            other = _totals(local, turned, reading.sums(length, inside, turned=True), batch_size)
            readings.append((reading.totals.act(other[0]), reading.totals.act(other[1])))
        seen[step] = [(one.double().numpy(), two.double().numpy()) for one, two in readings]

    def scores(pairs: list[tuple[Array, Array]]) -> dict[str, Array]:
        means = [_ordered_mean(np.stack([pair[allele] for pair in pairs])) for allele in (0, 1)]
        return allele_scores(means[0], means[1], kind=reading.kind, pseudocount=reading.pseudocount)

    every = [pair for pairs in seen.values() for pair in pairs]
    single = [scores([pair]) for pair in every]
    return VariantScores(
        reading.score,
        all_standard=scores(seen[0]),
        all_robust=scores(every),
        all_spread={name: _ordered_spread(np.stack([found[name] for found in single])) for name in single[0]},
        reference=_ordered_mean(np.stack([pair[0] for pair in every])),
        alternate=_ordered_mean(np.stack([pair[1] for pair in every])),
    )


def _totals(
    local: LocalModel, alleles: tuple[Tensor, Tensor], reduce: Reduce, batch_size: int
) -> tuple[Tensor, Tensor]:
    batches = zip(*(torch.split(allele, batch_size) for allele in alleles), strict=True)
    found = [local.pairs(one, two, reduce=reduce) for one, two in batches]
    return torch.cat([pair[0] for pair in found]), torch.cat([pair[1] for pair in found])


def _ordered_mean(values: Array) -> Array:
    """Mean over the first axis, whose order changes no bit of it."""
    return np.asarray(np.sort(values, axis=0).mean(0))


def _ordered_spread(values: Array) -> Array:
    return np.asarray(np.sqrt(_ordered_mean((values - _ordered_mean(values)) ** 2)))


def _require_pairs(ref: Tensor, alt: Tensor, length: int) -> None:
    if ref.shape != alt.shape or ref.ndim != 3:
        raise InputError(
            f"both alleles are one-hot (rows, letters, length) of one shape, but they have {tuple(ref.shape)} and "
            f"{tuple(alt.shape)}."
        )
    if length < 1:
        raise InputError(f"windows of {ref.shape[-1]} letters are too short for the shifts: {length} letters are left.")
