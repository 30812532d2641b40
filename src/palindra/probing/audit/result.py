"""What an audit of a source of representations found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from palindra.probing.audit.downstream import Downstream
from palindra.probing.audit.language import Language
from palindra.probing.audit.shifts import Shift, Tokens
from palindra.probing.audit.strands import Strands


@dataclass(frozen=True)
class Moved:
    """What shifts do to a source."""

    name: str
    shifts: tuple[Shift, ...]
    tokens: Tokens | None  # of the shift by one letter; None where a source has one token per sequence


@dataclass(frozen=True)
class SourceAudit:
    """What was found. ``verdict()`` says it in words, ``as_dict()`` gives the numbers for a JSON file.

    Args:
        name: of the source.
        width: features of a token.
        parameters: weights of the source.
        strand_setting: how the source was opened: "as is", "averaged" or "concatenated".
        sequences: that were audited.
        length: letters of each.
        strands: embeddings of both strands.
        language: log-probabilities of both strands, of a language model.
        downstream: predictions for both strands, where there are labels.
        moved: what shifts do.
        beside: what they do to another source, for comparison.
        averaged: embeddings of both strands once the source is averaged over them; None where it is already.
        notes: what a reader must know of how it was measured.
    """

    name: str
    width: int
    parameters: int
    strand_setting: str
    sequences: int
    length: int
    strands: Strands
    language: Language | None
    downstream: Downstream | None
    moved: Moved
    beside: Moved | None
    averaged: Strands | None
    notes: tuple[str, ...]

    def verdict(self) -> list[str]:
        """Plain sentences for a report or a terminal, the most important first."""
        from palindra.probing.audit.verdict import sentences

        return sentences(self)

    def as_dict(self) -> dict[str, Any]:
        """Everything but the predictions, of plain types; what is no number is None."""
        numbers = {key: value for key, value in vars(self).items() if isinstance(value, str | int | float)}
        parts = {
            name: None if (part := getattr(self, name)) is None else asdict(part)
            for name in ("strands", "language", "moved", "beside", "averaged")
        }
        found = self.downstream
        kept = None
        if found is not None:
            kept = {key: getattr(found, key) for key in ("task", "metric", "fitted_on", "score_given", "score_other")}
            kept |= {"strands": asdict(found.strands), "cures": [asdict(cure) for cure in found.cures]}
        flags = {"strands_alike": self.strands.alike, "strands_equivariant": self.strands.equivariant}
        whole = {**numbers, **flags, **parts, "downstream": kept, "notes": list(self.notes), "verdict": self.verdict()}
        return {key: _plain(value) for key, value in whole.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
