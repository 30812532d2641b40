"""Units done by an engine and given back in their order, each once, whatever broke on the way."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from palindra.engine.engine import Engine
from palindra.engine.units import Result, Unit, read_result
from palindra.errors import InputError

Say = Callable[[str], None]
_ATTEMPTS = 3  # for a result that is damaged before it is read
_SHOWN = 10


@dataclass(frozen=True)
class Failure:
    """A unit that could not be done, and why."""

    unit: Unit
    error: str


class WorkFailed(InputError):
    """Some units could not be done; the others are, and stay done.

    Args:
        failures: what is left, with the reason for each.
        units: how many there were.
    """

    def __init__(self, failures: Sequence[Failure], units: int) -> None:
        self.failures = tuple(failures)
        lines = [f"  {failure.unit.label or failure.unit.name}: {failure.error}" for failure in failures[:_SHOWN]]
        more = [f"  and {len(failures) - _SHOWN:,} more"] if len(failures) > _SHOWN else []
        text = f"{len(failures):,} of {units:,} pieces of work failed; the same command does only these again."
        super().__init__("\n".join([text, *lines, *more]))


def work(
    engine: Engine, units: Sequence[Unit], folder: Path, *, progress: bool = False, say: Say = lambda _: None
) -> Iterator[tuple[Unit, Result]]:
    """Do units and yield their results in the order of the units.

    What an earlier attempt has done is not done again. Results are yielded as soon as those before them are there. A
    unit that fails does not stop the others; what comes behind it is done, but not yielded. A result whose files are
    not as they were written is made again.

    Args:
        engine: where to work.
        units: of different names.
        folder: that results are collected in; every worker has to see it.
        progress: show one bar.
        say: gets notes.

    Raises:
        WorkFailed: at the end, with every unit that failed.
        InputError: at once for a full disk, a cluster that cannot be used, or another job in the folder.
    """
    names = [unit.name for unit in units]
    if len(set(names)) < len(names):
        raise ValueError("some units are the same; each has to have arguments of its own.")
    folder.mkdir(parents=True, exist_ok=True)
    failures: dict[int, Failure] = {}
    following = 0
    with alone(folder), bar(len(units) if progress else None) as advance:
        for left in folder.glob("*.partial"):  # of workers that were killed
            shutil.rmtree(left, ignore_errors=True)
        pending = [number for number, unit in enumerate(units) if read_result(unit, folder) is None]
        advance(len(units) - len(pending))
        finished = set(range(len(units))) - set(pending)
        for attempt in range(_ATTEMPTS):
            for place, error in engine.completed([units[number] for number in pending], folder):
                number = pending[place]
                if error is None:
                    finished.add(number)
                    advance(1)
                else:
                    stop_if_full(error, folder)
                    failures[number] = Failure(units[number], one_line(error))
                while following in finished and (result := read_result(units[following], folder)) is not None:
                    yield units[following], result
                    following += 1
            while following in finished and (result := read_result(units[following], folder)) is not None:
                yield units[following], result
                following += 1
            pending = [
                number
                for number in range(following, len(units))
                if number not in failures and read_result(units[number], folder) is None
            ]
            if not pending:
                break
            if attempt + 1 < _ATTEMPTS:
                say(f"note: {len(pending)} results are damaged or missing and are made again")
            finished -= set(pending)
    failures |= {number: Failure(units[number], "its result is damaged again and again") for number in pending}
    if failures:
        raise WorkFailed([failures[number] for number in sorted(failures)], len(units))


def one_line(error: BaseException) -> str:
    """What an error says, with its kind unless it was written for users."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def stop_if_full(error: BaseException, folder: Path) -> None:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise InputError(
            f"{folder}: the disk is full, so the work stopped. What is done stays done: make room and start the same "
            "command again."
        ) from error


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder against other jobs; the system lets go of it when the process ends, however it ends."""
    with (folder / ".job").open("a+", encoding="utf-8") as lock:
        with contextlib.suppress(ImportError):  # no such locks on Windows
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise InputError(
                    f"{folder}: another job works in this folder ({lock.read().strip() or 'it just began'}). Wait for "
                    "it, or choose another output."
                ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}\n")
        lock.flush()
        yield


@contextlib.contextmanager
def bar(total: int | None, what: str = "work") -> Iterator[Callable[[int], None]]:
    """Show how much is done; called with how much more it is. None shows nothing."""
    if total is None:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(what, total=total)
        yield lambda count: shown.advance(task, count)
