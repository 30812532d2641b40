"""Cells of a probing as pieces of work: every source embeds a task once, then readouts are fitted anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli.probing.opening import Material, device, open_named, open_rows, with_strands
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.protocol import EMBEDDINGS, of_layers, of_sources
from palindra.cli.sharing import do_all, held
from palindra.engine import Engine, Unit
from palindra.probing.cache import Cache
from palindra.probing.cells import FULL
from palindra.probing.controls import REFERENCE
from palindra.probing.features import TaskFeatures
from palindra.probing.running import missing, probe
from palindra.probing.source import Source
from palindra.probing.sources import at_layer, both_strands, layers_of, open_source
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
        found = missing(sources, [task], folder=output, **of_sources(plan, task))
        layered = [source for source in sources if layers_of(source)]
        if plan.layers is not None and layered:
            found += missing(layered, [task], folder=output, **of_layers(plan, task))
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
    rows = _task(text, contents, task)
    features = TaskFeatures(_source(text, contents, source, strands, layer), rows, _cache(output))
    try:
        if kind != FULL or features.has_tokens:
            features.of(kind, np.arange(0))
    except Exception as error:  # each cell says so again, and the other cells go on
        return str(error)
    return ""


def compute(
    folder: Path, *, plan: dict[str, Any], contents: str, output: str, group: dict[str, Any], names: Sequence[str]
) -> list[str]:
    """Compute the cells of one group and store them in the output; their names."""
    text, own = json.dumps(plan), Group(**group)
    chosen, task = plan_from(text), _task(text, contents, own.task)
    if own.source is None:
        sources = [open_source("nucleotides")]  # is not looked at
    else:
        sources = [_source(text, contents, own.source, own.strands, None)]
    arguments = of_sources(chosen, task) if own.layer is None else of_layers(chosen, task)
    arguments |= {"kmers": own.source is None}
    with held(Path(output), Path(output, names[0])):
        found = probe(
            sources, [task], folder=output, cache=_cache(output), device=device(), only=frozenset(names), **arguments
        )
    return [cell.name for cell in found.cells]


def plan_from(text: str) -> Plan:
    """The plan whose fields are in a text of JSON."""
    given = json.loads(text)
    return Plan(**{field.name: _tuples(given[field.name]) for field in fields(Plan)})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _title(group: Group, plan: Plan, material: Material) -> str:
    source = REFERENCE if group.source is None else plan.sources[group.source]
    layer = "" if group.layer is None else f", layer {group.layer}"
    strands = "" if group.strands == "as is" else f", strands {group.strands}"
    task: ProbeTask = material.tasks[group.task][1]
    return f"{task.name}: {source}{layer}{strands}, {group.readout}, seed {group.seed}"


@lru_cache(maxsize=2)
def _task(plan: str, contents: str, number: int) -> ProbeTask:
    """A task of a plan, kept open while this process works on it; other contents are another one."""
    tasks = [task for _, task in open_rows(plan_from(plan))[0]]
    return tasks[number]


@lru_cache(maxsize=1)
def _opened(plan: str, contents: str, number: int) -> Source:
    chosen = plan_from(plan)
    return open_named(chosen.sources[number], chosen).source


def _source(plan: str, contents: str, number: int, strands: str, layer: int | None) -> Source:
    source = both_strands(_opened(plan, contents, number), strands)  # type: ignore[arg-type]
    return source if layer is None else at_layer(source, layer)


@lru_cache(maxsize=1)
def _cache(output: str) -> Cache:
    return Cache(Path(output) / EMBEDDINGS)
