"""Every score of labelled sequences: those of the task and, where targets can be compared, of their differences."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from palindra.data import LabelledSequences, Task
from palindra.evaluation import HIGHER_IS_BETTER, score
from palindra.evaluation.specific_scores import SPECIFICITY_SCORES, label_specificity
from palindra.symmetry import Target

Array = NDArray[Any]

DIRECTIONS = HIGHER_IS_BETTER | SPECIFICITY_SCORES
"""Every score of a labelled model by name, and whether higher is better."""


def all_scores(rows: LabelledSequences, given: Array, target: Target) -> dict[str, float]:
    """The scores of the task and, where targets can be compared with each other, of their differences."""
    return score(rows.task, given, rows.labels) | specific(rows, given, target)


def specific(rows: LabelledSequences, given: Array, target: Target) -> dict[str, float]:
    comparable = rows.task is Task.REGRESSION and not stranded(target)
    return label_specificity(given, rows.labels) if comparable else {}


def stranded(target: Target) -> bool:
    """Whether outputs are pairs of strands, which are no two cell types."""
    return target.rep is not None and target.rep.regular > 0
