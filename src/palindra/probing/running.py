"""Run every source through the same readouts on every task; resume where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from palindra.errors import InputError
from palindra.probing.cells import Cell, CellStore
from palindra.probing.computing import Heads, Plan, Run, base_name, strands_of
from palindra.probing.features import SUMMARIES, Embeddings
from palindra.probing.readouts import READOUTS
from palindra.probing.results import Results, strand_findings
from palindra.probing.source import Source
from palindra.probing.tasks import Leaks, ProbeTask, Rows, leaks, with_validation
from palindra.probing.trained_variants import VariantWindows

__all__ = ["Cell", "Heads", "Results", "base_name", "missing", "probe", "strands_of"]


def probe(
    sources: Sequence[Source],
    tasks: Sequence[ProbeTask],
    *,
    folder: str | Path,
    readouts: Sequence[str] = READOUTS,
    summaries: Sequence[str] = ("mean",),
    seeds: Sequence[int] = (0,),
    fractions: Sequence[float] = (1.0,),
    layers: Sequence[int] | str | None = None,
    shuffled: bool = False,
    kmers: bool = True,
    heads: Heads | None = None,
    cache: Embeddings | None = None,
    device: str = "cpu",
    say: Callable[[str], None] | None = None,
    only: Collection[str] | None = None,
    failed: Collection[str] = (),
    variants: Sequence[VariantWindows] = (),
) -> Results:
    """Probe frozen representations: embed, read out, score.

    Every cell is stored as soon as it is done, with its test predictions; called again with the same arguments, the
    run goes on where it stopped. A cell that fails (a sequence too long for a source, features that are no numbers)
    stays in the results with the reason, and the others go on; it is tried again by the next call.

    Args:
        sources: see :func:`palindra.probing.sources.open_source`; strands are the source's matter.
        tasks: see :mod:`palindra.probing.tasks`. Where one has no validation rows, a tenth of its training rows become
            such.
        folder: of the cells.
        readouts: any of linear and mlp (on summaries) and cnn (on all tokens).
        summaries: any of mean, max and cls.
        seeds: of training subsets, first weights, order and dropout. The linear readout of all rows depends on no
            seed and is fitted once.
        fractions: of the training rows; for one seed the smaller sets are parts of the larger ones. Validation and
            test rows stay.
        layers: of sources that have several, in addition to their own choice: numbers, or "all".
        shuffled: also fit each readout to shuffled labels, as a control.
        kmers: also fit the reference, a linear model of 6-mers of both strands.
        heads: what differs from the readouts of the thesis.
        cache: of embeddings; by default in ``folder/embeddings``.
        device: of the readouts.
        say: is told of every cell.
        only: names of the cells to go through; None for all.
        failed: names of cells that are taken as they are if they failed, and not tried again.
        variants: that the readouts score as well, kept with the predictions of their cells
            (:func:`palindra.probing.trained_variants.windows_of`).

    Raises:
        InputError: for unknown readouts or summaries, or cells in the folder that were computed from something else.
    """
    _check(sources, tasks, readouts, summaries, seeds, fractions)
    run = Run(
        store=CellStore(folder),
        heads=heads or Heads(),
        device=device,
        say=say or (lambda text: None),
        plan=Plan(readouts, summaries, seeds, fractions, shuffled),
        only=only,
        failed=failed,
        variants=variants,
    )
    embeddings = cache or _own_cache(Path(folder) / "embeddings")
    cells: list[Cell] = []
    found: dict[str, Leaks] = {}
    notes: list[str] = []
    for given in tasks:
        task = _with_validation(given)
        found[task.name] = leaks(task)
        notes += [f"{task.name}: {note}" for note in task.notes]
        if kmers:
            cells += run.references(task, found[task.name])
        for source in sources:
            for one, layer in _layers(source, layers):
                cells += run.cells(one, layer, task, found[task.name], embeddings, notes)
    return Results(
        cells=cells,
        folder=Path(folder),
        leaks=found,
        notes=tuple(dict.fromkeys(notes)),
        findings=tuple(strand_findings(cells, run.store)),
    )


def missing(
    sources: Sequence[Source],
    tasks: Sequence[ProbeTask],
    *,
    folder: str | Path,
    readouts: Sequence[str] = READOUTS,
    summaries: Sequence[str] = ("mean",),
    seeds: Sequence[int] = (0,),
    fractions: Sequence[float] = (1.0,),
    layers: Sequence[int] | str | None = None,
    shuffled: bool = False,
    kmers: bool = True,
    heads: Heads | None = None,
    variants: Sequence[VariantWindows] = (),
) -> list[Cell]:
    """The cells, without scores, that :func:`probe` would compute with the same arguments, in their order.

    Raises:
        InputError: as :func:`probe`.
    """
    _check(sources, tasks, readouts, summaries, seeds, fractions)
    store = CellStore(folder)
    plan = Plan(readouts, summaries, seeds, fractions, shuffled)
    run = Run(store, heads or Heads(), "cpu", lambda _: None, plan, variants=variants)
    found: list[Cell] = []
    for given in tasks:
        task = _with_validation(given)
        leaked = leaks(task)
        planned = list(run.planned_references(task, leaked)) if kmers else []
        for source in sources:
            for one, layer in _layers(source, layers):
                planned += run.planned(one, layer, task, leaked)
        found += [cell for cell, identity in planned if store.read(cell.name, identity) is None]
    return found


def _layers(source: Source, layers: Sequence[int] | str | None) -> Iterator[tuple[Source, int | None]]:
    yield source, None
    if layers is None:
        return
    from palindra.probing.sources import at_layer, layers_of

    there = layers_of(source)
    for layer in there if layers == "all" else [layer for layer in layers if layer in there]:
        yield at_layer(source, int(layer)), int(layer)


def _with_validation(task: ProbeTask) -> ProbeTask:
    rows = task.rows
    if (rows.splits == "valid").any() or not isinstance(rows, Rows):
        return task
    return task.with_rows(with_validation(rows), "no validation rows: a tenth of the training rows became such.")


def _own_cache(folder: Path) -> Embeddings:
    from palindra.probing.cache import Cache

    return Cache(folder)


def _check(
    sources: Sequence[Source],
    tasks: Sequence[ProbeTask],
    readouts: Sequence[str],
    summaries: Sequence[str],
    seeds: Sequence[int],
    fractions: Sequence[float],
) -> None:
    for what, given, known in (("readout", readouts, READOUTS), ("summary", summaries, SUMMARIES)):
        unknown = [name for name in given if name not in known]
        if unknown:
            raise InputError(f"{what} {unknown[0]!r} is not known: {', '.join(known)} are.")
    if not seeds or not fractions or not readouts or not sources or not tasks:
        raise InputError("probing needs at least one source, task, readout, seed and fraction.")
    for what, names in (
        ("tasks", [task.name for task in tasks]),
        ("sources", [f"{base_name(source)}, strands {strands_of(source)}" for source in sources]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"two {what} are named {twice[0]!r}: give them different names, or one of them only.")
