"""Claims on made-up tables of scores: each is supported where it was put in, contradicted where its opposite was."""

from __future__ import annotations

import math
from typing import Any

import pytest

from palindra.cli.tracks.claim_evidence import Evidence, TrainingSet
from palindra.cli.tracks.claims import AS_GOOD_R, TESTS, claims
from palindra.cli.tracks.scoring import COVERAGE_OF_LABELS
from palindra.cli.tracks.table import (
    ABOVE,
    BOX_CAR,
    MEAN,
    MSE,
    SCALED_MSE,
    VARIATION,
    WHOLE,
    Score,
    from_tsv,
    to_tsv,
)
from palindra.errors import InputError
from palindra.report.track_results import Claim

SEEDS = range(5)
BASE: dict[str, Any] = {
    "data": "low",
    "loss": "poisson",
    "bin_size": 75,
    "labels": "tracks",
    "strategy": "none",
    "reverse_complement": False,
    "shift": 0,
    "crop": "centre",
    "dilations": [1, 2, 4],
    "bin_dilations": [1, 2],
    "head": "single",
    "first_activation": "relu",
}
TRAINING = {
    "low": TrainingSet("tiles", 0.0),
    "high": TrainingSet("tiles", 2.0),
    "around": TrainingSet("peaks"),
    "on peaks": TrainingSet("peaks"),
}


def noise(row: str, seed: int, metric: str) -> float:
    """Small, different for every line, the same in every run, and zero on average over seeds."""
    return 1e-3 * math.sin(sum(map(ord, row + metric)) + 2 * math.pi * seed / len(SEEDS))


def lines(
    row: str, metric: str, value: float, *, size: int = 75, on: str = "test", at: float = math.nan
) -> list[Score]:
    return [
        Score(row, "model", seed, on, MEAN, metric, size, at, value + noise(row, seed, f"{metric}{size}{at}"))
        for seed in SEEDS
    ]


def verdict(name: str, scores: list[Score], rows: dict[str, dict[str, Any]]) -> Claim:
    found = {claim.id: claim for claim in claims(scores, rows, TRAINING)}
    assert list(found) == list(TESTS)
    return found[name]


def changed(**settings: Any) -> dict[str, Any]:
    return {**BASE, **settings}


def made(name: str, gain: float) -> tuple[list[Score], dict[str, dict[str, Any]]]:
    """A table in which claim ``name`` holds by ``gain``, or its opposite by ``-gain``."""
    r = 0.6
    match name:
        case "C1":
            rows = {"base": BASE, "other": changed(loss="mse")}
            scores = lines("base", WHOLE, r + gain) + lines("other", WHOLE, r)
            scores += lines("base", SCALED_MSE, 2 - gain) + lines("other", SCALED_MSE, 2)
        case "C2":
            rows = {"base": BASE}
            scores = [s for n, size in enumerate((75, 150, 300)) for s in lines("base", WHOLE, r + n * gain, size=size)]
            scores += [s for n in range(3) for s in lines("base", BOX_CAR, r + n * gain, at=75.0 * 2**n)]
        case "C3":
            rows = {"base": BASE, "high": changed(data="high"), "peaks": changed(data="around")}
            scores = [s for n, row in enumerate(rows) for s in lines(row, WHOLE, r - n * gain)]
            scores += [s for n, row in enumerate(rows) for s in lines(row, MSE, 1 + n * gain)]
        case "C4":
            rows = {"base": BASE}
            scores = [s for n in range(4) for s in lines("base", ABOVE, r + n * gain, at=float(n))]
        case "C5":
            rows = {"base": BASE, "shifted": changed(shift=100), "turned": changed(strategy="augment")}
            scores = lines("base", VARIATION, 0.5)
            scores += lines("shifted", VARIATION, 0.5 - gain) + lines("turned", VARIATION, 0.5 - gain)
        case "C6":
            rows = {"base": BASE, "plain": changed(dilations=[1, 1, 1], bin_dilations=[1, 1])}
            scores = lines("base", WHOLE, r + gain) + lines("plain", WHOLE, r)
        case "C7":
            rows = {"base": BASE, "task": changed(head="task")}
            scores = lines("base", WHOLE, r) + lines("task", WHOLE, r + gain)
        case "C8":
            rows = {"base": BASE, "exponential": changed(first_activation="exponential")}
            scores = lines("base", WHOLE, r) + lines("exponential", WHOLE, r + (0 if gain > 0 else gain))
        case _:
            rows = {"base": BASE, "binary": changed(labels="activity", loss="bce")}
            scores = [
                s
                for metric in ("AUROC", COVERAGE_OF_LABELS)
                for s in lines("base", metric, r + gain) + lines("binary", metric, r)
            ]
            scores += lines("base", "AUROC", 0.8, on="on peaks") + lines("binary", "AUROC", 0.8, on="on peaks")
    return scores, rows


@pytest.mark.parametrize("name", [f"C{number}" for number in range(1, 10)])
def test_a_claim_that_was_put_in_is_supported_and_its_opposite_is_not(name: str) -> None:
    assert verdict(name, *made(name, 0.1)).verdict == "supported"
    against = verdict(name, *made(name, -0.1))
    assert (against.verdict, "contradict" in against.reason) == ("not supported", True)
    assert against.low <= against.effect <= against.high


@pytest.mark.parametrize("name", ["C3", "C6", "C7"])
def test_no_effect_leaves_a_claim_open(name: str) -> None:
    found = verdict(name, *made(name, 0.0))
    assert found.verdict == "not supported"
    assert found.p_corrected > 0.05


def test_at_least_as_good_allows_a_margin_and_no_more() -> None:
    within, beyond = made("C1", -AS_GOOD_R / 4), made("C1", -2 * AS_GOOD_R)
    assert verdict("C1", *within).verdict == "supported"
    assert verdict("C1", *beyond).verdict == "not supported"


def test_one_worse_comparison_refutes_a_claim_about_all() -> None:
    scores, rows = made("C1", 0.1)
    rows |= {"pearson": changed(loss="pearson")}
    found = verdict("C1", [*scores, *lines("pearson", WHOLE, 0.9)], rows)
    assert found.verdict == "not supported"
    assert "r against pearson" in found.reason
    assert found.effect == pytest.approx(-0.2, abs=0.01)


def test_effect_is_the_mean_of_paired_differences() -> None:
    rows = {"base": BASE, "task": changed(head="task")}
    single, task = [0.50, 0.60, 0.70], [0.52, 0.63, 0.74]
    scores = [
        Score(row, "model", seed, "test", MEAN, WHOLE, 75, math.nan, value)
        for row, values in (("base", single), ("task", task))
        for seed, value in enumerate(values)
    ]
    found = verdict("C7", scores, rows)
    assert found.effect == pytest.approx(0.03)
    assert found.seeds == 3
    # paired t with 2 degrees of freedom: t = .03 / (.01 / sqrt 3), and p = 1 - t / sqrt(t^2 + 2)
    t = 0.03 / (0.01 / math.sqrt(3))
    assert found.p_corrected == pytest.approx(1 - t / math.sqrt(t * t + 2))


def test_only_rows_that_differ_in_one_setting_are_compared() -> None:
    scores, rows = made("C7", 0.1)
    rows["task"] = rows["task"] | {"loss": "mse"}
    found = verdict("C7", scores, rows)
    assert found.verdict == "cannot be tested here"
    assert "head alone" in found.reason


def test_what_was_not_measured_cannot_be_tested() -> None:
    for claim in claims([], {"base": BASE}, TRAINING):
        assert claim.verdict == "cannot be tested here"
        assert claim.reason.endswith(".")


def test_one_seed_has_no_spread() -> None:
    scores, rows = made("C6", 0.1)
    found = verdict("C6", [score for score in scores if score.seed == 0], rows)
    assert (found.verdict, "at least two" in found.reason) == ("cannot be tested here", True)


def test_p_values_are_corrected_for_the_number_of_claims_tested() -> None:
    one = verdict("C7", *made("C7", 0.002))
    scores, rows = made("C7", 0.002)
    more, further = made("C6", 0.003)
    both = verdict("C7", [*scores, *more[len(more) // 2 :]], rows | {"plain": further["plain"]})
    assert both.p_corrected >= one.p_corrected


def test_test_windows_alone_are_looked_at() -> None:
    scores, rows = made("C6", 0.1)
    valid = [score._replace(set="valid") for score in scores]
    assert verdict("C6", valid, rows).verdict == "cannot be tested here"


def test_peaks_are_told_apart_in_the_ninth_claim() -> None:
    found = verdict("C9", *made("C9", 0.1))
    assert "a tie" in found.reason


def test_evidence_on_the_wrong_side_has_p_of_one() -> None:
    assert Evidence("less", {0: -1.0, 1: -1.1}).p == 1.0
    assert Evidence("less", {0: -1.0, 1: -1.1}, upward=False).p < 0.05


def test_the_table_survives_its_file() -> None:
    scores, _ = made("C2", 0.1)
    again = from_tsv(to_tsv(scores))
    assert to_tsv(again) == to_tsv(scores)
    with pytest.raises(InputError, match="line 2"):
        from_tsv(to_tsv([]) + "base\tmodel\n")
