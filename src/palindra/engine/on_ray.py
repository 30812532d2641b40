"""Units done on a Ray cluster: one that exists, or one that is started on this machine."""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from palindra.engine.local import one_thread
from palindra.engine.units import Unit, execute
from palindra.errors import InputError

_RETRIES = 5  # by Ray, of a unit whose worker or node was lost
_TIMEOUT = 60.0  # seconds for a node to answer


@dataclass(frozen=True)
class RayEngine:
    """Does units on a Ray cluster; those of a lost worker or node are done again elsewhere.

    Args:
        address: of a cluster; None starts one on this machine, and ends it afterwards.
        workers: CPUs of a cluster that is started here.
    """

    address: str | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        require_ray()

    def completed(
        self, units: Sequence[Unit], folder: Path, *, ahead: int = 2
    ) -> Iterator[tuple[int, BaseException | None]]:
        """See :class:`palindra.engine.engine.Engine`."""
        if not units:
            return
        ray = require_ray()
        began = not ray.is_initialized()
        if began:
            self._connect(ray)
        try:
            check_nodes(ray, folder)
            yield from self._completed(ray, units, folder.absolute(), ahead)
        finally:
            if began:
                ray.shutdown()

    def _completed(
        self, ray: Any, units: Sequence[Unit], folder: Path, ahead: int
    ) -> Iterator[tuple[int, BaseException | None]]:
        remote = ray.remote(num_cpus=1, max_retries=_RETRIES, scheduling_strategy="SPREAD")(_execute)
        waiting = list(reversed(range(len(units))))
        doing: dict[Any, int] = {}
        here = str(Path.cwd())
        while waiting or doing:
            most = ahead * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while waiting and len(doing) < most:
                number = waiting.pop()
                doing[remote.remote(units[number], str(folder), here)] = number
            for reference in ray.wait(list(doing), num_returns=1, timeout=1.0)[0]:
                number = doing.pop(reference)
                try:
                    ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    yield number, error.cause if isinstance(error.cause, Exception) else error
                except ray.exceptions.RayError as error:
                    yield number, error
                else:
                    yield number, None

    def _connect(self, ray: Any) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address is None:
            ray.init(num_cpus=self.workers, include_dashboard=False, **options)
            return
        try:
            ray.init(address=self.address, **options)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            what = " ".join(str(error).split())[:300]
            if "version" in what.lower():
                raise InputError(
                    f"--address {self.address}: the cluster runs another version of Ray or Python ({what}). Install "
                    "the same versions on every machine."
                ) from error
            raise InputError(
                f"--address {self.address}: no Ray cluster answers there ({what}). Start one with 'ray start --head', "
                "give its address, or leave out --address to work on this machine."
            ) from error


def require_ray() -> Any:
    """The package, or an error that says how to get it.

    Raises:
        InputError: if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "--engine ray: Ray is not installed. Install it with pip install 'palindra[ray]', or leave out --engine."
        ) from error
    return ray


def versions_here() -> dict[str, str]:
    """What has to be the same on every node for numbers to be the same."""
    return {"palindra": version("palindra"), "torch": version("torch"), "python": platform.python_version()}


def check_nodes(ray: Any, folder: Path) -> None:
    """Ask every node for its versions, and whether it sees the folder.

    Raises:
        InputError: naming the node, and what is different there.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    folder.mkdir(parents=True, exist_ok=True)
    token = folder / f".seen-{uuid.uuid4().hex}"
    token.write_text(token.name, encoding="utf-8")
    try:
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        if not nodes:
            raise InputError("the Ray cluster has no node with a processor. Start one with 'ray start --address ...'.")
        asked = {
            (node["NodeManagerHostname"], node["NodeID"]): ray.remote(num_cpus=0)(_look)
            .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
            .remote(str(token))
            for node in nodes
        }
        own = versions_here()
        for (host, number), reference in asked.items():
            name = f"{host} ({number[:8]})"
            try:
                found, seen = ray.get(reference, timeout=_TIMEOUT)
            except ray.exceptions.RayError as error:
                if not any(node["Alive"] for node in ray.nodes() if node["NodeID"] == number):
                    continue  # lost meanwhile: others do its work
                raise InputError(
                    f"node {name} of the Ray cluster cannot work: {' '.join(str(error).split())[:300]}. Is palindra "
                    "installed there?"
                ) from error
            differ = [f"{key} {found[key]} instead of {own[key]}" for key in own if found[key] != own[key]]
            if differ:
                raise InputError(f"node {name} of the Ray cluster has {', '.join(differ)}: install the same there.")
            if not seen:
                raise InputError(
                    f"{folder}: node {name} of the Ray cluster does not see this folder. Choose an output on a disk "
                    "that all nodes share."
                )
    finally:
        token.unlink(missing_ok=True)


def _look(token: str) -> tuple[dict[str, str], bool]:
    path = Path(token)
    return versions_here(), path.is_file() and path.read_text(encoding="utf-8") == path.name


def _execute(unit: Unit, folder: str, here: str) -> str:
    """Do a unit where relative names mean the same as for the command."""
    if Path(here).is_dir():
        os.chdir(here)
    one_thread()
    return execute(unit, folder)
