"""A piece of work: named by its content, done once, its files whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DONE = "done.json"  # written last: what was returned, and the checksum of each file


@dataclass(frozen=True)
class Unit:
    """A function with its arguments, of which every machine can do the work.

    Args:
        function: ``package.module:name``; called as ``function(folder, **arguments)``, writes its files into the
            folder and returns values that JSON can hold. The same arguments have to give the same result.
        arguments: of plain types that JSON can hold; files by their absolute paths.
        label: in messages, saying what the input was.
    """

    function: str
    arguments: Mapping[str, Any]
    label: str = ""

    @property
    def name(self) -> str:
        """Of the folder of its result: the hash of function and arguments.

        Examples:
            >>> one = Unit("package.module:work", {"start": 0, "end": 5})
            >>> one.name == Unit("package.module:work", {"end": 5, "start": 0}, "other label").name, len(one.name)
            (True, 20)
        """
        content = json.dumps([self.function, dict(self.arguments)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Result:
    """What a finished unit left.

    Args:
        folder: with its files.
        values: that the function returned.
    """

    folder: Path
    values: Any


def execute(unit: Unit, folder: str | Path) -> str:
    """Do a unit, unless its result is there already; the name of the result.

    The files are written into a folder of their own, which gets its name when all of them are on the disk. Whoever
    does the same unit at the same time does no harm: the first result stays.

    Args:
        unit: what to do.
        folder: that results are collected in.
    """
    collected = Path(folder)
    place = collected / unit.name
    if read_result(unit, collected) is not None:
        return unit.name
    scratch = collected / f"{unit.name}.{uuid.uuid4().hex[:12]}.partial"
    scratch.mkdir(parents=True)
    try:
        values = _function(unit.function)(scratch, **unit.arguments)
        files = {path.relative_to(scratch).as_posix(): _written(path) for path in _files(scratch)}
        (scratch / DONE).write_text(json.dumps({"values": values, "files": files}), encoding="utf-8")
        _written(scratch / DONE)
        if place.exists() and read_result(unit, collected) is None:  # damaged
            shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(OSError):  # somebody else was first
            scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return unit.name


def read_result(unit: Unit, folder: str | Path) -> Result | None:
    """The result of a unit, None where it is not there or not as it was written."""
    place = Path(folder) / unit.name
    try:
        done = json.loads((place / DONE).read_text(encoding="utf-8"))
        if all(_checksum(place / name) == checksum for name, checksum in done["files"].items()):
            return Result(place, done["values"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _function(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _written(path: Path) -> str:
    """The checksum of a file of which every byte is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return _checksum(path)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
