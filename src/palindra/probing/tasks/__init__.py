"""Tasks of probing: the six of the thesis, runnable counterparts, and what is checked before they are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from palindra.errors import InputError
from palindra.probing.tasks.leaks import Leaks, leaks
from palindra.probing.tasks.local import crx_mpra, splice_sites, tf_table, yeast_utr
from palindra.probing.tasks.rows import Rows
from palindra.probing.tasks.splicing import splicing_psi
from palindra.probing.tasks.subsets import divided, downsampled, shuffled_labels, with_validation
from palindra.probing.tasks.task import ProbeTask
from palindra.probing.tasks.thesis import lenti_mpra, rbp_binding, rna_regression, tf_binding
from palindra.probing.tasks.variants import VariantTask, saturation_mutagenesis, variant_table


@dataclass(frozen=True)
class Definition:
    """How a task is read from a path, and what that path holds."""

    read: Callable[[str | Path], ProbeTask | VariantTask]
    needs: str


_LABELLED = "a table (sequence, label, split), or what palindra train reads"

TASKS: dict[str, Definition] = {
    "lenti-mpra": Definition(lenti_mpra, _LABELLED),
    "tf-binding": Definition(tf_binding, _LABELLED),
    "variants": Definition(variant_table, "a table (reference, alternate, effect, element)"),
    "splicing-psi": Definition(splicing_psi, "a table (acceptor, donor, split or chrom, one column for each tissue)"),
    "rna-regression": Definition(rna_regression, _LABELLED),
    "rbp-binding": Definition(rbp_binding, _LABELLED),
    "tf": Definition(tf_table, "a table (split, label, sequence)"),
    "crx-mpra": Definition(crx_mpra, "a table (split, locus, sequence, expression_log2)"),
    "splice-sites": Definition(splice_sites, "a table (split, label 0 to 2, sequence)"),
    "yeast-utr": Definition(yeast_utr, "a table (split, utr_name, sequence, t0, growth_rate)"),
    "satmut": Definition(saturation_mutagenesis, "a folder (variants.tsv.gz, elements.fa.gz)"),
}
"""Every task by the name that :func:`open_task` takes; the first six are those of Tang (2024)."""


def open_task(text: str) -> ProbeTask | VariantTask:
    """A task from ``NAME:PATH``.

    Raises:
        InputError: for an unknown name, and for everything in the file that cannot be used.

    Examples:
        >>> open_task("tf")
        Traceback (most recent call last):
        ...
        palindra.errors.InputError: task 'tf': write NAME:PATH, e.g. tf:FILE, where it is a table (split, label, ...
    """
    name, colon, path = text.partition(":")
    if name not in TASKS:
        raise InputError(f"task {name!r} is not known: {', '.join(TASKS)} are. Write NAME:PATH.")
    if not colon or not path:
        raise InputError(f"task {text!r}: write NAME:PATH, e.g. {name}:FILE, where it is {TASKS[name].needs}.")
    return TASKS[name].read(path)


__all__ = [
    "TASKS",
    "Definition",
    "Leaks",
    "ProbeTask",
    "Rows",
    "VariantTask",
    "crx_mpra",
    "divided",
    "downsampled",
    "leaks",
    "lenti_mpra",
    "open_task",
    "rbp_binding",
    "rna_regression",
    "saturation_mutagenesis",
    "shuffled_labels",
    "splice_sites",
    "splicing_psi",
    "tf_binding",
    "tf_table",
    "variant_table",
    "with_validation",
    "yeast_utr",
]
