"""Cells of a probing as pieces of work: every source embeds a task once, then readouts are fitted anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli.probing.opening import Material, device, with_strands
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.protocol import of_layers, of_sources
from palindra.cli.probing.reopening import cache_of, plan_from, rows_of, source_of
from palindra.cli.sharing import do_all, held
from palindra.engine import Engine, Unit
from palindra.probing.cells import FULL
from palindra.probing.controls import REFERENCE
from palindra.probing.features import TaskFeatures
from palindra.probing.running import missing, probe
from palindra.probing.sources import layers_of, open_source
from palindra.probing.tasks import ProbeTask

POOLED = "mean"  # one file holds all summaries


@dataclass(frozen=True)
class Group:
    """Cells that one worker computes together: of one source on one task, by one readout, with one seed."""

    task: int
    source: int | None  # of the plan; None is the reference
    strands: str
    layer: int | None
    readout: str
    seed: int


def share_cells(
    plan: Plan,
    material: Material,
    contents: str,
    output: Path,
    engine: Engine,
    *,
    command: str,
    progress: bool,
    say: Callable[[str], None],
) -> frozenset[str]:
    """Compute every missing cell on the workers of an engine; the names of those that were missing.

    Args:
        plan: of the probing.
        material: what it names, opened.
        contents: hash of all files that are read.
        output: the run folder.
        engine: where to work.
        command: that was run.
        progress: show one bar.
        say: gets lines.

    Raises:
        InputError: naming cells whose workers died; cells that fail by themselves are stored with their reason.
    """
    groups: dict[Group, list[str]] = {}
    for number, (_, task) in enumerate(material.tasks):
        sources = with_strands(material.sources, plan, task)
        windows = material.windows[number]
        found = missing(sources, [task], folder=output, **of_sources(plan, task, windows))
        layered = [source for source in sources if layers_of(source)]
        if plan.layers is not None and layered:
            found += missing(layered, [task], folder=output, **of_layers(plan, task, windows))
        names = [one.name for one in material.sources]
        for cell in found:
            source = None if cell.source == REFERENCE else names.index(cell.source)
            group = Group(number, source, cell.strands, cell.layer, cell.readout, cell.seed)
            own = groups.setdefault(group, [])
            if cell.name not in own:
                own.append(cell.name)
    common = {"plan": asdict(plan), "contents": contents, "output": str(output.absolute())}
    titles = {group: _title(group, plan, material) for group in groups}
    read = dict.fromkeys(
        (g.task, g.source, g.strands, g.layer, FULL if g.readout == "cnn" else POOLED)
        for g in groups
        if g.source is not None
    )
    embedding = [
        Unit(
            f"{__name__}:embed",
            {**common, "task": t, "source": s, "strands": strands, "layer": layer, "kind": kind},
            f"embedding {material.tasks[t][1].name} by {plan.sources[s]}",
        )
        for t, s, strands, layer, kind in read
        if s is not None
    ]
    do_all(engine, embedding, output, command=command, progress=progress, say=say)
    fitting = [
        Unit(f"{__name__}:compute", {**common, "group": asdict(group), "names": names}, titles[group])
        for group, names in groups.items()
    ]
    do_all(engine, fitting, output, command=command, progress=progress, say=say)
    return frozenset(name for names in groups.values() for name in names)


def embed(
    folder: Path,
    *,
    plan: dict[str, Any],
    contents: str,
    output: str,
    task: int,
    source: int,
    strands: str,
    layer: int | None,
    kind: str,
) -> str:
    """Fill the cache with the features of one source on one task; the reason where that is impossible."""
    text = json.dumps(plan)
    rows = rows_of(text, contents)
    own = source_of(text, contents, source, strands, layer)
    features = TaskFeatures(own, rows.tasks[task][1], cache_of(output))
    try:
        if kind != FULL or features.has_tokens:
            features.of(kind, np.arange(0))
            for one in rows.windows[task] if layer is None else ():
                features.of_others(one.texts, kind, key=one.key)
    except Exception as error:  # each cell says so again, and the other cells go on
        return str(error)
    return ""


def compute(
    folder: Path, *, plan: dict[str, Any], contents: str, output: str, group: dict[str, Any], names: Sequence[str]
) -> list[str]:
    """Compute the cells of one group and store them in the output; their names."""
    text, own = json.dumps(plan), Group(**group)
    chosen, rows = plan_from(text), rows_of(text, contents)
    task, windows = rows.tasks[own.task][1], rows.windows[own.task]
    if own.source is None:
        sources = [open_source("nucleotides")]  # is not looked at
    else:
        sources = [source_of(text, contents, own.source, own.strands)]
    arguments = (of_sources if own.layer is None else of_layers)(chosen, task, windows)
    arguments |= {"kmers": own.source is None}
    with held(Path(output), Path(output, names[0])):
        found = probe(
            sources, [task], folder=output, cache=cache_of(output), device=device(), only=frozenset(names), **arguments
        )
    return [cell.name for cell in found.cells]


def _title(group: Group, plan: Plan, material: Material) -> str:
    source = REFERENCE if group.source is None else plan.sources[group.source]
    layer = "" if group.layer is None else f", layer {group.layer}"
    strands = "" if group.strands == "as is" else f", strands {group.strands}"
    task: ProbeTask = material.tasks[group.task][1]
    return f"{task.name}: {source}{layer}{strands}, {group.readout}, seed {group.seed}"
