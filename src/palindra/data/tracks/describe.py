"""What is in a data set, in tables and in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palindra.data.tracks.folder import read_manifest
from palindra.data.tracks.settings import BUILT, DataSettings, settings_from


@dataclass(frozen=True)
class Description:
    """A data set in numbers; printed, it is a short text.

    Args:
        folder: of the data set.
        settings: what it was built with.
        splits: for each split ``split``, ``windows``, ``length``, ``bp`` and ``candidates``.
        tracks: for each file ``track``, ``partner``, ``missing`` (share of the stored positions), ``mean``, ``max``.
        left_out: what was not used, and how much of it.
        size: of the folder, in bytes.
    """

    folder: Path
    settings: DataSettings
    splits: list[dict[str, Any]]
    tracks: list[dict[str, Any]]
    left_out: dict[str, Any]
    size: int

    def __str__(self) -> str:
        windows = self.settings.windows
        lines = [
            f"{self.folder}: {len(self.settings.tracks)} tracks of {self.settings.genome.name}, "
            f"windows of {windows.window} bp from {type(windows).__name__.lower()}, "
            f"{self.settings.storage.dtype} with a margin of {self.settings.storage.margin} bp, "
            f"{self.size / 1e6:,.1f} MB",
            "",
            *_table(self.splits),
            "",
            *_table(self.tracks),
        ]
        lines += ["", *(f"{name}: {value}" for name, value in self.left_out.items())] if self.left_out else []
        return "\n".join(lines)


def describe(folder: str | Path) -> Description:
    """What is in a finished data set; the genome and the tracks are not opened.

    Raises:
        InputError: if it is no finished data set.
    """
    folder = Path(folder)
    table = read_manifest(folder)
    settings, made = settings_from(table), table[BUILT]
    splits = [
        {"split": name, "windows": some["windows"], "length": some["length"], "bp": some["windows"] * some["length"]}
        | {"candidates": some["candidates"]}
        for name, some in made["splits"].items()
    ]
    partner = {track.name: track.partner or "" for track in settings.tracks}
    tracks = [
        {"track": name, "partner": partner.get(name, "")} | {k: found[k] for k in ("mean", "max", "missing")}
        for name, found in made["statistics"].items()
    ]
    left_out = {
        "dropped chromosomes": ", ".join(made["dropped_chromosomes"]),
        "empty test sets": ", ".join(made["empty_test_sets"]),
        **{f"left out, {name}": count for name, count in made["left_out"].items()},
    }
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Description(folder, settings, splits, tracks, {k: v for k, v in left_out.items() if v}, size)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    shown = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in shown
    ]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
