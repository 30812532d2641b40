"""What is written of scored variants: lines of the VCF and of the table, and of what is wrong with the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palindra.cli.variants.outputs import PROBLEMS
from palindra.cli.variants.scoring import STATUS, Array
from palindra.data.variants import Problem, Record, Survey, summary
from palindra.data.variants.header import InfoField
from palindra.data.variants.problems import SCORED

ABOUT = ("line", "chrom", "position", "id", "ref", "alt", "allele", "status")  # columns of the table before the scores
PROBLEM_COLUMNS = ("line", "allele", "kind", "message")
STATUS_FIELD = InfoField(
    STATUS, ".", "String", f"For each alternate {SCORED}, or why it is not (words of problems.tsv)"
)
_SHOWN = 10  # problems that are said; all of them stand in their file


def rows(records: Sequence[Record], scores: dict[str, Array], info: dict[str, str], width: int) -> tuple[str, str]:
    """Lines of the VCF and of the table for some records, whose variants have scores in their order."""
    text = {name: [_number(value) for value in values.tolist()] for name, values in scores.items()}
    vcf, table = [], []
    row = 0
    for record in records:
        places: list[int | None] = []
        for variant in record.variants:
            places.append(None if variant is None else row)
            row += variant is not None
        statuses = record.statuses
        fields = {STATUS: ",".join(statuses)}
        if any(place is not None for place in places):
            fields |= {
                info[name]: ",".join("." if place is None else values[place] for place in places)
                for name, values in text.items()
            }
        vcf.append(record.columns.with_info(fields, width=width))
        columns = record.columns
        alternates = columns.alternates or (".",)
        for allele, (alternate, status) in enumerate(zip(alternates, statuses, strict=True), start=1):
            place = places[allele - 1] if places else None
            values = ["" if place is None else column[place] for column in text.values()]
            about = [columns.line, columns.chrom, columns.position, columns.id, columns.ref, alternate, allele, status]
            table.append("\t".join([*map(str, about), *values]))
    return "".join(f"{line}\n" for line in vcf), "".join(f"{line}\n" for line in table)


def problem_row(problem: Problem) -> str:
    """A line of the table of problems."""
    return f"{problem.line}\t{problem.allele or ''}\t{problem.kind}\t{problem.message}\n"


def problem_lines(survey: Survey) -> list[str]:
    """The first problems with their lines, and how many there are of each kind; nothing if there are none."""
    if not survey.counts.total():
        return []
    lines = [f"{problem}" for problem in survey.first[:_SHOWN]]
    more = survey.counts.total() - len(lines)
    lines += [f"and {more:,} more, each with its line in {PROBLEMS}"] if more > 0 else []
    return [*lines, *summary(survey.counts)]


def refusal(calls: Path, survey: Survey) -> str:
    """Why a file is refused that may have no problem."""
    shown = survey.first[:_SHOWN]
    total = survey.counts.total()
    more = [f"  and {total - len(shown):,} more"] if total > len(shown) else []
    return "\n".join(
        [
            f"{calls}: --strict refuses any problem, and there are {total:,}; nothing was written.",
            *(f"  {calls} {problem}" for problem in shown),
            *more,
            *(f"  {line}" for line in summary(survey.counts)),
        ]
    )


def _number(value: float) -> str:
    return "." if value != value else f"{value:.7g}"
