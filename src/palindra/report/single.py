"""One trained model on one set of data: its values and its page."""

from __future__ import annotations

import os
from dataclasses import dataclass

from palindra.report import figures, numbers
from palindra.report.comparison import Curve, DataCheck, Reliability, Strands
from palindra.report.document import draw, write_page
from palindra.report.palette import styles
from palindra.report.records import from_json, to_json


@dataclass(frozen=True)
class Evaluation:
    """What the evaluation of one model found.

    Raises:
        ValueError: if a score has no direction.

    Examples:
        >>> evaluation = Evaluation(
        ...     title="CTCF in K562", task="binary classification", conclusion=["AUROC is 0.91."],
        ...     scores={"AUROC": (0.91, 0.90, 0.92)}, higher_is_better={"AUROC": True}, roc=[], precision_recall=[],
        ...     reliability=[], strands=[], checks=[], data={}, provenance={},
        ... )
        >>> Evaluation.from_json(evaluation.to_json()) == evaluation
        True
    """

    title: str
    task: str
    conclusion: list[str]  # plain sentences, computed by the command
    scores: dict[str, tuple[float, float, float]]  # metric -> (value, low, high), 95 % by bootstrap
    higher_is_better: dict[str, bool]
    roc: list[Curve]  # the row of a curve names the model or, for several outputs, the output
    precision_recall: list[Curve]
    reliability: list[Reliability]
    strands: list[Strands]
    checks: list[DataCheck]
    data: dict[str, str]
    provenance: dict[str, str]

    def __post_init__(self) -> None:
        if unknown := sorted(self.scores.keys() - self.higher_is_better.keys()):
            raise ValueError(f"higher_is_better does not say whether higher {unknown[0]!r} is better; add it.")

    def to_json(self) -> str:
        """The evaluation as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(evaluation: Evaluation) -> str:
    """Draw one self-contained HTML page."""
    drawn: list[Curve | Reliability | Strands] = [
        *evaluation.roc,
        *evaluation.precision_recall,
        *evaluation.reliability,
        *evaluation.strands,
    ]
    look = styles(list(dict.fromkeys(item.row for item in drawn)))
    return draw(
        "evaluation.html.jinja",
        it=evaluation,
        look=look,
        scores=shown_scores(evaluation),
        roc=figures.roc(evaluation.roc, look),
        precision_recall=figures.precision_recall(evaluation.precision_recall, look),
        reliability=figures.reliability_panels(evaluation.reliability, look),
        strands=figures.strands_panels(evaluation.strands, look),
    )


def write(evaluation: Evaluation, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(evaluation), path)


def shown_scores(evaluation: Evaluation) -> list[tuple[str, str, str, str]]:
    """Name, value, interval and direction of every score as they are shown."""
    return [_score(evaluation, metric) for metric in evaluation.scores]


def _score(evaluation: Evaluation, metric: str) -> tuple[str, str, str, str]:
    value, low, high = evaluation.scores[metric]
    places = numbers.decimals([value], [(high - low) / 2])
    direction = "higher is better" if evaluation.higher_is_better[metric] else "lower is better"
    return metric, numbers.number(value, places), numbers.interval(low, high, places) or "no interval", direction
