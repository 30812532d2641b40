"""The tasks of Tang (2024, chapter 3) as definitions that read the user's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from palindra.data import read_labelled
from palindra.probing.tasks.rows import Rows
from palindra.probing.tasks.subsets import divided, with_validation
from palindra.probing.tasks.task import ProbeTask


def lenti_mpra(path: str | Path, **options: Any) -> ProbeTask:
    """Task 1: activity of 230-letter sequences (15 + 200 + 15) before a reporter gene, log2 RNA over DNA.

    Released files hold both orientations of an element; they are measured apart, and are kept in one split here.
    """
    return _single(
        "lentiMPRA",
        "regression",
        path,
        options,
        symmetric=None,
        cnn="lenti-mpra",
        citation="Tang (2024), task 1; Agarwal et al. (2023)",
    )


def tf_binding(path: str | Path, **options: Any) -> ProbeTask:
    """Task 2: 200 letters at a peak of a transcription factor, or at open chromatin without one."""
    return _single("TF binding", "binary", path, options, symmetric=True, cnn="binding", citation="Tang (2024), task 2")


def rna_regression(path: str | Path, **options: Any) -> ProbeTask:
    """Task 5: abundance of RNA from 173 letters inserted into a gene, log(total RNA + 1); few training rows.

    Compared at 10 % to 100 % of the training rows.
    """
    return _single(
        "RNA regression (INSERT-seq)",
        "regression",
        path,
        options,
        symmetric=False,
        cnn="insert",
        citation="Tang (2024), task 5; Vlaming et al. (2022)",
    )


def rbp_binding(path: str | Path, **options: Any) -> ProbeTask:
    """Task 6: 200 letters of RNA at an eCLIP peak of an RNA-binding protein, or at background of the input."""
    return _single(
        "RBP binding", "binary", path, options, symmetric=False, cnn="binding", citation="Tang (2024), task 6"
    )


def _single(
    name: str,
    kind: str,
    path: str | Path,
    options: dict[str, Any],
    *,
    symmetric: bool | None,
    cnn: str,
    citation: str,
) -> ProbeTask:
    rows, notes = labelled_rows(path, kind, options)
    return ProbeTask(
        f"{name} ({Path(path).name.split('.')[0]})",
        kind,
        rows,
        symmetric=symmetric,
        cnn=cnn,
        notes=notes,
        citation=citation,
    )


def labelled_rows(path: str | Path, kind: str, options: dict[str, Any]) -> tuple[Rows, tuple[str, ...]]:
    """Rows of a file that :func:`palindra.data.read_labelled` reads, with splits made where it has none.

    Args:
        path: table, FASTA or HDF5.
        kind: of the labels.
        options: of ``read_labelled``, and ``seed`` of the splits.
    """
    options = dict(options)
    seed = int(options.pop("seed", 0))
    rows = Rows.of(read_labelled(path, task=kind, **options))
    if set(rows.splits.tolist()) == {"train"}:
        rows = divided(rows, seed=seed)
        return rows, ("the file has no splits: .7/.1/.2 at random, a sequence and its reverse complement together.",)
    if not (rows.splits == "valid").any():
        return with_validation(rows, seed=seed), ("the file has no validation rows: a tenth of the training rows.",)
    return rows, ()
