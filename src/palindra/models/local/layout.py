"""Operations that move, cut or join axes: intervals move with the positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palindra.models.local.local_tensor import Call, Flattened, LocalTensor, Rule, State
from palindra.models.local.pointwise import functions
from palindra.models.local.sites import Sites, hull
from palindra.models.local.slices import Reference, Slices, cleared


def _mapped(
    state: Slices, output: Reference, axis: int, function: Callable[[Tensor], Tensor], sites: Sites | None = None
) -> Slices:
    """Slices after a function that is the same for differences and values, given with positions on their own axis."""
    into = sites or state.sites
    length = output.tensor.shape[axis]
    if state.known_delta or not into.inside(length):
        delta = function(state.delta.movedim(1, state.axis)).movedim(axis, 1)
        if not into.inside(length):
            delta = cleared(delta.clone(memory_format=torch.contiguous_format), into, length)
        return Slices(output, axis, into, delta=delta.contiguous())
    return Slices(output, axis, into, value=function(state.logical).movedim(axis, 1).contiguous())


def flip(call: Call) -> Slices | None:
    """Reversed axes; a reversed interval is counted from the other end."""
    state = call.input
    if state is None:
        return None
    ndim = state.reference.tensor.ndim
    given = call.args[1:] if len(call.args) > 1 else (call.kwargs["dims"],)
    dims = given[0] if isinstance(given[0], (tuple, list)) else given
    dims = [dim % ndim for dim in dims]
    if 0 in dims:
        return None
    sites = state.sites
    if state.axis in dims:
        sites = sites.at(state.length - sites.starts - sites.width, sites.width)
    return _mapped(state, call.output, state.axis, lambda data: data.flip(dims), sites)


def permute(call: Call) -> Slices | None:
    """Axes in another order; the batch stays first."""
    state = call.input
    if state is None:
        return None
    # Where each axis goes is asked of a tensor whose sizes are their numbers.
    ndim = state.reference.tensor.ndim
    probe: Tensor = call.run(lambda _: torch.empty(*range(ndim), device="meta"))
    order = list(probe.shape)
    if order[0] != 0 or len(order) != ndim:
        return None
    return _mapped(state, call.output, order.index(state.axis), lambda data: data.permute(order))


def unsqueeze(call: Call) -> Slices | None:
    """A new axis of size 1."""
    state = call.input
    if state is None:
        return None
    dim = call.option(1, "dim") % (state.reference.tensor.ndim + 1)
    if dim == 0:
        return None
    axis = state.axis + (dim <= state.axis)
    return _mapped(state, call.output, axis, lambda data: data.unsqueeze(dim))


def squeeze(call: Call) -> Slices | None:
    """An axis of size 1 less."""
    state = call.input
    dim = call.option(1, "dim")
    if state is None or not isinstance(dim, int):
        return None
    dim %= state.reference.tensor.ndim
    if dim in (0, state.axis):
        return None
    gone = state.reference.tensor.shape[dim] == 1
    return _mapped(state, call.output, state.axis - (gone and dim < state.axis), lambda data: data.squeeze(dim))


def cat(call: Call) -> Slices | None:
    """Tensors joined along channels, or along the batch."""
    parts = call.option(0, "tensors")
    states = [part.state if isinstance(part, LocalTensor) else None for part in parts]
    slices = [state for state in states if isinstance(state, Slices)]
    if len(slices) < len(parts) or len({state.axis for state in slices}) > 1:
        return None
    axis = slices[0].axis
    dim = call.option(1, "dim", 0) % slices[0].reference.tensor.ndim
    if dim == axis:
        return None
    if dim == 0:
        return _joined_batch(call, slices)
    sites = hull([state.sites for state in slices])
    deltas = [state.delta_at(sites) for state in slices]
    return Slices(call.output, axis, sites, delta=torch.cat(deltas, dim + 1 if dim < axis else dim))


def _joined_batch(call: Call, slices: list[Slices]) -> Slices | None:
    if len({state.sites.alternates for state in slices}) > 1 or len({state.length for state in slices}) > 1:
        return None
    width = max(state.sites.width for state in slices)
    rows, starts, deltas, before = list[Any](), list[Any](), list[Tensor](), 0
    for state in slices:
        rows.append(state.sites.rows + before)
        starts.append(state.sites.starts)
        deltas.append(state.delta_at(state.sites.moved(0, width)))
        before += len(state.reference.tensor)
    sites = Sites.of(np.concatenate(rows), np.concatenate(starts), alternates=slices[0].sites.alternates, width=width)
    return Slices(call.output, slices[0].axis, sites, delta=torch.cat(deltas))


def getitem(call: Call) -> Slices | None:
    """Slices of any axis, numbers and lists of channels, new axes, and whole sites of the batch."""
    state = call.input
    if state is None:
        return None
    ndim, sites = state.reference.tensor.ndim, state.sites
    items = list(call.args[1]) if isinstance(call.args[1], tuple) else [call.args[1]]
    taken = sum(item is not None and item is not Ellipsis for item in items)
    at = next((number for number, item in enumerate(items) if item is Ellipsis), None)
    if at is None:
        items += [slice(None)] * (ndim - taken)
    else:
        items[at : at + 1] = [slice(None)] * (ndim - taken)
    lists = sum(isinstance(item, (Tensor, list)) for item in items)
    if lists > 1 or (lists and any(isinstance(item, int) for item in items)):
        return None
    dim, axis, picked = 0, 0, list[Any]()
    for item in items:
        if item is None:
            picked.append(None)
            continue
        if isinstance(item, (Tensor, list)) and torch.as_tensor(item).ndim != 1:
            return None
        if dim in (0, state.axis):
            if not isinstance(item, slice) or item.step not in (None, 1):
                return None
            if dim == 0 and item != slice(None):
                return _some_of_batch(call, state, item) if items[1:] == [slice(None)] * (ndim - 1) else None
            if dim == state.axis:
                sites = sites.moved(-item.indices(state.length)[0], sites.width)
                axis = sum(not isinstance(one, int) for one in picked)
            picked.append(slice(None))
        else:
            picked.append(item)
        dim += 1
    if axis == 0 or picked[0] is None:
        return None
    return _mapped(state, call.output, axis, lambda data: data[tuple(picked)], sites)


def _some_of_batch(call: Call, state: Slices, item: slice) -> Slices | None:
    sites = state.sites
    first, end, _ = item.indices(sites.count)
    if first % sites.alternates or end % sites.alternates:
        return None
    chosen = slice(first // sites.alternates, end // sites.alternates)
    rows = sites.rows[chosen] - (call.step.batch.start or 0)
    if len(rows) == 0 or rows.min() < 0 or rows.max() >= len(call.output.tensor):
        return None
    fewer = Sites.of(rows, sites.starts[chosen], alternates=sites.alternates, width=sites.width)
    return Slices(call.output, state.axis, fewer, delta=state.delta[first:end])


def narrow(call: Call) -> Slices | None:
    """A part of one axis."""
    state = call.input
    if state is None:
        return None
    dim, start, length = call.option(1, "dim"), call.option(2, "start"), call.option(3, "length")
    dim %= state.reference.tensor.ndim
    if dim == 0:
        return None
    if dim != state.axis:
        return _mapped(state, call.output, state.axis, lambda data: data.narrow(dim, start, length))
    sites = state.sites.moved(-(start % state.length), state.sites.width)
    return _mapped(state, call.output, state.axis, lambda data: data, sites)


def split(call: Call) -> list[State] | None:
    """Channels in several parts."""
    state = call.input
    if state is None:
        return None
    dim = call.option(2, "dim", 0) % state.reference.tensor.ndim
    if dim in (0, state.axis):
        return None
    sizes = [output.tensor.shape[dim] for output in call.step.outputs]
    firsts = np.cumsum([0, *sizes]).tolist()
    return [
        _mapped(state, output, state.axis, lambda data, first=first, size=size: data.narrow(dim, first, size))
        for output, first, size in zip(call.step.outputs, firsts, sizes, strict=False)
    ]


def index_select(call: Call) -> Slices | None:
    """Chosen channels."""
    state = call.input
    if state is None:
        return None
    dim, index = call.option(1, "dim") % state.reference.tensor.ndim, call.option(2, "index")
    if dim in (0, state.axis):
        return None
    return _mapped(state, call.output, state.axis, lambda data: data.index_select(dim, index))


def flatten(call: Call) -> State | None:
    """All axes behind the rows joined, or only such as leave the positions alone."""
    state = call.input
    if state is None:
        return None
    before, after = state.reference.tensor.shape, call.output.tensor.shape
    if before == after:
        return state
    if len(after) == 2 and after[0] == before[0] and state.axis == len(before) - 1:
        return Flattened(state)
    if after[-1] == before[-1] and state.axis == len(before) - 1 and after[0] == before[0]:
        shape = after[1:-1]  # channels joined or parted, positions last
        return _mapped(state, call.output, len(after) - 1, lambda data: data.reshape(len(data), *shape, data.shape[-1]))
    return None


RULES: dict[Any, Rule] = {
    **dict.fromkeys(functions("flip"), flip),
    **dict.fromkeys(functions("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims"), permute),
    **dict.fromkeys(functions("unsqueeze"), unsqueeze),
    **dict.fromkeys(functions("squeeze"), squeeze),
    **dict.fromkeys(functions("cat", "concat", "concatenate"), cat),
    **dict.fromkeys(functions("__getitem__"), getitem),
    **dict.fromkeys(functions("narrow"), narrow),
    **dict.fromkeys(functions("split", "chunk", "split_with_sizes"), split),
    **dict.fromkeys(functions("index_select"), index_select),
    **dict.fromkeys(functions("flatten", "reshape", "view"), flatten),
}
