"""Tasks of a suite as tasks of probing, and the score by which a suite is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from palindra.data.table import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import score
from palindra.probing.suites.declared import Suite
from palindra.probing.suites.loading import Loaded
from palindra.probing.suites.variants import MeasuredVariants
from palindra.probing.tasks import ProbeTask, Rows, VariantTask

OWN_METRICS = ("F1", "macro F1")  # the rest are scores of palindra.evaluation


def probe_task(suite: Suite, loaded: Loaded) -> ProbeTask:
    """A loaded task for :func:`palindra.probing.running.probe`; padding is taken off again.

    Examples:
        >>> from palindra.probing.suites.declared import SUITES
        >>> suite = SUITES["TEB"]
        >>> splits = ["train", "train", "test"]
        >>> data = LabelledSequences.from_arrays(["NACGN", "ACGTT", "NAANN"], [0, 1, 1], splits=splits)
        >>> task = probe_task(suite, Loaded(suite.task("sines"), data, (), padded=True))
        >>> task.inputs[0], task.primary
        (['ACG', 'ACGTT', 'AA'], 'MCC')
    """
    if not isinstance(loaded.data, LabelledSequences):
        raise ValueError(f"{loaded.task.name}: measured variants are no rows with labels; take variant_task.")
    rows = Rows.of(loaded.data)
    if loaded.padded:
        rows = replace(rows, inputs=([sequence.strip("N") or sequence for sequence in rows.sequences],))
    return ProbeTask(
        name=loaded.task.name,
        kind=loaded.task.kind,
        rows=rows,
        symmetric=loaded.task.symmetric,
        primary="MCC" if loaded.task.metric in OWN_METRICS else loaded.task.metric,
        notes=loaded.warnings,
        citation=suite.citation,
    )


def variant_task(suite: Suite, loaded: Sequence[Loaded]) -> VariantTask:
    """All loaded elements as one zero-shot task, each an experiment of its own.

    Raises:
        InputError: if there is none.
    """
    elements = [item.data for item in loaded if isinstance(item.data, MeasuredVariants)]
    if not elements:
        raise InputError(f"{suite.name}: no element with measured variants is there. Its files are {suite.layout}.")
    return VariantTask(
        name=suite.name,
        reference=[window for item in elements for window in item.reference],
        alternate=[window for item in elements for window in item.alternate],
        effects=np.concatenate([item.effects for item in elements]),
        elements=np.array([item.element for item in elements for _ in item.reference]),
        positions=np.concatenate([item.positions for item in elements]),
        symmetric=None,
        notes=tuple(f"{item.task.name}: {warning}" for item in loaded for warning in item.warnings),
        citation=suite.citation,
    )


def suite_score(metric: str, kind: str, predictions: ArrayLike, labels: ArrayLike) -> float:
    """The score by which a suite is judged.

    "F1" is that of class 1 (decided at 0.5) and "macro F1" the mean over classes, as scikit-learn defines them; a class
    that is never decided has an F1 of 0.

    Args:
        metric: "F1", "macro F1", or a key of :func:`palindra.evaluation.score`.
        kind: "binary" or "multiclass".
        predictions: probabilities ``(rows,)`` or ``(rows, columns)``.
        labels: class numbers ``(rows,)`` or ``(rows, 1)``.

    Examples:
        >>> round(suite_score("F1", "binary", [0.9, 0.8, 0.1, 0.3], [1, 0, 0, 1]), 3)
        0.5
        >>> suite_score("accuracy", "binary", [0.9, 0.8, 0.1, 0.3], [1, 0, 0, 1])
        0.5
    """
    if metric not in OWN_METRICS:
        return score(kind, predictions, labels)[metric]
    given, truth = np.asarray(predictions, dtype=np.float64), np.asarray(labels).reshape(-1).astype(int)
    decided = given.argmax(1) if kind == "multiclass" else (given.reshape(-1) >= 0.5).astype(int)
    classes = [1] if metric == "F1" else sorted(set(truth.tolist()) | set(decided.tolist()))
    return float(np.mean([_f1(decided == number, truth == number) for number in classes]))


def _f1(decided: np.ndarray[tuple[int], np.dtype[np.bool_]], true: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    total = int(decided.sum()) + int(true.sum())
    return 2 * int((decided & true).sum()) / total if total else 0.0
