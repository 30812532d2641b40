"""Runs and cells of a grid shared among the workers of an engine; what is finished lies in the output itself."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from palindra.engine import Engine, Unit, WorkFailed, work
from palindra.errors import InputError

UNITS = ".units"
"""Folder, in an output, of what the engine remembers until everything is done."""


def do_all(
    engine: Engine,
    units: Sequence[Unit],
    output: Path,
    *,
    command: str = "",
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Do units whose results are files of the output, all of which are missing there.

    Whether a piece is finished is seen in the output alone: what an earlier attempt noted of a piece that is missing
    is forgotten, so that it is made again.

    Args:
        engine: where to work.
        units: what is missing.
        output: folder that all workers see.
        command: that does the rest when it is started again.
        progress: show one bar.
        say: gets a line for each unit that is done.

    Raises:
        InputError: at the end, naming every unit that failed; the others are done.
    """
    if not units:
        return
    folder = output / UNITS
    for unit in units:
        shutil.rmtree(folder / unit.name, ignore_errors=True)
    try:
        for number, (unit, _) in enumerate(work(engine, units, folder, progress=progress, say=say), start=1):
            say(f"[{number}/{len(units)}] {unit.label}")
    except WorkFailed as failed:
        again = f"\nAgain: {command}" if command else ""
        raise InputError(f"{output}: {failed}{again}") from None


def forget(output: Path) -> None:
    """Remove what only the engine needed."""
    shutil.rmtree(output / UNITS, ignore_errors=True)


@contextlib.contextmanager
def held(output: Path, place: Path) -> Iterator[None]:
    """Hold a place of an output against other workers, e.g. one that is lost for the engine and still alive.

    The second one waits; the system lets go when a process ends, however it ends.
    """
    locks = output / UNITS / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(str(place.absolute()).encode()).hexdigest()[:20]
    with (locks / name).open("w", encoding="utf-8") as lock:
        with contextlib.suppress(ImportError):  # no such locks on Windows
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_one_device(devices: int) -> None:
    """Refuse several devices for a run that one of several workers does.

    Raises:
        InputError: saying what to leave out.
    """
    if devices > 1:
        raise InputError(
            f"--devices {devices}: the runs are shared among workers, and each trains on one device. Leave out "
            "--devices, or --engine and --workers."
        )
