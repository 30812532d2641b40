"""What a model may and may not be trusted with: sentences from measurements, by rules that are written down here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from palindra.evaluation.uncertainty import Coverage

Verdict = Literal["yes", "with care", "no", "unknown"]

EXACT = 1e-4  # relative difference up to which two answers are the same
SMALL = 0.05  # relative difference that a reader may ignore
TOLERANCE = 0.02  # of coverage, the share of rows by which it may miss
CALIBRATED = 0.05  # mean gap between probability and frequency
STRANGE = 95.0  # percentile of held-out training sequences above which a sequence is strange
MANY = 3  # times the share of strange sequences that chance gives


class Part(NamedTuple):
    """The score of one part of the test rows, with its 95 % interval."""

    kind: str  # "GC content", "strangeness", ...
    name: str
    rows: int
    value: float
    low: float
    high: float
    coverage: Coverage | None = None


class Effects(NamedTuple):
    """Measured effects of variants against predicted ones."""

    pairs: int
    pearson: float
    low: float
    high: float


@dataclass(frozen=True)
class Measurements:
    """What was measured of one model; NaN or None for what was not.

    Args:
        metric: the score of the task.
        score: with its interval.
        higher_is_better: of the metric.
        trivial: the score of the best trivial predictor on the same rows.
        trivial_name: its name.
        strands: mean difference between both strands, relative to the size of the answers.
        shifts: deviation over shifts, relative to the size of the answers.
        reach: of these shifts, bp.
        wanted: coverage that intervals or sets should have.
        coverage: what they have.
        calibration: calibration error as trained, and at the fitted temperature; for probabilities.
        parts: scores of parts of the rows.
        errors_and_strangeness: Spearman correlation with its p-value.
        strange: share of rows above the 95th percentile of strangeness.
        level: of the shift between training and test data, as declared.
        effects: of variants.
    """

    metric: str
    score: tuple[float, float, float]
    higher_is_better: bool = True
    trivial: float = math.nan
    trivial_name: str = ""
    strands: float = math.nan
    shifts: float = math.nan
    reach: int = 0
    wanted: float = 0.9
    coverage: Coverage | None = None
    calibration: tuple[float, float] | None = None
    parts: Sequence[Part] = field(default_factory=tuple)
    errors_and_strangeness: tuple[float, float] = (math.nan, math.nan)
    strange: float = math.nan
    level: str = ""
    effects: Effects | None = None


class Finding(NamedTuple):
    """An answer to a question that a reader has."""

    question: str
    claim: str  # the same as a statement
    verdict: Verdict
    sentence: str


def trust(it: Measurements) -> list[Finding]:
    """One answer for each question, always the same questions in the same order.

    Examples:
        >>> found = trust(Measurements("AUROC", (0.9, 0.88, 0.92), trivial=0.8, trivial_name="6-mers", strands=0.3))
        >>> [finding.verdict for finding in found][:2]
        ['yes', 'no']
    """
    return [
        Finding(question, claim, *rule(it))
        for question, claim, rule in (
            ("Has it learned more than composition?", "it knows more than composition", _more_than_trivial),
            ("Does it give one answer for both strands?", "both strands get one answer", _both_strands),
            ("Does it ignore where the window begins?", "it ignores where the window begins", _shifts),
            ("Are its probabilities what they say?", "probabilities are what they say", _probabilities),
            ("Do its intervals or sets hold what they promise?", "intervals hold what they promise", _coverage),
            ("Is it equally good everywhere?", "no part of the rows is much worse", _parts),
            ("Were these sequences like its training data?", "these rows are like its training data", _strange),
            ("Does strangeness warn of its errors?", "stranger rows have larger errors", _warning),
            ("Can its effects of variants be believed?", "effects of variants are predicted", _effects),
        )
    ]


def _more_than_trivial(it: Measurements) -> tuple[Verdict, str]:
    value, low, high = it.score
    said = f"{it.metric} {value:.3f} ({low:.3f} to {high:.3f})"
    if math.isnan(it.trivial):
        return "unknown", f"{said}; no trivial predictor could be fitted without training rows."
    better = (low > it.trivial) if it.higher_is_better else (high < it.trivial)
    ahead = (value > it.trivial) if it.higher_is_better else (value < it.trivial)
    against = f"{it.trivial_name} {'reaches' if it.higher_is_better else 'has'} {it.trivial:.3f}"
    if better:
        return "yes", f"{said}; {against}."
    if ahead:
        return "with care", f"{said}; {against}, which lies inside the interval."
    return "no", f"{said}; {against}: use that instead."


def _both_strands(it: Measurements) -> tuple[Verdict, str]:
    if math.isnan(it.strands):
        return "unknown", "The target is strand-specific, or its values on the other strand were not declared."
    if it.strands <= EXACT:
        return "yes", "Both strands give the same answer, up to rounding."
    said = f"Both strands of a sequence differ by {it.strands:.1%} of the size of an answer"
    if it.strands <= SMALL:
        return "with care", f"{said}; average them."
    return "no", f"{said}: average both strands before you believe a number, or train an equivariant model."


def _shifts(it: Measurements) -> tuple[Verdict, str]:
    if math.isnan(it.shifts):
        return "unknown", "No shifts were tried."
    said = f"Shifts of up to {it.reach} bp move an answer by {it.shifts:.1%} of its size"
    if it.shifts <= SMALL:
        return "yes", said + "."
    return "with care", f"{said}: average over shifts where a single number matters."


def _probabilities(it: Measurements) -> tuple[Verdict, str]:
    if it.calibration is None:
        return "unknown", "The model predicts values, not probabilities."
    before, after = it.calibration
    said = f"Probabilities and frequencies are {before:.3f} apart on average, {after:.3f} at the fitted temperature"
    if before <= CALIBRATED:
        return "yes", said + "."
    if after <= CALIBRATED:
        return "with care", f"{said}: ask for --uncertainty when you predict, which applies it."
    return "no", f"{said}: read them as ranks only."


def _coverage(it: Measurements) -> tuple[Verdict, str]:
    if it.coverage is None:
        return "unknown", "The run kept no validation rows to calibrate on."
    said = f"{it.wanted:.0%} were promised, {it.coverage} labels lie inside"
    if abs(it.coverage.rate - it.wanted) <= TOLERANCE:
        return "yes", said + "."
    if it.coverage.rate > it.wanted:
        return "with care", f"{said}: wider than needed."
    if it.wanted <= it.coverage.high + TOLERANCE:
        return "with care", f"{said}; more rows would tell whether that is chance."
    return "no", f"{said}: the validation rows were not like these."


def _parts(it: Measurements) -> tuple[Verdict, str]:
    known = [part for part in it.parts if not math.isnan(part.value)]
    if not known:
        return "unknown", "There are too few rows for parts of them."
    worst = min(known, key=lambda part: part.value if it.higher_is_better else -part.value)
    value, low, high = it.score
    said = (
        f"Worst is {it.metric} {worst.value:.3f} ({worst.low:.3f} to {worst.high:.3f}) on {worst.rows:,} rows: "
        f"{worst.kind} {worst.name}"
    )
    apart = worst.high < low if it.higher_is_better else worst.low > high
    if not apart:
        return "yes", f"{said}; that may be chance, overall it is {value:.3f}."
    return "with care", f"{said}, against {value:.3f} overall."


def _strange(it: Measurements) -> tuple[Verdict, str]:
    if math.isnan(it.strange):
        return "unknown", "Without training sequences nothing can be compared; give them with --reference."
    declared = f" The shift is declared as {it.level}." if it.level else ""
    chance = 1 - STRANGE / 100
    said = f"{it.strange:.1%} are stranger than {STRANGE:.0f} % of held-out training sequences; {chance:.0%} is chance."
    return ("yes" if it.strange <= MANY * chance else "with care"), said + declared


def _warning(it: Measurements) -> tuple[Verdict, str]:
    rho, p = it.errors_and_strangeness
    if math.isnan(rho):
        return "unknown", "Errors could not be compared with strangeness."
    said = f"Rank correlation of error and strangeness {rho:+.2f} (p = {p:.2g})"
    if rho > 0 and p < 0.05:
        return "yes", f"{said}: expect larger errors on stranger sequences."
    return "no", f"{said}: a sequence that looks usual may still be predicted wrongly."


def _effects(it: Measurements) -> tuple[Verdict, str]:
    if it.effects is None:
        return (
            "unknown",
            "A model that ranks sequences well may still rank changes of one sequence badly; give measured effects "
            "with --effects.",
        )
    found = it.effects
    said = f"Pearson {found.pearson:.3f} ({found.low:.3f} to {found.high:.3f}) with {found.pairs:,} measured effects"
    if found.low > 0.5:
        return "yes", said + "."
    if found.low > 0:
        return "with care", f"{said}: better than chance, too weak for a single variant."
    return "no", f"{said}: no better than chance is shown."


def words(findings: Sequence[Finding]) -> Iterator[str]:
    """The answers in two or three sentences: what the model may be trusted with, with care, and not."""
    groups: tuple[tuple[Verdict, str], ...] = (
        ("yes", "Trust it with this"),
        ("with care", "With care"),
        ("no", "Do not rely on this"),
        ("unknown", "Nobody measured whether"),
    )
    for verdict, lead in groups:
        if claims := [finding.claim for finding in findings if finding.verdict == verdict]:
            yield f"{lead}: {'; '.join(claims)}."
