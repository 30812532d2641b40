"""Cells of a run, gathered over seeds, with scores on resampled test rows."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from palindra.evaluation import metric
from palindra.evaluation.metrics import HIGHER_IS_BETTER
from palindra.probing.cells import Cell
from palindra.probing.controls import REFERENCE
from palindra.probing.results import Results
from palindra.probing.verdicts.entries import Entry, Kind
from palindra.probing.verdicts.resampling import RESAMPLES, row_scores

FEWEST_GROUPS = 20  # to resample groups instead of rows: a handful of chromosomes has no spread to speak of
FEW = (
    "test rows fall into {groups} groups (chromosomes, genes), too few to resample: rows are taken as independent, and "
    "intervals may be too short."
)


def entries_of(results: Results, kinds: Mapping[str, Kind], *, resamples: int = RESAMPLES) -> list[Entry]:
    """One entry for all seeds of what is otherwise the same cell, in the order of the results.

    Args:
        results: of :func:`palindra.probing.running.probe`.
        kinds: what each source is, by its name in the cells; the k-mer reference is known.
        resamples: of test rows, for every cell of the table.
    """
    together: dict[tuple[object, ...], list[Cell]] = {}
    for cell in results.cells:
        key = (
            cell.source,
            cell.task,
            cell.readout,
            cell.summary,
            cell.strands,
            cell.layer,
            cell.fraction,
            cell.control,
        )
        own = together.setdefault(key, [])
        if cell.seed not in [other.seed for other in own]:
            own.append(cell)
    known = {REFERENCE: Kind.COUNTS, **kinds}
    return [_entry(cells, known[cells[0].source], results, resamples) for cells in together.values()]


def _same_but_seeds(cell: Cell) -> tuple[object, ...]:
    what = (cell.source, cell.strands, cell.layer, cell.task)
    return (*what, cell.readout, cell.summary, cell.fraction, cell.control)


def _entry(cells: Sequence[Cell], kind: Kind, results: Results, resamples: int) -> Entry:
    first = next((cell for cell in cells if not cell.failed), cells[0])
    entry = Entry(
        source=first.source,
        kind=kind,
        task=first.task,
        readout=first.readout,
        metric=first.metric,
        scores={cell.seed: cell.value for cell in cells},
        summary=first.summary,
        higher_is_better=HIGHER_IS_BETTER[first.metric],
        test_rows=first.test_rows,
        task_kind=first.task_kind,
        symmetric=first.symmetric,
        fraction=first.fraction,
        layer=first.layer,
        strands=first.strands,
        control=first.control,
        parameters=first.parameters,
        readout_parameters=first.readout_parameters,
        seconds_per_1000=first.seconds_per_1000,
        warnings=tuple(dict.fromkeys(text for cell in cells for text in _warnings(cell))),
        seedless=first.readout == "linear" and first.fraction == 1.0,
        without_leaks={c.seed: c.metrics_without_leaks[c.metric] for c in cells if c.metric in c.metrics_without_leaks},
    )
    return _resampled(entry, cells, results, resamples) if entry.is_main else entry


def _warnings(cell: Cell) -> list[str]:
    said = list(cell.warnings)
    if not cell.failed and not np.isfinite(cell.value):
        said.append(f"there is no {cell.metric}: predictions or labels are constant.")
    return said


def _resampled(entry: Entry, cells: Sequence[Cell], results: Results, resamples: int) -> Entry:
    found, units, said = {}, entry.test_rows, list(entry.warnings)
    for cell in cells:
        if cell.failed or not np.isfinite(cell.value):
            continue
        kept = results.predictions(cell)
        groups = kept.get("groups")
        number = len(kept["labels"]) if groups is None else len(np.unique(groups))
        if groups is not None and number < FEWEST_GROUPS:
            said.append(FEW.format(groups=number))
            groups, number = None, len(kept["labels"])
        units = number
        scores = row_scores(
            metric(cell.score_kind, cell.metric),
            kept["predictions"],
            kept["labels"],
            seed=zlib.crc32(cell.task.encode()),  # tasks of as many rows must not share their draws
            resamples=resamples,
            groups=groups,
        )
        if scores is None:
            said.append("too few test rows of one class to resample them: intervals do not cover the test rows.")
        else:
            found[cell.seed] = scores
    return replace(entry, resampled=found, test_rows=units, warnings=tuple(dict.fromkeys(said)))
