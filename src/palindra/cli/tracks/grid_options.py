"""What a grid of models of tracks leaves to the command line: hardly anything, because the file says it all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from palindra.cli.tracks.inputs import is_data_set
from palindra.errors import InputError


def require_grid(path: Path, typed: Iterable[str], allowed: Iterable[str]) -> None:
    """Refuse a data set in place of a grid, and options that belong into its file.

    Raises:
        InputError: saying what to write instead.
    """
    if is_data_set(path):
        raise InputError(
            f"{path}: is a data set of tracks. Name it in a grid, e.g. GRID.toml with [data] all = {str(path)!r}, "
            'seeds = "0-4" and [axes] strategy = ["none", "regular"], and give that file.'
        )
    if beside := [name for name in typed if name not in {*allowed, "context"}]:
        name = beside[0].strip("_").replace("_", "-")
        raise InputError(f"--{name} does not go with {path}: a grid says everything in its file; write it there.")
