"""All cells of a probing run, with what was found out about its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from palindra.evaluation import Interval, mean_interval, metric, paired_bootstrap
from palindra.probing.cells import Cell, CellStore, Predictions
from palindra.probing.tasks.leaks import Leaks


@dataclass(frozen=True)
class Results:
    """Cells of a run.

    Args:
        cells: in the order of tasks, sources, readouts, seeds and fractions; failed ones are among them.
        folder: where they are stored.
        leaks: what was found in each task.
        notes: choices and omissions of the run and of its tasks.
        findings: what the cells say about strands, in words.
    """

    cells: list[Cell]
    folder: Path
    leaks: dict[str, Leaks] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()

    def select(self, **wanted: Any) -> list[Cell]:
        """Cells whose fields have these values, e.g. ``select(task="tf", readout="cnn")``."""
        return [cell for cell in self.cells if all(getattr(cell, key) == value for key, value in wanted.items())]

    def predictions(self, cell: Cell) -> Predictions:
        """What a cell predicted on the test rows."""
        return CellStore(self.folder).predictions(cell)

    @property
    def failures(self) -> list[Cell]:
        """Cells without scores; their warnings say why."""
        return [cell for cell in self.cells if cell.failed]

    @property
    def warnings(self) -> list[str]:
        """Every warning of every cell, once, in the order of the cells."""
        return list(dict.fromkeys(text for cell in self.cells for text in cell.warnings))

    def curve(self, along: str, **wanted: Any) -> list[tuple[Any, Interval]]:
        """Mean and interval over seeds of the score to compare by, for each value of a field.

        Args:
            along: "layer" for a curve over layers, "fraction" for one over training rows.
            wanted: the other fields of the cells, e.g. ``source="one-hot", task="tf", readout="cnn"``.
        """
        chosen = [
            cell for cell in self.select(**wanted) if np.isfinite(cell.value) and getattr(cell, along) is not None
        ]
        places = sorted({getattr(cell, along) for cell in chosen})
        return [(at, mean_interval([c.value for c in chosen if getattr(c, along) == at])) for at in places]


def strand_findings(cells: Sequence[Cell], store: CellStore, *, resamples: int = 500) -> list[str]:
    """What averaging over strands did where the label depends on the strand: a negative control.

    For each pair of cells that differ in the strands alone: the difference of the score with its interval over
    resampled test rows (paired).
    """
    found = []
    whole = [
        cell for cell in cells if cell.fraction == 1 and not cell.control and not cell.failed and cell.layer is None
    ]
    for cell in whole:
        if cell.symmetric is not False or cell.strands != "averaged":
            continue
        key = (cell.source, cell.task, cell.readout, cell.summary, cell.seed)
        plain = [c for c in whole if c.strands == "as is" and (c.source, c.task, c.readout, c.summary, c.seed) == key]
        if not plain:
            continue
        one, two = store.predictions(cell), store.predictions(plain[0])
        test = paired_bootstrap(
            metric(cell.score_kind, cell.metric),
            one["predictions"],
            two["predictions"],
            one["labels"],
            seed=0,
            resamples=resamples,
            groups=one.get("groups"),
        )
        verdict = (
            "it hurts, as it must where the label depends on the strand"
            if test.high < 0
            else "it helps, which a strand-specific label does not allow: check the task"
            if test.low > 0
            else "no cost is shown: this readout does not use what the strand says, or the test is too small"
        )
        found.append(
            f"negative control, {cell.task} (strand-specific), {cell.source} read by {cell.readout} on {cell.summary}, "
            f"seed {cell.seed}: averaging strands changes {cell.metric} from {test.second:.3f} to {test.first:.3f} "
            f"({test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}] over test rows); {verdict}."
        )
    return found


def load_results(folder: str | Path) -> Results:
    """The stored cells of a run, without computing anything.

    Raises:
        InputError: for a file that is no cell.
    """
    store = CellStore(folder)
    cells = store.all()
    return Results(cells, Path(folder), findings=tuple(strand_findings(cells, store)))
