"""What a claim stands on: differences that must all lie on one side of a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from palindra.evaluation import paired_test
from palindra.probing.verdicts.contrasts import Difference
from palindra.probing.verdicts.entries import Entry, Kind


@dataclass(frozen=True)
class Evidence:
    """One comparison that a claim needs: above ``bound`` speaks for it (below, if not ``upward``)."""

    what: str
    difference: Difference
    bound: float = 0.0
    upward: bool = True

    @property
    def p(self) -> float:
        """One-sided, for the claim."""
        return self.difference.p_above(self.bound) if self.upward else self.difference.p_below(self.bound)

    @property
    def p_contrary(self) -> float:
        """One-sided, against it."""
        return self.difference.p_below(self.bound) if self.upward else self.difference.p_above(self.bound)

    def __str__(self) -> str:
        """The difference with its interval.

        Examples:
            >>> print(Evidence("lm on tf", Difference(-.02, -.03, -.01, .01, .005, 4, "seeds", 5)))
            lm on tf: -0.020 [-0.030, -0.010] over seeds
        """
        d = self.difference
        if math.isnan(d.low):
            return f"{self.what}: {d.mean:+.3f}, no interval"
        return f"{self.what}: {d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}] over {d.covers}"


@dataclass(frozen=True)
class Outcome:
    """What is known of a claim before p-values are corrected for the number of claims."""

    evidence: Sequence[Evidence]  # all of which must hold; none: not tested
    reason: str = ""
    tested_on: str = ""


@dataclass(frozen=True)
class ZeroShot:
    """Correlation of untrained variant scores with measured effects, as signed as it came out."""

    source: str
    kind: Kind
    task: str
    score: str  # "cosine against |effect|"
    correlation: float = math.nan
    low: float = math.nan  # 95 % interval over variants
    high: float = math.nan
    variants: int = 0
    expected: int = 0  # sign that it should have, 0 where theory names none
    elements: str = ""
    trained: Entry | None = None  # a readout of the same embeddings, scored on the same variants
    warnings: tuple[str, ...] = ()

    def difference(self) -> Difference:
        """The correlation as a difference from none; its error from the width of the interval."""
        from scipy.stats import norm

        if not math.isfinite(self.low):
            return Difference.unknown(self.correlation, 1)
        error = (self.high - self.low) / (2 * float(norm.ppf(0.975)))
        p = 2 * float(norm.sf(abs(self.correlation) / error)) if error else float(self.correlation == 0)
        return Difference(self.correlation, self.low, self.high, p, error, math.inf, "variants", 1)


@dataclass(frozen=True)
class MapAgreement:
    """Correlation, sequence by sequence, of a source's attribution maps with those of the one-hot CNN."""

    source: str
    kind: Kind
    task: str
    stage: str  # "pretrained" (the language model's own map) or "downstream" (through the trained readout)
    correlations: Mapping[str, float] = field(default_factory=dict)  # by sequence
    warnings: tuple[str, ...] = ()

    def difference(self, other: MapAgreement | None = None) -> Difference:
        """Mean correlation, or its difference from another stage's, with an interval over sequences."""
        names = [name for name, value in self.correlations.items() if math.isfinite(value)]
        if other is not None:
            names = [name for name in names if math.isfinite(other.correlations.get(name, math.nan))]
        values = np.array([self.correlations[name] for name in names])
        if len(values) < 2:
            return Difference.unknown(float(values.mean()) if len(values) else math.nan, len(values))
        rest = np.zeros_like(values) if other is None else np.array([other.correlations[name] for name in names])
        test = paired_test(values, rest)
        error = float((values - rest).std(ddof=1)) / len(values) ** 0.5
        return Difference(test.mean, test.low, test.high, test.p_t, error, len(values) - 1.0, "sequences", len(values))
