"""Results of a grid, claims and the description of the data, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from palindra.report.comparison import DataCheck
from palindra.report.numbers import is_number

KINDS = ("model", "trivial", "ceiling")
VERDICTS = ("supported", "not supported", "cannot be tested here")


@dataclass(frozen=True)
class TrackScore:
    """One score of one track, with what it is to be held against.

    Examples:
        >>> score = TrackScore("MNase", "Pearson (whole)", 0.62, 0.60, 0.64, {"ridge on 4-mers": 0.479})
    """

    track: str  # "MNase", or "mean over tracks"
    metric: str
    value: float
    low: float = float("nan")  # the 95 % interval
    high: float = float("nan")
    references: dict[str, float] = field(default_factory=dict)  # trivial predictors, the replicate ceiling


@dataclass(frozen=True)
class GridRow:
    """One cell of a grid: a setting with one score per seed, a trivial predictor, or the second replicate."""

    name: str
    scores: list[float]  # one per seed; one alone for a ceiling or a predictor without seeds
    kind: str = "model"  # one of KINDS
    interval: tuple[float, float, float] | None = None  # mean, low, high, 95 %
    detail: str = ""  # "2,025,231 parameters"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.name}: the kind is one of {KINDS}, not {self.kind!r}.")


@dataclass(frozen=True)
class GridPanel:
    """Settings that differ in one factor alone, judged by one metric, with trivial rows and the replicate ceiling.

    Raises:
        ValueError: if two rows share a name.
    """

    factor: str  # "architecture", "loss", "resolution", "training set", "augmentation"
    metric: str  # "Pearson (whole), mean over tracks"
    higher_is_better: bool
    rows: list[GridRow]
    note: str = ""  # "bins differ between rows, which alone changes r"

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{self.factor}: two rows are named {twice[0]!r}; every row needs a name of its own.")


@dataclass(frozen=True)
class Claim:
    """A published claim and what became of it on these data.

    Raises:
        ValueError: if the verdict is unknown, stands on no number, or gives no reason where nothing was tested.

    Examples:
        >>> Claim("C3", "Peak-centred training is lowest.", "cannot be tested here", reason="no peaks were given").low
        nan
    """

    id: str
    words: str
    verdict: str  # one of VERDICTS
    measure: str = ""  # what the effect is: "difference of Pearson (whole), with - without"
    effect: float = float("nan")
    low: float = float("nan")  # the 95 % interval
    high: float = float("nan")
    seeds: int | None = None
    p_corrected: float = float("nan")
    reason: str = ""  # why it cannot be tested, or a sentence that qualifies the verdict

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"{self.id}: the verdict is one of {VERDICTS}, not {self.verdict!r}.")
        if self.verdict == VERDICTS[2] and not self.reason:
            raise ValueError(f"{self.id} cannot be tested here: the reason is missing.")
        if self.verdict != VERDICTS[2] and not is_number(self.effect):
            raise ValueError(f"{self.id} is {self.verdict!r} without an effect; give it, with its interval.")


@dataclass(frozen=True)
class SplitFacts:
    """Windows of one split."""

    name: str
    regions: str  # "chrII:0-406592"
    windows: int
    bases: int  # covered by at least one window


@dataclass(frozen=True)
class TrackFacts:
    """What is known of one track."""

    name: str
    source: str  # "RNA.fwd.bw"
    missing: dict[str, float]  # split -> share of positions without a value
    mean: float
    maximum: float
    partner: str | None = None  # the track that it becomes on the other strand; None = itself


@dataclass(frozen=True)
class Excluded:
    """Regions that no window may touch."""

    reason: str  # "not mappable", "blacklist", "no value in any track"
    regions: int
    bases: int
    windows: int | None = None  # windows lost to them


@dataclass(frozen=True)
class DataFacts:
    """What a model was trained and evaluated on."""

    splits: list[SplitFacts]
    tracks: list[TrackFacts]
    excluded: list[Excluded]
    checks: list[DataCheck]  # warnings among them
    facts: dict[str, str] = field(default_factory=dict)  # genome, window, bin, ...
