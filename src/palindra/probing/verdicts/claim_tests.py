"""How each of the published claims C13 to C16 is put to the test."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.probing.verdicts.contrasts import Contrast, Difference, contrast, mean_of
from palindra.probing.verdicts.entries import FULL, Entry, Kind
from palindra.probing.verdicts.evidence import Evidence, MapAgreement, Outcome, ZeroShot
from palindra.probing.verdicts.table import one_hot_cnn

AT_MOST = 0.01  # a gain over one-hot up to which a source counts as at most as good (C13a)
ZERO_SHOT = 0.14  # largest magnitude of a zero-shot correlation (C14a)
TIMES = 2.0  # by which a trained CNN must multiply it (C14b)
CLOSE = 0.02  # lead of the summary over dinucleotides (C15)
UNCORRELATED = 0.1  # correlation of maps (C16)


@dataclass(frozen=True)
class Findings:
    """Everything that a claim may look at."""

    entries: Sequence[Entry]
    zero_shot: Sequence[ZeroShot] = ()
    maps: Sequence[MapAgreement] = ()
    aligned: frozenset[tuple[str, str]] = field(default_factory=frozenset)  # (source, task)

    def of(self, kind: Kind, readout: str, *, summary: bool) -> list[Entry]:
        """Cells of the table of one kind of source and readout, on summaries or on all embeddings.

        Averaged strands are left out where the label depends on the strand: they lose there whatever the source.
        """
        return [
            entry
            for entry in self.entries
            if entry.is_main
            and (entry.strands != "averaged" or entry.symmetric is not False)
            and entry.kind is kind
            and entry.readout == readout
            and (entry.summary != FULL) is summary
        ]


def c13a(it: Findings) -> Outcome:
    """Every language model with a CNN against one-hot with the CNN: not above it by more than a margin."""
    evidence = []
    for entry in it.of(Kind.LANGUAGE_MODEL, "cnn", summary=False):
        plain = one_hot_cnn(entry, it.entries)
        if plain is not None:
            difference = contrast(entry, plain).difference()
            evidence.append(Evidence(f"{entry.label} minus one-hot, {entry.task}", difference, AT_MOST, upward=False))
    if not evidence:
        return Outcome([], "no language model was read by the CNN beside one-hot")
    return Outcome(evidence, f"At most as good: at most {AT_MOST} above one-hot.", _number(evidence, "pair"))


def c13b(it: Findings) -> Outcome:
    """CNN minus MLP, and MLP minus linear, in the mean over language models and tasks."""
    cnn = it.of(Kind.LANGUAGE_MODEL, "cnn", summary=False)
    mlp, linear = (it.of(Kind.LANGUAGE_MODEL, name, summary=True) for name in ("mlp", "linear"))
    steps = {"CNN minus MLP": _pairs(cnn, mlp), "MLP minus linear": _pairs(mlp, linear)}
    if missing := [name for name, pairs in steps.items() if not pairs]:
        return Outcome([], f"no language model was read by both: {', '.join(missing)}")
    evidence = [Evidence(f"{name}, mean of {len(pairs)}", mean_of(pairs).difference()) for name, pairs in steps.items()]
    held = [f"{name} is above 0 in {_above(pairs)} of {len(pairs)}" for name, pairs in steps.items()]
    tasks = {entry.task for entry in cnn}
    return Outcome(evidence, "; ".join(held) + ".", f"tasks {', '.join(sorted(tasks))}, each in its own metric")


def c13c(it: Findings) -> Outcome:
    """Supervised trunks with a CNN against one-hot with the CNN, apart by whether they fit the task."""
    found: dict[bool, list[Contrast]] = {True: [], False: []}
    for entry in it.of(Kind.SUPERVISED, "cnn", summary=False):
        plain = one_hot_cnn(entry, it.entries)
        if plain is not None:
            found[(entry.source, entry.task) in it.aligned].append(contrast(entry, plain))
    if not found[True] or not found[False]:
        return Outcome(
            [], "needs a supervised trunk, a task that it fits (--aligned SOURCE=TASK) and one that it does not"
        )
    evidence = [
        Evidence(f"trunk minus one-hot where it fits, mean of {len(found[True])}", mean_of(found[True]).difference()),
        Evidence(
            f"where it does not, mean of {len(found[False])}", mean_of(found[False]).difference(), upward=False
        ),
    ]  # fmt: skip
    held = f"above one-hot in {_above(found[True])} of {len(found[True])} that fit, "
    held += f"below in {len(found[False]) - _above(found[False])} of {len(found[False])} that do not."
    return Outcome(evidence, held, _number(found[True] + found[False], "pair"))


def c14a(it: Findings) -> Outcome:
    """Every zero-shot correlation of a language model, signed, inside the bounds on both sides."""
    own = [item for item in it.zero_shot if item.kind is Kind.LANGUAGE_MODEL and math.isfinite(item.correlation)]
    if not own:
        return Outcome([], "no task with measured variant effects was given")
    evidence = [  # the bound on the side where the correlation lies
        Evidence(
            f"{item.source}, {item.task}, {item.score}",
            item.difference(),
            math.copysign(ZERO_SHOT, item.correlation),
            upward=item.correlation < 0,
        )
        for item in own
    ]
    return Outcome(evidence, f"Bounds: -{ZERO_SHOT} to {ZERO_SHOT}, sign kept.", _number(evidence, "correlation"))


def c14b(it: Findings) -> Outcome:
    """A trained CNN's correlation minus twice the zero-shot one's magnitude."""
    evidence = []
    for item in it.zero_shot:
        if item.kind is Kind.LANGUAGE_MODEL and item.trained is not None:
            difference = _lead(item, item.trained)
            evidence.append(
                Evidence(f"{item.source}, {item.task}, {item.score}: CNN minus {TIMES:g} x zero-shot", difference)
            )
    if not evidence:
        return Outcome(
            [], "no CNN trained on these embeddings was scored on measured variants (--variants-by TABLE=TASK)"
        )
    return Outcome(evidence, tested_on=_number(evidence, "pair"))


def c15(it: Findings) -> Outcome:
    """MLP on a language model's summary (CLS where it has one) minus MLP on dinucleotides: below the margin."""
    counts = {
        entry.task: entry
        for entry in it.of(Kind.COUNTS, "mlp", summary=True) + it.of(Kind.COUNTS, "mlp", summary=False)
        if "dinucleotide" in entry.source and entry.metric == "AUROC"
    }
    summaries = [entry for entry in it.of(Kind.LANGUAGE_MODEL, "mlp", summary=True) if entry.metric == "AUROC"]
    with_cls = {(entry.label, entry.task) for entry in summaries if entry.summary == "cls"}
    evidence = [
        Evidence(f"{entry.label} ({entry.summary}) minus dinucleotides, {entry.task}",
                 contrast(entry, counts[entry.task]).difference(), CLOSE, upward=False)
        for entry in summaries
        if entry.task in counts and (entry.summary == "cls" or (entry.label, entry.task) not in with_cls)
    ]  # fmt: skip
    if not evidence:
        return Outcome([], "needs an MLP on dinucleotides and one on a language model's summary, on a task with AUROC")
    return Outcome(evidence, f"Within {CLOSE}: the summary leads by less.", _number(evidence, "pair"))


def c16a(it: Findings) -> Outcome:
    """Mean correlation of the frozen model's maps with the one-hot CNN's: below the bound, for each."""
    own = [
        item
        for item in it.maps
        if item.kind is Kind.LANGUAGE_MODEL and item.stage == "pretrained" and item.correlations
    ]
    if not own:
        return Outcome([], "no attribution maps were computed (--attribution)")
    evidence = [Evidence(f"{item.source}, {item.task}", item.difference(), UNCORRELATED, upward=False) for item in own]
    return Outcome(evidence, f"Uncorrelated: mean below {UNCORRELATED}.", _number(evidence, "pair"))


def c16b(it: Findings) -> Outcome:
    """Downstream maps: mean correlation above the bound, and above that of the frozen model's maps."""
    evidence = []
    stages = {(item.source, item.task, item.stage): item for item in it.maps if item.kind is Kind.LANGUAGE_MODEL}
    for (source, task, stage), item in stages.items():
        before = stages.get((source, task, "pretrained"))
        if stage == "downstream" and before is not None:
            evidence.append(Evidence(f"{source}, {task}: downstream", item.difference(), UNCORRELATED))
            evidence.append(Evidence(f"{source}, {task}: downstream minus frozen", item.difference(before)))
    if not evidence:
        return Outcome([], "no attribution maps through a trained CNN were computed (--attribution)")
    return Outcome(evidence, tested_on=_number(evidence, "comparison"))


TESTS: dict[str, Callable[[Findings], Outcome]] = {
    "C13a": c13a, "C13b": c13b, "C13c": c13c, "C14a": c14a, "C14b": c14b, "C15": c15, "C16a": c16a, "C16b": c16b,
}  # fmt: skip


def _pairs(first: Sequence[Entry], second: Sequence[Entry]) -> list[Contrast]:
    """Cells of the same source on the same task; summaries must agree where both have one."""
    return [
        contrast(one, two)
        for one in first
        for two in second
        if (one.label, one.task) == (two.label, two.task) and (one.summary in (FULL, two.summary))
    ]


def _above(contrasts: Sequence[Contrast]) -> int:
    return sum(item.difference().mean > 0 for item in contrasts)


def _lead(item: ZeroShot, trained: Entry) -> Difference:
    """The trained correlation minus so many times the untrained one's magnitude; errors add up as if independent."""
    from scipy.stats import t

    untrained = item.difference()
    own = Contrast(trained.known, _mean_rows(trained), trained.test_rows).difference()
    mean = own.mean - TIMES * abs(untrained.mean)
    error = math.hypot(own.error, TIMES * untrained.error)
    half = float(t.ppf(0.975, own.freedom)) * error if math.isfinite(error) else math.nan
    p = 2 * float(t.sf(abs(mean) / error, own.freedom)) if error else math.nan
    return Difference(mean, mean - half, mean + half, p, error, own.freedom, own.covers, own.seeds)


def _mean_rows(entry: Entry) -> NDArray[Any] | None:
    kept = list(entry.resampled.values())
    return np.mean(kept, axis=0) if kept else None


def _number(items: Sequence[object], word: str) -> str:
    return f"{len(items)} {word}{'s' * (len(items) != 1)}"
