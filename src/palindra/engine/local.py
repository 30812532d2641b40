"""Units done on this machine, in this process or in several."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from palindra.engine.units import Unit, execute
from palindra.ranks import stand_alone

_ATTEMPTS = 3  # of a unit whose process dies


@dataclass(frozen=True)
class LocalEngine:
    """Does units one after the other in this process, or some at a time in processes of their own.

    A process that dies (killed, out of memory) costs the units that it was doing another attempt, up to three.

    Args:
        workers: processes.
    """

    workers: int = 1

    def completed(
        self, units: Sequence[Unit], folder: Path, *, ahead: int = 2
    ) -> Iterator[tuple[int, BaseException | None]]:
        """See :class:`palindra.engine.engine.Engine`."""
        if self.workers > 1:
            yield from self._in_processes(units, folder, ahead)
            return
        for number, unit in enumerate(units):
            try:
                execute(unit, folder)
            except Exception as error:
                yield number, error
            else:
                yield number, None

    def _in_processes(
        self, units: Sequence[Unit], folder: Path, ahead: int
    ) -> Iterator[tuple[int, BaseException | None]]:
        waiting = list(range(len(units)))
        attempts = [0] * len(units)
        while waiting:
            doing: dict[Future[str], int] = {}
            with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"), initializer=_begin_worker) as pool:
                try:
                    while waiting or doing:
                        while waiting and len(doing) < ahead * self.workers:
                            # The last attempt is made alone, so that a unit that kills is not mistaken for others.
                            if doing and any(attempts[n] + 1 == _ATTEMPTS for n in (waiting[0], *doing.values())):
                                break
                            doing[pool.submit(execute, units[waiting[0]], folder)] = waiting[0]
                            del waiting[0]  # after that, because a broken pool takes nothing
                        for future in wait(doing, return_when=FIRST_COMPLETED).done:
                            error = future.exception()
                            if isinstance(error, BrokenProcessPool):
                                raise error
                            yield doing.pop(future), error
                except BrokenProcessPool as broken:
                    for future, number in sorted(doing.items(), key=lambda item: item[1]):
                        error = None if future.done() and future.exception() is None else broken
                        attempts[number] += error is not None
                        if error is None or attempts[number] >= _ATTEMPTS:
                            yield number, error
                        else:
                            waiting.append(number)
                except GeneratorExit:
                    pool.shutdown(cancel_futures=True)
                    raise


def _begin_worker() -> None:
    """One thread, and an end when the command ends: one that is killed cannot tell its workers to stop."""
    one_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def one_thread() -> None:
    """One thread for each process, so that processes do not fight for processors, and numbers do not depend on them.

    A process of a worker also is the first and only one of whatever it trains, on whichever node it was started.
    """
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read by torch when it is imported, if it ever is
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    stand_alone()
