"""Variant effects that sources give without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from palindra.cli.probing.opening import Material
from palindra.cli.probing.pieces import FAILED, Piece, Sharing, make_all, named, write_piece
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.reopening import opened, rows_of, source_of
from palindra.engine import Unit
from palindra.errors import InputError
from palindra.probing.source import Source
from palindra.probing.sources import both_strands
from palindra.probing.tasks import VariantTask
from palindra.probing.verdicts import Kind, ZeroShot
from palindra.probing.zero_shot import EXPECTED, Correlation, zero_shot

FOLDER = "zero_shot"
WITHOUT = (Kind.ONE_HOT, Kind.COUNTS)  # their scores do not depend on where the variant is
NUMBERS = ("correlation", "low", "high")


def score_variants(material: Material, plan: Plan, contents: str, output: Path, sharing: Sharing) -> list[ZeroShot]:
    """Every score of every pretrained source on every table of variants, over all elements together.

    Scores with a direction are compared with signed effects, the others with the size of effects. Each source with
    each handling of strands is one piece of work for a table; what is done is kept in the run folder.
    """
    common = {"plan": asdict(plan), "contents": contents}
    pieces: list[Piece] = []
    for number, task in enumerate(material.variants):
        for place, one in enumerate(material.sources):
            for strands in plan.strands if one.kind not in WITHOUT else ():
                source = both_strands(one.source, strands)  # type: ignore[arg-type]
                path = output.absolute() / FOLDER / f"{_name(source, task)}.json"
                label = f"{task.name}: {one.name}, strands {strands}, without training"
                arguments = common | {"path": str(path), "variants": number, "source": place, "strands": strands}
                unit = Unit(f"{__name__}:score", arguments, label)
                pieces.append(Piece(path, unit, _maker(path, one.kind, task, source), label))
    return [_from(item) for content in make_all(pieces, output, sharing) for item in content["scores"]]


def score(
    folder: Path, *, plan: dict[str, Any], contents: str, path: str, variants: int, source: int, strands: str
) -> None:
    """Score one table of variants by one source and keep what it showed."""
    text = json.dumps(plan)
    task = rows_of(text, contents).variants[variants]
    kind = opened(text, contents, source).kind
    _maker(Path(path), kind, task, source_of(text, contents, source, strands))()


def _maker(path: Path, kind: Kind, task: VariantTask, source: Source) -> Any:
    def make() -> None:
        try:
            found, failed = _scored(kind, task, source), False
        except Exception as error:  # other people's models fail in their own ways, and the others go on
            name = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
            said = (f"failed: {name}{error}",)
            found, failed = [ZeroShot(source.name, kind, task.name, "no score", warnings=said)], True
        write_piece(path, {FAILED: failed, "scores": [_plain(item) for item in found]})

    return make


def _name(source: Source, task: VariantTask) -> str:
    effects = task.effects.tolist(), task.elements.tolist(), task.positions.tolist()
    return named(
        source.name, task.name, identity=[source.fingerprint, source.name, task.reference, task.alternate, *effects]
    )


def _plain(item: ZeroShot) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if key != "trained"}


def _from(content: dict[str, Any]) -> ZeroShot:
    numbers = {key: float("nan") if content[key] is None else content[key] for key in NUMBERS}
    own = {"kind": Kind(content["kind"]), "warnings": tuple(content["warnings"])}
    return ZeroShot(**(content | numbers | own))


def _scored(kind: Kind, task: VariantTask, source: Source) -> list[ZeroShot]:
    scored = zero_shot(source, task)
    shown = []
    for score in scored.scores:
        against = "|effect|" if EXPECTED[score] or score == "dot" else "effect"
        one = _together(scored.select(score=score, against=against))
        if one is None:
            continue
        shown.append(
            ZeroShot(
                source=source.name,
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
