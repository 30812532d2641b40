"""Data sets of tracks on the command line: told apart from labelled sequences, and opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from palindra.data.tracks import TrackData

MANIFEST = "dataset.toml"


def is_data_set(path: str | Path) -> bool:
    """Whether an input is a data set of tracks: a folder that ``palindra data build`` made or began to make."""
    folder = Path(path)
    return folder.is_dir() and ((folder / MANIFEST).is_file() or (folder / ".work").is_dir())


def is_track_run(path: str | Path) -> bool:
    """Whether an input is a run folder of tracks."""
    from palindra.errors import InputError
    from palindra.models.saving import CONFIG, TRACKS, read_config

    if not (Path(path) / CONFIG).is_file():
        return False
    try:
        return read_config(path).get("palindra", {}).get("kind") == TRACKS
    except InputError:
        return False


def open_data(path: str | Path, genome: Path | None = None) -> TrackData:
    """The data set in a folder.

    Raises:
        InputError: if it is not finished or its genome cannot be used.
    """
    from palindra.data.tracks import TrackData

    return TrackData.open(path, genome=genome)
