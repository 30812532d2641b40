"""What the page of an explained model shows, as plain values that survive JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from palindra.report.records import from_json, to_json


@dataclass(frozen=True)
class Measured:
    """A number with its interval and the q-value of its test; NaN where there is none."""

    name: str
    value: float
    low: float
    high: float
    q: float
    observations: int


@dataclass(frozen=True)
class Statement:
    """One sentence of the verdict, and what speaks for it."""

    sentence: str
    verdict: str  # "stable", "unstable" or "not tested"
    because: str  # the measurement, in words with its number


@dataclass(frozen=True)
class MotifEntry:
    """One motif that the model learned, the surest first on the page."""

    name: str
    source: str  # "attribution" (TF-MoDISco) or "first layer"
    chances: list[list[float]]  # (width, 4): letter probabilities A, C, G, T
    contributions: list[list[float]]  # (width, 4): mean attribution; empty for motifs of filters
    sign: str  # "+" (raises the output), "-" or "" (filters)
    sites: int
    known: str  # "MA0050.3 IRF1", or "" where the q-value is above the threshold
    q: float
    others: list[tuple[str, float]]  # further known motifs and their q-values
    sequences: float  # share of the explained sequences with a site, 0 to 1
    positions: list[int]  # sites per equal part of the sequences
    forward: int  # sites on the given strand
    reverse: int
    importance: Measured | None  # global importance of its consensus, in units of the output
    stability: list[Statement] = field(default_factory=list)


@dataclass(frozen=True)
class Site:
    """Where a motif is in an explained sequence, 0-based half-open."""

    start: int
    end: int
    motif: str
    strand: str
    known: str


@dataclass(frozen=True)
class Map:
    """The attribution map of one sequence."""

    name: str
    letters: str
    values: list[float]  # one per position, at the letter that is there
    spread: list[float]  # standard deviation over shifts; empty where not measured
    output: float
    label: str  # its true label or value, "" where unknown
    chrom: str = ""  # with start: where position 0 lies in the genome (0-based); "" where unknown
    start: int = 0
    sites: list[Site] = field(default_factory=list)


@dataclass(frozen=True)
class Curve:
    """Importance against a position, a distance or a number of copies."""

    title: str
    axis: str  # what x is, with its unit
    x: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class Pair:
    """How two motifs combine."""

    first: str
    second: str
    distances: list[Curve]  # one per order and orientation
    cooperativity: Measured | None  # I12 - I1 - I2 at the best distance
    sentence: str


@dataclass(frozen=True)
class Cloud:
    """Sequences as points of a plane, coloured by several quantities."""

    title: str  # "PCA (61 % of the variance)" or "UMAP"
    x: list[float]
    y: list[float]
    names: list[str]
    colours: dict[str, list[float]]  # quantity -> one number per point


@dataclass(frozen=True)
class Explanation:
    """All that is said about a model."""

    title: str
    output: str  # the explained output and its unit
    method: str  # of attribution, in words
    verdict: list[Statement]  # the verdict first
    table: list[tuple[str, str, str]]  # measure, value, meaning
    motifs: list[MotifEntry]
    maps: list[Map]
    curves: list[Curve]
    flanks: list[Measured]  # the best and worst flanks of the first motif
    pairs: list[Pair]
    occlusion: list[Measured]
    clouds: list[Cloud]
    neighbours: list[
        tuple[str, list[tuple[str, float, str]]]
    ]  # sequence -> nearest training sequences (name, distance, label)
    agreement: list[tuple[str, str, float, float, float]]  # method or seed, another, mean correlation, low, high
    files: list[tuple[str, str]]  # written file, what is in it
    provenance: dict[str, str]
    reasons: dict[str, str] = field(default_factory=dict)  # field of this class that is empty -> why, a sentence

    def to_json(self) -> str:
        """The explanation as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Explanation:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)
