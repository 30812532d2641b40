"""The page of a full evaluation: what a model may and may not be trusted with, and what that is based on."""

from __future__ import annotations

import os
from dataclasses import dataclass

from palindra.report import figures, numbers
from palindra.report.comparison import Curve, Reliability, Strands
from palindra.report.document import draw, write_page
from palindra.report.palette import styles
from palindra.report.records import from_json, to_json
from palindra.report.shift_page import percentile_panel
from palindra.report.single import Evaluation, shown_scores


@dataclass(frozen=True)
class PartRow:
    """The score of one part of the rows."""

    kind: str
    name: str
    rows: int
    value: float
    low: float
    high: float
    coverage: str  # with its interval, or empty


@dataclass(frozen=True)
class FullEvaluation:
    """Everything that was measured of one model.

    Examples:
        >>> plain = Evaluation("m", "binary", [], {}, {}, [], [], [], [], [], {}, {})
        >>> full = FullEvaluation(plain, ["Holds: this."], [("Is it so?", "yes", "It is.")], "AUROC", [], [], {})
        >>> FullEvaluation.from_json(full.to_json()) == full
        True
    """

    evaluation: Evaluation
    summary: list[str]  # plain sentences
    findings: list[tuple[str, str, str]]  # question, verdict, sentence
    metric: str  # of the parts
    parts: list[PartRow]
    strangeness: list[float]  # percentile of each row, or nothing
    measured: dict[str, str]  # further numbers in words

    def to_json(self) -> str:
        """The evaluation as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> FullEvaluation:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(full: FullEvaluation) -> str:
    """Draw one self-contained HTML page."""
    it = full.evaluation
    drawn: list[Curve | Reliability | Strands] = [*it.roc, *it.precision_recall, *it.reliability, *it.strands]
    look = styles(list(dict.fromkeys(item.row for item in drawn)))
    return draw(
        "full.html.jinja",
        it=it,
        full=full,
        parts_of=_parts(full),
        strange=percentile_panel("strangeness", full.strangeness, styles(["rows"])["rows"]) if full.strangeness else "",
        look=look,
        scores=shown_scores(it),
        roc=figures.roc(it.roc, look),
        precision_recall=figures.precision_recall(it.precision_recall, look),
        reliability=figures.reliability_panels(it.reliability, look),
        strands=figures.strands_panels(it.strands, look),
    )


def write(full: FullEvaluation, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(full), path)


def _parts(full: FullEvaluation) -> list[tuple[str, str, str, str, str, str]]:
    places = numbers.decimals([part.value for part in full.parts], [(part.high - part.low) / 2 for part in full.parts])
    return [
        (
            part.kind,
            part.name,
            f"{part.rows:,}",
            numbers.number(part.value, places),
            numbers.interval(part.low, part.high, places) or "no interval",
            part.coverage,
        )
        for part in full.parts
    ]
