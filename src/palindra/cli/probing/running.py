"""A probing from its plan to its page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from palindra.cli.probing.maps import compare_maps
from palindra.cli.probing.opening import Material, cautions, device, open_material, with_strands
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.variants import score_variants
from palindra.cli.probing.writing import Found, write_all
from palindra.cli.settings import require_same
from palindra.models.saving import write_text
from palindra.probing.cache import Cache
from palindra.probing.readouts import CNNS, Training
from palindra.probing.readouts.fitting import MLP_TRAINING
from palindra.probing.results import Results
from palindra.probing.running import Heads, base_name, probe, strands_of
from palindra.probing.source import Source
from palindra.probing.sources import layers_of
from palindra.probing.tasks import ProbeTask
from palindra.probing.verdicts import Entry, entries_of

SETTINGS, EMBEDDINGS = "settings.json", "embeddings"


def run(plan: Plan, output: Path, *, command: str = "", progress: bool = True) -> list[str]:
    """Probe, judge and write a run folder; what it showed, sentence by sentence.

    Raises:
        InputError: for what cannot be opened, and for a folder that holds a run with other settings.
    """

    def say(text: str) -> None:
        if progress:
            typer.echo(text, err=True)

    material = open_material(plan)
    _claim_folder(output, plan.settings() | _fingerprints(material))
    cache = Cache(output / EMBEDDINGS)
    entries: list[Entry] = []
    notes: list[str] = []
    for _, task in material.tasks:
        sources = with_strands(material.sources, plan, task)
        results = _probe(task, sources, plan, output, cache, say)
        entries += _with_cautions(entries_of(results, material.kinds), sources, task)
        notes += results.notes
    found = Found(
        plan=plan,
        material=material,
        entries=entries,
        notes=list(dict.fromkeys(notes)),
        zero_shot=score_variants(material, plan, say),
        maps=compare_maps(material, plan, output, cache, say) if plan.attribution else [],
    )
    return write_all(found, output, command)


def heads(plan: Plan, task: ProbeTask) -> Heads:
    """Readouts of the protocol, trained for as long as asked for."""
    if plan.epochs is None:
        return Heads()
    sizes = CNNS[task.cnn]
    cnn = Training(sizes.learning_rates, sizes.batch_size, epochs=plan.epochs, weight_decay=sizes.weight_decay)
    return Heads(trainings={"cnn": cnn, "mlp": replace(MLP_TRAINING, epochs=plan.epochs)})


def _probe(
    task: ProbeTask, sources: Sequence[Source], plan: Plan, output: Path, cache: Cache, say: Callable[[str], None]
) -> Results:
    """All readouts on the sources' own layers, and one cheap readout on every layer that was asked for."""
    own = probe(
        sources,
        [task],
        folder=output,
        readouts=plan.readouts,
        summaries=plan.summaries,
        seeds=plan.seeds,
        fractions=plan.fractions,
        shuffled=plan.controls,
        heads=heads(plan, task),
        cache=cache,
        device=device(),
        say=say,
    )
    layered = [source for source in sources if layers_of(source)]
    if plan.layers is None or not layered:
        return own
    layers = probe(
        layered,
        [task],
        folder=output,
        readouts=["linear" if "linear" in plan.readouts else plan.readouts[0]],
        summaries=plan.summaries,
        seeds=plan.seeds,
        fractions=[1.0],
        layers=plan.layers,
        kmers=False,
        heads=heads(plan, task),
        cache=cache,
        device=device(),
        say=say,
    )
    more = [cell for cell in layers.cells if cell.layer is not None]
    return replace(own, cells=[*own.cells, *more])


def _with_cautions(entries: Sequence[Entry], sources: Sequence[Source], task: ProbeTask) -> list[Entry]:
    said = {(base_name(source), strands_of(source)): cautions(source, task) for source in sources}
    return [
        replace(entry, warnings=(*entry.warnings, *said.get((entry.source, entry.strands), ()))) for entry in entries
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
