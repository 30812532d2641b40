"""What a comparison showed, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from palindra.cli.labelled.row_differences import RowsDifference
from palindra.cli.labelled.scoring import Scored
from palindra.evaluation.specific_scores import CENTRED, GAIN
from palindra.evaluation.specificity import OTHERS
from palindra.report.comparison import Row, Test

SIGNIFICANT = 0.05


def best_of(main: Sequence[Scored]) -> Scored:
    """The trained row of highest score on the validation split."""
    return max((scored for scored in main if scored.row.kind != "baseline"), key=lambda scored: scored.valid)


def top_baseline(main: Sequence[Scored], metric: str) -> Scored | None:
    """The trivial row of highest test score; rows that read measured values are no baselines."""
    trivial = [scored for scored in main if scored.row.kind == "baseline" and scored.row.name != OTHERS]
    known = [scored for scored in trivial if not isnan(scored.row.intervals[metric][0])]
    return max(known, key=lambda scored: scored.row.intervals[metric][0], default=None)


def conclude(
    main: Sequence[Scored],
    tests: Sequence[Test],
    metric: str,
    seeds: int,
    differences: Sequence[RowsDifference] = (),
) -> list[str]:
    """The winner by validation, how sure that is, the baselines, and who contradicts itself."""
    trained = [scored for scored in main if scored.row.kind != "baseline"]
    best = best_of(main).row
    found = [f"Chosen on validation: {best.name}. On the test split {metric} {_value(best, metric)}."]
    for test in tests:
        if test.row == best.name:
            found.append(f"Against {test.reference}: {_difference(test)}.")
        elif test.reference == best.name:
            found.append(f"{test.row} against it: {_difference(test)}.")
    if seeds == 1:
        found.append("One seed only: no interval and no test; differences may be chance.")
    names = [scored.row.name for scored in trained]
    for over in differences:
        if over.reference in names:
            found.append(
                f"Over {over.blocks} of the test split (first seed), {best.name} minus {over.reference} is "
                f"{over.difference:+.4f} [{over.low:+.4f}, {over.high:+.4f}]."
            )
    if baseline := top_baseline(main, metric):
        top = baseline.row
        lead = best.intervals[metric][0] - top.intervals[metric][0]
        found.append(
            f"The best trivial baseline ({top.name}) has {metric} {top.intervals[metric][0]:.3f}, "
            + (f"{lead:.3f} less." if lead > 0 else f"so training a network gained nothing here ({lead:+.3f}).")
        )
        found[-1] += "".join(
            f" Over {over.blocks} {best.name} minus it is {over.difference:+.3f} [{over.low:+.3f}, {over.high:+.3f}]."
            for over in differences
            if over.reference == top.name
        )
    found += [_specificity(best, scored.row, metric) for scored in main if scored.row.name == OTHERS]
    apart = [s.row for s in trained if (s.row.strand_discrepancy or 0) > 1e-5]
    if apart:
        worst = max(apart, key=lambda row: row.strand_discrepancy or 0)
        found.append(
            f"Read from the other strand, {worst.name} changes its answers by {worst.strand_discrepancy:.3f} "
            "on average; "
            + (
                f"{best.name} gives the same answer for both strands."
                if best not in apart
                else f"{best.name} by {best.strand_discrepancy:.3f}."
            )
        )
    return found


def _specificity(best: Row, others: Row, metric: str) -> str:
    return (
        f"The measured mean of the other targets has {metric} {others.intervals[metric][0]:.3f}: so much is shared. "
        f"With the mean over targets taken out, {best.name} has r {best.intervals[CENTRED][0]:.3f}; its differences "
        f"between targets add {best.intervals[GAIN][0]:+.3f} to r."
    )


def _value(row: Row, metric: str) -> str:
    mean, low, high = row.intervals[metric]
    return f"{mean:.3f} (95 % interval {low:.3f} to {high:.3f} over seeds)" if low == low else f"{mean:.3f}"


def _difference(test: Test) -> str:
    if test.p_corrected != test.p_corrected:
        return f"{test.difference:+.4f}, not testable"
    sure = "better" if test.difference > 0 else "worse"
    word = sure if test.p_corrected < SIGNIFICANT else "no difference shown"
    return f"{test.difference:+.4f} [{test.low:+.4f}, {test.high:+.4f}], corrected p = {test.p_corrected:.2g}: {word}"
