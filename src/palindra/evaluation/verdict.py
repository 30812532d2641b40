"""An audit in plain sentences."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from palindra.evaluation.audit import Audit, Effect

_CLEAR = 0.1  # relative difference from which on the strands are worth a warning
_UNRELATED = 0.3  # correlation of the strands below which align is the first suspect


def sentences(found: Audit) -> list[str]:
    """What the audit means and what to do, the most important first."""
    if found.invariant:
        said = [
            f"Reads both strands alike: on {found.sequences:,} sequences the outputs of the two strands differ by at "
            f"most {found.strands.largest:.1g}, which is rounding. Averaging over strands would change nothing."
        ]
    else:
        said = [*_disagreement(found), *(_effect(effect) for effect in found.effects), _advice(found)]
    return said + _shifts(found)


def _disagreement(found: Audit) -> list[str]:
    strands = found.strands
    said = []
    if strands.flipped is not None:
        of = "of its decisions on " if found.task == "multilabel" else "of "
        said.append(
            f"Changes its mind on {strands.flipped:.1%} {of}{found.sequences:,} sequences when read from the other "
            "strand."
        )
    said.append(
        f"The two strands' outputs differ by {strands.mean:.3g} on average ({strands.relative:.2f} standard deviations "
        f"of the outputs), {strands.largest:.3g} at most; their correlation is {strands.correlation:.3f}."
    )
    if strands.correlation < _UNRELATED:
        said.append(
            "The strands hardly agree at all: check that the output is brought back to the given strand (align) before "
            "blaming the model, and that the label is not strand-specific by nature."
        )
    return said


def _effect(effect: Effect) -> str:
    verb = "raises" if effect.difference > 0 else "lowers" if effect.difference < 0 else "keeps"
    clear = "" if effect.low > 0 or effect.high < 0 else ", so these sequences do not decide whether it helps"
    interval = f"95 % interval {effect.low:+.3f} to {effect.high:+.3f} over sequences{clear}"
    if isnan(effect.low):
        interval = "too few sequences for an interval"
    return (
        f"Averaging both strands {verb} {effect.metric} from {effect.given_strand:.3f} to {effect.both_strands:.3f} "
        f"({effect.difference:+.3f}, {interval})."
    )


def _advice(found: Audit) -> str:
    if found.effects and found.effects[0].high < 0:  # the score that models are compared by
        return (
            "Averaging costs accuracy here: either the output is not brought back to the given strand (align), or the "
            "label depends on the strand. Do not average."
        )
    if found.strands.relative < _CLEAR:
        return "The strands nearly agree; averaging both (palindra predict --both-strands) makes them agree exactly."
    return (
        "What to do: average both strands, at twice the cost of a prediction and without retraining "
        "(palindra predict --both-strands), or train a model that cannot tell the strands apart."
    )


def _shifts(found: Audit) -> list[str]:
    if not found.shifts:
        return []
    worst = max(found.shifts, key=lambda shift: shift.difference.relative)
    flips = worst.difference.flipped
    tried = ", ".join(str(shift.positions) for shift in found.shifts)
    decided = "" if flips is None else f" and changes {flips:.1%} of the decisions"
    return [
        f"Moving the sequence by {worst.positions} bp, the worst of {tried}, changes "
        f"outputs by {worst.difference.relative:.2f} standard deviations on average{decided}."
    ]
