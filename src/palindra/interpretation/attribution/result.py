"""What an attribution method gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Attribution:
    """What each letter of each sequence is worth to one number that a model gives.

    Args:
        one_hot: the sequences ``(rows, letters, length)``.
        values: of the method ``(rows, letters, length)``, e.g. gradients, contributions, differences of mutants.
        hypothetical: what each letter would be worth at each position ``(rows, letters, length)``, e.g. for the search
            of motifs; for gradients and mutants the four sum to zero.
        positions: one number per position ``(rows, length)``, whose unit is that of ``values``.
        outputs: the number that is explained, of each sequence ``(rows,)``.
        baseline: its mean over the references that contributions are counted from ``(rows,)``; None without any.
        delta: convergence: by how much the contributions of a row miss the change of the output from a reference, the
            largest over its references ``(rows,)``; None for methods that promise no sum.
    """

    one_hot: Tensor
    values: Tensor
    hypothetical: Tensor
    positions: Tensor
    outputs: Tensor
    baseline: Tensor | None = None
    delta: Tensor | None = None

    @property
    def relative_delta(self) -> Tensor | None:
        """Delta in parts of the change of the output from the mean reference ``(rows,)``."""
        if self.delta is None or self.baseline is None:
            return None
        return self.delta / (self.outputs - self.baseline).abs().clamp(min=torch.finfo(self.outputs.dtype).eps)


def join(parts: Sequence[Attribution]) -> Attribution:
    """The rows of several attributions of one kind, one after the other."""

    def joined(name: str) -> Tensor | None:
        found = [getattr(part, name) for part in parts]
        return None if found[0] is None else torch.cat(found)

    return Attribution(**{name: joined(name) for name in Attribution.__dataclass_fields__})  # type: ignore[arg-type]


def contributions(one_hot: Tensor, multipliers: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Contributions and hypothetical ones, from multipliers between sequences and one reference each.

    The contribution of a position is the sum of ``multipliers * (one_hot - reference)`` over letters. It stands at the
    letter that is there; where there is none (N), equal parts stand at all letters, so that nothing is lost.

    Args:
        one_hot: ``(..., letters, length)``.
        multipliers: of the same shape.
        reference: of the same shape.
    """
    lost = (multipliers * reference).sum(-2, keepdim=True)
    share = one_hot + (1 - one_hot.sum(-2, keepdim=True)) / one_hot.shape[-2]
    return one_hot * multipliers - share * lost, multipliers - lost
