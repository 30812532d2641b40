"""How letters are replaced along a branch: HKY, of which JC69 and K80 are cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_TRANSITION = np.array([[x != y and (x + y) % 2 == 0 for y in range(4)] for x in range(4)])  # A-G and C-T


@dataclass(frozen=True)
class Substitution:
    """A reversible process of letters in the order ACGT (Hasegawa, Kishino & Yano, 1985).

    From x to another letter y the rate is the frequency of y, times ``kappa`` for transitions (A with G, C with T); all
    are scaled so that one unit of time is one expected substitution per site.

    Args:
        kappa: rate of transitions relative to transversions, above 0.
        frequencies: of A, C, G and T in the long run; positive, sum 1.

    Raises:
        ValueError: for numbers out of range.

    Examples:
        >>> jc69().probabilities(1000.0).round(3).tolist()[0]
        [0.25, 0.25, 0.25, 0.25]
        >>> round(float(1 - jc69().probabilities(0.1)[0, 0]), 6), round(jc69_difference(0.1), 6)
        (0.09362, 0.09362)
    """

    kappa: float = 1.0
    frequencies: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25)

    def __post_init__(self) -> None:
        if not 0 < self.kappa < math.inf:
            raise ValueError(f"kappa is {self.kappa:g}: a positive number is needed, 1 for no preference.")
        if len(self.frequencies) != 4 or min(self.frequencies) <= 0 or abs(sum(self.frequencies) - 1) > 1e-9:
            raise ValueError(f"frequencies {self.frequencies}: four positive numbers that add up to 1 are needed.")

    @cached_property
    def rates(self) -> Matrix:
        """The rate matrix (4, 4); rows sum to 0."""
        stationary = np.array(self.frequencies)
        rates = np.where(_TRANSITION, self.kappa, 1.0) * stationary
        np.fill_diagonal(rates, 0.0)
        np.fill_diagonal(rates, -rates.sum(axis=1))
        return np.asarray(rates / -(stationary @ np.diag(rates)))

    @cached_property
    def _spectrum(self) -> tuple[Matrix, Matrix, Matrix]:
        root = np.sqrt(np.array(self.frequencies))
        values, vectors = np.linalg.eigh(root[:, None] * self.rates / root)  # symmetric, for the process is reversible
        return values, vectors / root[:, None], vectors.T * root

    def probabilities(self, time: float | Matrix) -> Matrix:
        """Of each letter at the end of a branch (columns) given the one at its start (rows).

        Args:
            time: expected substitutions per site, one or many.

        Returns:
            (4, 4), or (..., 4, 4).
        """
        values, left, right = self._spectrum
        grown = np.exp(np.multiply.outer(np.asarray(time, dtype=np.float64), values))
        return np.maximum((left * grown[..., None, :]) @ right, 0.0)


def jc69() -> Substitution:
    """All substitutions alike (Jukes & Cantor, 1969)."""
    return Substitution()


def k80(kappa: float) -> Substitution:
    """Transitions at another rate than transversions, equal frequencies (Kimura, 1980)."""
    return Substitution(kappa)


def hky(kappa: float, frequencies: Sequence[float]) -> Substitution:
    """Transitions at another rate, and any frequencies (Hasegawa, Kishino & Yano, 1985)."""
    a, c, g, t = frequencies
    return Substitution(kappa, (a, c, g, t))


def jc69_difference(distance: float) -> float:
    """The share of sites that differ after so many expected substitutions per site between two sequences (JC69).

    Examples:
        >>> round(jc69_difference(100.0), 6)
        0.75
    """
    return 0.75 * -math.expm1(-4 * distance / 3)
