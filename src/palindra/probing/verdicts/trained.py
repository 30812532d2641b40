"""Variant effects by readouts that were trained on another task, beside those that no training gave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.probing.cells import Cell
from palindra.probing.results import Results
from palindra.probing.trained_variants import SignedCorrelation, VariantWindows, signed_correlations
from palindra.probing.verdicts.contrasts import Contrast, Difference
from palindra.probing.verdicts.entries import Entry, Kind
from palindra.probing.verdicts.evidence import ZeroShot

NAMES = {"cnn": "CNN", "mlp": "MLP", "linear": "linear readout"}
CONSTANT = "there is no correlation: predicted or measured effects are constant."


@dataclass(frozen=True)
class TrainedScore:
    """What one readout of one source says of variants, over its seeds.

    Args:
        entry: on the table of variants; its score is the Pearson correlation with signed effects, mean over elements.
        trained_on: the task of the readout.
        elements: what the correlation is a mean over.
        variants: that have a score.
        by_element: by seed, correlations within elements.
    """

    entry: Entry
    trained_on: str
    elements: str = ""
    variants: int = 0
    by_element: Mapping[int, Sequence[SignedCorrelation]] = field(default_factory=dict)

    @property
    def score(self) -> str:
        """As tables name it."""
        summary = "" if self.entry.readout == "cnn" else f" ({self.entry.summary})"
        name = NAMES[self.entry.readout] + summary
        return f"{name} trained on {self.trained_on}, alt - ref against effect"

    def difference(self) -> Difference:
        """The correlation, as a difference from none, with an interval over seeds and variants."""
        rows = list(self.entry.resampled.values())
        mean = np.mean(rows, axis=0) if rows else None
        return Contrast(self.entry.known, mean, self.entry.test_rows, self.entry.seedless).difference()


def trained_scores(
    results: Results, kinds: Mapping[str, Kind], windows: Sequence[VariantWindows], *, resamples: int = 500
) -> list[TrainedScore]:
    """Correlations of what readouts predict with measured effects, in the order of tables and cells.

    Args:
        results: of one task, whose cells were computed with these windows.
        kinds: what each source is.
        windows: of the variants.
        resamples: of positions of variants.
    """
    together: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in results.cells:
        if cell.source in kinds and cell.layer is None and cell.fraction == 1.0 and not cell.control:
            together.setdefault((cell.source, cell.strands, cell.readout, cell.summary), []).append(cell)
    return [
        _trained(cells, kinds[cells[0].source], one, results, resamples)
        for one in windows
        for cells in together.values()
    ]


def _trained(
    cells: Sequence[Cell], kind: Kind, windows: VariantWindows, results: Results, resamples: int
) -> TrainedScore:
    task, first = windows.variants, cells[0]
    scores: dict[int, float] = {}
    resampled: dict[int, NDArray[Any]] = {}
    parts: dict[int, list[SignedCorrelation]] = {}
    said: list[str] = []
    for cell in cells:
        scores[cell.seed] = math.nan
        kept = None if cell.failed else results.predictions(cell).get(windows.key)
        if kept is None:
            name = task.name
            said += [text for text in cell.warnings if cell.failed or text.startswith(f"{name} cannot be scored")]
            continue
        parts[cell.seed] = found = signed_correlations(kept, task, resamples=resamples)
        if found and math.isfinite(found[-1].pearson):
            scores[cell.seed], resampled[cell.seed] = found[-1].pearson, found[-1].samples
        else:
            said.append(CONSTANT)
    places = len(set(zip(task.elements.tolist(), task.positions.tolist(), strict=True)))
    entry = Entry(
        source=first.source,
        kind=kind,
        task=task.name,
        readout=first.readout,
        metric="Pearson",
        scores=scores,
        summary=first.summary,
        resampled=resampled,
        test_rows=places,
        task_kind="regression",
        strands=first.strands,
        warnings=tuple(dict.fromkeys(said)),
        seedless=first.readout == "linear",
    )
    last = next((own[-1] for own in parts.values() if own), None)
    return TrainedScore(entry, first.task, last.element if last else "", last.rows if last else 0, parts)


def with_trained(untrained: Sequence[ZeroShot], trained: Sequence[TrainedScore]) -> list[ZeroShot]:
    """Scores without training, each with the CNN that reads the same embeddings, where there is one."""
    cnns = {
        (one.entry.label, one.entry.task): one.entry
        for one in trained
        if one.entry.readout == "cnn" and one.entry.known
    }
    return [replace(item, trained=cnns.get((item.source, item.task))) for item in untrained]
