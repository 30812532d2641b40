"""Operations that read a window around every position: convolutions and pooling.

An interval of inputs reaches an interval of outputs. Convolutions and means are linear, so they map differences to
differences without looking at the reference; maxima need the values of the windows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from palindra.models.local.local_tensor import Call, Rule
from palindra.models.local.pointwise import RULES as POINTWISE_RULES
from palindra.models.local.pointwise import functions, pointwise
from palindra.models.local.sites import Sites
from palindra.models.local.slices import Slices, cleared, held


def last(option: Any) -> int:
    """The entry of an option of a window that belongs to the last axis."""
    return int(option[-1]) if isinstance(option, (tuple, list)) else int(option)


def reached(sites: Sites, *, extent: int, stride: int, padding: int) -> tuple[Sites, Sites]:
    """The windows that touch an interval, and the positions that they read.

    Args:
        sites: intervals of the inputs.
        extent: positions from the first to the last that one window reads.
        stride: between windows.
        padding: before the first position.

    Examples:
        >>> windows, positions = reached(Sites.of([0], [9], alternates=1, width=1), extent=3, stride=2, padding=1)
        >>> windows.starts.tolist(), windows.width, positions.starts.tolist(), positions.width
        ([4], 2, [7], 5)
    """
    if stride == 1:
        width = sites.width + extent - 1
        return sites.moved(padding - extent + 1, width), sites.moved(1 - extent, width + extent - 1)
    first = -((extent - 1 - padding - sites.starts) // stride)
    width = (sites.width - 1 + extent - 1) // stride + 1
    return sites.at(first, width), sites.at(first * stride - padding, (width - 1) * stride + extent)


def conv1d(call: Call) -> Slices | None:
    """Convolution: of stride 1 without groups one product of matrices, whose results are added up along the taps."""
    state = call.input
    if state is None or state.axis != 2 or state.reference.tensor.ndim != 3:
        return None
    weight: Tensor = call.option(1, "weight")
    stride, padding, dilation = (
        call.option(place, name, default)
        for place, name, default in ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))
    )
    groups, step, gap, taps = call.option(6, "groups", 1), last(stride), last(dilation), weight.shape[2]
    extent = gap * (taps - 1) + 1
    before = {"same": (extent - 1) // 2, "valid": 0}[padding] if isinstance(padding, str) else last(padding)
    if call.output.tensor.shape[2] == 1:
        return None
    windows, positions = reached(state.sites, extent=extent, stride=step, padding=before)
    if windows.width >= call.output.tensor.shape[2]:
        return None
    length = call.output.tensor.shape[2]
    if groups > 1 or step > 1:
        read = state.delta_at(positions).transpose(1, 2)
        delta = functional.conv1d(read, weight, None, step, 0, gap, groups).transpose(1, 2)
        return Slices(call.output, 2, windows, delta=cleared(delta, windows, length))
    memo = call.step.memo
    if "matrices" not in memo:
        memo["matrices"] = weight.permute(2, 1, 0).flip(0).contiguous()  # (taps from the last to the first, in, out)
    found = held(memo, "found", state.delta, (state.sites.count, windows.width, weight.shape[0]))
    spread = _spread_by_row if call.step.row_by_row else _spread
    # An activation wants values next: the sum begins with the reference, and needs no pass of its own.
    if call.step.following in POINTWISE and windows.inside(length):
        found.view(len(windows.rows), windows.alternates, *found.shape[1:]).copy_(call.output.slices(2, windows))
        spread(state.delta, memo["matrices"], gap, found)
        return Slices(call.output, 2, windows, value=found, owned=True)
    spread(state.delta, memo["matrices"], gap, found.zero_())
    return Slices(call.output, 2, windows, delta=cleared(found, windows, length))


def _spread(delta: Tensor, matrices: Tensor, gap: int, into: Tensor) -> None:
    """Each position adds to the outputs of all windows that read it: ``(n, width, in)`` to ``(n, wider, out)``.

    With positions outermost in memory, what one tap adds is one block, and one product of matrices adds it in place.
    """
    count, width, channels = delta.shape
    taps, _, out = matrices.shape
    rows = delta.transpose(0, 1).reshape(width * count, channels)
    if taps > width:
        products = torch.matmul(rows.view(width, 1, count, channels), matrices)  # (width, taps, n, out)
        for place in range(width):
            into[:, place : place + gap * (taps - 1) + 1 : gap].add_(products[place].transpose(0, 1))
        return
    whole = into.transpose(0, 1).view(-1, out)
    for tap in range(taps):
        whole[tap * gap * count : (tap * gap + width) * count].addmm_(rows, matrices[tap])


def _spread_by_row(delta: Tensor, matrices: Tensor, gap: int, into: Tensor) -> None:
    """The same with products of one size for every alternate, whose last bits do not depend on the other ones."""
    count, width = delta.shape[:2]
    contiguous = delta.contiguous()
    for tap, matrix in enumerate(matrices):
        into[:, tap * gap : tap * gap + width] += torch.bmm(contiguous, matrix.expand(count, -1, -1))


def conv2d(call: Call) -> Slices | None:
    """Convolution of maps whose last axis holds the positions."""
    state = call.input
    weight: Tensor = call.option(1, "weight")
    stride, padding, dilation = (
        call.option(place, name, default)
        for place, name, default in ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))
    )
    if state is None or state.axis != 3 or state.reference.tensor.ndim != 4 or isinstance(padding, str):
        return None
    extent = last(dilation) * (weight.shape[3] - 1) + 1
    other = padding[0] if isinstance(padding, (tuple, list)) else padding
    return _windowed(
        call,
        state,
        state.delta_at,
        lambda read: functional.conv2d(read, weight, None, stride, (other, 0), dilation, call.option(6, "groups", 1)),
        extent=extent,
        stride=last(stride),
        padding=last(padding),
    )


def conv_transpose1d(call: Call) -> Slices | None:
    """Transposed convolution: every position adds to the outputs behind it."""
    state = call.input
    if state is None or state.axis != 2 or state.reference.tensor.ndim != 3:
        return None
    weight: Tensor = call.option(1, "weight")
    step, padding, gap = (
        last(call.option(3, "stride", 1)),
        last(call.option(4, "padding", 0)),
        last(call.option(7, "dilation", 1)),
    )
    delta = functional.conv_transpose1d(
        state.delta.transpose(1, 2), weight, None, step, 0, 0, call.option(6, "groups", 1), gap
    ).transpose(1, 2)
    starts = state.sites.starts * step - padding
    sites = state.sites.at(starts, delta.shape[1])
    delta = cleared(delta.contiguous(), sites, call.output.tensor.shape[2])
    return Slices(call.output, 2, sites, delta=delta)


def avg_pool(call: Call) -> Slices | None:
    """Means of windows; those at the ends count their padding."""
    state = call.input
    size, padding = call.option(1, "kernel_size"), call.option(3, "padding", 0)
    stride = call.option(2, "stride")
    stride = size if stride is None or stride == () else stride
    if (
        state is None
        or call.option(4, "ceil_mode", False)
        or not _last_axis(state)
        or call.option(6, "divisor_override")
    ):
        return None
    if last(padding) and not call.option(5, "count_include_pad", True):
        return None
    two = state.reference.tensor.ndim == 4
    if two and (_first(size) != 1 or _first(stride) != 1 or _first(padding) != 0):
        return None
    run = functional.avg_pool2d if two else functional.avg_pool1d
    sizes, strides = ((1, last(size)), (1, last(stride))) if two else (last(size), last(stride))
    return _windowed(
        call,
        state,
        state.delta_at,
        lambda read: run(read, sizes, strides),
        extent=last(size),
        stride=last(stride),
        padding=last(padding),
    )


def max_pool(call: Call) -> Slices | None:
    """Maxima of windows; padding is never the largest."""
    state = call.input
    size, padding, gap = (
        call.option(1, "kernel_size"),
        call.option(3, "padding", 0),
        last(call.option(4, "dilation", 1)),
    )
    stride = call.option(2, "stride")
    stride = size if stride is None or stride == () else stride
    if (
        state is None
        or call.option(5, "ceil_mode", False)
        or not _last_axis(state)
        or call.option(6, "return_indices", False)
    ):
        return None
    two = state.reference.tensor.ndim == 4
    if two and (_first(size) != 1 or _first(stride) != 1 or _first(padding) != 0):
        return None
    width, step = last(size), last(stride)

    def values(sites: Sites) -> Tensor:
        found = state.value_at(sites)
        if sites.inside(state.length):
            return found
        valid = torch.from_numpy(np.repeat(sites.valid(state.length), sites.alternates, axis=0)).to(found.device)
        return found.masked_fill(~valid.view(*valid.shape, *[1] * (found.ndim - 2)), -torch.inf)

    def maxima(read: Tensor) -> Tensor:
        if two:
            return functional.max_pool2d(read, (1, width), (1, step), 0, (1, gap))
        return functional.max_pool1d(read, width, step, 0, gap)

    return _windowed(
        call, state, values, maxima, extent=gap * (width - 1) + 1, stride=step, padding=last(padding), linear=False
    )


def _windowed(
    call: Call,
    state: Slices,
    read: Callable[[Sites], Tensor],
    run: Callable[[Tensor], Tensor],
    *,
    extent: int,
    stride: int,
    padding: int,
    linear: bool = True,
) -> Slices | None:
    """Apply a function of windows along the last axis to what they read, without padding."""
    length = call.output.tensor.shape[-1]
    windows, positions = reached(state.sites, extent=extent, stride=stride, padding=padding)
    if windows.width >= length:
        return None
    found = run(read(positions).movedim(1, state.axis)).movedim(state.axis, 1)
    if linear:
        return Slices(call.output, state.axis, windows, delta=cleared(found.contiguous(), windows, length))
    if windows.inside(length):
        return Slices(call.output, state.axis, windows, value=found)
    given = Slices(call.output, state.axis, windows, value=found)
    return Slices(call.output, state.axis, windows, delta=cleared(given.delta, windows, length))


def pad(call: Call) -> Slices | None:
    """Constant padding, or cropping, of the end of the axis of positions and of axes that hold none."""
    state = call.input
    amounts = call.option(1, "pad")
    if state is None or call.option(2, "mode", "constant") != "constant":
        return None
    ndim = state.reference.tensor.ndim
    along = ndim - 1 - state.axis
    before = amounts[2 * along] if len(amounts) > 2 * along else 0
    rest = list(amounts)
    if len(rest) > 2 * along:
        rest[2 * along : 2 * along + 2] = [0, 0]
    delta = (
        functional.pad(state.delta.movedim(1, state.axis), rest) if any(rest) else state.delta.movedim(1, state.axis)
    )
    sites = state.sites.moved(before, state.sites.width)
    length = call.output.tensor.shape[state.axis]
    moved = delta.movedim(state.axis, 1)
    return Slices(
        call.output,
        state.axis,
        sites,
        delta=moved
        if sites.inside(length)
        else cleared(moved.clone(memory_format=torch.contiguous_format), sites, length),
    )


def _last_axis(state: Slices) -> bool:
    return state.axis == state.reference.tensor.ndim - 1 and state.axis in (2, 3)


def _first(option: Any) -> int:
    return int(option[0]) if isinstance(option, (tuple, list)) else int(option)


POINTWISE = {function for function, rule in POINTWISE_RULES.items() if rule is pointwise}
RULES: dict[Any, Rule] = {
    **dict.fromkeys(functions("conv1d"), conv1d),
    **dict.fromkeys(functions("conv2d"), conv2d),
    **dict.fromkeys(functions("conv_transpose1d"), conv_transpose1d),
    **dict.fromkeys(functions("avg_pool1d", "avg_pool2d"), avg_pool),
    **dict.fromkeys(functions("max_pool1d", "max_pool2d"), max_pool),
    **dict.fromkeys(functions("pad"), pad),
}
