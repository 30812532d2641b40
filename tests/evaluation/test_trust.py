"""What a model may be trusted with follows from the numbers by rules: each is tried on either side of its limit."""

from __future__ import annotations

import math
from typing import Any

import pytest

from palindra.evaluation.trust import Effects, Measurements, Part, trust, words
from palindra.evaluation.uncertainty import Coverage

SCORE = (0.9, 0.88, 0.92)
QUESTIONS = ("composition", "strands", "window", "probabilities", "promise", "equally", "training", "warn", "variants")


def verdict(word: str, **measured: Any) -> str:
    found = {finding.question: finding for finding in trust(Measurements("AUROC", **{"score": SCORE} | measured))}
    (finding,) = [finding for question, finding in found.items() if word in question]
    assert finding.sentence.endswith(".")
    return finding.verdict


def test_every_question_has_an_answer_and_what_was_not_measured_is_unknown():
    findings = trust(Measurements("AUROC", SCORE))
    assert len(findings) == len(QUESTIONS)
    assert {finding.verdict for finding in findings} == {"unknown"}
    assert [line.partition(":")[0] for line in words(findings)] == ["Nobody measured whether"]


@pytest.mark.parametrize(
    ("word", "measured", "wanted"),
    [
        ("composition", {"trivial": 0.87}, "yes"),
        ("composition", {"trivial": 0.89}, "with care"),
        ("composition", {"trivial": 0.91}, "no"),
        ("composition", {"trivial": 0.95, "higher_is_better": False}, "yes"),
        ("composition", {"trivial": 0.85, "higher_is_better": False}, "no"),
        ("strands", {"strands": 1e-7}, "yes"),
        ("strands", {"strands": 0.01}, "with care"),
        ("strands", {"strands": 0.2}, "no"),
        ("window", {"shifts": 0.01, "reach": 5}, "yes"),
        ("window", {"shifts": 0.1, "reach": 5}, "with care"),
        ("probabilities", {"calibration": (0.01, 0.01)}, "yes"),
        ("probabilities", {"calibration": (0.2, 0.01)}, "with care"),
        ("probabilities", {"calibration": (0.2, 0.1)}, "no"),
        ("promise", {"coverage": Coverage(0.91, 0.89, 0.93, 900)}, "yes"),
        ("promise", {"coverage": Coverage(0.86, 0.82, 0.90, 200)}, "with care"),
        ("promise", {"coverage": Coverage(0.99, 0.98, 1.0, 900)}, "with care"),
        ("promise", {"coverage": Coverage(0.7, 0.68, 0.72, 900)}, "no"),
        ("equally", {"parts": [Part("GC content", "low", 99, 0.85, 0.8, 0.89)]}, "yes"),
        ("equally", {"parts": [Part("GC content", "low", 99, 0.6, 0.5, 0.7)]}, "with care"),
        ("equally", {"parts": [Part("GC content", "low", 9, math.nan, math.nan, math.nan)]}, "unknown"),
        ("training", {"strange": 0.06}, "yes"),
        ("training", {"strange": 0.4}, "with care"),
        ("warn", {"errors_and_strangeness": (0.3, 0.001)}, "yes"),
        ("warn", {"errors_and_strangeness": (0.3, 0.2)}, "no"),
        ("warn", {"errors_and_strangeness": (-0.3, 0.001)}, "no"),
        ("variants", {"effects": Effects(100, 0.7, 0.6, 0.8)}, "yes"),
        ("variants", {"effects": Effects(100, 0.3, 0.1, 0.5)}, "with care"),
        ("variants", {"effects": Effects(100, 0.1, -0.1, 0.3)}, "no"),
        ("variants", {"effects": Effects(100, 0.9, math.nan, math.nan)}, "no"),
    ],
)
def test_each_rule_on_either_side_of_its_limit(word: str, measured: dict[str, Any], wanted: str):
    assert verdict(word, **measured) == wanted


def test_the_declared_shift_is_said():
    (said,) = [
        f.sentence for f in trust(Measurements("AUROC", SCORE, strange=0.5, level="synthetic")) if "50.0%" in f[3]
    ]
    assert said.endswith("The shift is declared as synthetic.")
