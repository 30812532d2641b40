"""The negative control: where the label depends on the strand, averaging the strands away must cost accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from palindra.probing.verdicts.contrasts import Difference, contrast, mean_of
from palindra.probing.verdicts.entries import FULL, Entry

HURTS, HELPS, UNDECIDED = "hurts", "helps", "undecided"
LEVEL = 0.05


@dataclass(frozen=True)
class NegativeControl:
    """Averaged strands minus strands as they are, on one strand-specific task."""

    task: str
    metric: str
    difference: Difference  # of all sources and readouts together
    pairs: int  # of cells that differ in the strands alone
    word: str  # hurts, helps or undecided
    tokens: Difference | None = None  # the same on all tokens, where the difference is that on summaries

    @property
    def sentence(self) -> str:
        """What it says, and what that means."""
        d = self.difference
        found = f"{d.mean:+.3f} {self.metric}"
        if d.low == d.low:
            found += f" [{d.low:+.3f}, {d.high:+.3f}] over {d.covers}"
        meaning = {
            HURTS: "forcing invariance hurts, as it must for a strand-specific label: leave the strands as they are.",
            HELPS: "forcing invariance helps, which a strand-specific label does not allow: check that the labels of "
            "this task really depend on the strand.",
            UNDECIDED: "no cost of forcing invariance is shown: these readouts do not use what the strand says, or the "
            "test is too small to see it.",
        }[self.word]
        of = f"mean of {self.pairs} pairs of cells" if self.pairs > 1 else "one pair of cells"
        control = f"Negative control, {self.task} (strand-specific)"
        return f"{control}: averaging both strands changes the score by {found} ({of}); {meaning}{self._on_tokens}"

    @property
    def _on_tokens(self) -> str:
        """Averaged tokens still run in one direction, so that this is no exact invariance."""
        d = self.tokens
        if d is None:
            return ""
        interval = f" [{d.low:+.3f}, {d.high:+.3f}]" if d.low == d.low else ""
        costs = ", which costs what the strand says" if d.mean < 0 and d.p < LEVEL else ""
        return f" Averaging all tokens changes the score of the cnn by {d.mean:+.3f}{interval}{costs}."


def negative_controls(entries: Sequence[Entry], level: float = LEVEL) -> list[NegativeControl]:
    """One control for each strand-specific task with cells that differ in the strands alone.

    Summaries of averaged strands are exactly the same for a sequence and its reverse complement. Every token of them
    is not (tokens run the other way round), so full embeddings stand beside, and alone only without summaries.
    """
    specific = [entry for entry in entries if entry.is_main and entry.symmetric is False]
    found = []
    for task in dict.fromkeys(entry.task for entry in specific):
        pairs = [
            (one, two)
            for one in specific
            for two in specific
            if one.task == two.task == task and _same_but_strands(one, two)
        ]
        full = [pair for pair in pairs if pair[0].summary == FULL]
        exact = [pair for pair in pairs if pair[0].summary != FULL] or full
        if not exact:
            continue
        difference = _mean(exact)
        word = HURTS if difference.mean < 0 else HELPS
        if not difference.p < level:
            word = UNDECIDED
        tokens = _mean(full) if full and exact is not full else None
        found.append(NegativeControl(task, exact[0][0].metric, difference, len(exact), word, tokens))
    return found


def _mean(pairs: Sequence[tuple[Entry, Entry]]) -> Difference:
    return mean_of([contrast(one, two) for one, two in pairs]).difference()


def _same_but_strands(one: Entry, two: Entry) -> bool:
    alike = (one.source, one.readout, one.summary) == (two.source, two.readout, two.summary)
    return alike and one.strands == "averaged" and two.strands == "as is"
