"""The scores of a grid as one long table, the only thing that claims and pages are made from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from palindra.errors import InputError

MEAN = "mean"
NO_SEED = -1
VARIATION, STRANDS = "variation score", "strand discrepancy"
WHOLE, INSIDE, MSE, SCALED_MSE = "Pearson (whole)", "Pearson (per sequence)", "MSE", "MSE (scaled)"
ABOVE, BOX_CAR = "Pearson (per sequence, above)", "Pearson (box-car)"
COLUMNS = ("row", "kind", "seed", "set", "track", "metric", "bin_size", "at", "value")


class Score(NamedTuple):
    """One number of one row of a grid."""

    row: str
    kind: str  # "model", "trivial" or "ceiling"
    seed: int  # NO_SEED for a row without seeds
    set: str  # "valid", "test", or a further test set
    track: str  # or MEAN, over tracks
    metric: str
    bin_size: int  # at which it was scored
    at: float  # threshold or width of the box, NaN for other metrics
    value: float


class ScoreTable:
    """Scores by what they are, then by seed.

    Args:
        scores: all of them.

    Examples:
        >>> table = ScoreTable([Score("base", "model", 0, "test", MEAN, WHOLE, 75, math.nan, 0.6)])
        >>> table.seeds("base", WHOLE, 75), table.mean("base", WHOLE, 75)
        ({0: 0.6}, 0.6)
    """

    def __init__(self, scores: Iterable[Score]) -> None:
        self.scores = list(scores)
        self._found: dict[tuple[object, ...], dict[int, float]] = defaultdict(dict)
        self.bins: dict[str, set[int]] = defaultdict(set)
        self.kinds: dict[str, str] = {}
        for score in self.scores:
            self._found[_key(*score[3:8], row=score.row)][score.seed] = score.value
            self.bins[score.row].add(score.bin_size)
            self.kinds[score.row] = score.kind

    def seeds(
        self, row: str, metric: str, bin_size: int, *, on: str = "test", track: str = MEAN, at: float = math.nan
    ) -> dict[int, float]:
        """Values by seed; those that do not exist (NaN) are left out."""
        found = self._found.get(_key(on, track, metric, bin_size, at, row=row), {})
        return {seed: value for seed, value in sorted(found.items()) if not math.isnan(value)}

    def mean(self, row: str, metric: str, bin_size: int, **where: object) -> float:
        """Mean over seeds, NaN where there are none."""
        values = list(self.seeds(row, metric, bin_size, **where).values())  # type: ignore[arg-type]
        return sum(values) / len(values) if values else math.nan

    def places(self, metric: str) -> list[float]:
        """The thresholds or widths of a metric, rising."""
        return sorted({score.at for score in self.scores if score.metric == metric})


def to_tsv(scores: Iterable[Score]) -> str:
    """The table as text; NaN is empty."""
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(_cell(value) for value in score) for score in scores]
    return "\n".join(lines) + "\n"


def from_tsv(text: str) -> list[Score]:
    """Read what :func:`to_tsv` wrote.

    Raises:
        InputError: names the line.
    """
    lines = text.splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise InputError(f"line 1: the columns are not {', '.join(COLUMNS)}.")
    found = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            row, kind, seed, on, track, metric, bin_size, at, value = line.split("\t")
            found.append(
                Score(row, kind, int(seed), on, track, metric, int(bin_size), float(at or "nan"), float(value or "nan"))
            )
        except ValueError as error:
            raise InputError(f"line {number}: is no row of scores ({error}).") from None
    return found


def by_seed(pairs: Iterable[tuple[Mapping[int, float], Mapping[int, float]]]) -> dict[int, float]:
    """First minus second for each seed that all have, averaged over pairs.

    Examples:
        >>> by_seed([({0: 3.0, 1: 5.0}, {0: 1.0, 1: 1.0}), ({0: 1.0}, {0: 1.0})])
        {0: 1.0}
    """
    pairs = list(pairs)
    common = set.intersection(*(set(a) & set(b) for a, b in pairs)) if pairs else set()
    return {seed: sum(a[seed] - b[seed] for a, b in pairs) / len(pairs) for seed in sorted(common)}


def _key(on: str, track: str, metric: str, bin_size: int, at: float, *, row: str) -> tuple[object, ...]:
    return row, on, track, metric, bin_size, None if math.isnan(at) else at


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.8g}"
    return str(value)
