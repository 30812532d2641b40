"""What is written of a probing: two tables, the page, and all that the page is drawn from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from palindra.cli.probing import map_page, page, tables
from palindra.cli.probing.maps import MapFindings
from palindra.cli.probing.opening import Material
from palindra.cli.probing.plan import Plan
from palindra.cli.shift.writing import provenance
from palindra.data import SPLITS
from palindra.models.saving import write_text
from palindra.probing.attribution import PatternRow, TransplantRow
from palindra.probing.tasks import ProbeTask
from palindra.probing.verdicts import (
    Entry,
    TrainedScore,
    ZeroShot,
    claims,
    conclude,
    judge,
    negative_controls,
)
from palindra.report import probe_page

PAGE, RESULTS, SCORES, VALUES, ZERO_SHOT = "index.html", "results.tsv", "scores.tsv", "probe.json", "zero_shot.tsv"
TRAINED, PATTERNS, TRANSPLANTS = "trained_variants.tsv", "patterns.tsv", "transplants.tsv"
STRANDS = {True: "the same label for the other strand", False: "strand-specific", None: "strands: not known"}


@dataclass(frozen=True)
class Found:
    """Everything that a probing found, before it is judged."""

    plan: Plan
    material: Material
    entries: Sequence[Entry]
    notes: Sequence[str] = ()
    zero_shot: Sequence[ZeroShot] = field(default_factory=list)
    trained: Sequence[TrainedScore] = field(default_factory=list)
    maps: MapFindings = field(default_factory=MapFindings)


def write_all(found: Found, output: Path, command: str) -> list[str]:
    """Judge, write all tables, ``probe.json`` and ``index.html``; the conclusion."""
    entries = found.entries
    verdicts = judge(entries)
    controls = negative_controls(entries)
    tested = claims(entries, zero_shot=found.zero_shot, maps=found.maps.agreements, aligned=_aligned(found))
    said = conclude(verdicts, controls=controls, claims=tested, entries=entries)
    shown = probe_page.Probe(
        title="What do pretrained models know more than the sequence?",
        kicker=_kicker(found),
        conclusion=said,
        tables=page.tables(verdicts),
        claims=page.claim_rows(tested),
        provenance=provenance(command, _hashes(found)),
        layers=page.layer_curves(entries),
        fractions=page.fraction_curves(entries, {t.name: len(t.split("train")) for _, t in found.material.tasks}),
        warnings=page.warnings(entries),
        zero_shot=[*page.zero_shot_rows(found.zero_shot), *page.trained_rows(found.trained)],
        maps=page.map_rows(found.maps.agreements),
        patterns=map_page.pattern_rows(found.maps.patterns),
        transplants=map_page.transplant_rows(found.maps.transplants),
        map_sentences=map_page.sentences(found.maps),
        facts={task.name: _facts(task) for _, task in found.material.tasks} | _notes(found),
    )
    write_text(output / RESULTS, tables.results(entries, verdicts))
    write_text(output / SCORES, tables.scores(entries))
    if found.zero_shot or found.trained:
        write_text(output / ZERO_SHOT, tables.zero_shot(found.zero_shot, found.trained))
    if found.trained:
        write_text(output / TRAINED, tables.trained(found.trained))
    if found.plan.attribution:
        write_text(output / PATTERNS, tables.of_maps(found.maps.patterns, PatternRow))
        write_text(output / TRANSPLANTS, tables.of_maps(found.maps.transplants, TransplantRow))
    write_text(output / VALUES, shown.to_json() + "\n")
    probe_page.write(shown, output / PAGE)
    return said


def _aligned(found: Found) -> frozenset[tuple[str, str]]:
    """Pairs of source and task, as cells name them."""
    names = {one.text: one.name for one in found.material.sources}
    pairs = [(names[text], kind) for text, kind in found.plan.aligned]
    return frozenset((name, task.name) for name, kind in pairs for own, task in found.material.tasks if own == kind)


def _kicker(found: Found) -> str:
    sources, tasks, seeds = len(found.material.sources), len(found.material.tasks), found.plan.seeds
    parts = [f"{sources} source{'s' * (sources != 1)}", f"{tasks} task{'s' * (tasks != 1)}"]
    parts.append(f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))}")
    return " · ".join(parts)


def _facts(task: ProbeTask) -> str:
    rows = ", ".join(f"{len(task.split(split)):,} {split}" for split in SPLITS)
    parts = [f"{task.rows.source}: {rows}", f"{task.kind}, judged by {task.primary}", STRANDS[task.symmetric]]
    return "; ".join([*parts, *([task.citation] if task.citation else []), *task.notes])


def _notes(found: Found) -> dict[str, str]:
    own = [note for task in found.material.variants for note in task.notes]
    of_tasks = {f"{task.name}: {note}" for _, task in found.material.tasks for note in task.notes}
    notes = [*own, *(note for note in found.notes if note not in of_tasks)]
    return {"notes": " ".join(notes)} if notes else {}


def _hashes(found: Found) -> dict[str, str]:
    hashes = {}
    for _, path in found.plan.tasks:
        file = Path(path)
        if file.is_file():
            hashes[f"sha256 of {file.name}"] = hashlib.sha256(file.read_bytes()).hexdigest()
    for one in found.material.sources:
        hashes[f"contents of {one.name}"] = hashlib.sha256(one.source.fingerprint.encode()).hexdigest()[:16]
    return hashes
