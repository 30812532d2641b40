"""A folder of predictions: written once, in the windows' order by any number of writers, read by every metric."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.predictions import Array, Pair, Places, Predictions, Windows, check_finite

_LAYOUT, _DONE = "layout.json", "complete.json"
_FORMAT = 1


class PredictionStore:
    """Predictions and truth of all windows as memory-mapped ``.npy`` files.

    ``create`` makes the folder, or takes up an unfinished one of the same layout; every device and process may hold
    its own and writes whichever rows it has predicted, so the row order is that of the windows whoever wrote them.
    ``finish`` seals the folder with one atomic rename once no row is missing, and ``open`` refuses it until then.
    Writers share pages of one machine's files; between machines they need a file system with coherent shared maps.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     windows = Places(np.zeros(3, np.int32), np.array([0, 50, 100]), 50)
        ...     store = PredictionStore.create(f"{folder}/p", windows, ["MNase"], bin_size=25)
        ...     store.write([2, 0], np.ones((2, 1, 2)), np.zeros((2, 1, 2)))
        ...     left = store.missing().tolist()
        ...     store.write(left, np.ones((1, 1, 2)), np.zeros((1, 1, 2)))
        ...     store.finish()
        ...     left, len(PredictionStore.open(f"{folder}/p"))
        ([1], 3)
    """

    def __init__(self, folder: Path, layout: dict[str, Any]) -> None:
        """Use ``create``; this maps the files of a folder that exists."""
        self.folder = folder
        self.tracks = tuple(layout["tracks"])
        self._layout = layout
        self._prediction = _mapped(folder / "predictions.npy", "r+")
        self._truth = _mapped(folder / "truth.npy", "r+")
        self._written = _mapped(folder / "written.npy", "r+")

    @classmethod
    def create(
        cls,
        folder: str | Path,
        windows: Windows,
        tracks: Sequence[str],
        *,
        bin_size: int,
        dtype: str = "float32",
        chromosomes: Sequence[str] = (),
        made_by: str = "",
    ) -> PredictionStore:
        """A store to write to; safe when several processes call it for one folder at once.

        Args:
            folder: to be made; an existing store of the same layout is continued, see ``missing``.
            windows: of the predicted region, in the order of the rows.
            tracks: names.
            bin_size: bases per bin.
            dtype: ``"float32"``, or ``"float16"`` for half the size and 3 digits.
            chromosomes: names by number, for reports.
            made_by: what made the predictions (a hash of weights and data); another one is not continued.

        Raises:
            InputError: for another dtype, a bin size that does not divide the windows, or a folder with other content.
        """
        place = Path(folder)
        if dtype not in ("float32", "float16") or bin_size < 1 or windows.length % bin_size or len(windows.start) == 0:
            raise InputError(
                f"cannot store {len(windows.start)} windows of {windows.length} bp in bins of {bin_size} bp as {dtype}"
                ": at least one window, a bin size that divides it, and float32 or float16 are needed."
            )
        chrom, start = np.asarray(windows.chrom, np.int32), np.asarray(windows.start, np.int64)
        layout = {
            "format": _FORMAT,
            "tracks": list(tracks),
            "rows": len(start),
            "length": windows.length,
            "bin_size": bin_size,
            "dtype": dtype,
            "chromosomes": list(chromosomes),
            "windows": hashlib.sha256(chrom.tobytes() + start.tobytes()).hexdigest(),
            "made_by": made_by,
        }
        if not (place / _LAYOUT).exists():
            _make(place, layout, chrom, start)
        found = _read_layout(place)
        if found != layout:
            different = [key for key in layout if found.get(key) != layout[key]]
            raise InputError(
                f"{place} holds predictions of another layout ({', '.join(different)} differ): "
                "give another folder, or delete this one."
            )
        return cls(place, layout)

    def write(self, rows: ArrayLike, prediction: ArrayLike, truth: ArrayLike) -> None:
        """Predictions and truth of some rows; a row written twice keeps the last.

        Args:
            rows: row numbers, in any order.
            prediction: ``(rows, tracks, bins)``, finite.
            truth: the same shape; NaN is missing.

        Raises:
            InputError: for shapes or rows that do not fit, predictions that are no numbers, or too large for float16.
        """
        at, given, known = np.asarray(rows, np.int64), np.asarray(prediction), np.asarray(truth)
        shape = (len(at), *self._prediction.shape[1:])
        if given.shape != shape or known.shape != shape or (at.size and not 0 <= at.min() <= at.max() < len(self)):
            raise InputError(
                f"predictions {given.shape} and truth {known.shape} for {len(at)} rows do not fit {self.folder}"
                f" of {self._prediction.shape}: the same rows, tracks and bins are needed."
            )
        check_finite(given, self.tracks, at)
        largest = np.finfo(self._prediction.dtype).max
        if at.size and max(np.abs(given).max(), np.nanmax(np.abs(known), initial=0)) > largest:
            raise InputError(f"values above {largest:g} do not fit {self._prediction.dtype}: store float32.")
        self._prediction[at] = given
        self._truth[at] = known
        self._written[at] = 1  # last, so that an interrupted write counts as missing

    def missing(self) -> NDArray[np.int64]:
        """Rows that nobody has written yet: all that is left to predict."""
        return np.flatnonzero(self._written == 0)

    def finish(self) -> None:
        """Seal the store; any writer may, once all have written, and twice does no harm.

        Raises:
            InputError: when rows are missing.
        """
        left = self.missing()
        if len(left):
            raise InputError(
                f"{self.folder}: {len(left)} of {len(self)} rows are not predicted, the first is row {left[0]}. "
                "Predict the missing rows; the others are kept."
            )
        for mapped in (self._prediction, self._truth, self._written):
            mapped.flush()
        _replace(self.folder / _DONE, json.dumps({"rows": len(self)}))

    def __len__(self) -> int:
        return len(self._written)

    @staticmethod
    def open(folder: str | Path) -> Predictions:
        """A finished store, for the metrics; nothing is read into memory yet.

        Raises:
            InputError: for a folder that is no store, not finished, or damaged.
        """
        place = Path(folder)
        layout = _read_layout(place)
        prediction, truth, written, chrom, start = (
            _mapped(place / f"{name}.npy", "r") for name in ("predictions", "truth", "written", "chrom", "start")
        )
        if not (place / _DONE).exists():
            raise InputError(
                f"{place} is not finished: {int((written == 0).sum())} of {len(written)} rows are missing. Run the "
                "prediction again; it goes on where it stopped."
            )
        expected = (layout["rows"], len(layout["tracks"]), layout["length"] // layout["bin_size"])
        if prediction.shape != expected or truth.shape != expected or len(start) != len(chrom) != expected[0]:
            raise InputError(f"{place} is damaged: arrays of {prediction.shape}, layout {expected}. Predict again.")

        def read(at: NDArray[np.int64], which: slice) -> Pair:
            return _rows(prediction, at, which), _rows(truth, at, which)

        places = Places(np.asarray(chrom), np.asarray(start), layout["length"])
        return Predictions(tuple(layout["tracks"]), places, layout["bin_size"], expected[2], read)

    @staticmethod
    def chromosomes(folder: str | Path) -> list[str]:
        """Names of the chromosomes by number, as given when the store was made."""
        return list(_read_layout(Path(folder))["chromosomes"])


def _rows(mapped: Array, at: NDArray[np.int64], which: slice) -> Array:
    consecutive = len(at) > 0 and at[-1] - at[0] + 1 == len(at) and bool((np.diff(at) == 1).all())
    chosen = mapped[at[0] : at[-1] + 1, which] if consecutive else mapped[at][:, which]  # a slice is read page by page
    return np.asarray(chosen).astype(np.float64)


def _make(place: Path, layout: dict[str, Any], chrom: Array, start: Array) -> None:
    """Build the folder beside its place and move it there: whoever comes second finds a whole one."""
    if place.exists() and any(place.iterdir()):
        raise InputError(f"{place} exists and is no store of predictions: give another folder.")
    place.parent.mkdir(parents=True, exist_ok=True)
    building = place.parent / f".{place.name}.{uuid4().hex}"
    building.mkdir()
    try:
        shape = (layout["rows"], len(layout["tracks"]), layout["length"] // layout["bin_size"])
        kinds = {
            "predictions": (layout["dtype"], shape),
            "truth": (layout["dtype"], shape),
            "written": ("u1", shape[:1]),
        }
        for name, (dtype, size) in kinds.items():
            np.lib.format.open_memmap(building / f"{name}.npy", mode="w+", dtype=dtype, shape=size).flush()
        np.save(building / "chrom.npy", chrom)
        np.save(building / "start.npy", start)
        _replace(building / _LAYOUT, json.dumps(layout, indent=1))
        building.rename(place)
    except OSError:
        if not (place / _LAYOUT).exists():  # not just another process that was faster
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _replace(path: Path, text: str) -> None:
    beside = path.parent / f".{path.name}.{uuid4().hex}"
    with beside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _read_layout(place: Path) -> dict[str, Any]:
    try:
        layout = json.loads((place / _LAYOUT).read_text())
    except (OSError, ValueError):
        layout = {}
    if not isinstance(layout, dict) or layout.get("format") != _FORMAT:
        raise InputError(f"{place} is no store of predictions (no readable {_LAYOUT}). Predict into it first.")
    return layout


def _mapped(path: Path, mode: Any) -> Any:
    try:
        return np.load(path, mmap_mode=mode, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): delete the folder and predict again.") from error
