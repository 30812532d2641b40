"""Sources and tasks of a plan, opened before anything is computed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from palindra.cli.probing.plan import Plan
from palindra.errors import InputError
from palindra.probing.running import base_name, strands_of
from palindra.probing.source import Source
from palindra.probing.sources import LanguageSource, both_strands, layers_of, open_source
from palindra.probing.tasks import ProbeTask, Rows, VariantTask, open_task
from palindra.probing.trained_variants import VariantWindows, windows_of
from palindra.probing.verdicts import Kind

KINDS = {
    "one-hot": Kind.ONE_HOT,
    "nucleotides": Kind.COUNTS,
    "dinucleotides": Kind.COUNTS,
    "kmers": Kind.COUNTS,
    "hf": Kind.LANGUAGE_MODEL,
    "hf-random": Kind.RANDOM,
    "call": Kind.FUNCTION,
}


@dataclass(frozen=True)
class Opened:
    """A source as it was named, and what it is."""

    text: str
    kind: Kind
    source: Source  # strands as they are

    @property
    def name(self) -> str:
        """As cells name it."""
        return base_name(self.source)


@dataclass(frozen=True)
class Material:
    """Everything that a plan names."""

    sources: list[Opened]
    tasks: list[tuple[str, ProbeTask]]  # with the kind as it was named
    variants: list[VariantTask]
    windows: list[list[VariantWindows]]  # by task: the variants that its readouts score

    @property
    def kinds(self) -> dict[str, Kind]:
        """What each source is, by its name in cells."""
        return {one.name: one.kind for one in self.sources}


def open_material(plan: Plan) -> Material:
    """Open all sources and tasks.

    Raises:
        InputError: for a source, task or layer that there is not.
    """
    opened = [open_named(text, plan) for text in plan.sources]
    tasks, variants, windows = open_rows(plan)
    if plan.layers is not None and not any(layers_of(one.source) for one in opened):
        raise InputError(f"--layers {plan.layers}: none of the sources has layers: {', '.join(plan.sources)}.")
    if not tasks:
        raise InputError("--tasks: name at least one task with labels; variants alone have nothing to train a readout.")
    return Material(opened, tasks, variants, windows)


class OpenedRows(NamedTuple):
    """Tasks with labels, each with its kind as it was named; tables of variants; for each task those it scores."""

    tasks: list[tuple[str, ProbeTask]]
    variants: list[VariantTask]
    windows: list[list[VariantWindows]]


def open_rows(plan: Plan) -> OpenedRows:
    """The tasks with labels, and the tables of variants.

    Raises:
        InputError: for a task that there is not, or variants that readouts of their task cannot read.
    """
    tasks: dict[tuple[str, str], ProbeTask] = {}
    variants: dict[tuple[str, str], VariantTask] = {}
    for kind, path in plan.tasks:
        found = open_task(f"{kind}:{path}")
        if isinstance(found, VariantTask):
            variants[kind, path] = _fewer_variants(found, plan.rows)
        else:
            tasks[kind, path] = _fewer_rows(found, plan.rows)
    windows: dict[tuple[str, str], list[VariantWindows]] = {key: [] for key in tasks}
    for table, task in plan.variants_by:
        windows[task].append(windows_of(variants[table], tasks[task]))
    return OpenedRows(
        [(kind, task) for (kind, _), task in tasks.items()], list(variants.values()), list(windows.values())
    )


def open_named(text: str, plan: Plan) -> Opened:
    """The source of that name.

    Raises:
        InputError: if there is none.
    """
    source = open_source(
        text,
        trust_remote_code=plan.trust_remote_code,
        device=device(),
        batch_size=plan.batch_size,
        max_length=plan.too_long,  # type: ignore[arg-type]
    )
    scheme = text.partition(":")[0]
    trained = Kind.LANGUAGE_MODEL if isinstance(source, LanguageSource) else Kind.SUPERVISED
    return Opened(text, KINDS.get(scheme, trained), source)


def device() -> str:
    """Where networks run."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def with_strands(opened: Sequence[Opened], plan: Plan, task: ProbeTask) -> list[Source]:
    """Sources with their strands handled as asked for; with controls, averaged as well where the label is stranded."""
    handled = list(plan.strands)
    if plan.controls and task.symmetric is False:
        handled = list(dict.fromkeys(["as is", *handled, "averaged"]))
    return [both_strands(one.source, strands) for one in opened for strands in handled]  # type: ignore[arg-type]


def cautions(source: Source, task: ProbeTask) -> list[str]:
    """What has to stand beside every score of a source on a task."""
    said = []
    if task.symmetric is False and strands_of(source) == "averaged":
        said.append("the label depends on the strand, and this source does not tell the strands apart.")
    if is_tiled(source, task):
        said.append("sequences longer than the model reads were read in overlapping tiles (--too-long tile).")
    return said


def is_tiled(source: Source, task: ProbeTask) -> bool:
    """Whether the longest sequence is more than the source reads in one piece."""
    own: Any = getattr(source, "source", source)
    if getattr(own, "max_length", "refuse") != "tile":
        return False
    strict = copy.copy(own)
    strict.max_length = "refuse"
    try:
        strict.embed([max((text for part in task.inputs for text in part), key=len)])
    except InputError:
        return True
    return False


def _fewer_rows(task: ProbeTask, most: int | None) -> ProbeTask:
    if most is None or not isinstance(task.rows, Rows):
        return task
    chosen = np.sort(np.concatenate([_some(task.split(split), most) for split in ("train", "valid", "test")]))
    if len(chosen) == len(task.rows):
        return task
    note = f"{len(chosen):,} of {len(task.rows):,} rows were used: at most {most:,} of each split (--rows)."
    return task.with_rows(task.rows.take(chosen), note)


def _fewer_variants(task: VariantTask, most: int | None) -> VariantTask:
    rows = _some(np.arange(len(task)), len(task) if most is None else most)
    if len(rows) == len(task):
        return task
    return replace(
        task,
        reference=[task.reference[row] for row in rows],
        alternate=[task.alternate[row] for row in rows],
        effects=task.effects[rows],
        elements=task.elements[rows],
        positions=task.positions[rows],
        notes=(*task.notes, f"{len(rows):,} of {len(task):,} variants were used (--rows)."),
    )


def _some(rows: np.ndarray[Any, Any], most: int) -> np.ndarray[Any, Any]:
    """A random choice that does not change from run to run."""
    return np.sort(np.random.default_rng(0).permutation(rows)[:most])
