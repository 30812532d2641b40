"""The claims C1 to C10 of the GOPHER study on other data: a pure function of the table of scores.

Each claim is turned into comparisons that must all hold, each a t-test over paired seeds; the p-value of a claim is the
largest of its comparisons (intersection-union), then corrected for the number of claims tested (Holm). *Supported*
needs a corrected p below 0.05 on the right side; otherwise the claim is *not supported*, and the reason says whether
the data contradict it or leave it open. *Cannot be tested here* says what is missing.

Source: Toneyan, Tang & Koo (2022), Nature Machine Intelligence 4, 1088; Tang (2024), chapter 2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping

from palindra.cli.tracks.claim_evidence import Evidence, Findings, Outcome, Settings, TrainingSet, mean_by_seed, steps
from palindra.cli.tracks.scoring import COVERAGE_OF_LABELS
from palindra.cli.tracks.table import (
    ABOVE,
    BOX_CAR,
    INSIDE,
    MSE,
    SCALED_MSE,
    VARIATION,
    WHOLE,
    Score,
    ScoreTable,
)
from palindra.evaluation import holm
from palindra.report.track_results import VERDICTS, Claim

SUPPORTED, NOT_SUPPORTED, UNTESTED = VERDICTS
LEVEL = 0.05
AS_GOOD_R = 0.01  # a loss of r up to which a model counts as at least as good (C1)
AS_GOOD_MSE = 0.02  # the same for the mean squared error, as a share of it
SAME_R = 0.017  # largest change of r that the study calls the same accuracy (C8)
TIE = 0.02  # difference of AUROC that counts as a tie on peaks (C9)
OTHER_LOSSES = ("mse", "pearson", "pearson-mse", "multinomial-mse")

WORDS = {
    "C1": "The Poisson loss is at least as good as the others, on r and on the squared error, at every bin size.",
    "C2": "A coarser evaluation bin, or a wider box, raises r of one and the same model.",
    "C3": "A lower training threshold raises whole r; training on peak-centred windows is lowest.",
    "C4": "Per-sequence r rises with the threshold of the test windows.",
    "C5": "Shifts and reverse complements in training lower the variation score.",
    "C6": "Dilated residual blocks beat the same network without dilation.",
    "C7": "Task heads are better than a single head on the same trunk.",
    "C8": "An exponential first layer leaves the accuracy as it is.",
    "C9": "Every quantitative model beats every binary one, on labels and on coverage of whole regions.",
    "C10": "Predicting variants over shifted windows is better than from one window.",
}


def claims(scores: Iterable[Score], rows: Mapping[str, Settings], training: Mapping[str, TrainingSet]) -> list[Claim]:
    """Every claim with its verdict.

    Args:
        scores: the table of a grid.
        rows: settings of its models by row.
        training: how the windows of the grid's data sets were chosen.

    Examples:
        >>> [claim.verdict for claim in claims([], {}, {})] == ["cannot be tested here"] * 10
        True
    """
    findings = Findings(ScoreTable(scores), rows, training)
    outcomes = {name: test(findings) for name, test in TESTS.items()}
    p_values = {name: _p(outcome) for name, outcome in outcomes.items()}
    tested = [name for name, p in p_values.items() if not math.isnan(p)]
    corrected = dict(zip(tested, holm([p_values[name] for name in tested]), strict=True))
    return [_claim(name, outcome, corrected.get(name)) for name, outcome in outcomes.items()]


def c1(it: Findings) -> Outcome:
    """Poisson against each other loss: not worse by more than a margin, in r and in the scaled squared error."""
    evidence = []
    for loss in OTHER_LOSSES:
        pairs = it.pairs(["loss"], lambda row: row["loss"] == "poisson", lambda row, loss=loss: row["loss"] == loss)
        if values := it.differences(pairs, WHOLE):
            evidence.append(Evidence(f"r against {loss}", values, -AS_GOOD_R))
        if values := it.differences(pairs, SCALED_MSE, relative=True):
            evidence.append(Evidence(f"relative MSE against {loss}", values, AS_GOOD_MSE, upward=False))
    if not evidence:
        return Outcome("", [], "no two rows differ in the loss alone, with Poisson as one of them")
    lost = [loss for loss in OTHER_LOSSES if not any(loss == part.what.split()[-1] for part in evidence)]
    note = f"At least as good: at most {AS_GOOD_R} less r and {AS_GOOD_MSE:.0%} more MSE (scaled)."
    return Outcome(
        "Poisson minus the other loss", evidence, note + (f" Not in the grid: {', '.join(lost)}." * bool(lost))
    )


def c2(it: Findings) -> Outcome:
    """Steps of the resolution triangle, and of box-car widths."""
    rows, widths = it.quantitative(), it.table.places(BOX_CAR)
    evidence = steps(
        it, rows, lambda row: {size: it.table.seeds(row, WHOLE, size) for size in it.table.bins[row]}, "bin"
    )
    evidence += steps(it, rows, lambda row: {width: it.seeds(row, BOX_CAR, at=width) for width in widths}, "box")
    if not evidence:
        return Outcome("", [], "no row was scored at two bin sizes")
    return Outcome("smallest step of r to the next coarser bin or wider box, mean over rows", evidence)


def c3(it: Findings) -> Outcome:
    """Training sets by rising threshold, peak-centred ones last."""

    def place(row: Settings) -> tuple[bool, float]:
        chosen = it.training[row["data"]]
        threshold = -math.inf if chosen.threshold is None else chosen.threshold
        return chosen.kind == "peaks", 0.0 if chosen.kind == "peaks" else threshold

    known = {name: place(row) for name, row in it.rows.items() if row.get("data") in it.training}
    places = sorted(set(known.values()))
    if len(places) < 2:
        return Outcome("", [], "all rows were trained on windows chosen by one rule")
    evidence, errors = [], []
    for low, high in itertools.pairwise(places):
        pairs = [
            (a, b)
            for a, b in it.pairs(["data"], lambda row: True, lambda row: True)
            if a in it.quantitative() and known.get(a) == low and known.get(b) == high
        ]
        name = "peaks" if high[0] else f"threshold {high[1]:g}"
        if values := it.differences(pairs, WHOLE):
            evidence.append(Evidence(f"r against {name}", values))
        for where in sorted({score.set for score in it.table.scores} - {"valid"}):
            if values := it.differences(pairs, MSE, relative=True, on=where):
                errors.append(f"{mean_of(values):+.1%} against {name} on {where}")
    if not evidence:
        return Outcome("", [], "no two rows differ in the training set alone")
    note = f"Squared error: {', '.join(errors)} (the study: lower on the whole chromosome, higher on peaks)."
    return Outcome("r after training on more windows minus r on fewer", evidence, note if errors else "")


def c4(it: Findings) -> Outcome:
    """Steps of the threshold curve."""
    thresholds = it.table.places(ABOVE)
    evidence = steps(
        it, it.quantitative(), lambda row: {t: it.seeds(row, ABOVE, at=t) for t in thresholds}, "threshold"
    )
    if not evidence:
        return Outcome("", [], "the grid was scored at fewer than two thresholds (evaluation.thresholds)")
    return Outcome("smallest step of per-sequence r to the next threshold, mean over rows", evidence)


def c5(it: Findings) -> Outcome:
    """Variation with and without each augmentation, as a share of that without."""

    def shifted(row: Settings) -> bool:
        return bool(row.get("shift")) or row.get("crop") == "random"

    def turned(row: Settings) -> bool:
        return row.get("strategy") == "augment" or (
            row.get("strategy") == "none" and bool(row.get("reverse_complement"))
        )

    def given(row: Settings) -> bool:
        return row.get("strategy") == "none" and not row.get("reverse_complement")

    found = {
        "shift": it.pairs(["shift", "crop"], shifted, lambda row: not shifted(row)),
        "reverse complement": it.pairs(["reverse_complement", "strategy"], turned, given),
    }
    evidence = [
        Evidence(name, values, upward=False)
        for name, pairs in found.items()
        if (values := it.differences(pairs, VARIATION, relative=True))
    ]
    if not evidence:
        return Outcome("", [], "no two rows with a variation score differ in their augmentation alone")
    by_set = {
        name: mean_by_seed([it.seeds(row, VARIATION) for row in it.quantitative() if it.rows[row]["data"] == name])
        for name in it.training
    }
    said = [f"{mean_of(values):.3f} after training on {name}" for name, values in by_set.items() if values]
    lacking = [name for name, pairs in found.items() if not pairs]
    note = f"Variation score {', '.join(said)}." + (f" Not in the grid: {', '.join(lacking)}." if lacking else "")
    return Outcome("relative change of the variation score", evidence, note)


def c6(it: Findings) -> Outcome:
    """Dilated against plain blocks of the same size and number."""
    names = ("dilations", "bin_dilations")

    def widest(row: Settings) -> int:
        return max([1, *(part for name in names for part in row.get(name) or ())])

    pairs = it.pairs(names, lambda row: widest(row) > 1, lambda row: widest(row) == 1)
    values = it.differences(pairs, WHOLE)
    if not values:
        return Outcome("", [], "no two rows differ in dilations alone, one of them without any")
    return Outcome("r with dilations minus r without", [Evidence("dilations", values)])


def c7(it: Findings) -> Outcome:
    """Task heads against one head."""
    return _simple(it, "head", "task", "single", "r with task heads minus r with one head")


def c8(it: Findings) -> Outcome:
    """Equivalence of r within the largest change that the study calls the same."""
    outcome = _simple(it, "first_activation", "exponential", "relu", "r with exponential minus r with ReLU")
    if not outcome.evidence:
        return outcome
    values = outcome.evidence[0].values
    both = [Evidence("not lower", values, -SAME_R), Evidence("not higher", values, SAME_R, upward=False)]
    return Outcome(
        outcome.measure, both, f"The same means within {SAME_R}. Motif hits of first-layer filters were not measured."
    )


def c9(it: Findings) -> Outcome:
    """The worst quantitative row against the best binary one, seed by seed."""
    coverage, labels = it.quantitative(), it.binary()
    if not coverage or not labels:
        return Outcome("", [], 'the grid has no binary model (labels = "activity") beside quantitative ones')
    evidence, notes = [], []
    for where in dict.fromkeys(["test", *(score.set for score in it.table.scores)]):
        for metric in ("AUROC", COVERAGE_OF_LABELS):
            low = _extreme(it, coverage, metric, where, min)
            high = _extreme(it, labels, metric, where, max)
            values = {seed: low[seed] - high[seed] for seed in low.keys() & high.keys()}
            if not values or where == "valid":
                continue
            if where in it.training and it.training[where].kind == "peaks":
                if metric == "AUROC":
                    tie = "a tie" if abs(mean_of(values)) <= TIE else "no tie"
                    notes.append(f"On peaks ({where}) the difference of AUROC is {mean_of(values):+.3f}, {tie}.")
            else:
                evidence.append(Evidence(f"{metric} on {where}", values))
    if not evidence:
        return Outcome("", [], "no set of whole regions has labels")
    return Outcome("lowest quantitative minus highest binary", evidence, " ".join(notes))


def c10(it: Findings) -> Outcome:
    """Needs measured effects of variants."""
    return Outcome("", [], "no measured effects of variants belong to these data")


TESTS: dict[str, Callable[[Findings], Outcome]] = {
    "C1": c1,
    "C2": c2,
    "C3": c3,
    "C4": c4,
    "C5": c5,
    "C6": c6,
    "C7": c7,
    "C8": c8,
    "C9": c9,
    "C10": c10,
}


def mean_of(values: Mapping[int, float]) -> float:
    """Mean over seeds."""
    return sum(values.values()) / len(values)


def _simple(it: Findings, name: str, one: str, other: str, measure: str) -> Outcome:
    pairs = it.pairs([name], lambda row: row.get(name) == one, lambda row: row.get(name) == other)
    values = it.differences(pairs, WHOLE)
    if not values:
        return Outcome("", [], f"no two rows differ in {name} alone, {one!r} against {other!r}")
    inside = it.differences(pairs, INSIDE)
    note = f"Per sequence: {mean_of(inside):+.4f}." if inside else ""
    return Outcome(measure, [Evidence(name, values)], note)


def _extreme(
    it: Findings, rows: Iterable[str], metric: str, where: str, worst: Callable[[Iterable[float]], float]
) -> dict[int, float]:
    found = [values for row in rows if (values := it.seeds(row, metric, on=where))]
    common = set.intersection(*map(set, found)) if found else set()
    return {seed: worst([values[seed] for values in found]) for seed in sorted(common)}


def _p(outcome: Outcome) -> float:
    values = [part.p for part in outcome.evidence]
    return math.nan if not values or any(math.isnan(p) for p in values) else max(values)


def _claim(name: str, outcome: Outcome, corrected: float | None) -> Claim:
    if not outcome.evidence:
        return Claim(name, WORDS[name], UNTESTED, reason=outcome.reason + ".")
    seeds = min(len(part.values) for part in outcome.evidence)
    if corrected is None:
        return Claim(
            name, WORDS[name], UNTESTED, reason="one seed has no spread to test with; at least two are needed."
        )
    weakest = max(outcome.evidence, key=lambda part: (part.p, _against(part)))
    effect, low, high = weakest.interval
    verdict = SUPPORTED if corrected < LEVEL else NOT_SUPPORTED
    words = [] if len(outcome.evidence) == 1 else [f"Weakest of {len(outcome.evidence)} comparisons: {weakest.what}."]
    if verdict == NOT_SUPPORTED:
        contradicted = high < weakest.bound if weakest.upward else low > weakest.bound
        words.append("The data contradict it." if contradicted else "The data leave it open.")
    reason = " ".join([*words, *([outcome.reason] if outcome.reason else [])])
    return Claim(name, WORDS[name], verdict, outcome.measure, effect, low, high, seeds, corrected, reason)


def _against(part: Evidence) -> float:
    """How far the mean lies on the wrong side."""
    beyond = mean_of(part.values) - part.bound
    return -beyond if part.upward else beyond
