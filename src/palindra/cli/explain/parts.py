"""The parts of global importance analysis, each of which any worker can measure by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from palindra.cli.explain.finding import Candidate
from palindra.cli.explain.subject import Subject
from palindra.errors import InputError
from palindra.interpretation.importance import (
    Backgrounds,
    Estimate,
    cooperativity,
    copy_importance,
    distance_importance,
    embed,
    flank_importance,
    middle,
    occlusion,
    orientation_importance,
    pattern_importance,
    position_importance,
)
from palindra.interpretation.importance.embedding import Insert
from palindra.interpretation.importance.running import scorer
from palindra.report.explanation.contents import Curve, Measured, Pair
from palindra.sequences import reverse_complement
from palindra.sequences.alphabet import Codes

FEW = 16  # backgrounds of the many flanks
POSITIONS = 30  # of the curves
DISTANCES = 12  # on each side
REACH = 100  # bp between two motifs
COPIES, GAP = 4, 10
DRAWS = 10


@dataclass(frozen=True, eq=False)
class Bench:
    """What all parts are measured with.

    Args:
        subject: the model.
        backgrounds: that patterns are put into, on both strands where those have the same value.
        one_strand: the same on the given strand alone.
        codes: explained sequences, in which patterns are overwritten.
        candidates: the surest first.
        both: whether both strands have the same value.
        seed: of draws.
    """

    subject: Subject
    backgrounds: Backgrounds
    one_strand: Backgrounds
    codes: Codes
    candidates: Sequence[Candidate]
    both: bool
    seed: int

    @property
    def first(self) -> Candidate:
        """The surest pattern."""
        return self.candidates[0]

    @property
    def second(self) -> Candidate:
        """The one after it, or itself where there is no other."""
        return self.candidates[min(1, len(self.candidates) - 1)]


@dataclass
class Scan:
    """Distances of the second pattern in one direction, and what both do together at the best of them."""

    best: float  # importance there, on the backgrounds on which it was chosen
    gap: int
    after: bool
    letters: str
    curve: Curve
    pair: Pair  # of this direction alone
    orientations: list[Measured]


@dataclass
class Importance:
    """What was measured; empty where nothing was."""

    patterns: dict[str, Measured] = field(default_factory=dict)  # by the name of the candidate
    curves: list[Curve] = field(default_factory=list)
    flanks: list[Measured] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    occlusion: list[Measured] = field(default_factory=list)
    tables: dict[str, list[Measured]] = field(default_factory=dict)  # of files, by their names
    scans: list[Scan] = field(default_factory=list)
    strand_gap: float = float("nan")  # largest difference between both strands of the first pattern
    size: float = float("nan")  # of the effects of the first pattern
    backgrounds: str = ""
    notes: list[str] = field(default_factory=list)


def patterns(bench: Bench, found: Importance) -> None:
    """Importance of every candidate in the middle of the backgrounds."""
    letters = [one.letters for one in bench.candidates]
    measured = pattern_importance(bench.subject.number(), bench.backgrounds, letters).estimates()
    for one, estimate in zip(bench.candidates, measured, strict=True):
        found.patterns[one.name] = _measured(f"{one.name} {one.letters}", estimate)
    found.tables["patterns"] = list(found.patterns.values())


def strands(bench: Bench, found: Importance) -> None:
    """The first and, on the other strand of the same backgrounds, its reverse complement; the same molecule."""
    if not bench.subject.knows_strands:
        return
    backgrounds, letters = bench.one_strand, bench.first.letters
    molecules = embed(backgrounds.codes, [Insert(letters, middle(letters, backgrounds.length))])
    effects = []
    for other in (False, True):
        with scorer(bench.subject.number(other=other)) as run:
            sides = [reverse_complement(codes) if other else codes for codes in (molecules, backgrounds.codes)]
            effects.append(run(sides[0]) - run(sides[1]))
    found.strand_gap = float(np.abs(effects[0] - effects[1]).max())
    found.size = float(np.abs(effects[0]).mean())


def flanks(bench: Bench, found: Importance) -> None:
    """All choices of two letters on each side of the first."""
    source, letters = bench.backgrounds.source, bench.first.letters
    few = _some(bench.backgrounds, np.isin(source, np.unique(source)[:FEW]))
    measured = flank_importance(bench.subject.number(), few, f"..{letters}..")
    ranked = sorted(measured.variants.estimates(), key=lambda one: -one.mean)
    found.flanks = [
        _measured(f"{letters} with the flanks of the background", measured.core.estimates()[0]),
        *(_measured(one.name, one) for one in [*ranked[:5], *ranked[-5:]]),
    ]
    found.tables["flanks"] = [_measured(one.name, one) for one in ranked]


def positions(bench: Bench, found: Importance) -> None:
    """The first along the sequence."""
    first, backgrounds = bench.first, bench.backgrounds
    step = max(1, (backgrounds.length - len(first.letters)) // POSITIONS)
    places = position_importance(bench.subject.number(), backgrounds, first.letters, step=step)
    estimates = places.effects.estimates()
    title = f"{first.name} {first.letters} along the sequence"
    found.curves.append(_curve(title, "start (bp)", places.starts.tolist(), estimates))
    found.tables["positions"] = [_measured(one.name, one) for one in estimates]


def copies(bench: Bench, found: Importance) -> None:
    """Several copies of the first in a row."""
    first, backgrounds = bench.first, bench.backgrounds
    fitting = (backgrounds.length + GAP) // (len(first.letters) + GAP)
    if fitting < 2:
        raise InputError(f"{first.letters} does not fit twice into {backgrounds.length} letters.")
    number = min(COPIES, fitting)
    measured = copy_importance(bench.subject.number(), backgrounds, first.letters, copies=number, gap=GAP)
    numbers = [float(name) for name in measured.together.names]
    axis = f"copies, {GAP} bp apart"
    found.curves += [
        _curve(f"Copies of {first.name} {first.letters}", axis, numbers, measured.together.estimates()),
        _curve("The same, if copies added up", axis, numbers, measured.alone.estimates()),
    ]
    found.tables["copies"] = [_measured(f"{one.name} copies", one) for one in measured.together.estimates()]


def pair(bench: Bench, found: Importance) -> None:
    """The first and the second at all distances, in the same direction."""
    _scan(bench, bench.second.letters, "same direction", found)


def turned_pair(bench: Bench, found: Importance) -> None:
    """The same with the second turned."""
    _scan(bench, reverse_complement(bench.second.letters), "second turned", found)


def overwritten(bench: Bench, found: Importance) -> None:
    """The first, overwritten where it is in the explained sequences."""
    core = bench.first.core
    try:
        lost = occlusion(
            bench.subject.number(), bench.codes, core, draws=DRAWS, seed=bench.seed, both_strands=bench.both
        )
    except InputError as error:
        raise InputError(f"occlusion of {core}: {error}") from error
    many = {"1": "1 instance", "2": "2 instances", "at least 3": "3 instances or more"}
    found.occlusion = [_measured(f"{core}, sequences with {many[one.name]}", one) for one in lost.by_count()]
    found.tables["occlusion"] = found.occlusion


PARTS: dict[str, Callable[[Bench, Importance], None]] = {
    part.__name__: part for part in (patterns, strands, flanks, positions, copies, pair, turned_pair, overwritten)
}


def _scan(bench: Bench, letters: str, words: str, found: Importance) -> None:
    """Distances both ways; the best is chosen on one half of the backgrounds and measured on the other."""
    predict, backgrounds = bench.subject.number(), bench.backgrounds
    first, second = bench.first, bench.second
    room = (backgrounds.length - len(first.letters)) // 2 - len(letters)
    reach = min(REACH, max(room, 0))
    rows = np.unique(backgrounds.source)
    half = rows[: max(1, len(rows) // 2)]
    distances = distance_importance(
        predict, backgrounds, first.letters, letters, largest=reach, step=max(1, reach // DISTANCES)
    )
    behind, before = len(first.letters) + distances.gaps, -len(letters) - distances.gaps
    moved = np.where(distances.after, behind, before).tolist()
    estimates = distances.found.together.estimates()
    title = f"{first.name} and {second.name}, {words}"
    curve = _curve(title, "from its start to the other's (bp)", moved, estimates)
    chosen_on = distances.found.together.values[:, : len(half), 0].mean(1)
    at = int(chosen_on.argmax())
    gap, after = int(distances.gaps[at]), bool(distances.after[at])
    kept = ~np.isin(backgrounds.source, half) if len(rows) > 1 else np.ones(len(backgrounds.source), dtype=np.bool_)
    start = middle(first.letters, backgrounds.length)
    other = start + len(first.letters) + gap if after else start - gap - len(letters)
    inserts = [Insert(first.letters, start), Insert(letters, other)]
    together = cooperativity(predict, _some(backgrounds, kept), [inserts])
    excess = _measured("I12 - I1 - I2", together.excess.estimates()[0])
    orientations = []
    try:
        oriented = orientation_importance(predict, backgrounds, first.letters, second.letters, gap=gap)
        every = oriented.together.estimates()
        orientations = [_measured(one.name, one) for one in every]
        strongest = max(every, key=lambda one: one.mean).name
        turned = f" Of the eight orders and orientations at this distance, {strongest} is the strongest."
    except InputError as error:
        turned = f" Orientations are not measured: {error}"
    excludes = excess.low > 0 or excess.high < 0
    sentence = (
        f"Together they do most with {second.name} {gap} bp {'behind' if after else 'before'} {first.name}, {words}. "
        f"There they do {excess.value:+.3g} (95 % interval {excess.low:.3g} to {excess.high:.3g}) beyond the sum of "
        f"each alone, {'which excludes' if excludes else 'which does not exclude'} 0.{turned}"
    )
    best = Pair(first.name, second.name, [curve], excess, sentence)
    found.scans.append(Scan(float(chosen_on[at]), gap, after, letters, curve, best, orientations))
    found.tables[f"distances_{words.replace(' ', '_')}"] = [_measured(one.name, one) for one in estimates]


def _some(backgrounds: Backgrounds, kept: NDArray[np.bool_]) -> Backgrounds:
    return Backgrounds(backgrounds.codes[kept], backgrounds.source[kept])


def _measured(name: str, one: Estimate) -> Measured:
    return Measured(name, one.mean, one.low, one.high, one.q, one.observations)


def _curve(title: str, axis: str, x: Sequence[float], estimates: Sequence[Estimate]) -> Curve:
    return Curve(
        title,
        axis,
        [float(value) for value in x],
        [one.mean for one in estimates],
        [one.low for one in estimates],
        [one.high for one in estimates],
    )
