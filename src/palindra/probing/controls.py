"""Rows beside which a score means something: trivial sources, weights drawn anew, and words counted on both strands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from palindra.errors import InputError
from palindra.evaluation import Baseline, fit_baseline
from palindra.probing.readouts.examples import Array
from palindra.probing.tasks import ProbeTask

TRIVIAL = ("one-hot", "dinucleotides", "nucleotides")
"""Sources that know nothing but the letters, in the text of :func:`palindra.probing.sources.open_source`."""

REFERENCE = "6-mers of both strands"


def control_sources(texts: Sequence[str]) -> list[str]:
    """The sources that belong beside those given: letters, their counts, and every architecture with new weights.

    Examples:
        >>> control_sources(["hf:models/bert", "one-hot"])
        ['dinucleotides', 'nucleotides', 'hf-random:models/bert']
    """
    random = [f"hf-random:{text.removeprefix('hf:')}" for text in texts if text.startswith("hf:")]
    return [text for text in dict.fromkeys([*TRIVIAL, *random]) if text not in texts]


def fit_reference(task: ProbeTask, train: Array, valid: Array) -> Baseline:
    """A linear model of 6-mers, each counted with its reverse complement, fitted on some rows of a task.

    Raises:
        InputError: for tasks of two inputs, which it cannot read.
    """
    if len(task.inputs) > 1 or task.kind == "psi":
        raise InputError(f"{task.name}: words are counted in one sequence a row, and here there are two.")
    sequences = np.array(task.inputs[0], dtype=object)
    return fit_baseline(
        "kmer",
        task.kind,
        (sequences[train].tolist(), task.labels[train]),
        (sequences[valid].tolist(), task.labels[valid]),
    )


def reference_predictions(baseline: Baseline, task: ProbeTask, rows: Array) -> Array:
    """Its predictions for some rows, with a column for each class of the task."""
    found = baseline.predict([task.inputs[0][row] for row in rows])
    missing = task.outputs - found.shape[1]  # classes that neither training nor validation rows hold
    return np.pad(found, ((0, 0), (0, missing))) if missing > 0 else found
