"""The audit of a source in plain sentences."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from palindra.probing.audit.downstream import OF_FEATURES, OF_PREDICTIONS

if TYPE_CHECKING:
    from palindra.evaluation.audit import Effect
    from palindra.probing.audit.downstream import Cure, Downstream
    from palindra.probing.audit.language import Language
    from palindra.probing.audit.result import Moved, SourceAudit

_CLEAR = 0.05  # of the distance between different sequences, from which on the strands are worth a warning
_ROUNDING = 1e-4
_GUESS = 1.386  # nats per letter of a guess


def sentences(found: SourceAudit) -> list[str]:
    """What the audit means and what to do, the most important first."""
    said = [_strands(found), advice(found)]
    if found.language is not None:
        said.append(_language(found.language))
    if found.downstream is not None:
        said += _downstream(found.downstream)
    said += _moved(found.moved, found.beside)
    return [*said, *found.notes]


def harms(found: Downstream | None) -> bool:
    """Whether features of both strands give a worse readout beyond doubt, even one that is fitted again on them."""
    return found is not None and _cured(found, OF_FEATURES).high < 0


def _cured(found: Downstream, name: str) -> Effect:
    return next(cure.effect for cure in found.cures if cure.name == name)


def _strands(found: SourceAudit) -> str:
    strands = found.strands
    if strands.alike:
        return f"{found.name} has the same features for both strands of {found.sequences:,} sequences, up to rounding."
    said = (
        f"{found.name} does not have the same features for both strands: the mean embedding of the reverse complement "
        f"is {_times(strands.mean.relative)} as far from that of the sequence as another sequence is "
        f"(95 % interval {strands.mean.low:.3g} to {strands.mean.high:.3g})"
    )
    if strands.full is not None:
        said += f", base by base {_times(strands.full.relative)}"
    if strands.cls is not None:
        said += f", its CLS embedding {_times(strands.cls.relative)}"
    if strands.equivariant:
        how = "in another order" if strands.exchanged else "under one fixed linear map"
        return f"{said}. Nothing is lost: the other strand has the same features {how}, but a readout does not know it."
    return f"{said}."


def _times(relative: float) -> str:
    return f"{relative:.2f} times" if relative >= 0.01 else f"{relative:.1g} times"


def _language(found: Language) -> str:
    if found.unlike < _ROUNDING:
        return (
            f"Asked for single letters, both strands say the same; {found.given:.3f} nats are lost at each (a guess "
            "loses 1.386)."
        )
    told = "raises" if found.gain > 0 else "lowers"
    sure = "" if found.gain_low > 0 or found.gain_high < 0 else ", so it is not known which"
    weak = " Both are no better than a guess (1.386)." if min(found.given, found.both) > _GUESS - 0.005 else ""
    return (
        f"Asked for single letters, the two strands differ by {found.unlike:.3f} of the probability at a position "
        f"({found.relative:.2f} of the distance between two unrelated positions), and the likeliest letter changes at "
        f"{found.changed:.1%}. Averaging log-probabilities of both strands {told} the likelihood of the letters by "
        f"{abs(found.gain):.4f} nats each (95 % interval {found.gain_low:+.4f} to {found.gain_high:+.4f}{sure}), from "
        f"{found.given:.3f} to {found.both:.3f} lost.{weak}"
    )


def _downstream(found: Downstream) -> list[str]:
    strands = found.strands
    flipped = "" if strands.flipped is None else f", and {strands.flipped:.1%} of decisions change"
    read = (
        f"A linear readout of its mean embeddings, fitted on {found.fitted_on:,} sequences as they are given "
        f"({found.metric} {found.score_given:.3f}), gives {found.score_other:.3f} on their reverse complements; "
        f"predictions differ by {strands.relative:.2f} standard deviations{flipped}."
    )
    return [read, *(_cure(cure) for cure in found.cures)]


def _cure(cure: Cure) -> str:
    effect = cure.effect
    verb = "raises" if effect.difference > 0 else "lowers" if effect.difference < 0 else "keeps"
    if effect.low == effect.high == 0:
        return f"Cure, {cure.name}: changes nothing."
    clear = "" if effect.low > 0 or effect.high < 0 else ", so these sequences do not decide whether it helps"
    interval = f"95 % interval {effect.low:+.3f} to {effect.high:+.3f} over sequences{clear}"
    if isnan(effect.low):
        interval = "too few sequences for an interval"
    return (
        f"Cure, {cure.name}: {verb} {effect.metric} from {effect.given_strand:.3f} to {effect.both_strands:.3f} "
        f"({effect.difference:+.3f}, {interval}); what is left of the difference between strands is "
        f"{cure.left.relative:.2g} standard deviations."
    )


def advice(found: SourceAudit) -> str:
    """What to do about the strands."""
    if found.strand_setting != "as is":
        return f"It was read with strands={found.strand_setting!r}, so this is how it does with that cure."
    downstream = found.downstream
    if harms(downstream):
        return (
            "Do not average here: it costs accuracy beyond doubt. The label depends on the strand (as for RNA, splice "
            "sites or untranslated regions), and a readout that cannot tell the strands apart is the wrong one."
        )
    if found.strands.alike:
        return "Averaging over strands would change nothing."
    said = ['What to do: open it with strands="averaged" (--strands averaged), at twice the cost and without training.']
    if found.averaged is not None:
        after = found.averaged.mean.relative
        left = "0" if after < _ROUNDING else f"{after:.2g}"
        said.append(
            f"Measured so, the distance between both strands' mean embeddings falls from "
            f"{found.strands.mean.relative:.3g} to {left}."
        )
    if downstream is None:
        if found.strands.mean.relative < _CLEAR:
            said.append("The difference is small.")
        said.append("If a label belongs to one strand (RNA, splice sites), do not average.")
        return " ".join(said)
    if _cured(downstream, OF_FEATURES).low > 0:
        said.append("It raises the score here as well.")
    else:
        said.append("It does not clearly change the score here; if the label belongs to one strand, do not average.")
    if _cured(downstream, OF_PREDICTIONS).high < 0:
        said.append(
            "Fit the readout again on averaged features: averaging the predictions of one that has seen a single "
            "strand costs accuracy here."
        )
    return " ".join(said)


def _moved(found: Moved, beside: Moved | None) -> list[str]:
    said = []
    tokens = found.tokens
    if tokens is not None:
        if tokens.moved == 0:
            cut = "Tokens stay where they are when a sequence begins one letter later"
        else:
            cut = (
                f"When a sequence begins one letter later, {tokens.moved:.0%} of the borders between tokens lie "
                f"elsewhere and {tokens.changed:.0%} of bases get another token"
            )
        if tokens.bases.relative < _ROUNDING:
            change = "features at the very same bases do not change"
        else:
            change = (
                f"features at the very same bases change by {_times(tokens.bases.relative)} the distance between "
                "different sequences"
            )
        said.append(f"{cut}; {change}{_kept(found)}{_beside(beside)}.")
    worst = max(found.shifts, key=lambda shift: shift.mean.relative, default=None)
    if worst is not None and worst.mean.relative < _ROUNDING:
        said.append("Shifts do not change its mean embedding.")
    elif worst is not None:
        tried = ", ".join(str(shift.letters) for shift in found.shifts)
        predicted = worst.prediction
        changed = "" if predicted is None else f", and predictions by {predicted.relative:.2f} standard deviations"
        said.append(
            f"Of shifts by {tried} letters, {worst.letters} changes the mean embedding most, by "
            f"{_times(worst.mean.relative)} the distance between different sequences{changed}."
        )
    return said


def _beside(beside: Moved | None) -> str:
    if beside is None or beside.tokens is None:
        return ""
    change = beside.tokens.bases.relative
    said = "not at all" if change < _ROUNDING else _times(change)
    return f" ({beside.name}, for comparison: {said})"


def _kept(found: Moved) -> str:
    tokens = found.tokens
    if tokens is None or tokens.at_kept is None or tokens.at_changed is None:
        return ""
    return (
        f", by {_times(tokens.at_kept.relative)} where the token stayed and {_times(tokens.at_changed.relative)} where "
        "it is another one"
    )
