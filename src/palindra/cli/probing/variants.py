"""Variant effects that sources give without training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from palindra.cli.probing.opening import Material
from palindra.cli.probing.plan import Plan
from palindra.errors import InputError
from palindra.probing.sources import both_strands
from palindra.probing.tasks import VariantTask
from palindra.probing.verdicts import Kind, ZeroShot
from palindra.probing.zero_shot import EXPECTED, Correlation, zero_shot

WITHOUT = (Kind.ONE_HOT, Kind.COUNTS)  # their scores do not depend on where the variant is


def score_variants(material: Material, plan: Plan, say: Callable[[str], None]) -> list[ZeroShot]:
    """Every score of every pretrained source on every table of variants, over all elements together.

    Scores with a direction are compared with signed effects, the others with the size of effects.
    """
    found = []
    for task in material.variants:
        for one in material.sources:
            if one.kind in WITHOUT:
                continue
            for strands in plan.strands:
                say(f"{task.name}: {one.name}, strands {strands}, without training")
                source = both_strands(one.source, strands)  # type: ignore[arg-type]
                found += _scored(source.name, one.kind, task, source)
    return found


def _scored(name: str, kind: Kind, task: VariantTask, source: object) -> list[ZeroShot]:
    try:
        scored = zero_shot(source, task)  # type: ignore[arg-type]
    except InputError as error:  # too long for this source, say: the others go on
        return [ZeroShot(name, kind, task.name, "no score", warnings=(f"failed: {error}",))]
    shown = []
    for score in scored.scores:
        against = "|effect|" if EXPECTED[score] or score == "dot" else "effect"
        one = _together(scored.select(score=score, against=against))
        if one is None:
            continue
        shown.append(
            ZeroShot(
                source=name,
                kind=kind,
                task=task.name,
                score=f"{score.replace('_', '-')} against {against}",
                correlation=one.pearson.value,
                low=one.pearson.low,
                high=one.pearson.high,
                variants=one.rows,
                expected=EXPECTED[score],
                elements=one.element,
                warnings=scored.warnings,
            )
        )
    return shown


def _together(found: Sequence[Correlation]) -> Correlation | None:
    """The mean over elements, which stands last, or the only element."""
    return found[-1] if found else None
