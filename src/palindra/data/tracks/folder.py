"""The folder of a data set: names of its files, one builder at a time, files whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from palindra.data.tracks.settings import BUILT
from palindra.errors import InputError

MANIFEST, LOCK = "dataset.toml", ".lock"
WORK, HEADER = ".work", "header.json"  # of an unfinished build: its folder, and what it was begun with
BLOCKS, BLACKLIST, SPLITS = "blocks.tsv", "blacklist.tsv", "splits"
NAMES = {"values": "values.npy", "replicate": "replicate.npy"}  # the array of each role
FORMAT = 1


@contextlib.contextmanager
def alone(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the folder against other builders; the system lets go of it when the process ends, however it ends.

    On a system without such locks (Windows) one builder at a time is left to the user.
    """
    with (folder / LOCK).open("w") as lock:
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place to write a file to, which gets its name only when all of it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    yield partial
    partial.replace(path)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a finished data set.

    Raises:
        InputError: if there is none, it cannot be read, or is of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        unfinished = (folder / WORK).is_dir()
        what = "its build was not finished: start the same build again" if unfinished else "no data set was built there"
        raise InputError(f"{folder}: is not a data set of tracks ({MANIFEST} is missing): {what}.")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        written, version = table[BUILT]["format"], table[BUILT]["versions"]["palindra"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read ({error}). Build the data set again.") from error
    if written != FORMAT:
        raise InputError(
            f"{path}: has format {written}, written by palindra {version}; this version reads format {FORMAT}. Build "
            "the data set again."
        )
    return table


def write_json(path: Path, value: Any) -> None:
    """Write a small record whole or not at all."""
    with whole(path) as partial:
        partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read what ``write_json`` wrote, None if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def files_of(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a data set except the manifest itself."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in (MANIFEST, LOCK) and not name.startswith(WORK + "/"):
            with path.open("rb") as content:
                found[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found
