"""Splicing of cassette exons: both ends of an exon in, how much it is spliced in in each tissue out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from palindra.data.tabular import Table
from palindra.errors import InputError
from palindra.probing.tasks.reading import read_rows, read_table
from palindra.probing.tasks.rows import Rows
from palindra.probing.tasks.task import ProbeTask

VALID_CHROMOSOMES, TEST_CHROMOSOMES = ("1", "7", "9"), ("2", "3", "5")
INPUTS = ("acceptor", "donor")  # 300 letters of intron and 100 of exon, and 100 of exon and 300 of intron
LENGTH = 400
_NOT_TISSUES = {
    *INPUTS,
    "split",
    "chrom",
    "chr",
    "chromosome",
    "exon",
    "exon_id",
    "id",
    "gene",
    "strand",
    "start",
    "end",
}


def splicing_psi(path: str | Path, *, length: int | None = LENGTH) -> ProbeTask:
    """PSI of exons in tissues from two stretches around the splice sites (Tang, 2024, task 4).

    Args:
        path: a table with columns ``acceptor`` and ``donor`` (letters), ``split`` or ``chrom`` (validation on 1, 7, 9,
            test on 2, 3, 5, training on the others), and one column of PSI for each tissue: fractions, or percent
            where one is above 1; empty, NA or -1 where not measured. Columns ``exon``, ``gene``, ``strand``, ``start``
            and ``end`` are not tissues.
        length: of both stretches; None for any.

    Raises:
        InputError: for values that are no PSI, exons without any, or a table without tissues.
    """
    table = read_table(path)
    tissues = [name for name in table.columns if name.lower() not in _NOT_TISSUES]
    if not tissues:
        raise InputError(f"{table.name}: no column of a tissue beside {', '.join(table.columns)}.")
    rows = read_rows(path, sequences=INPUTS, labels=tissues, group=_chromosomes(table), length=length)
    psi = np.where(rows.labels == -1, np.nan, rows.labels)
    percent = bool(np.nanmax(psi) > 1)
    psi = psi / 100 if percent else psi
    wrong = np.argwhere((psi < 0) | (psi > 1))
    if len(wrong):
        row, place = (int(n) for n in wrong[0])
        raise InputError(
            f"{rows.where(row)}: PSI {rows.labels[row, place]:g} of {tissues[place]!r} is not between 0 and "
            f"{'100' if percent else '1'}. Write -1 or nothing where it was not measured."
        )
    empty = np.flatnonzero(np.isnan(psi).all(axis=1))
    if len(empty):
        raise InputError(f"{rows.where(int(empty[0]))}: PSI of this exon is measured in no tissue. Remove the row.")
    notes = ["PSI was given in percent and divided by 100."] if percent else []
    rows = replace(rows, labels=psi.astype(np.float32))
    if "split" not in table.columns:
        rows = _by_chromosome(rows)
        notes.append("split by chromosome: validation 1, 7, 9, test 2, 3, 5.")
    task = ProbeTask(
        "splicing PSI",
        "psi",
        rows,
        symmetric=False,
        cnn="splicing",
        citation="Tang (2024), task 4; Cheng et al. (2021); Ling et al. (2020)",
    )
    notes.append(
        f"{len(task.scored)} of {len(task.split('test'))} test exons are scored: measured in at least "
        f"{task.fewest_tissues} tissues, one of them {task.smallest_deviation:g} or more from the exon's mean."
    )
    return task.with_rows(rows, *notes)


def _chromosomes(table: Table) -> str | None:
    return next((name for name in ("chrom", "chr", "chromosome") if name in table.columns), None)


def _by_chromosome(rows: Rows) -> Rows:
    if rows.groups is None:
        raise InputError(f"{rows.source}: give a column split (train, valid, test) or chrom.")
    names = [name.removeprefix("chr") for name in rows.groups.tolist()]
    splits = ["valid" if n in VALID_CHROMOSOMES else "test" if n in TEST_CHROMOSOMES else "train" for n in names]
    return replace(rows, splits=np.array(splits, dtype=np.str_))
