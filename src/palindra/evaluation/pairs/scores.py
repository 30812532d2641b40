"""How well predicted pairs agree with native ones: PPV, sensitivity, their mean and F1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from palindra.data.rna import Pairs, split_nested


class PairScores(NamedTuple):
    """Shares between 0 and 1."""

    ppv: float  # of the predicted pairs that are native
    sensitivity: float  # of the native pairs that are predicted
    mean: float  # of the two, "accuracy" in Maduranga, Zadorozhnyy and Ye (2023)
    f1: float  # harmonic mean of the two


@dataclass(frozen=True)
class PairCounts:
    """Numbers of pairs, which add up over molecules.

    Args:
        predicted: pairs predicted.
        native: pairs of the known structure.
        right: predicted pairs that are native (or next to one, if slips are allowed).
        found: native pairs that are predicted (or next to one).
    """

    predicted: int
    native: int
    right: int
    found: int

    def __add__(self, other: PairCounts) -> PairCounts:
        return PairCounts(
            self.predicted + other.predicted,
            self.native + other.native,
            self.right + other.right,
            self.found + other.found,
        )

    @property
    def scores(self) -> PairScores | None:
        """The scores; zeros where one of the two sets is empty, None where both are.

        Examples:
            >>> PairCounts(predicted=4, native=2, right=2, found=2).scores
            PairScores(ppv=0.5, sensitivity=1.0, mean=0.75, f1=0.66...)
            >>> PairCounts(3, 0, 0, 0).scores
            PairScores(ppv=0.0, sensitivity=0.0, mean=0.0, f1=0.0)
        """
        if not self.predicted and not self.native:
            return None
        ppv = self.right / self.predicted if self.predicted else 0.0
        sensitivity = self.found / self.native if self.native else 0.0
        f1 = 2 * ppv * sensitivity / (ppv + sensitivity) if ppv + sensitivity else 0.0
        return PairScores(ppv, sensitivity, (ppv + sensitivity) / 2, f1)


NONE = PairCounts(0, 0, 0, 0)


def count_pairs(predicted: Pairs, native: Pairs, *, slip: int = 0) -> PairCounts:
    """Count pairs that two structures have in common.

    Args:
        predicted: pairs (i, j), i < j.
        native: pairs of the known structure.
        slip: positions by which one of the two bases may be off: with 1, (i, j) agrees with (i±1, j) and (i, j±1)
            (Mathews 2019). Predicted pairs are counted for PPV and native ones for sensitivity.

    Examples:
        >>> count_pairs(((0, 9), (1, 8), (2, 7)), ((0, 9), (1, 7)))
        PairCounts(predicted=3, native=2, right=1, found=1)
        >>> count_pairs(((0, 9), (1, 8), (2, 7)), ((0, 9), (1, 7)), slip=1)
        PairCounts(predicted=3, native=2, right=3, found=2)
    """
    if slip < 0:
        raise ValueError(f"slip={slip}: a number from 0 is needed.")
    given, known = set(predicted), set(native)
    steps = range(-slip, slip + 1)
    near = [(step, 0) for step in steps] + [(0, step) for step in steps]
    right, found = (
        sum(any((i + a, j + b) in there for a, b in near) for i, j in here)
        for here, there in ((given, known), (known, given))
    )
    return PairCounts(len(given), len(known), right, found)


class PartCounts(NamedTuple):
    """Counts of nested and of crossing pairs, each set divided by itself, see :func:`count_parts`."""

    nested: PairCounts
    crossing: PairCounts


def count_parts(predicted: Pairs, native: Pairs) -> PartCounts:
    """Count nested and crossing pairs apart: those of a largest subset without crossings, and the rest.

    PPV of crossing pairs is the share of the crossing predicted pairs that are native at all, and sensitivity the share
    of the crossing native pairs that are predicted at all; the same for nested ones.

    Examples:
        >>> count_parts(((0, 6), (1, 5)), ((0, 6), (1, 5), (3, 9))).crossing
        PairCounts(predicted=0, native=1, right=0, found=0)
    """
    given, known = set(predicted), set(native)
    parts = []
    for mine, theirs in zip(split_nested(predicted), split_nested(native), strict=True):
        parts.append(
            PairCounts(
                len(mine), len(theirs), sum(pair in known for pair in mine), sum(pair in given for pair in theirs)
            )
        )
    return PartCounts(*parts)


class ScoreSummary(NamedTuple):
    """Scores of several molecules."""

    molecules: int  # that are scored
    skipped: int  # without predicted and native pairs
    mean: PairScores | None  # of the scores of molecules, None where none is scored
    pooled: PairScores | None  # of all pairs together


def summarise(counts: Iterable[PairCounts]) -> ScoreSummary:
    """Mean and pooled scores; molecules without any pair, predicted or native, are skipped and counted.

    Examples:
        >>> found = summarise([PairCounts(1, 1, 1, 1), PairCounts(3, 3, 0, 0), PairCounts(0, 0, 0, 0)])
        >>> found.molecules, found.skipped, found.mean.f1, found.pooled.f1
        (2, 1, 0.5, 0.25)
    """
    rows = list(counts)
    scores = [one for row in rows if (one := row.scores) is not None]
    mean = PairScores(*(sum(column) / len(scores) for column in zip(*scores, strict=True))) if scores else None
    return ScoreSummary(len(scores), len(rows) - len(scores), mean, sum(rows, NONE).scores)
