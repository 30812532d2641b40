"""Variant effects from readouts that were trained on another task: what the alternate is predicted to change.

The published protocol trains the CNN on a reporter assay and correlates its difference between both alleles with the
measured effects of variants, with the sign (Tang, 2024, chapter 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.probing.resampled import correlated, drawn, ranked
from palindra.probing.tasks import ProbeTask, VariantTask

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class VariantWindows:
    """Both alleles of variants in windows that readouts of a task can read.

    Args:
        variants: that are scored.
        texts: every window once.
        reference: number of the window of each variant ``(rows,)``.
        alternate: the same with the variant.
        note: how the windows were made.
    """

    variants: VariantTask
    texts: list[str]
    reference: NDArray[np.int64]
    alternate: NDArray[np.int64]
    note: str

    @property
    def key(self) -> str:
        """Under which scores are kept: changes with the windows and the order of the variants."""
        digest = hashlib.sha256("\n".join(self.texts).encode())
        for rows in (self.reference, self.alternate):
            digest.update(rows.tobytes())
        return f"variants {digest.hexdigest()[:16]}"

    def differences(self, predictions: Array) -> NDArray[np.float64]:
        """Alternate less reference, of predictions ``(texts, 1)``."""
        values = np.asarray(predictions, dtype=np.float64)[:, 0]
        found: NDArray[np.float64] = values[self.alternate] - values[self.reference]
        return found


def windows_of(variants: VariantTask, task: ProbeTask) -> VariantWindows:
    """Cut the sequences of variants to what readouts of a task were trained on.

    A sequence that is longer than the longest of the task is cut to its length, with the variant in the middle, or as
    close to it as the ends allow. One within the lengths of the task stays as it is.

    Raises:
        InputError: for a task that does not give one number for one sequence, and sequences too short for it.

    Examples:
        >>> from palindra.probing.tasks import Rows
        >>> rows = Rows.from_arrays([["ACGT", "AAGT"]], [0.5, 1.5], splits=["train", "test"])
        >>> task = ProbeTask("MPRA", "regression", rows)
        >>> one = VariantTask("SNVs", ["AACCGGTT"], ["AACCGATT"], np.ones(1), np.array(["e"]), np.array([5]))
        >>> windows_of(one, task).texts
        ['CGGT', 'CGAT']
    """
    if task.kind != "regression" or task.outputs != 1 or len(task.inputs) != 1:
        raise InputError(
            f"{task.name}: its readouts cannot score {variants.name}, because it is no regression of one value on one "
            "sequence. Name another task."
        )
    lengths = [len(text) for text in task.inputs[0]]
    shortest, longest = min(lengths), max(lengths)
    pairs = list(zip(variants.reference, variants.alternate, strict=True))
    for row, pair in enumerate(pairs):
        if min(map(len, pair)) < shortest:
            span = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
            raise InputError(
                f"{variants.name}: variant {row + 1} stands in a sequence of {min(map(len, pair))} letters, and "
                f"readouts of {task.name} were trained on {span}. Give variants with more sequence around them, or "
                "name another task."
            )
    cut = [_cut(*pair, int(at), longest) for pair, at in zip(pairs, variants.positions, strict=True)]
    texts = list(dict.fromkeys(text for pair in cut for text in pair))
    number = {text: place for place, text in enumerate(texts)}
    shorter = sum(one != other for one, other in zip(cut, pairs, strict=True))
    return VariantWindows(
        variants,
        texts,
        np.array([number[one] for one, _ in cut], dtype=np.int64),
        np.array([number[two] for _, two in cut], dtype=np.int64),
        f"{shorter:,} of {len(cut):,} variants were read in the {longest} letters around them." if shorter else "",
    )


def _cut(reference: str, alternate: str, position: int, length: int) -> tuple[str, str]:
    """Both alleles from one start, where they are longer than a window."""
    if max(len(reference), len(alternate)) <= length:
        return reference, alternate
    start = max(0, min(position - length // 2, min(len(reference), len(alternate)) - length))
    return reference[start : start + length], alternate[start : start + length]


def windows_note(windows: Sequence[VariantWindows], task: ProbeTask) -> list[str]:
    """How windows for readouts of a task were made, sentence by sentence."""
    return [f"{one.variants.name}, by readouts of {task.name}: {one.note}" for one in windows if one.note]


@dataclass(frozen=True)
class SignedCorrelation:
    """Predicted with measured effects, within one element or as the mean over elements.

    Args:
        element: or "mean of N elements".
        pearson: of the variants.
        samples: the same on resampled positions; alike for all predictions of the same variants, so that two
            correlations may be subtracted sample by sample.
        spearman: of the variants.
        rows: variants.
    """

    element: str
    pearson: float
    samples: NDArray[np.float64]
    spearman: float
    rows: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % percentile interval; NaN where no sample has a correlation."""
        known = self.samples[np.isfinite(self.samples)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        return float(low), float(high)


def signed_correlations(predicted: Array, variants: VariantTask, *, resamples: int = 500) -> list[SignedCorrelation]:
    """Of what readouts predict that variants change, within elements of at least three variants, and their mean last.

    The variants of one position are drawn together.

    Examples:
        >>> one = VariantTask("t", ["A"] * 4, ["C"] * 4, np.arange(4.0), np.array(["e"] * 4), np.arange(4))
        >>> [(found.element, round(found.pearson, 3)) for found in signed_correlations(np.arange(4.0) * 2, one)]
        [('e', 1.0)]
    """
    found: list[SignedCorrelation] = []
    for element in dict.fromkeys(variants.elements.tolist()):
        rows = np.flatnonzero((variants.elements == element) & np.isfinite(predicted))
        if len(rows) < 3:
            continue
        x, y = predicted[rows], variants.effects[rows]
        once = np.ones((1, len(rows)))
        spearman = correlated(ranked(x, once), ranked(y, once), once)[0]
        samples = correlated(x, y, drawn(variants.positions[rows], resamples, seed=len(found)))
        found.append(SignedCorrelation(element, float(correlated(x, y, once)[0]), samples, float(spearman), len(rows)))
    known = [one for one in found if np.isfinite(one.pearson)]
    if len(found) > 1 and known:
        pearson, spearman, samples = (
            np.mean([getattr(one, name) for one in known], axis=0) for name in ("pearson", "spearman", "samples")
        )
        rows_of_all = sum(one.rows for one in known)
        name = f"mean of {len(known)} elements"
        found.append(SignedCorrelation(name, float(pearson), samples, float(spearman), rows_of_all))
    return found
