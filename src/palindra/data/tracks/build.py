"""Build the folder of a data set from a genome, tracks and rules; a build that was killed goes on where it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from palindra.data.tracks.check import input_problems
from palindra.data.tracks.folder import HEADER, MANIFEST, WORK, alone, read_json, read_manifest
from palindra.data.tracks.problems import refuse
from palindra.data.tracks.settings import BUILT, DataSettings, relocated, settings_from, settings_to_plain
from palindra.data.tracks.steps import Progress, Steps
from palindra.data.tracks.store import TrackData
from palindra.errors import InputError


def build(
    folder: str | Path, settings: DataSettings, *, progress: Progress | None = None, cache: str | Path | None = None
) -> TrackData:
    """Build a data set, or finish one whose build was interrupted, or open one that is there already.

    Every track is streamed twice: for its largest value in each window, and to be stored where windows were kept.
    Memory does not grow with the genome. What was done is kept for each track, and a build that goes on ends in the
    same bytes as one that was not interrupted. If two processes build one folder, the second waits for the first.

    Args:
        folder: of the data set; made where it does not exist.
        settings: everything that decides what is in it.
        progress: called with what is being done and how much of it is done.
        cache: folder for the codes of the genome, see ``Genome.open``.

    Raises:
        InputError: lists everything that is wrong with the inputs; also if the folder holds another data set.
    """
    folder = Path(folder)
    settings = relocated(settings_from(settings_to_plain(settings)), Path.cwd())  # as a TOML file would give them
    report = progress or (lambda what, done, total: None)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder, waiting=lambda: report("waiting for another build of this folder", 0, 1)):
        refuse(input_problems(settings, cache=cache))
        steps = Steps(folder, settings, report, cache)
        finished = read_manifest(folder) if (folder / MANIFEST).is_file() else None
        started = finished or read_json(folder / WORK / HEADER)
        if started is not None and _decisive(started) != _decisive(steps.header):
            state = "a data set that was built" if finished else "an unfinished data set that was begun"
            raise InputError(
                f"{folder}: holds {state} with other settings or files ({_difference(started, steps.header)}). Choose "
                "another folder, or delete this one."
            )
        if finished is None:
            steps.run()
        shutil.rmtree(folder / WORK, ignore_errors=True)
    return TrackData.open(folder, cache=cache)


def _decisive(header: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for two data sets to be equal: settings, contents of the inputs, version of the package."""
    made = header[BUILT]
    return (
        _flat({k: v for k, v in header.items() if k != BUILT})
        | {
            "genome fingerprint": made["genome"]["fingerprint"],
            "palindra": made["versions"]["palindra"],
        }
        | {f"content of {path}": digest for path, digest in made["inputs"].items()}
    )


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    a, b = _decisive(one), _decisive(other)
    names = [name for name in a | b if a.get(name) != b.get(name)]
    shown = [f"{name} was {a.get(name, 'absent')!r} and is {b.get(name, 'absent')!r}" for name in names[:3]]
    return "; ".join(shown) + (f"; and {len(names) - 3} more" if len(names) > 3 else "")


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for key, part in value.items() for k, v in _flat(part, f"{name}.{key}".lstrip(".")).items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {k: v for n, part in enumerate(value) for k, v in _flat(part, f"{name}.{n + 1}").items()}
    return {name: value}
