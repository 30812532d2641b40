"""What the figures of a track model are drawn from: plain arrays, numbers and names, checked as they are put together.

A *bin* is a stretch of bases whose values were averaged; NaN stands for "not measured" and is never drawn as zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Counts: TypeAlias = NDArray[np.integer[Any]]

MOST_BINS = 4000  # of one locus: more cannot be told apart on a screen
SCALES = ("linear", "log(1 + x)")


@dataclass(frozen=True, eq=False)
class TrackView:
    """One track over one locus: what was measured, and what was predicted from either strand.

    Raises:
        ValueError: if the arrays are not of one dimension and one length.

    Examples:
        >>> view = TrackView("MNase", np.array([1.0, 2.0]), np.array([1.5, 1.5]), turned=np.array([1.5, 1.4]))
        >>> len(view)
        2
    """

    name: str
    truth: Array  # (bins,); NaN = not measured
    given: Array  # (bins,): the prediction for the strand as given
    turned: Array | None = None  # (bins,): for the reverse complement, turned back and with stranded tracks swapped
    partner: str | None = None  # the track that it becomes on the other strand; None = itself

    def __post_init__(self) -> None:
        for name in ("given", "turned"):
            values = getattr(self, name)
            if values is not None and values.shape != self.truth.shape:
                raise ValueError(f"{self.name}: {name} has shape {values.shape}, the truth {self.truth.shape}.")
        if self.truth.ndim != 1 or not len(self.truth):
            raise ValueError(f"{self.name}: needed is one value per bin, got an array of shape {self.truth.shape}.")

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Locus:
    """Some tracks over one stretch of a chromosome, 0-based and half-open.

    Raises:
        ValueError: if the tracks differ in bins, bins are no whole number of bases or more than ``MOST_BINS``, or a
            partner is missing or does not name its partner in turn.

    Examples:
        >>> view = TrackView("MNase", np.array([1.0, 2.0]), np.array([1.5, 1.5]))
        >>> locus = Locus("chrII", 400_000, 400_150, [view])
        >>> str(locus), locus.bin_size
        ('chrII:400000-400150', 75)
    """

    chrom: str
    start: int
    end: int
    views: list[TrackView]
    why: str = ""  # why this one is shown: "highest RNA of the test half"

    def __post_init__(self) -> None:
        by_name = {view.name: view for view in self.views}
        lengths = {len(view) for view in self.views}
        if len(by_name) < len(self.views) or len(lengths) != 1:
            raise ValueError(f"{self}: tracks need different names and as many bins as each other, got {lengths}.")
        (bins,) = lengths
        if not 0 <= self.start < self.end or (self.end - self.start) % bins or bins > MOST_BINS:
            raise ValueError(
                f"{self}: {bins} bins do not fit {self.end - self.start} bases; needed are 0 <= start < end and at "
                f"most {MOST_BINS} bins of a whole number of bases. Use a coarser bin or a shorter locus."
            )
        for view in self.views:
            partner = view if view.partner is None else by_name.get(view.partner)
            if partner is None or (partner is not view and partner.partner != view.name):
                raise ValueError(f"{self}: {view.name} has the partner {view.partner}, which must be here and name it.")

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start}-{self.end}"

    @property
    def bin_size(self) -> int:
        """Bases per bin."""
        return (self.end - self.start) // len(self.views[0])


@dataclass(frozen=True, eq=False)
class Density:
    """How many bins of a track were measured as x and predicted as y; both axes have the same edges."""

    track: str
    edges: Array  # (cells + 1,), rising
    counts: Counts  # (cells, cells), measured by predicted
    outside: int  # bins beyond the last edge, which are told and not drawn
    pearson: float  # over all bins, as the table has it
    scale: str  # one of SCALES

    @classmethod
    def of(
        cls,
        track: str,
        measured: Array,
        predicted: Array,
        *,
        pearson: float,
        scale: str = "linear",
        cells: int = 44,
        upper: float = 0.999,
    ) -> Density:
        """Count pairs of bins; those where either is missing are left out.

        Args:
            track: name.
            measured: any shape.
            predicted: the same shape.
            pearson: the score that stands beside the picture; given, because its exact form is the caller's.
            scale: "linear", or "log(1 + x)" for coverage with a long tail.
            cells: along either side.
            upper: the frame ends at this quantile, so that a few extremes do not press all else into a corner.

        Raises:
            ValueError: if the shapes differ, the scale is unknown, or values below zero meet a logarithm.

        Examples:
            >>> density = Density.of("MNase", np.array([0.0, 1.0, np.nan]), np.array([0.0, 1.0, 1.0]), pearson=1.0)
            >>> int(density.counts.sum()), density.outside
            (2, 0)
        """
        if measured.shape != predicted.shape or scale not in SCALES:
            raise ValueError(f"{track}: shapes {measured.shape} and {predicted.shape}, scale {scale!r} of {SCALES}.")
        known = np.isfinite(measured) & np.isfinite(predicted)
        x, y = (np.asarray(values, dtype=np.float64)[known] for values in (measured, predicted))
        both = np.concatenate([x, y]) if known.any() else np.array([0.0, 1.0])
        logarithmic = scale != "linear"
        if logarithmic and both.min() < 0:
            raise ValueError(f"{track}: {scale} needs values of at least 0, got {both.min():g}. Use the linear scale.")
        high = max(
            (float(np.quantile(values, upper, method="higher")) for values in (x, y) if len(values)), default=1.0
        )
        low = min(0.0, float(both.min()))
        high = high if high > low else low + 1.0
        edges = (
            np.expm1(np.linspace(0, np.log1p(high), cells + 1)) if logarithmic else np.linspace(low, high, cells + 1)
        )
        counts = np.histogram2d(x, y, bins=(edges, edges))[0].astype(np.int64)
        return cls(track, edges, counts, int(len(x) - counts.sum()), pearson, scale)


@dataclass(frozen=True, eq=False)
class Triangle:
    """Whole Pearson of models trained at one bin size and evaluated at every coarser one.

    Raises:
        ValueError: if bin sizes do not rise, shapes disagree, or a model has a score at a bin finer than its own.
    """

    name: str  # what was held fixed: "ResidualBind, mean over tracks"
    trained: list[int]  # bin sizes, rising: one row each
    evaluated: list[int]  # bin sizes, rising: one column each
    pearson: Array  # (trained, evaluated); NaN where nothing was or can be measured
    ceiling: Array | None = None  # (evaluated,): the second replicate scored as a prediction of the first

    def __post_init__(self) -> None:
        rows, columns = len(self.trained), len(self.evaluated)
        if sorted(set(self.trained)) != self.trained or sorted(set(self.evaluated)) != self.evaluated:
            raise ValueError(f"{self.name}: bin sizes must rise, got {self.trained} and {self.evaluated}.")
        if self.pearson.shape != (rows, columns) or (self.ceiling is not None and self.ceiling.shape != (columns,)):
            raise ValueError(f"{self.name}: scores have shape {self.pearson.shape}; needed is ({rows}, {columns}).")
        finer = np.array(self.evaluated)[None] < np.array(self.trained)[:, None]
        if np.isfinite(self.pearson[finer]).any():
            raise ValueError(f"{self.name}: a model cannot be evaluated at a finer bin than it was trained at.")


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Per-sequence Pearson over the test windows whose highest measured value exceeds a rising threshold."""

    row: str
    thresholds: Array  # (n,), rising
    pearson: Array  # (n,)
    windows: Counts  # (n,): how many windows exceed it
    low: Array | None = None  # (n,): the 95 % interval
    high: Array | None = None

    def __post_init__(self) -> None:
        wanted = self.thresholds.shape
        arrays = (self.pearson, self.windows, *(ends for ends in (self.low, self.high) if ends is not None))
        if any(array.shape != wanted for array in arrays) or (np.diff(self.thresholds) <= 0).any():
            raise ValueError(f"{self.row}: needed are {wanted} values of each kind, and thresholds that rise.")


@dataclass(frozen=True, eq=False)
class RobustnessPoint:
    """Variation score and Pearson of one model, one value of each per seed."""

    row: str
    variation: Array  # (seeds,): lower is more robust
    pearson: Array  # (seeds,): per sequence

    def __post_init__(self) -> None:
        if self.variation.shape != self.pearson.shape or self.variation.ndim != 1:
            raise ValueError(f"{self.row}: {self.variation.shape} variation scores, {self.pearson.shape} Pearson.")


@dataclass(frozen=True, eq=False)
class Robustness:
    """Models of one bin size, the only ones whose variation scores can be compared."""

    bin_size: int
    points: list[RobustnessPoint]
    ceiling: float | None = None  # Pearson of the second replicate scored as a prediction of the first
