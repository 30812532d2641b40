"""One cell of the table: a source, read by one readout, on one task, over its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.evaluation import mean_interval

FULL = "full"  # every token, as against one summary of all


class Kind(StrEnum):
    """What a source is, which decides what may be claimed with it."""

    ONE_HOT = "one-hot"
    COUNTS = "counts"  # of nucleotides, dinucleotides, k-mers
    LANGUAGE_MODEL = "language model"
    SUPERVISED = "supervised trunk"
    RANDOM = "random weights"
    FUNCTION = "function"


@dataclass(frozen=True)
class Entry:
    """Scores of one source by one readout on one task.

    Raises:
        ValueError: if there is no score at all, or rows were resampled for seeds that have none.

    Examples:
        >>> entry = Entry("one-hot", Kind.ONE_HOT, "tf", "cnn", "AUROC", {0: .80, 1: .82, 2: .84})
        >>> entry.label, round(entry.mean, 3), [round(bound, 3) for bound in entry.interval]
        ('one-hot', 0.82, [0.77, 0.87])
    """

    source: str
    kind: Kind
    task: str
    readout: str  # linear, mlp or cnn
    metric: str
    scores: Mapping[int, float]  # by seed, on the test rows
    summary: str = FULL  # what the readout saw: mean, max, cls, both or full
    higher_is_better: bool = True
    resampled: Mapping[int, NDArray[Any]] = field(default_factory=dict)  # by seed: scores on resampled test rows
    test_rows: int = 0
    task_kind: str = ""
    symmetric: bool | None = None  # whether the label is the same for the other strand
    fraction: float = 1.0  # of the training rows
    layer: int | None = None  # None: the source's own choice
    strands: str = "as is"
    control: str = ""  # "shuffled labels", or nothing
    parameters: int = 0  # of the source
    readout_parameters: int = 0
    seconds_per_1000: float = math.nan  # sequences embedded
    warnings: tuple[str, ...] = ()
    seedless: bool = False  # one fit stands for every seed: nothing in it is drawn
    without_leaks: Mapping[int, float] = field(default_factory=dict)  # by seed: scores on rows that leak nowhere

    def __post_init__(self) -> None:
        if not self.scores:
            raise ValueError(f"{self.source} on {self.task}: an entry needs at least one score.")
        if unknown := sorted(self.resampled.keys() - self.scores.keys()):
            raise ValueError(f"{self.source} on {self.task}: rows were resampled for seed {unknown[0]}, without score.")

    @property
    def label(self) -> str:
        """The source with whatever is not its own choice."""
        parts = [self.source]
        if self.layer is not None:
            parts.append(f"layer {self.layer}")
        if self.strands != "as is" and "strands" not in self.source:
            parts.append(f"strands {self.strands}")
        return ", ".join(parts)

    @property
    def reading(self) -> str:
        """The readout and what it saw: ``cnn``, ``mlp on mean``."""
        return self.readout if self.summary == FULL else f"{self.readout} on {self.summary}"

    @property
    def known(self) -> dict[int, float]:
        """Scores that are numbers: a correlation with constant predictions is none."""
        return {seed: value for seed, value in self.scores.items() if math.isfinite(value)}

    @property
    def mean(self) -> float:
        """Over seeds, NaN where no seed has a score."""
        return math.fsum(self.known.values()) / len(self.known) if self.known else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean over seeds; of one fit, over resampled test rows; NaN where there is neither."""
        if len(self.known) > 1:
            _, low, high = mean_interval(list(self.known.values()))
            return low, high
        if self.covers == "test rows":
            low, high = np.nanquantile(next(iter(self.resampled.values())), [0.025, 0.975])
            return float(low), float(high)
        return math.nan, math.nan

    @property
    def covers(self) -> str:
        """What the interval covers."""
        return "seeds" if len(self.known) > 1 else "test rows" if self.resampled and self.known else "nothing"

    def at(self, values: Mapping[int, Any], seed: int) -> Any:
        """What belongs to a seed, of scores or resampled scores; that of the one fit where there is no other."""
        return next(iter(values.values()), None) if self.seedless else values.get(seed)

    @property
    def is_main(self) -> bool:
        """Whether it belongs into the table: all training rows, the true labels, the source's own layer."""
        return self.fraction == 1.0 and not self.control and self.layer is None
