"""What a claim stands on: differences of scores, one for each seed, and the test of all of them together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from palindra.cli.tracks.table import ScoreTable
from palindra.evaluation import mean_interval, paired_test

Settings = Mapping[str, Any]


class TrainingSet(NamedTuple):
    """How the windows of a data set were chosen."""

    kind: str  # "tiles" or "peaks"
    threshold: float | None = None


@dataclass(frozen=True)
class Evidence:
    """One comparison that a claim needs: values above ``bound`` (or below, if not ``upward``) speak for it."""

    what: str
    values: Mapping[int, float]  # by seed
    bound: float = 0.0
    upward: bool = True

    @property
    def p(self) -> float:
        """Two-sided t-test against the bound; 1 on the wrong side of it, NaN with fewer than two seeds."""
        sign = 1.0 if self.upward else -1.0
        beyond = [sign * (value - self.bound) for value in self.values.values()]
        if len(beyond) < 2:
            return math.nan
        test = paired_test(beyond, [0.0] * len(beyond))
        return test.p_t if test.mean > 0 else 1.0

    @property
    def interval(self) -> tuple[float, float, float]:
        """Mean, low and high over seeds."""
        return tuple(mean_interval(list(self.values.values())))  # type: ignore[return-value]


class Outcome(NamedTuple):
    """What became of a claim before p-values are corrected for the number of claims."""

    measure: str
    evidence: Sequence[Evidence]  # all of which must hold; none: cannot be tested
    reason: str = ""


@dataclass(frozen=True)
class Findings:
    """Everything that a claim may look at: scores and settings, no models and no data.

    Args:
        table: the scores.
        rows: settings of every row of kind "model".
        training: how the windows of each data set were chosen.
    """

    table: ScoreTable
    rows: Mapping[str, Settings]
    training: Mapping[str, TrainingSet]

    def quantitative(self) -> list[str]:
        """Rows that predict coverage."""
        return [name for name, row in self.rows.items() if row.get("labels", "tracks") == "tracks"]

    def binary(self) -> list[str]:
        """Rows that predict labels."""
        return [name for name, row in self.rows.items() if row.get("labels", "tracks") == "activity"]

    def pairs(
        self, names: Sequence[str], first: Callable[[Settings], bool], second: Callable[[Settings], bool]
    ) -> list[tuple[str, str]]:
        """Pairs of rows that differ in these settings alone, the first of one kind and the second of another."""
        apart = [
            (a, b)
            for a, one in self.rows.items()
            for b, two in self.rows.items()
            if a != b and first(one) and second(two)
            if all(one.get(name) == two.get(name) for name in {*one, *two} - set(names))
        ]
        return list(dict.fromkeys(apart))

    def seeds(self, row: str, metric: str, **where: Any) -> dict[int, float]:
        """Scores of a row by seed, at its own bin size."""
        return self.table.seeds(row, metric, int(self.rows[row]["bin_size"]), **where)

    def differences(
        self, pairs: Iterable[tuple[str, str]], metric: str, *, relative: bool = False, **where: Any
    ) -> dict[int, float]:
        """First minus second for each seed, mean over pairs; relative: as a share of the second."""
        parts = []
        for a, b in pairs:
            one, two = self.seeds(a, metric, **where), self.seeds(b, metric, **where)
            common = one.keys() & two.keys()
            if common:
                parts.append({s: (one[s] - two[s]) / (abs(two[s]) if relative and two[s] else 1.0) for s in common})
        return mean_by_seed(parts)


def mean_by_seed(parts: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Mean of several values for each seed that all of them have.

    Examples:
        >>> mean_by_seed([{0: 1.0, 1: 2.0}, {0: 3.0}])
        {0: 2.0}
    """
    common = sorted(set.intersection(*map(set, parts))) if parts else []
    return {seed: sum(part[seed] for part in parts) / len(parts) for seed in common}


def steps(findings: Findings, rows: Sequence[str], at: Callable[[str], Mapping[float, Mapping[int, float]]],
          what: str) -> list[Evidence]:  # fmt: skip
    """Evidence that scores rise from each place to the next, mean over rows that have both."""
    found: dict[tuple[float, float], list[Mapping[int, float]]] = {}
    for row in rows:
        values = {place: some for place, some in at(row).items() if some}
        places = sorted(values)
        for low, high in itertools.pairwise(places):
            common = values[low].keys() & values[high].keys()
            found.setdefault((low, high), []).append({s: values[high][s] - values[low][s] for s in common})
    return [
        Evidence(f"{what} {low:g} to {high:g}", mean)
        for (low, high), parts in sorted(found.items())
        if (mean := mean_by_seed(parts))
    ]
