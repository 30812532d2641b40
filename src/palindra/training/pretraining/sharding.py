"""A language model whose weights and optimiser are shared out over devices, saved as if it were whole (FSDP)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.optim import Optimizer


class Sharded(ModelParallelStrategy):
    """FSDP on any devices, GPUs or processes of CPUs.

    Checkpoints are one whole file, laid out as those of a model that is not sharded: either goes on from the other,
    on any number of devices. Lightning's own numbers the parameters of an optimiser by their order in the model,
    and not by that in its groups; a model that is not sharded would take the state of one weight for another's.

    Args:
        processes: over which weights are shared out.

    Source: Zhao et al. (2023); ``torch.distributed.fsdp.fully_shard``.
    """

    def __init__(self, processes: int) -> None:
        super().__init__(data_parallel_size=processes, tensor_parallel_size=1, save_distributed_checkpoint=False)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """The whole state of an optimiser, on the first process; empty on the others."""
        assert self.model is not None
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        found: Mapping[str, Any] = get_optimizer_state_dict(
            self.model, getattr(optimizer, "_optimizer", optimizer), options=options
        )
        return numbered(found) if found.get("state") else {}

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Each process takes its share of the weights and of the optimiser."""
        assert self.model is not None
        path = Path(self.broadcast(checkpoint_path))
        saved: dict[str, Any] = torch.load(path, mmap=True, map_location="cpu", weights_only=weights_only)
        options = StateDictOptions(full_state_dict=True)
        set_model_state_dict(self.model, saved["state_dict"], options=options)
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        for optimizer, state in zip(self.optimizers, saved["optimizer_states"], strict=True):
            order = [names[id(one)] for group in optimizer.param_groups for one in group["params"]]
            set_optimizer_state_dict(self.model, optimizer, named(state, order), options=options)
        return saved


def shard(network: nn.Module, mesh: DeviceMesh) -> None:
    """Share out the weights of each layer of a network, and what is left, over devices.

    Layers are what stands in lists of modules; the weights of one are whole only while it computes.

    Args:
        network: is changed in place.
        mesh: one dimension of devices.
    """
    if isinstance(network, FSDPModule):  # Lightning asks more than once
        return
    for layer in outer_layers(network):
        fully_shard(layer, mesh=mesh)
    fully_shard(network, mesh=mesh)


def outer_layers(network: nn.Module) -> Iterator[nn.Module]:
    """The modules in lists of modules, and of lists within them the outermost.

    Examples:
        >>> inner = nn.Sequential(nn.ModuleList([nn.Linear(1, 1)]))
        >>> len(list(outer_layers(nn.Sequential(nn.ModuleList([inner, nn.Linear(2, 2)])))))
        2
    """
    for child in network.children():
        if isinstance(child, nn.ModuleList):
            yield from child
        else:
            yield from outer_layers(child)


def numbered(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of an optimiser with names of parameters, as one that is not sharded lays it out.

    Examples:
        >>> numbered({"state": {"b": 2, "a": 1}, "param_groups": [{"params": ["a"]}, {"params": ["b"]}]})
        {'state': {0: 1, 1: 2}, 'param_groups': [{'params': [0]}, {'params': [1]}]}
    """
    order = list(chain.from_iterable(group["params"] for group in state["param_groups"]))
    number = {name: place for place, name in enumerate(order)}
    groups = [{**group, "params": [number[name] for name in group["params"]]} for group in state["param_groups"]]
    return {
        "state": {number[name]: state["state"][name] for name in order if name in state["state"]},
        "param_groups": groups,
    }


def named(state: Mapping[str, Any], order: list[str]) -> dict[str, Any]:
    """The inverse of :func:`numbered`: ``order`` has the names of parameters, group by group.

    Examples:
        >>> named({"state": {0: 1}, "param_groups": [{"params": [0]}]}, ["a"])
        {'state': {'a': 1}, 'param_groups': [{'params': ['a']}]}
    """
    groups = [{**group, "params": [order[place] for place in group["params"]]} for group in state["param_groups"]]
    return {"state": {order[place]: values for place, values in state["state"].items()}, "param_groups": groups}
