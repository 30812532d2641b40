"""How sure the lead of a row is over other test sequences of the kind: a paired bootstrap over chromosomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from palindra.cli.labelled.scoring import Scored
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import PRIMARY, metric, paired_bootstrap
from palindra.evaluation.row_blocks import row_blocks


class RowsDifference(NamedTuple):
    """The chosen row minus another on the test split, first seed, with its interval over blocks of rows."""

    reference: str
    difference: float
    low: float
    high: float
    blocks: str  # what was drawn with replacement


def row_differences(data: LabelledSequences, best: Scored, others: Sequence[Scored]) -> list[RowsDifference]:
    """How sure the lead of a row is over other test sequences of the kind, by a paired bootstrap over chromosomes.

    It covers the sampling of the test split for these trained models; the paired tests over seeds cover the training.
    A pair without an interval (too few rows of a class) is left out.
    """
    test = data.rows("test")
    groups, words = row_blocks(test.chromosomes)
    compute = metric(data.task, PRIMARY[data.task])
    found = []
    for other in others:
        try:
            result = paired_bootstrap(
                compute, best.given, other.given, test.labels, seed=0, resamples=300, groups=groups
            )
        except InputError:
            continue
        found.append(RowsDifference(other.row.name, result.difference, result.low, result.high, words))
    return found
