"""A probing task: what is read, what is predicted, how it is scored, and what the other strand would say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data import LabelledSequences, Task
from palindra.errors import InputError
from palindra.evaluation import score
from palindra.evaluation.metrics import PRIMARY
from palindra.probing.psi import FEWEST_TISSUES, SMALLEST_DEVIATION, deviations, varying_exons
from palindra.probing.readouts.examples import Align
from palindra.probing.tasks.rows import Rows

Array = NDArray[Any]

KINDS = (*(str(kind) for kind in Task), "psi")


@dataclass(frozen=True, eq=False)
class ProbeTask:
    """One task on which representations are compared.

    Args:
        name: as reports print it.
        kind: binary, multiclass, multilabel, regression, or psi (fractions of several tissues per exon).
        rows: sequences with labels and splits.
        symmetric: whether the label is the same for the reverse complement: True, False, or None where that is not
            known. For False, averaging over strands must cost accuracy.
        primary: the score to compare by; by default the usual one of the kind.
        cnn: which CNN of the thesis reads it (a key of ``palindra.probing.readouts.CNNS``).
        align: at which end shorter sequences stand: "right" where the place counts from the end.
        fewest_tissues: of an exon that is scored (psi).
        smallest_deviation: of an exon's tissues from its mean, to be scored (psi).
        grouped: whether rows of one group (gene, locus) may not be in two splits.
        notes: what a reader of results has to know: choices of the loader, and warnings.
        citation: where the task comes from.

    Raises:
        InputError: for an unknown kind, or rows without a training or a test split.

    Examples:
        >>> rows = Rows.from_arrays([["AC", "AG", "TC"]], [1, 0, 1], splits=["train", "train", "test"])
        >>> task = ProbeTask("toy", "binary", rows, symmetric=True)
        >>> task.primary, task.outputs, task.split("test").tolist()
        ('AUROC', 1, [2])
    """

    name: str
    kind: str
    rows: Rows | LabelledSequences
    symmetric: bool | None = None
    primary: str = ""
    cnn: str = ""
    align: Align = "left"
    fewest_tissues: int = FEWEST_TISSUES
    smallest_deviation: float = SMALLEST_DEVIATION
    grouped: bool = False
    notes: tuple[str, ...] = ()
    citation: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"task {self.name!r}: kind {self.kind!r} is not known; {', '.join(KINDS)} are.")
        if isinstance(self.rows, LabelledSequences):
            object.__setattr__(self, "rows", Rows.of(self.rows))
        if not self.primary:
            object.__setattr__(self, "primary", "Spearman" if self.kind == "psi" else PRIMARY[self.kind])
        if not self.cnn:
            object.__setattr__(self, "cnn", {"psi": "splicing", "regression": "lenti-mpra"}.get(self.kind, "binding"))
        for split in ("train", "test"):
            if not (self.rows.splits == split).any():
                raise InputError(
                    f"{self.rows.source}: no row is in split {split!r}, which probing needs. Add a column split with "
                    "train, valid and test, or divide the rows (palindra.probing.tasks.divided)."
                )

    @property
    def inputs(self) -> tuple[list[str], ...]:
        """For each input of a row all its sequences."""
        return cast(Rows, self.rows).inputs

    @property
    def labels(self) -> NDArray[np.float32]:
        """``(rows, columns)``."""
        return self.rows.labels

    @property
    def groups(self) -> Array | None:
        """Rows that belong together, for the bootstrap."""
        return cast(Rows, self.rows).groups

    @property
    def outputs(self) -> int:
        """Number of columns that a readout predicts."""
        return len(self.rows.class_names) if self.kind == "multiclass" else self.labels.shape[1]

    def split(self, name: str) -> NDArray[np.int64]:
        """Numbers of the rows of a split."""
        return np.flatnonzero(self.rows.splits == name)

    @property
    def scored(self) -> NDArray[np.int64]:
        """Test rows that scores are computed on: all, but for psi those of :func:`varying_exons`."""
        test = self.split("test")
        if self.kind != "psi":
            return test
        varying = varying_exons(self.labels[test], tissues=self.fewest_tissues, deviation=self.smallest_deviation)
        return test[varying]

    def score(self, predictions: ArrayLike, rows: ArrayLike) -> dict[str, float]:
        """All scores of predictions for these rows.

        For psi: correlation between tissue-specific deviations, one exon after the other within each tissue, averaged
        over tissues (Spearman as in the released code, Pearson as in the text).

        Raises:
            InputError: where there is nothing to score.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        if not len(chosen):
            raise InputError(f"{self.name}: there is no test row to score.")
        if self.kind == "psi":
            return score("regression", predictions, deviations(self.labels[chosen]))
        return score(self.kind, predictions, self.labels[chosen])

    @property
    def fingerprint(self) -> str:
        """Changes with anything that changes a result: sequences, labels, splits, kind."""
        digest = hashlib.sha256(f"{self.kind} {self.align} {self.fewest_tissues} {self.smallest_deviation} ".encode())
        for part in self.inputs:
            digest.update("\n".join(part).encode())
        for column in (self.labels, self.rows.splits):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def with_rows(self, rows: Rows, *notes: str) -> ProbeTask:
        """The same task on other rows."""
        return replace(self, rows=rows, notes=(*self.notes, *notes))
