"""What a grid showed: the row chosen on validation, paired tests over seeds, and plain sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from palindra.cli.tracks.table import STRANDS, WHOLE, ScoreTable
from palindra.evaluation import holm, mean_interval, paired_test
from palindra.evaluation.specific_scores import CENTRED, GAIN
from palindra.evaluation.specificity import OTHERS
from palindra.report.track_results import VERDICTS, Claim

LEVEL = 0.05
EXACT = 1e-4  # relative difference up to which both strands say the same
Rows = Mapping[str, Mapping[str, Any]]


class RowTest(NamedTuple):
    """A row minus the reference on the test windows, paired over seeds, at the coarser of both bin sizes."""

    row: str
    reference: str
    metric: str
    bin_size: int
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    seeds: int


def common_bin(rows: Rows, names: Sequence[str]) -> int:
    """The smallest bin size at which some rows can all be scored."""
    return max(int(rows[name]["bin_size"]) for name in names)


def best_row(table: ScoreTable, rows: Rows) -> str:
    """The row of highest r on the validation windows, at a bin size that all have; binary rows have no r.

    Examples:
        >>> best_row(ScoreTable([]), {"base": {"bin_size": 75}})
        'base'
    """
    size = common_bin(rows, list(rows))
    values = {name: table.mean(name, WHOLE, size, on="valid") for name in rows}
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    return max(known, key=lambda name: known[name]) if known else next(iter(rows))


def paired_rows(table: ScoreTable, rows: Rows, reference: str) -> list[RowTest]:
    """Every row against the reference; p-values corrected together (Holm)."""
    found = []
    for name in rows:
        size = common_bin(rows, [name, reference])
        one, two = table.seeds(name, WHOLE, size), table.seeds(reference, WHOLE, size)
        seeds = sorted(one.keys() & two.keys())
        if name != reference and seeds:
            test = paired_test([one[seed] for seed in seeds], [two[seed] for seed in seeds])
            found.append(RowTest(name, reference, WHOLE, size, *test[:4], math.nan, len(seeds)))
    testable = [test for test in found if not math.isnan(test.p)]
    corrected = dict(zip([test.row for test in testable], holm([test.p for test in testable]), strict=True))
    return [test._replace(p_corrected=corrected.get(test.row, math.nan)) for test in found]


def conclude(
    table: ScoreTable,
    rows: Rows,
    best: str,
    tests: Sequence[RowTest],
    claims: Sequence[Claim],
    seeds: int,
    block: Mapping[str, float] | None = None,
) -> list[str]:
    """The winner by validation, how sure that is, what it beats, and how the claims fared."""
    size = int(rows[best]["bin_size"])
    values = list(table.seeds(best, WHOLE, size).values())
    mean, low, high = mean_interval(values) if values else (math.nan,) * 3
    interval = f" (95 % interval {low:.3f} to {high:.3f} over seeds)" if low == low else ""
    found = [f"Chosen on validation: {best}. On the test windows r is {mean:.3f}{interval} in bins of {size} bp."]
    for kind, words in (("trivial", "The best trivial predictor"), ("ceiling", "The replicate ceiling")):
        others = {name: table.mean(name, WHOLE, size) for name, some in table.kinds.items() if some == kind}
        others.pop(OTHERS, None)
        known = {name: value for name, value in others.items() if not math.isnan(value)}
        if known:
            top = max(known, key=lambda name: known[name])
            found.append(
                f"{words} ({top}) has {known[top]:.3f}." if kind == "trivial" else f"{words} is {known[top]:.3f}."
            )
    if OTHERS in table.kinds:
        found.append(
            f"The measured mean of the other tracks has {table.mean(OTHERS, WHOLE, size):.3f}: so much is shared. With "
            f"the mean over tracks taken out, {best} has r {table.mean(best, CENTRED, size):.3f}; its differences "
            f"between tracks add {table.mean(best, GAIN, size):+.3f}."
        )
    if seeds == 1:
        found.append("One seed only: no interval and no test; differences may be chance.")
    for test in tests:
        if test.p_corrected < LEVEL or test.row == best:
            sure = ("better" if test.difference > 0 else "worse") if test.p_corrected < LEVEL else "no difference shown"
            found.append(
                f"{test.row} against {test.reference}: {test.difference:+.4f} [{test.low:+.4f}, {test.high:+.4f}], "
                f"corrected p = {test.p_corrected:.2g}: {sure}."
            )
    if block is not None:
        found.append(
            f"Over blocks of the genome, {best} minus the base is {block['difference']:+.4f} "
            f"[{block['low']:+.4f}, {block['high']:+.4f}] (first seed)."
        )
    apart = {name: table.mean(name, STRANDS, int(row["bin_size"])) for name, row in rows.items()}
    if exact := [name for name, value in apart.items() if value <= EXACT]:
        found.append(f"Both strands say the same, up to rounding, in {len(exact)} of {len(rows)} rows.")
    counts = {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS}
    found.append("Claims: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) + ".")
    return found
