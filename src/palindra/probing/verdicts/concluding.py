"""What probing showed, in plain sentences, the main thing first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from palindra.probing.controls import REFERENCE
from palindra.probing.verdicts.claims import SUPPORTED, UNTESTED, Claim
from palindra.probing.verdicts.contrasts import contrast, mean_of
from palindra.probing.verdicts.controls import NegativeControl
from palindra.probing.verdicts.entries import Entry, Kind
from palindra.probing.verdicts.ranks import mean_ranks
from palindra.probing.verdicts.table import BETTER, SAME, WORSE, Verdict

CHANCE = {"AUROC": 0.5, "MCC": 0.0, "Pearson": 0.0, "Spearman": 0.0, "R2": 0.0}
NEAR_CHANCE = 0.02
PRETRAINED = (Kind.LANGUAGE_MODEL, Kind.SUPERVISED, Kind.FUNCTION)


def conclude(
    verdicts: Sequence[Verdict],
    *,
    controls: Sequence[NegativeControl] = (),
    claims: Sequence[Claim] = (),
    entries: Sequence[Entry] = (),
) -> list[str]:
    """The conclusion: is anything better than the plain sequence, what each source does, and what may mislead.

    Args:
        verdicts: of the table.
        controls: negative ones.
        claims: as tested.
        entries: all cells, those outside the table as well.
    """
    said = [_headline(verdicts), *_of_each_source(verdicts), *_kmers(verdicts), *_short_training(verdicts)]
    said += [*_rank(verdicts), *_random_weights(verdicts), *_counts(verdicts), *_shuffled(entries)]
    said += [control.sentence for control in controls]
    covers = sorted({verdict.difference.covers for verdict in verdicts if verdict.word in (BETTER, WORSE, SAME)})
    if covers:
        judged = sum(verdict.word in (BETTER, WORSE, SAME) for verdict in verdicts)
        said.append(
            f"Differences cover the variation between {' or, of single fits, '.join(covers)}; p-values are corrected "
            f"for all {judged} cells of the table (Holm). Other data sets are not covered."
        )
    if claims:
        counts = {
            word: [c.id for c in claims if c.verdict == word] for word in dict.fromkeys(c.verdict for c in claims)
        }
        order = sorted(counts, key=lambda word: (word != SUPPORTED, word == UNTESTED))
        said.append("Claims: " + "; ".join(f"{word} {', '.join(counts[word])}" for word in order) + ".")
    return said


def _headline(verdicts: Sequence[Verdict]) -> str:
    own = [verdict for verdict in verdicts if verdict.entry.kind in PRETRAINED]
    tested = [verdict for verdict in own if verdict.word in (BETTER, WORSE, SAME)]
    if not own:
        return "No pretrained source was probed: the table compares plain readings of the sequence."
    if not tested:
        return "Whether a pretrained source is better than one-hot could not be tested: see the table for why."
    tasks = list(dict.fromkeys(verdict.entry.task for verdict in tested))
    won = [task for task in tasks if any(v.entry.task == task and v.word == BETTER for v in tested)]
    if not won:
        number = "the one task" if len(tasks) == 1 else f"any of {len(tasks)} tasks"
        return f"No pretrained source is shown to be better than one-hot (by its best readout) on {number}."
    names = sorted({v.entry.label for v in tested if v.word == BETTER})
    where = f"{len(won)} of {len(tasks)} task{'s' * (len(tasks) != 1)} ({', '.join(won)})"
    return f"Better than one-hot (by its best readout): {', '.join(names)} on {where}."


def _of_each_source(verdicts: Sequence[Verdict]) -> list[str]:
    """One sentence for each pretrained source, by the readout that serves it best."""
    said = []
    for label in dict.fromkeys(v.entry.label for v in verdicts if v.entry.kind in PRETRAINED):
        best = [_best(verdicts, label, task) for task in dict.fromkeys(v.entry.task for v in verdicts)]
        parts = [_compared(verdict) for verdict in best if verdict is not None]
        if parts:
            said.append(f"{label}, by its best readout: " + "; ".join(parts) + ".")
    return said


def _best(verdicts: Sequence[Verdict], label: str, task: str) -> Verdict | None:
    own = [v for v in verdicts if (v.entry.label, v.entry.task) == (label, task) and not math.isnan(v.entry.mean)]
    sign = -1 if own and not own[0].entry.higher_is_better else 1
    return max(own, key=lambda v: sign * v.entry.mean, default=None)


def _compared(verdict: Verdict) -> str:
    entry, d = verdict.entry, verdict.difference
    found = f"{entry.task} {entry.metric} {entry.mean:.3f} ({entry.reading})"
    if verdict.reference is None or math.isnan(d.mean):
        return found
    interval = "" if math.isnan(d.low) else f" [{d.low:+.3f}, {d.high:+.3f}]"
    return f"{found}, {verdict.word}: {d.mean:+.3f}{interval} beside {verdict.reference.mean:.3f}"


def _kmers(verdicts: Sequence[Verdict]) -> list[str]:
    """Where a source beats one-hot: whether it also beats words counted on both strands."""
    said = []
    for task in dict.fromkeys(v.entry.task for v in verdicts if v.word == BETTER and v.entry.kind in PRETRAINED):
        words = next((v.entry for v in verdicts if v.entry.task == task and v.entry.source == REFERENCE), None)
        if words is None:
            continue
        own = [v.entry for v in verdicts if v.entry.task == task and v.word == BETTER and v.entry.kind in PRETRAINED]
        lead = {e.label: contrast(e, words).difference() for e in own}
        above = [label for label, d in lead.items() if d.p < 0.05 and d.mean > 0]
        which = f"beaten by {', '.join(above)}" if above else "which none of them is shown to beat"
        said.append(f"On {task} a linear model of {REFERENCE} has {words.metric} {words.mean:.3f}, {which}.")
    return said


def _short_training(verdicts: Sequence[Verdict]) -> list[str]:
    """A baseline that was still learning is no hard baseline."""
    tasks = [
        v.entry.task
        for v in verdicts
        if v.entry.kind is Kind.ONE_HOT and v.entry.readout == "cnn" and v.entry.strands == "as is"
        if any("last epoch was the best" in text for text in v.entry.warnings)
    ]
    if not tasks:
        return []
    return [
        f"The CNN on one-hot was still improving when its training ended ({', '.join(tasks)}): train for longer before "
        "a source is believed to be better."
    ]


def _rank(verdicts: Sequence[Verdict]) -> list[str]:
    means = mean_ranks(verdict.entry for verdict in verdicts)
    tasks = len({verdict.entry.task for verdict in verdicts})
    readings = list(dict.fromkeys(verdict.entry.reading for verdict in verdicts))
    for reading in sorted(readings, key=lambda name: name != "cnn")[:1]:
        own = {label: rank for (label, of), rank in means.items() if of == reading and not math.isnan(rank)}
        if len(own) > 1 and tasks > 1:
            ordered = sorted(own, key=lambda label: own[label])
            return [f"Mean rank by {reading}: " + ", ".join(f"{label} {own[label]:.1f}" for label in ordered) + "."]
    return []


def _random_weights(verdicts: Sequence[Verdict]) -> list[str]:
    """What pretraining adds to the same network with random weights."""
    said = []
    entries = [verdict.entry for verdict in verdicts]
    for label in dict.fromkeys(e.label for e in entries if e.kind is Kind.RANDOM):
        twin = label.replace("hf-random:", "hf:")
        pairs = [
            contrast(one, two)
            for one in entries
            for two in entries
            if two.label == label and one.label == twin and (one.task, one.reading) == (two.task, two.reading)
        ]
        d = mean_of(pairs).difference()
        if pairs:
            interval = "" if math.isnan(d.low) else f" [{d.low:+.3f}, {d.high:+.3f}]"
            said.append(
                f"Pretraining of {twin} adds {d.mean:+.3f}{interval} to the same network with random weights, mean of "
                f"{len(pairs)} cells."
            )
    return said


def _counts(verdicts: Sequence[Verdict]) -> list[str]:
    """Pretrained summaries that counts of dinucleotides match."""
    entries = [verdict.entry for verdict in verdicts]
    plain = {(e.task, e.readout): e for e in entries if e.kind is Kind.COUNTS and "dinucleotide" in e.source}
    said = []
    for e in entries:
        other = plain.get((e.task, e.readout))
        if e.kind in PRETRAINED and e.readout == "mlp" and other is not None and e.strands == other.strands:
            d = contrast(e, other).difference()
            if not d.p < 0.05 or d.mean <= 0:
                said.append(f"{e.label} on {e.task} ({e.summary}: {e.mean:.3f} against {other.mean:.3f})")
    if not said:
        return []
    return [
        "An MLP on 16 dinucleotide counts is not shown to be worse than one on the summary of " + "; ".join(said) + "."
    ]


def _shuffled(entries: Sequence[Entry]) -> list[str]:
    """The control that must fail: readouts of shuffled training labels."""
    own = [e for e in entries if e.control and e.metric in CHANCE and not math.isnan(e.mean)]
    if not own:
        return []
    said = []
    for metric in dict.fromkeys(e.metric for e in own):
        means = [e.mean for e in own if e.metric == metric]
        clear = [e for e in own if e.metric == metric and e.covers == "seeds"]
        clear = [e for e in clear if e.interval[0] > CHANCE[metric] + NEAR_CHANCE]
        meaning = (
            f"above it: {', '.join(dict.fromkeys(f'{e.label} on {e.task}' for e in clear))}, so something leaks from "
            "training to test"
            if clear
            else "none is clearly above it over several draws of labels"
            if any(e.covers == "seeds" for e in own)
            else "each is one draw of labels, which may lie far from chance by accident"
        )
        spread = f"{min(means):.3f} to {max(means):.3f}" if len(means) > 1 else f"{means[0]:.3f}"
        said.append(f"With shuffled training labels {metric} is {spread} (chance {CHANCE[metric]:g}); {meaning}.")
    return said
