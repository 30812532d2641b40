"""The page of one trained track model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from palindra.report import numbers, track_figures, track_loci
from palindra.report.document import draw, write_page
from palindra.report.palette import Style, styles
from palindra.report.track_records import Density, Locus, Robustness, ThresholdCurve, Triangle
from palindra.report.track_results import DataFacts, TrackScore
from palindra.report.track_tables import Table, data_tables, score_table, threshold_table

NEEDED = ("command", "versions")  # of the provenance: without them nobody can repeat what the page shows


@dataclass(frozen=True, eq=False)
class TrackEvaluation:
    """What the evaluation of one track model found.

    Raises:
        ValueError: if a metric has no direction, or the provenance lacks the command or the versions.

    Examples:
        >>> evaluation = TrackEvaluation(
        ...     title="Basenji on yeast", task="4 tracks, 75 bp", conclusion=["Pearson is 0.62."],
        ...     scores=[TrackScore("MNase", "Pearson (whole)", 0.62)], higher_is_better={"Pearson (whole)": True},
        ...     loci=[], densities=[], triangles=[], thresholds=[], robustness=[],
        ...     data=DataFacts([], [], [], []), provenance={"command": "palindra evaluate", "versions": "palindra 0.2"},
        ... )
        >>> "0.62" in render(evaluation)
        True
    """

    title: str
    task: str
    conclusion: list[str]  # plain sentences, computed by the command
    scores: list[TrackScore]
    higher_is_better: dict[str, bool]  # metric -> direction
    loci: list[Locus]
    densities: list[Density]
    triangles: list[Triangle]  # one row for a single model: its own bin and every coarser one
    thresholds: list[ThresholdCurve]  # the row names the model, a track, or a reference
    robustness: list[Robustness]
    data: DataFacts
    provenance: dict[str, str]  # command, versions, commit, seeds, date, machine, sha256 of inputs
    findings: list[tuple[str, str, str]] = field(default_factory=list)  # question, verdict, sentence

    def __post_init__(self) -> None:
        if unknown := sorted({score.metric for score in self.scores} - self.higher_is_better.keys()):
            raise ValueError(f"higher_is_better does not say whether higher {unknown[0]!r} is better; add it.")
        check_provenance(self.provenance)


def render(evaluation: TrackEvaluation) -> str:
    """Draw one self-contained HTML page; the same evaluation always gives the same page."""
    it = evaluation
    look = styles(drawn_rows(it.thresholds, it.robustness))
    return draw(
        "track_evaluation.html.jinja",
        it=it,
        scores=score_table(it.scores, it.higher_is_better),
        loci=[(locus, track_loci.lanes(locus), track_loci.position_axis(locus)) for locus in it.loci],
        key=track_loci.legend(turned=any(view.turned is not None for locus in it.loci for view in locus.views)),
        densities=track_figures.densities(it.densities),
        **figures(it.triangles, it.thresholds, it.robustness, look),
        data=data_tables(it.data),
    )


def write(evaluation: TrackEvaluation, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(evaluation), path)


def check_provenance(provenance: dict[str, str]) -> None:
    """Refuse a page that does not say how it was made.

    Raises:
        ValueError: names what is missing.
    """
    if missing := [name for name in NEEDED if not provenance.get(name)]:
        raise ValueError(f"the provenance lacks {' and '.join(missing)}; a page needs the exact command and versions.")


def drawn_rows(thresholds: list[ThresholdCurve], robustness: list[Robustness]) -> list[str]:
    """Names of all rows that are drawn, each once, so that a row has one style over all figures."""
    points = [point.row for item in robustness for point in item.points]
    return list(dict.fromkeys([*(item.row for item in thresholds), *points]))


def figures(
    triangles: list[Triangle], thresholds: list[ThresholdCurve], robustness: list[Robustness], look: dict[str, Style]
) -> dict[str, object]:
    """What the sections that both pages share are filled with."""
    table: Table | None = threshold_table(thresholds)
    return {
        "look": look,
        "triangles": [(item.name, track_figures.triangle(item), track_figures.heat_width(item)) for item in triangles],
        "ceiling_row": any(item.ceiling is not None for item in triangles),
        "threshold_rows": [item.row for item in thresholds],
        "threshold_curve": track_figures.threshold_curves(thresholds, look),
        "window_curve": track_figures.window_curves(thresholds, look),
        "threshold_table": table,
        "robust_rows": list(dict.fromkeys(point.row for item in robustness for point in item.points)),
        "robustness": [
            track_figures.Picture(
                f"bins of {numbers.count(item.bin_size)} bp",
                track_figures.robustness(item, look),
                f"replicate ceiling {numbers.number(item.ceiling)}" if item.ceiling is not None else "no replicate",
            )
            for item in robustness
        ],
    }
