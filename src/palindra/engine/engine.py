"""Where units are done: in this process, in several, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from palindra.engine.units import Unit
from palindra.errors import InputError

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Does units in any order."""

    @property
    def workers(self) -> int:
        """How many units are done at a time."""
        ...

    def completed(
        self, units: Sequence[Unit], folder: Path, *, ahead: int = 2
    ) -> Iterator[tuple[int, BaseException | None]]:
        """Do units with :func:`palindra.engine.units.execute`; yield the number of each one that is done or failed.

        A unit is taken from the sequence in its order and when its turn comes, so that a sequence may decide what it
        is from what those before have given.

        Args:
            units: what to do.
            folder: that results are collected in.
            ahead: units that are given out for each worker: 1 waits for the end of one before the next is taken.

        Raises:
            InputError: for a cluster that cannot be used.
        """
        ...


def make_engine(name: str = "local", *, address: str | None = None, workers: int = 1) -> Engine:
    """The engine of a name.

    Args:
        name: ``local`` or ``ray``.
        address: of a Ray cluster, e.g. ``auto`` or ``ray://host:10001``; None starts one on this machine.
        workers: processes of this machine, or CPUs of a cluster that is started here.

    Raises:
        InputError: for another name, options that do not go together, or Ray that is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"--engine {name}: choose {' or '.join(ENGINES)}.")
    if workers < 1:
        raise InputError(f"--workers {workers}: at least one is needed.")
    if name == "ray":
        from palindra.engine.on_ray import RayEngine

        return RayEngine(address=address, workers=workers)
    if address is not None:
        raise InputError(f"--address {address}: the local engine has no address; add --engine ray.")
    from palindra.engine.local import LocalEngine

    return LocalEngine(workers=workers)
