"""What the first motifs do to the output when they are put into other sequences: global importance analysis."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from palindra.cli.explain.finding import Candidate
from palindra.cli.explain.parts import PARTS, Bench, Importance
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.sharing import Model, Place, model_of, open_model
from palindra.cli.explain.subject import Subject
from palindra.engine import Unit
from palindra.errors import InputError
from palindra.interpretation.importance import own, shuffled
from palindra.report.explanation.contents import Pair
from palindra.report.records import from_json, to_json
from palindra.sequences import decode_codes, encode
from palindra.sequences.alphabet import Codes

MEASURE = "palindra.cli.explain.importance:measure_part"
LETTERS = 20_000  # of all backgrounds together


def measure(
    subject: Subject,
    candidates: Sequence[Candidate],
    codes: Codes,
    given: Codes | None,
    settings: Settings,
    place: Place,
) -> Importance:
    """Importance of all candidates, and how the first of them depends on flanks, places, copies and the second.

    Each part is a piece of work of its own. What cannot be measured is said in the notes.

    Args:
        subject: the model.
        candidates: the surest first.
        codes: the explained sequences, whose shuffles are the backgrounds.
        given: backgrounds of the user instead.
        settings: of the command.
        place: where pieces are measured.
    """
    if not candidates:
        return Importance(notes=["no motif was found whose importance could be measured"])
    count = max(8, min(50, LETTERS // subject.length))
    kind = "dinucleotide shuffles of explained" if given is None else "given"
    words = f"{len((codes if given is None else given)[:count])} {kind} sequences"
    words += ", on both strands" if subject.same_on_both_strands() else ""
    place.say(f"importance of {len(candidates)} motifs in {words}")
    asked = {
        "candidates": [list(one) for one in candidates],
        "explained": decode_codes(codes[:count]),
        "given": None if given is None else decode_codes(given[:count]),
        "count": count,
        "seed": settings.seed,
    }
    model = model_of(subject, settings)
    units = [Unit(MEASURE, {"model": model, "part": part, **asked}, f"importance, {part}") for part in PARTS]
    found = joined([from_json(Importance, json.dumps(one.values)) for one in place.results(units)])
    return replace(found, backgrounds=words)


def measure_part(
    folder: Path,
    model: Model,
    part: str,
    candidates: Sequence[Sequence[str]],
    explained: Sequence[str],
    given: Sequence[str] | None,
    count: int,
    seed: int,
) -> Any:
    """Measure one part, as plain values.

    Args:
        folder: of the result, into which nothing is written.
        model: which run and output.
        part: name of what is measured.
        candidates: name, letters and core of each.
        explained: sequences, whose shuffles are the backgrounds.
        given: backgrounds of the user instead.
        count: of backgrounds.
        seed: of shuffles and draws.
    """
    subject, found = open_model(model), Importance()
    codes = encode(list(explained))
    if given is None:
        one_strand = shuffled(codes, seed, copies=1 + (count - 1) // len(codes))
    else:
        one_strand = own(encode(list(given)))
    both = subject.same_on_both_strands()
    backgrounds = one_strand.both_strands() if both else one_strand
    motifs = [Candidate(*one) for one in candidates]
    try:
        PARTS[part](Bench(subject, backgrounds, one_strand, codes, motifs, both, seed), found)
    except InputError as error:
        found.notes.append(str(error))
    return json.loads(to_json(found))


def joined(parts: Sequence[Importance]) -> Importance:
    """What all parts have found together; of the distances in both directions the best is spoken of."""
    found = Importance()
    for part in parts:
        found.patterns |= part.patterns
        found.tables |= part.tables
        for name in ("curves", "flanks", "occlusion", "scans"):
            getattr(found, name).extend(getattr(part, name))
        found.notes += [note for note in part.notes if note not in found.notes]
        if not math.isnan(part.strand_gap):
            found.strand_gap, found.size = part.strand_gap, part.size
    if found.scans:
        best = max(found.scans, key=lambda one: (one.best, one.gap, one.after, one.letters, one.curve.title))
        curves = [one.curve for one in found.scans]
        found.pairs = [Pair(best.pair.first, best.pair.second, curves, best.pair.cooperativity, best.pair.sentence)]
        found.tables["orientations"] = best.orientations
        found.tables["cooperativity"] = [] if best.pair.cooperativity is None else [best.pair.cooperativity]
    return found
