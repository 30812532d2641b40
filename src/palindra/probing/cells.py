"""One cell of a probing run: what was measured, stored whole or not at all, and read again."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.models.saving import write_text

Array = NDArray[Any]

FULL = "full"  # all tokens, as against one vector a row
SHUFFLED = "shuffled labels"


@dataclass(frozen=True)
class Cell:
    """One source, read by one readout, on one task, with one seed and one part of the training rows.

    Args:
        source: its name, without layer and strands.
        task: its name.
        readout: linear, mlp or cnn; "kmers" for the reference row.
        seed: of the training subset, first weights, order and dropout.
        fraction: of the training rows.
        metrics: scores on the test rows; empty where the cell failed.
        parameters: of the source.
        seconds_per_1000: sequences embedded and read, measured without the cache.
        layer: of the source, None for its own choice.
        strands: as is, averaged or concatenated.
        warnings: what a reader of the scores has to know; a failure among them.
        summary: what the readout saw: mean, max, cls, or full.
        control: "shuffled labels", or nothing.
        metric: the score to compare by.
        task_kind: of the labels.
        symmetric: whether the label is that of the other strand, as far as it is known.
        readout_parameters: that were fitted.
        test_rows: that were scored.
        leaked_rows: of those, which also occur in another split.
        metrics_without_leaks: scores on the others; empty where nothing leaks.
        settings: what the readout chose.
        failed: whether there are no scores.
    """

    source: str
    task: str
    readout: str
    seed: int
    fraction: float
    metrics: Mapping[str, float]
    parameters: int = 0
    seconds_per_1000: float = math.nan
    layer: int | None = None
    strands: str = "as is"
    warnings: tuple[str, ...] = ()
    summary: str = FULL
    control: str = ""
    metric: str = ""
    task_kind: str = ""
    symmetric: bool | None = None
    readout_parameters: int = 0
    test_rows: int = 0
    leaked_rows: int = 0
    metrics_without_leaks: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False

    @property
    def value(self) -> float:
        """The score to compare by, NaN where the cell failed."""
        return self.metrics.get(self.metric, math.nan)

    @property
    def score_kind(self) -> str:
        """The task under which :func:`palindra.evaluation.metric` scores stored predictions."""
        return "regression" if self.task_kind == "psi" else self.task_kind

    @property
    def name(self) -> str:
        """Name of its files: readable, and different for different cells."""
        key = (self.task, self.source, self.layer, self.strands, self.readout, self.summary, self.control)
        layer = "" if self.layer is None else f"layer{self.layer}"
        parts = [self.task, self.source, layer, self.strands, self.readout, self.summary, self.control]
        readable = "-".join(re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_")[:40] for part in parts if part)
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:8]
        return f"{readable}-f{self.fraction:g}-s{self.seed}-{digest}"


class Predictions(dict[str, Array]):
    """What a cell predicted on test rows: ``predictions``, ``labels``, ``rows``, ``leaked`` and, if any, ``groups``.

    What readouts predict that variants change stands under the keys of their windows.
    """


class CellStore:
    """Cells in a folder, each with the identity of what it was computed from."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder) / "cells"
        self.folder.mkdir(parents=True, exist_ok=True)

    def read(self, name: str, identity: Mapping[str, Any], *, failed: bool = False) -> Cell | None:
        """A finished cell, or None where there is none or it failed (a failure is tried again).

        Args:
            name: of the cell.
            identity: of what it has to be computed from.
            failed: give one that failed as well.

        Raises:
            InputError: if it was computed from something else.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        stored = _json(path)
        given = json.loads(json.dumps(identity))
        other = sorted(
            key for key in given.keys() | stored["identity"].keys() if given.get(key) != stored["identity"].get(key)
        )
        if other:
            raise InputError(
                f"{path}: was computed with another {', another '.join(other)}. Give another folder, or the same "
                "settings and files as before."
            )
        cell = _cell(stored["cell"])
        return None if cell.failed and not failed else cell

    def write(self, cell: Cell, identity: Mapping[str, Any], predictions: Predictions | None) -> None:
        """Store a cell; its predictions first, so that a cell that is there is whole."""
        if predictions is not None:
            path = self.folder / f"{cell.name}.npz"
            partial = path.with_name(path.name + ".partial")
            with partial.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **dict(predictions))
            partial.replace(path)
        content = {"cell": without_nan(asdict(cell)), "identity": dict(identity)}
        write_text(self.folder / f"{cell.name}.json", json.dumps(content, indent=1, allow_nan=False) + "\n")

    def predictions(self, cell: Cell) -> Predictions:
        """Test predictions of a cell.

        Raises:
            InputError: if they were not kept.
        """
        path = self.folder / f"{cell.name}.npz"
        if not path.is_file():
            raise InputError(f"{path}: the predictions of this cell were not kept.")
        with np.load(path, allow_pickle=False) as arrays:
            return Predictions({key: arrays[key] for key in arrays.files})

    def all(self) -> list[Cell]:
        """Every stored cell, failed ones as well, in the order of their names."""
        return [_cell(_json(path)["cell"]) for path in sorted(self.folder.glob("*.json"))]


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"cell": content["cell"], "identity": content["identity"]}
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: is no cell of a probing run. Remove it, and it is computed again.") from None


def _cell(stored: dict[str, Any]) -> Cell:
    known = {one.name for one in fields(Cell)}
    values = {key: value for key, value in stored.items() if key in known}
    for key in ("metrics", "metrics_without_leaks"):
        values[key] = {name: math.nan if value is None else value for name, value in values[key].items()}
    values["warnings"] = tuple(values["warnings"])
    if values["seconds_per_1000"] is None:
        values["seconds_per_1000"] = math.nan
    return Cell(**values)


def without_nan(value: Any) -> Any:
    """Numbers that are none as null, which every reader of JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
