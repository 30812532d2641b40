"""What a comparison showed, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from palindra.cli.scoring import Scored
from palindra.report.comparison import Row, Test

SIGNIFICANT = 0.05


def conclude(main: Sequence[Scored], tests: Sequence[Test], metric: str, seeds: int) -> list[str]:
    """The winner by validation, how sure that is, the baselines, and who contradicts itself."""
    trained = [scored for scored in main if scored.row.kind != "baseline"]
    best = max(trained, key=lambda scored: scored.valid).row
    found = [f"Chosen on validation: {best.name}. On the test split {metric} {_value(best, metric)}."]
    for test in tests:
        if test.row == best.name:
            found.append(f"Against {test.reference}: {_difference(test)}.")
        elif test.reference == best.name:
            found.append(f"{test.row} against it: {_difference(test)}.")
    if seeds == 1:
        found.append("One seed only: no interval and no test; differences may be chance.")
    if baselines := [scored.row for scored in main if scored.row.kind == "baseline"]:
        top = max(baselines, key=lambda row: row.intervals[metric][0])
        lead = best.intervals[metric][0] - top.intervals[metric][0]
        found.append(
            f"The better trivial baseline ({top.name}) has {metric} {top.intervals[metric][0]:.3f}, "
            + (f"{lead:.3f} less." if lead > 0 else f"so training a network gained nothing here ({lead:+.3f}).")
        )
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


def _value(row: Row, metric: str) -> str:
    mean, low, high = row.intervals[metric]
    return f"{mean:.3f} (95 % interval {low:.3f} to {high:.3f} over seeds)" if low == low else f"{mean:.3f}"


def _difference(test: Test) -> str:
    if test.p_corrected != test.p_corrected:
        return f"{test.difference:+.4f}, not testable"
    sure = "better" if test.difference > 0 else "worse"
    word = sure if test.p_corrected < SIGNIFICANT else "no difference shown"
    return f"{test.difference:+.4f} [{test.low:+.4f}, {test.high:+.4f}], corrected p = {test.p_corrected:.2g}: {word}"
