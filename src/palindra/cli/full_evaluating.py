"""A full evaluation of a labelled model: the page, the numbers beside it, and the sentences on screen."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from palindra.errors import InputError

if TYPE_CHECKING:
    from palindra.data import LabelledSequences
    from palindra.models.saving import Run
    from palindra.report.single import Evaluation


@dataclass(frozen=True)
class Asked:
    """Options of a full evaluation that models of both kinds have."""

    coverage: float = 0.9
    level: str = ""

    def check(self) -> None:
        """Raise an `InputError` for options that cannot be used."""
        from palindra.cli.inputs import choose
        from palindra.cli.shift.measuring import LEVELS

        if not 0 < self.coverage < 1:
            raise InputError(f"--coverage {self.coverage:g}: it lies between 0 and 1, e.g. 0.9.")
        if self.level:
            choose("--level", self.level, LEVELS)


ONLY_FULL = ("reference", "level", "effects", "coverage")


def refuse_without_full(typed: Container[str]) -> None:
    """Raise for an option that only a full evaluation reads."""
    if beside := [name for name in ONLY_FULL if name in typed]:
        raise InputError(f"--{beside[0]} needs --full.")


def evaluate_fully(
    run: Run,
    folder: Path,
    rows: LabelledSequences,
    known: LabelledSequences | None,
    evaluation: Evaluation,
    output: Path,
    *,
    coverage: float = 0.9,
    level: str | None = None,
    effects: Path | None = None,
) -> list[str]:
    """Measure, write the page and a JSON file of everything on it.

    Args:
        run: the model.
        folder: where it lies.
        rows: what it is evaluated on.
        known: rows among which are those of its training and validation splits, if they are known.
        evaluation: its scores and curves on the rows.
        output: page to write.
        coverage: of intervals or sets.
        level: of the shift, as declared.
        effects: table of measured effects of variants.

    Returns:
        The conclusions.

    Raises:
        InputError: for rows that the model was trained on, and options that cannot be used.
    """
    from palindra.cli.labelled.full_measuring import measure_all
    from palindra.evaluation.trust import trust, words
    from palindra.models.saving import write_text
    from palindra.report.full_page import FullEvaluation, PartRow, write

    Asked(coverage, level or "").check()
    trained = known is not None and (known.splits == "train").any()
    found = measure_all(
        run,
        folder,
        rows,
        known if trained else None,
        coverage=coverage,
        level=level or "",
        effects=effects,
    )
    measured = found.measured
    findings = trust(measured)
    summary = [*evaluation.conclusion[:1], *words(findings)]
    full = FullEvaluation(
        evaluation=evaluation,
        summary=summary,
        findings=[(finding.question, finding.verdict, finding.sentence) for finding in findings],
        metric=measured.metric,
        parts=[
            PartRow(p.kind, p.name, p.rows, p.value, p.low, p.high, "" if p.coverage is None else str(p.coverage))
            for p in measured.parts
        ],
        strangeness=[] if found.strangeness is None else [round(float(v), 3) for v in found.strangeness],
        measured={
            "coverage": "" if measured.coverage is None else str(measured.coverage),
            "shifts": f"{measured.shifts:.4g}",
            "strands": f"{measured.strands:.4g}",
            "trivial": f"{measured.trivial:.4g} ({measured.trivial_name})",
            "strange": f"{measured.strange:.4g}",
        },
    )
    write(full, output)
    write_text(output.with_suffix(".json"), full.to_json())
    return [*summary, *(f"{finding.verdict:12s} {finding.question} {finding.sentence}" for finding in findings)]
