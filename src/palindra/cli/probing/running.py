"""A probing from its plan to its page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from palindra.cli.probing.maps import MapFindings, compare_maps
from palindra.cli.probing.opening import Material, cautions, device, open_material, with_strands
from palindra.cli.probing.pieces import Sharing
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.protocol import EMBEDDINGS, of_layers, of_sources
from palindra.cli.probing.variants import score_variants
from palindra.cli.probing.writing import Found, write_all
from palindra.cli.settings import require_same
from palindra.cli.sharing import forget
from palindra.engine import Engine
from palindra.models.saving import write_text
from palindra.probing.cache import Cache
from palindra.probing.results import Results
from palindra.probing.running import base_name, probe, strands_of
from palindra.probing.source import Source
from palindra.probing.sources import layers_of
from palindra.probing.tasks import ProbeTask
from palindra.probing.trained_variants import VariantWindows, windows_note
from palindra.probing.verdicts import Entry, TrainedScore, entries_of, trained_scores, with_trained

SETTINGS = "settings.json"


def run(
    plan: Plan, output: Path, *, command: str = "", engine: Engine | None = None, progress: bool = True
) -> list[str]:
    """Probe, judge and write a run folder; what it showed, sentence by sentence.

    Args:
        plan: what is probed.
        output: the run folder.
        command: that was run.
        engine: embeds and fits readouts wherever its workers are; None does so in this process.
        progress: say what is done.

    Raises:
        InputError: for what cannot be opened, and for a folder that holds a run with other settings.
    """

    def say(text: str) -> None:
        if progress:
            typer.echo(text, err=True)

    material = open_material(plan)
    fingerprints = _fingerprints(material)
    _claim_folder(output, plan.settings() | fingerprints)
    contents = hashlib.sha256(json.dumps(fingerprints, sort_keys=True).encode()).hexdigest()[:16]
    shared: frozenset[str] = frozenset()
    if engine is not None:
        from palindra.cli.probing.sharing import share_cells

        shared = share_cells(plan, material, contents, output, engine, command=command, progress=progress, say=say)
    cache = Cache(output / EMBEDDINGS)
    entries: list[Entry] = []
    notes: list[str] = []
    trained: list[TrainedScore] = []
    for (_, task), windows in zip(material.tasks, material.windows, strict=True):
        sources = with_strands(material.sources, plan, task)
        results = _probe(task, windows, sources, plan, output, cache, say, shared)
        entries += _with_cautions(entries_of(results, material.kinds), sources, task)
        trained += trained_scores(results, material.kinds, windows)
        notes += [*results.notes, *windows_note(windows, task)]
    sharing = Sharing(engine, command, progress, say)
    untrained = score_variants(material, plan, contents, output, sharing)
    maps = compare_maps(material, plan, contents, output, sharing) if plan.attribution else MapFindings()
    found = Found(
        plan=plan,
        material=material,
        entries=_with_warnings(entries, maps),
        notes=list(dict.fromkeys(notes)),
        zero_shot=with_trained(untrained, trained),
        trained=trained,
        maps=maps,
    )
    said = write_all(found, output, command)
    forget(output)
    return said


def _probe(
    task: ProbeTask,
    windows: Sequence[VariantWindows],
    sources: Sequence[Source],
    plan: Plan,
    output: Path,
    cache: Cache,
    say: Callable[[str], None],
    failed: frozenset[str],
) -> Results:
    """All readouts on the sources' own layers, and one cheap readout on every layer that was asked for."""
    common: dict[str, Any] = {"folder": output, "cache": cache, "device": device(), "say": say, "failed": failed}
    own = probe(sources, [task], **common, **of_sources(plan, task, windows))
    layered = [source for source in sources if layers_of(source)]
    if plan.layers is None or not layered:
        return own
    layers = probe(layered, [task], **common, **of_layers(plan, task, windows))
    more = [cell for cell in layers.cells if cell.layer is not None]
    return replace(own, cells=[*own.cells, *more])


def _with_cautions(entries: Sequence[Entry], sources: Sequence[Source], task: ProbeTask) -> list[Entry]:
    said = {(base_name(source), strands_of(source)): cautions(source, task) for source in sources}
    return [
        replace(entry, warnings=(*entry.warnings, *said.get((entry.source, entry.strands), ()))) for entry in entries
    ]


def _with_warnings(entries: Sequence[Entry], maps: MapFindings) -> list[Entry]:
    """What went wrong with the maps of a source stands beside its CNN, through which they were taken."""
    said: dict[tuple[str, str], list[str]] = {}
    for source, task, text in maps.warnings:
        said.setdefault((source, task), []).append(text)
    return [
        replace(entry, warnings=(*entry.warnings, *said.get((entry.source, entry.task), ())))
        if entry.readout == "cnn" and entry.is_main and entry.strands == "as is"
        else entry
        for entry in entries
    ]


def _claim_folder(output: Path, settings: dict[str, str]) -> None:
    """Write down what the folder is for, or make sure that it is for this."""
    path = output / SETTINGS
    if path.is_file():
        require_same(output, json.loads(path.read_text(encoding="utf-8")), settings)
        return
    output.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(settings, indent=1) + "\n")


def _fingerprints(material: Material) -> dict[str, str]:
    """Contents of tasks and sources, so that a file that changed is noticed."""
    found = {f"contents of {task.name}": task.fingerprint[:16] for _, task in material.tasks}
    for variants in material.variants:
        digest = hashlib.sha256("\n".join([*variants.reference, *variants.alternate]).encode())
        digest.update(variants.effects.tobytes())
        found[f"contents of {variants.name}"] = digest.hexdigest()[:16]
    for one in material.sources:
        found[f"contents of {one.name}"] = hashlib.sha256(one.source.fingerprint.encode()).hexdigest()[:16]
    return found
