"""A finished comparison of strategies as plain values: everything that its page shows, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from palindra.report.records import from_json, to_json


@dataclass(frozen=True)
class Row:
    """One strategy or baseline of the table."""

    name: str  # "regular (RCPS)", "none", "k-mer logistic regression"
    kind: str  # "equivariant" | "strategy" | "ensemble" | "baseline"
    description: str  # one sentence for readers
    parameters: int | None
    seconds: float | None  # mean training seconds per run
    strand_discrepancy: float | None  # mean |f(x) - f(RC x)| on the test split
    scores: dict[str, list[float]]  # metric -> one value per seed (test split)
    intervals: dict[str, tuple[float, float, float]]  # metric -> (mean, low, high), 95 %


@dataclass(frozen=True)
class Test:
    """A difference, row minus reference, paired over seeds."""

    __test__ = False  # keeps pytest from collecting a class of this name

    metric: str
    row: str
    reference: str
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    seeds: int


@dataclass(frozen=True)
class Curve:
    """One ROC or precision-recall curve."""

    row: str
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Reliability:
    """Predicted against observed frequency, one entry per bin of predictions."""

    row: str
    predicted: list[float]
    observed: list[float]
    low: list[float]
    high: list[float]
    count: list[int]


@dataclass(frozen=True)
class Strands:
    """Predictions for the same examples read on the one strand and on its reverse complement."""

    row: str
    forward: list[float]
    reverse: list[float]  # at most about 1000 points


@dataclass(frozen=True)
class LearningPoint:
    """The primary metric of one run that was trained on ``size`` examples."""

    row: str
    size: int
    seed: int
    value: float


@dataclass(frozen=True)
class DataCheck:
    """What was looked for in the data and what was found."""

    name: str
    level: str  # "ok" | "note" | "warning"
    message: str


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Raises:
        ValueError: if two rows share a name, a metric has no direction, or a test or figure names an unknown row.

    Examples:
        >>> comparison = Comparison(
        ...     title="One strand or two", task="binary classification", primary_metric="AUROC", metrics=["AUROC"],
        ...     higher_is_better={"AUROC": True}, conclusion=["Nothing was run yet."], rows=[], tests=[], roc=[],
        ...     precision_recall=[], reliability=[], strands=[], learning_curve=[], checks=[], data={}, provenance={},
        ... )
        >>> Comparison.from_json(comparison.to_json()) == comparison
        True
    """

    title: str
    task: str
    primary_metric: str
    metrics: list[str]
    higher_is_better: dict[str, bool]
    conclusion: list[str]  # plain sentences, computed by the command
    rows: list[Row]
    tests: list[Test]  # against the reference
    roc: list[Curve]
    precision_recall: list[Curve]
    reliability: list[Reliability]
    strands: list[Strands]
    learning_curve: list[LearningPoint]
    checks: list[DataCheck]
    data: dict[str, str]  # facts on the data: file, rows per split, length
    provenance: dict[str, str]  # command, commit, versions, seeds, date, machine, sha256 of inputs

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rows are named {twice[0]!r}: every row needs a name of its own.")
        shown: list[Curve | Reliability | Strands | LearningPoint] = [
            *self.roc,
            *self.precision_recall,
            *self.reliability,
            *self.strands,
            *self.learning_curve,
        ]
        named = {item.row for item in shown} | {name for test in self.tests for name in (test.row, test.reference)}
        if unknown := sorted(named - set(names)):
            raise ValueError(f"{unknown[0]!r} is tested or drawn but is no row of the table, which has {names}.")
        metrics = {*self.metrics, *(test.metric for test in self.tests)}
        if unknown := sorted(metrics - self.higher_is_better.keys()):
            raise ValueError(f"higher_is_better does not say whether higher {unknown[0]!r} is better; add it.")
        if self.metrics and self.primary_metric not in self.metrics:
            raise ValueError(f"the primary metric {self.primary_metric!r} is not one of the metrics {self.metrics}.")

    def to_json(self) -> str:
        """The comparison as strict JSON, so that its page can be drawn again."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)
