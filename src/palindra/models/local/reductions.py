"""Operations that read all positions at once: sums, means, maxima, and dense layers on flattened positions.

The part of the references that does not change is read once and kept: alternates add their differences, or compare
with the largest entry outside their interval.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from palindra.models.local.local_tensor import Call, Flattened, Rule, State, Whole
from palindra.models.local.pointwise import functions
from palindra.models.local.slices import Slices, cleared


def _dims(call: Call, state: Slices, place: int = 1) -> list[int] | None:
    dim = call.option(place, "dim", call.kwargs.get("axis"))
    if dim is None:
        return None
    return [one % state.reference.tensor.ndim for one in (dim if isinstance(dim, (tuple, list)) else (dim,))]


def total(call: Call) -> State | None:
    """Sums and means, over positions or over channels."""
    state = call.input
    dims = None if state is None else _dims(call, state)
    if state is None or dims is None or call.option(3, "dtype") is not None or 0 in dims:
        return None
    keep = bool(call.option(2, "keepdim", False))
    if state.axis not in dims:
        return _over_channels(call, state, dims, keep)
    delta = _summed(call, state, dims, keep)
    if call.function in _MEANS:
        delta = delta / math.prod(state.reference.tensor.shape[dim] for dim in dims)
    return _added(call, state, delta)


def _summed(call: Call, state: Slices, dims: list[int], keep: bool) -> Tensor:
    """Sums of differences; in float64 where the last bit must not depend on the place of a row."""
    wide = torch.float64 if call.step.row_by_row else None
    return state.delta.movedim(1, state.axis).sum(dims, keepdim=keep, dtype=wide)


def _added(call: Call, state: Slices, delta: Tensor) -> Whole:
    whole = call.output.rows(state.sites)
    return Whole((whole + delta).to(whole.dtype))


def largest(call: Call) -> State | None:
    """Maxima and minima over positions, or over channels."""
    state = call.input
    dims = None if state is None else _dims(call, state)
    if state is None or dims is None or 0 in dims:
        return None
    keep = bool(call.option(2, "keepdim", False))
    if state.axis not in dims:
        return _over_channels(call, state, dims, keep)
    if len(dims) > 1:
        return None
    return Whole(_extreme(state, keep, largest=call.function in _MAXIMA))


def _extreme(state: Slices, keep: bool, *, largest: bool) -> Tensor:
    sites, value = state.sites, state.value
    if not sites.inside(state.length):
        valid = torch.from_numpy(np.repeat(sites.valid(state.length), sites.alternates, axis=0)).to(value.device)
        edge = -torch.inf if largest else torch.inf
        value = value.masked_fill(~valid.view(*valid.shape, *[1] * (value.ndim - 2)), edge)
    inside = value.amax(1) if largest else value.amin(1)
    outside = state.reference.outside(state.axis, sites, largest=largest)
    grouped = inside.reshape(len(sites.rows), sites.alternates, *inside.shape[1:])
    found = (torch.maximum if largest else torch.minimum)(grouped, outside).reshape(inside.shape)
    return found.unsqueeze(state.axis) if keep else found


def pool_to_one(call: Call) -> State | None:
    """Adaptive pooling to one position."""
    state = call.input
    if state is None or call.option(1, "output_size") not in (1, (1,), [1]) or state.reference.tensor.ndim != 3:
        return None
    if call.option(2, "return_indices", False):
        return None
    if call.function in _ADAPTIVE_MEANS:
        return _added(call, state, _summed(call, state, [state.axis], True) / state.length)
    return Whole(_extreme(state, True, largest=True))


def along_channels(call: Call) -> Slices | None:
    """Functions along one axis that holds no positions, e.g. softmax over channels."""
    state = call.input
    dims = None if state is None else _dims(call, state)
    if state is None or dims is None or 0 in dims or state.axis in dims:
        return None
    return _over_channels(call, state, dims, True)


def _over_channels(call: Call, state: Slices, dims: list[int], keep: bool) -> Slices:
    axis = state.axis - (0 if keep else sum(dim < state.axis for dim in dims))
    found: Tensor = call.run(lambda _: state.logical)
    return Slices(call.output, axis, state.sites, value=found.movedim(axis, 1))


def linear(call: Call) -> State | None:
    """A dense layer: on channels, or on flattened positions by the part of its weights that the change meets."""
    given = call.args[0].state
    weight: Tensor = call.option(1, "weight")
    if isinstance(given, Flattened):
        return Whole(call.output.rows(given.slices.sites) + _dense(given.slices, weight))
    state = call.input
    if state is None or state.axis == state.reference.tensor.ndim - 1:
        return None
    delta = functional.linear(state.delta, weight)
    return Slices(call.output, state.axis, state.sites, delta=cleared(delta, state.sites, state.length))


def _dense(state: Slices, weight: Tensor) -> Tensor:
    """Differences times weights, position by position over the alternates whose intervals hold it."""
    sites, length, delta = state.sites, state.length, state.delta.flatten(2)
    if sites.width * 3 >= length:  # one product is faster than many small ones
        whole = state.delta_at(sites.at(np.zeros_like(sites.starts), length))
        return functional.linear(whole.movedim(1, state.axis).flatten(1), weight)
    columns = weight.view(len(weight), -1, length)  # (outputs, channels, positions)
    grouped = delta.reshape(len(sites.rows), sites.alternates, sites.width, -1)
    found = delta.new_zeros(len(sites.rows), sites.alternates, len(weight))
    positions = sites.starts[:, None] + np.arange(sites.width)
    for position in np.unique(positions[(positions >= 0) & (positions < length)]).tolist():
        places = position - sites.starts
        chosen = np.flatnonzero((places >= 0) & (places < sites.width))
        rows, inside = torch.from_numpy(chosen), torch.from_numpy(places[chosen])
        found[rows] += grouped[rows, :, inside] @ columns[:, :, position].T
    return found.flatten(0, 1)


_MEANS = set(functions("mean"))
_MAXIMA = set(functions("amax", "max"))
_ADAPTIVE_MEANS = set(functions("adaptive_avg_pool1d"))
RULES: dict[Any, Rule] = {
    **dict.fromkeys(functions("sum", "mean"), total),
    **dict.fromkeys(functions("amax", "amin"), largest),
    **dict.fromkeys(functions("adaptive_avg_pool1d", "adaptive_max_pool1d"), pool_to_one),
    **dict.fromkeys(functions("softmax", "log_softmax", "cumsum"), along_channels),
    **dict.fromkeys(functions("linear"), linear),
}
