"""Which of the processes that train one model together this one is, as whoever started them has said."""

from __future__ import annotations

import os
from typing import NamedTuple

from palindra.errors import InputError

UNIT = "PALINDRA_UNIT"  # set in workers of an engine
_VARIABLES = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "SLURM_STEP_NUM_TASKS"),
)


class Started(NamedTuple):
    """Processes that somebody else has started to train one model."""

    by: str  # torchrun or srun
    devices: int  # processes of each node
    nodes: int


def started() -> Started | None:
    """By whom the processes were started; None where this one is alone, or starts the others itself.

    A command in a batch script of SLURM without ``srun`` is alone, however many tasks the allocation has.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        world, own = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        return Started("torchrun", own, max(1, world // own))
    if (tasks := int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))) > 1:
        nodes = int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))
        return Started("srun", max(1, tasks // nodes), nodes)
    return None


def first_process() -> bool:
    """Whether this is the process that writes and speaks, or one of those that only help to train."""
    by = started()
    if by is not None:
        return int(os.environ["RANK" if by.by == "torchrun" else "SLURM_PROCID"]) == 0
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK"))


def require_started(devices: int, nodes: int) -> Started | None:
    """Raise unless as many processes were started as were asked for; who started them.

    Raises:
        InputError: saying how to start them.
    """
    found = started()
    if found is not None and (found.devices, found.nodes) != (devices, nodes):
        raise InputError(
            f"{found.by} has started {found.devices} process(es) on each of {found.nodes} node(s), but --devices "
            f"{devices} and --nodes {nodes} were given: add --devices {found.devices} --nodes {found.nodes}, or start "
            "other numbers."
        )
    if found is None and nodes > 1 and "MASTER_ADDR" not in os.environ:
        raise InputError(
            f"--nodes {nodes}: nobody has started processes on the other machines. Start the same command with "
            "torchrun or srun on each of them (see examples/slurm), or leave out --nodes."
        )
    return found


def stand_alone() -> None:
    """Forget who started this process: a worker of an engine does work of its own, whoever lent its machine."""
    for name in _VARIABLES:
        os.environ.pop(name, None)
    os.environ[UNIT] = "1"
