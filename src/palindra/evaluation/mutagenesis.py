"""All mutants of a sequence as one number per target, on one strand or both."""

from __future__ import annotations

from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation.variants.reading import Reading
from palindra.models.local import LocalModel, Mutagenesis, saturation_mutagenesis
from palindra.symmetry import DNA_STRAND

__all__ = ["Mutagenesis", "read_mutants", "saturation_mutagenesis"]


def read_mutants(
    model: nn.Module | LocalModel,
    one_hot: Tensor,
    reading: Reading,
    *,
    start: int = 0,
    end: int | None = None,
    both_strands: bool = False,
) -> Mutagenesis:
    """One number per target for every mutant; tracks are summed over the window.

    With both strands, every mutant is read from the other strand as well, and the target's declared action brings the
    outputs back (stranded tracks swap) before the two are averaged.

    Args:
        model: any network of one-hot DNA.
        one_hot: ``(rows, 4, length)``.
        reading: what the outputs are.
        start: first position that is mutated.
        end: the one after the last; None for the end.
        both_strands: whether strands are averaged.

    Raises:
        InputError: for a strand-specific target with both strands.
    """
    length = one_hot.shape[-1]
    last = length if end is None else end
    whole = (0, length)
    given = saturation_mutagenesis(model, one_hot, start=start, end=last, reduce=reading.sums(length, whole))
    if not both_strands:
        return given
    if reading.target.rep is None:
        raise InputError("the target is strand-specific: its value on the other strand is unknown.")
    turned = saturation_mutagenesis(
        model,
        DNA_STRAND.act(one_hot),
        start=length - last,
        end=length - start,
        reduce=reading.sums(length, whole, turned=True),
    )
    act = reading.totals.act
    mutants = act(turned.mutants.flip(1, 2).flatten(0, 2)).view(given.mutants.shape)
    return Mutagenesis(given.one_hot, (given.reference + act(turned.reference)) / 2, (given.mutants + mutants) / 2)
