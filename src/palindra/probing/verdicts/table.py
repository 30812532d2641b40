"""Is a source better than the plain sequence? One verdict for each cell, corrected over the whole table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from palindra.evaluation import holm
from palindra.probing.verdicts.contrasts import Difference, contrast
from palindra.probing.verdicts.entries import Entry, Kind

LEVEL = 0.05
BETTER, WORSE, SAME, UNTESTED, REFERENCE = "better", "worse", "no difference shown", "not tested", "the reference"


@dataclass(frozen=True)
class Verdict:
    """One cell beside one-hot."""

    entry: Entry
    reference: Entry | None  # one-hot, by the readout that serves it best
    difference: Difference
    word: str
    p_corrected: float = math.nan  # over the whole table (Holm, 1979)
    p_mann_whitney: float = math.nan  # scores of seeds without pairs, two-sided and uncorrected, as published
    same_readout: Difference | None = None  # against one-hot by the very same readout


def judge(entries: Sequence[Entry], level: float = LEVEL) -> list[Verdict]:
    """The verdict of every cell of the table, in the given order.

    The reference of a task is one-hot, strands as they are, by whichever readout serves it best on the test rows:
    usually the CNN. Choosing it there leans towards one-hot, so *better* can be believed. A cell is *better* or
    *worse* when its two-sided p-value, corrected together with those of all other cells, is below the level. One-hot
    by its other readouts is judged as well: that says what the readout is worth.

    Examples:
        >>> cells = [
        ...     Entry("one-hot", Kind.ONE_HOT, "tf", "cnn", "AUROC", {0: .90, 1: .91, 2: .90, 3: .92}),
        ...     Entry("lm", Kind.LANGUAGE_MODEL, "tf", "cnn", "AUROC", {0: .80, 1: .82, 2: .80, 3: .83}),
        ... ]
        >>> [verdict.word for verdict in judge(cells)]
        ['the reference', 'worse']
    """
    shown = [entry for entry in entries if entry.is_main]
    found = [_judge(entry, shown) for entry in shown]
    tested = [n for n, verdict in enumerate(found) if not math.isnan(verdict.difference.p)]
    for n, p in zip(tested, holm([found[n].difference.p for n in tested]), strict=True):
        one = found[n]
        word = SAME if p >= level else BETTER if one.difference.mean > 0 else WORSE
        found[n] = Verdict(one.entry, one.reference, one.difference, word, p, one.p_mann_whitney, one.same_readout)
    return found


def reference_of(entry: Entry, entries: Iterable[Entry]) -> Entry | None:
    """One-hot on the same task by the readout that serves it best."""
    plain = [other for other in _one_hot(entry, entries) if math.isfinite(other.mean)]
    return max(plain, key=lambda other: other.mean if other.higher_is_better else -other.mean, default=None)


def one_hot_cnn(entry: Entry, entries: Iterable[Entry]) -> Entry | None:
    """One-hot on the same task read by the CNN, the published baseline."""
    return next((other for other in _one_hot(entry, entries) if other.readout == "cnn"), None)


def _one_hot(entry: Entry, entries: Iterable[Entry]) -> list[Entry]:
    return [
        other
        for other in entries
        if other.kind is Kind.ONE_HOT and other.task == entry.task and other.strands == "as is" and other.is_main
    ]


def mann_whitney(first: Entry, second: Entry) -> float:
    """Two-sided p-value of two sets of seeds without pairs; NaN with fewer than two in one of them.

    Source: Mann & Whitney (1947), as used by Tang (2024). Five seeds against five cannot go below 0.0079.
    """
    from scipy.stats import mannwhitneyu

    one, two = list(first.known.values()), list(second.known.values())
    if min(len(one), len(two)) < 2:
        return math.nan
    return float(mannwhitneyu(one, two, alternative="two-sided").pvalue)


def _judge(entry: Entry, shown: Sequence[Entry]) -> Verdict:
    reference = reference_of(entry, shown)
    nothing = Difference.unknown()
    if reference is None:
        return Verdict(entry, None, nothing, UNTESTED)
    if reference is entry:
        return Verdict(entry, reference, nothing, REFERENCE)
    alike = next((o for o in _one_hot(entry, shown) if o.reading == entry.reading and o is not entry), None)
    return Verdict(
        entry,
        reference,
        contrast(entry, reference).difference(),
        UNTESTED,
        p_mann_whitney=mann_whitney(entry, reference),
        same_readout=None if alike is None else contrast(entry, alike).difference(),
    )
