"""Tasks on openly available data that stand for those of the thesis and run on a small machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palindra.data.tabular import Table
from palindra.errors import InputError
from palindra.probing.tasks.reading import column, number_column, read_rows
from palindra.probing.tasks.rows import Rows
from palindra.probing.tasks.subsets import divided, with_validation
from palindra.probing.tasks.task import ProbeTask
from palindra.probing.tasks.thesis import labelled_rows

FEWEST_READS = 10
SHORTEST_UTR = 6  # so that words of six letters can be counted in every row


def tf_table(path: str | Path, *, name: str = "") -> ProbeTask:
    """Binding of a transcription factor: columns ``split``, ``label`` (0 or 1) and ``sequence``; for task 2."""
    rows, notes = labelled_rows(path, "binary", {})
    return ProbeTask(name or f"TF binding ({_stem(path)})", "binary", rows, symmetric=True, cnn="binding", notes=notes)


def splice_sites(path: str | Path, *, name: str = "splice sites") -> ProbeTask:
    """Donor, acceptor or neither at the centre: columns ``split``, ``label`` (0, 1, 2) and ``sequence``; for task 4.

    Which strand is transcribed decides what is a site, so the label is not that of the reverse complement.
    """
    rows, notes = labelled_rows(path, "multiclass", {})
    return ProbeTask(name, "multiclass", rows, symmetric=False, cnn="binding", notes=notes)


def crx_mpra(path: str | Path, *, name: str = "CRX MPRA") -> ProbeTask:
    """Activity of CRX-bound sequences in mouse retina, ``expression_log2``; split by ``locus``; for task 1.

    Wild types and their mutants share a locus and may not be in two splits. Enhancers were tested one way round before
    one promoter: whether their other strand would do the same was not measured.

    Source: Friedman et al. (2021).
    """
    rows = read_rows(
        path,
        labels=["expression_log2"],
        group="locus",
        keep=lambda table: np.isfinite(number_column(table, "expression_log2")),
    )
    return ProbeTask(
        name,
        "regression",
        _with_splits(rows),
        symmetric=None,
        cnn="lenti-mpra",
        grouped=True,
        citation="Friedman et al. (2021)",
    )


def yeast_utr(
    path: str | Path, *, fewest_reads: int = FEWEST_READS, shortest: int = SHORTEST_UTR, name: str = "yeast 5'UTR"
) -> ProbeTask:
    """Growth under selection from at most 50 letters before the start codon, ``growth_rate``; for task 5.

    Rows with ``t0`` below ``fewest_reads`` are left out as noise, and those below ``shortest`` letters. Fragments of
    one gene overlap: the gene (the part of ``utr_name`` before the first colon) may not be in two splits. RNA has one
    strand, so this is a negative control of symmetry. Places count from the start codon, hence from the right.

    Source: Cuperus et al. (2017).
    """
    rows = read_rows(
        path,
        labels=["growth_rate"],
        group=_genes,
        keep=lambda table: (
            (number_column(table, "t0") >= fewest_reads)
            & np.isfinite(number_column(table, "growth_rate"))
            & np.array([len(text) >= shortest for text in column(table, "sequence")])
        ),
    )
    return ProbeTask(
        name,
        "regression",
        _with_splits(rows),
        symmetric=False,
        cnn="lenti-mpra",
        align="right",
        grouped=True,
        notes=(f"rows with fewer than {fewest_reads} reads before selection or {shortest} letters are left out.",),
        citation="Cuperus et al. (2017)",
    )


def _genes(table: Table) -> list[str]:
    return [name.split(":")[0] for name in column(table, "utr_name")]


def _with_splits(rows: Rows) -> Rows:
    if set(rows.splits.tolist()) == {"train"}:
        if rows.groups is not None:
            raise InputError(
                f"{rows.source}: rows of one group may not be in two splits, so a column split is needed (train, "
                "valid, test)."
            )
        return divided(rows)
    return with_validation(rows)


def _stem(path: str | Path) -> str:
    return Path(path).name.split(".")[0]
