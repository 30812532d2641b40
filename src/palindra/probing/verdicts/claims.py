"""The published claims C13 to C16 on other data: supported, not supported, or not tested, with intervals.

A claim is turned into comparisons that must all hold, each one-sided against a bound; its p-value is the largest of
them (intersection-union), then corrected for the number of claims tested (Holm, 1979). *Not supported* says whether
the data contradict it or leave it open.

Source: Tang (2024), chapter 3; Tang, Somia, Yu & Koo (2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from palindra.evaluation import holm
from palindra.probing.verdicts.claim_tests import TESTS, Findings
from palindra.probing.verdicts.entries import Entry
from palindra.probing.verdicts.evidence import Evidence, MapAgreement, Outcome, ZeroShot

SUPPORTED, NOT_SUPPORTED, UNTESTED = "supported", "not supported", "not tested"
LEVEL = 0.05

WORDS = {
    "C13a": "A CNN on frozen language-model embeddings is at most as good as the same CNN on one-hot.",
    "C13b": "A CNN on all embeddings beats an MLP on their summary, which beats a linear model on it.",
    "C13c": "Supervised embeddings beat one-hot where their training fits the task, and lose elsewhere.",
    "C14a": "Zero-shot variant scores of language models correlate with measured effects by at most 0.14.",
    "C14b": "A small CNN on the same embeddings multiplies the zero-shot correlation (at least doubles it).",
    "C15": "An MLP on dinucleotide counts is within 0.02 AUROC of an MLP on a language model's summary.",
    "C16a": "Attribution maps of frozen language models do not correlate with those of the one-hot CNN.",
    "C16b": "Maps through a CNN trained on the embeddings do, and more than those of the frozen model.",
}


@dataclass(frozen=True)
class Claim:
    """A published claim and what became of it on these data."""

    id: str
    words: str
    verdict: str  # supported, not supported or not tested
    evidence: tuple[Evidence, ...] = ()
    p_corrected: float = math.nan
    reason: str = ""  # why it was not tested, or what qualifies the verdict
    tested_on: str = ""


def claims(
    entries: Sequence[Entry],
    *,
    zero_shot: Sequence[ZeroShot] = (),
    maps: Sequence[MapAgreement] = (),
    aligned: frozenset[tuple[str, str]] = frozenset(),
) -> list[Claim]:
    """Every claim with its verdict.

    Args:
        entries: cells.
        zero_shot: correlations of untrained variant scores.
        maps: agreement of attribution maps with the one-hot CNN's.
        aligned: supervised sources and the tasks that their training fits, as ``(source, task)``.

    Examples:
        >>> {claim.verdict for claim in claims([])}
        {'not tested'}
    """
    findings = Findings(entries, zero_shot, maps, aligned)
    outcomes = {name: test(findings) for name, test in TESTS.items()}
    p_values = {name: _largest([part.p for part in outcome.evidence]) for name, outcome in outcomes.items()}
    tested = [name for name, p in p_values.items() if not math.isnan(p)]
    corrected = dict(zip(tested, holm([p_values[name] for name in tested]), strict=True))
    return [_claim(name, outcome, corrected.get(name)) for name, outcome in outcomes.items()]


def _claim(name: str, outcome: Outcome, p: float | None) -> Claim:
    evidence = tuple(outcome.evidence)
    if not evidence:
        return Claim(name, WORDS[name], UNTESTED, reason=outcome.reason)
    if p is None:
        reason = "no interval: one seed, and no predictions to resample"
        return Claim(name, WORDS[name], UNTESTED, evidence, reason=reason, tested_on=outcome.tested_on)
    verdict = SUPPORTED if p < LEVEL else NOT_SUPPORTED
    reason = outcome.reason
    if verdict == NOT_SUPPORTED:
        contrary = [part.p_contrary for part in evidence]
        against = [part for part, q in zip(evidence, holm(contrary), strict=True) if q < LEVEL]
        words = f"contradicted by {against[0].what}" if against else "left open: the intervals hold both sides"
        reason = f"{words[0].upper()}{words[1:]}. {reason}".strip()
    return Claim(name, WORDS[name], verdict, evidence, p, reason, outcome.tested_on)


def _largest(p_values: Sequence[float]) -> float:
    """NaN where one part has no p-value: what must all hold is then not known."""
    return math.nan if not p_values or any(map(math.isnan, p_values)) else max(p_values)
