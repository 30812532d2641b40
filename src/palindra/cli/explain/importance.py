"""What the first motifs do to the output when they are put into other sequences: global importance analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

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
    own,
    pattern_importance,
    position_importance,
    shuffled,
)
from palindra.interpretation.importance.embedding import Insert
from palindra.interpretation.importance.running import Predict, scorer
from palindra.report.explanation.contents import Curve, Measured, Pair
from palindra.sequences import reverse_complement
from palindra.sequences.alphabet import Codes

LETTERS = 20_000  # of all backgrounds together
FEW = 16  # backgrounds of the many flanks
POSITIONS = 30  # of the curves
DISTANCES = 12  # on each side
REACH = 100  # bp between two motifs
COPIES, GAP = 4, 10
DRAWS = 10


@dataclass
class Importance:
    """What was measured; empty where nothing was."""

    patterns: dict[str, Measured] = field(default_factory=dict)  # by the name of the candidate
    letters: dict[str, str] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    flanks: list[Measured] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    occlusion: list[Measured] = field(default_factory=list)
    tables: dict[str, list[Measured]] = field(default_factory=dict)  # of files, by their names
    strand_gap: float = float("nan")  # largest difference between both strands of the first pattern
    size: float = float("nan")  # of the effects of the first pattern
    backgrounds: str = ""
    notes: list[str] = field(default_factory=list)


def measure(
    subject: Subject,
    candidates: Sequence[Candidate],
    codes: Codes,
    given: Codes | None,
    seed: int,
    say: Callable[[str], None],
) -> Importance:
    """Importance of all candidates, and how the first of them depends on flanks, places, copies and the second.

    Args:
        subject: the model.
        candidates: the surest first.
        codes: the explained sequences, whose shuffles are the backgrounds.
        given: backgrounds of the user instead.
        seed: of shuffles and draws.
        say: gets lines for the screen.

    Raises:
        InputError: for a pattern that is longer than the backgrounds.
    """
    found = Importance()
    if not candidates:
        found.notes.append("no motif was found whose importance could be measured")
        return found
    predict = subject.number()
    count = max(8, min(50, LETTERS // subject.length))
    rows = codes[:count] if given is None else given[:count]
    one_strand = shuffled(rows, seed, copies=1 + (count - 1) // len(rows)) if given is None else own(rows)
    both = subject.same_on_both_strands()
    backgrounds = one_strand.both_strands() if both else one_strand
    found.backgrounds = (
        f"{one_strand.sources} {'dinucleotide shuffles of explained' if given is None else 'given'} sequences"
        f"{', on both strands' if both else ''}"
    )
    say(f"importance of {len(candidates)} motifs in {found.backgrounds}")
    measured = pattern_importance(predict, backgrounds, [one.letters for one in candidates]).estimates()
    for one, estimate in zip(candidates, measured, strict=True):
        found.patterns[one.name] = _measured(f"{one.name} {one.letters}", estimate)
        found.letters[one.name] = one.letters
    found.tables["patterns"] = list(found.patterns.values())
    first = candidates[0]
    _strands(subject, one_strand, first.letters, found)
    for part in (_flanks, _positions, _copies):
        try:
            part(predict, backgrounds, first, found)
        except InputError as error:
            found.notes.append(str(error))
    second = candidates[1] if len(candidates) > 1 else first
    try:
        _pair(predict, backgrounds, first, second, found)
    except InputError as error:
        found.notes.append(str(error))
    try:
        lost = occlusion(predict, codes[:count], first.core, draws=DRAWS, seed=seed, both_strands=both)
        many = {"1": "1 instance", "2": "2 instances", "at least 3": "3 instances or more"}
        found.occlusion = [_measured(f"{first.core}, sequences with {many[one.name]}", one) for one in lost.by_count()]
        found.tables["occlusion"] = found.occlusion
    except InputError as error:
        found.notes.append(f"occlusion of {first.core}: {error}")
    return found


def _strands(subject: Subject, backgrounds: Backgrounds, letters: str, found: Importance) -> None:
    """The pattern and, on the other strand of the same backgrounds, its reverse complement; the same molecule."""
    if not subject.knows_strands:
        return
    place = Insert(letters, middle(letters, backgrounds.length))
    molecules = embed(backgrounds.codes, [place])
    effects = []
    for other in (False, True):
        with scorer(subject.number(other=other)) as run:
            sides = [reverse_complement(codes) if other else codes for codes in (molecules, backgrounds.codes)]
            effects.append(run(sides[0]) - run(sides[1]))
    found.strand_gap = float(np.abs(effects[0] - effects[1]).max())
    found.size = float(np.abs(effects[0]).mean())


def _flanks(predict: Predict, backgrounds: Backgrounds, first: Candidate, found: Importance) -> None:
    kept = np.isin(backgrounds.source, np.unique(backgrounds.source)[:FEW])
    few = Backgrounds(backgrounds.codes[kept], backgrounds.source[kept])
    measured = flank_importance(predict, few, f"..{first.letters}..")
    every = measured.variants.estimates()
    ranked = sorted(every, key=lambda one: -one.mean)
    chosen = [*ranked[:5], *ranked[-5:]]
    found.flanks = [
        _measured(f"{first.letters} with the flanks of the background", measured.core.estimates()[0]),
        *(_measured(one.name, one) for one in chosen),
    ]
    found.tables["flanks"] = [_measured(one.name, one) for one in ranked]


def _positions(predict: Predict, backgrounds: Backgrounds, first: Candidate, found: Importance) -> None:
    step = max(1, (backgrounds.length - len(first.letters)) // POSITIONS)
    places = position_importance(predict, backgrounds, first.letters, step=step)
    estimates = places.effects.estimates()
    found.curves.append(
        _curve(f"{first.name} {first.letters} along the sequence", "start (bp)", places.starts.tolist(), estimates)
    )
    found.tables["positions"] = [_measured(one.name, one) for one in estimates]


def _copies(predict: Predict, backgrounds: Backgrounds, first: Candidate, found: Importance) -> None:
    fitting = (backgrounds.length + GAP) // (len(first.letters) + GAP)
    if fitting < 2:
        raise InputError(f"{first.letters} does not fit twice into {backgrounds.length} letters.")
    copies = copy_importance(predict, backgrounds, first.letters, copies=min(COPIES, fitting), gap=GAP)
    numbers = [float(name) for name in copies.together.names]
    axis = f"copies, {GAP} bp apart"
    found.curves += [
        _curve(f"Copies of {first.name} {first.letters}", axis, numbers, copies.together.estimates()),
        _curve("The same, if copies added up", axis, numbers, copies.alone.estimates()),
    ]
    found.tables["copies"] = [_measured(f"{one.name} copies", one) for one in copies.together.estimates()]


def _pair(predict: Predict, backgrounds: Backgrounds, first: Candidate, second: Candidate, found: Importance) -> None:
    """Distances both ways; the best is chosen on one half of the backgrounds and measured on the other."""
    room = (backgrounds.length - len(first.letters)) // 2 - len(second.letters)
    reach = min(REACH, max(room, 0))
    asked = {"same direction": second.letters, "second turned": reverse_complement(second.letters)}
    curves, best = [], []
    rows = np.unique(backgrounds.source)
    half = rows[: max(1, len(rows) // 2)]
    for words, letters in asked.items():
        distances = distance_importance(
            predict, backgrounds, first.letters, letters, largest=reach, step=max(1, reach // DISTANCES)
        )
        behind, before = len(first.letters) + distances.gaps, -len(letters) - distances.gaps
        moved = np.where(distances.after, behind, before).tolist()
        estimates = distances.found.together.estimates()
        curves.append(
            _curve(f"{first.name} and {second.name}, {words}", "from its start to the other's (bp)", moved, estimates)
        )
        found.tables[f"distances_{words.replace(' ', '_')}"] = [_measured(one.name, one) for one in estimates]
        chosen_on = distances.found.together.values[:, : len(half), 0].mean(1)
        at = int(chosen_on.argmax())
        best.append((float(chosen_on[at]), int(distances.gaps[at]), bool(distances.after[at]), letters, words))
    _, gap, after, letters, words = max(best)
    kept = ~np.isin(backgrounds.source, half) if len(rows) > 1 else np.ones(len(backgrounds.source), dtype=np.bool_)
    held_out = Backgrounds(backgrounds.codes[kept], backgrounds.source[kept])
    start = middle(first.letters, backgrounds.length)
    other = start + len(first.letters) + gap if after else start - gap - len(letters)
    together = cooperativity(predict, held_out, [[Insert(first.letters, start), Insert(letters, other)]])
    excess = _measured("I12 - I1 - I2", together.excess.estimates()[0])
    try:
        oriented = orientation_importance(
            predict, backgrounds, first.letters, second.letters, gap=gap
        ).together.estimates()
        found.tables["orientations"] = [_measured(one.name, one) for one in oriented]
        strongest = max(oriented, key=lambda one: one.mean).name
        turned = f" Of the eight orders and orientations at this distance, {strongest} is the strongest."
    except InputError as error:
        turned = f" Orientations are not measured: {error}"
    excludes = excess.low > 0 or excess.high < 0
    where = "behind" if after else "before"
    sentence = (
        f"Together they do most with {second.name} {gap} bp {where} {first.name}, {words}. There they do "
        f"{excess.value:+.3g} (95 % interval {excess.low:.3g} to {excess.high:.3g}) beyond the sum of each alone, "
        f"{'which excludes' if excludes else 'which does not exclude'} 0.{turned}"
    )
    found.pairs = [Pair(first.name, second.name, curves, excess, sentence)]
    found.tables["cooperativity"] = [excess]


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
