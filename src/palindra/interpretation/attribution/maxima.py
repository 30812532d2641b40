"""Maxima, and who gets the credit for one: entries that are equal share it, so that no end of a window is preferred.

The stock backward pass of max pooling gives everything to the first of equal entries. Runs of one letter make equal
entries, and the first one on one strand is the last one on the other. Rounding does the same to entries that should be
equal, so those that differ by no more than rounding count as equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from palindra.interpretation.attribution.followed import functions

_ROUNDING = 4.0  # of the spacing of numbers at the largest entry


@dataclass(frozen=True)
class Windows:
    """Windows along the last axes of a tensor ``(..., *positions)``.

    Args:
        size: entries of a window along each axis.
        stride: steps between windows.
        padding: entries added at each end that never win.
        dilation: steps between the entries of a window.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    def taken(self, x: Tensor, windows: Sequence[int], fill: float) -> Tensor:
        """Entries by window ``(..., *windows, taps)``."""
        x = self._padded(x, windows, fill)
        return torch.stack([x[index] for index in self._taps(windows)], dim=-1)

    def returned(self, parts: Tensor, shape: torch.Size) -> Tensor:
        """What belongs to the entries of windows, added up where windows overlap: the transpose of `taken`."""
        axes = len(self.size)
        windows = parts.shape[-1 - axes : -1]
        whole = self._padded(parts.new_zeros(shape), windows, 0.0)
        for tap, index in enumerate(self._taps(windows)):
            whole[index] += parts[..., tap]
        inner = tuple(
            slice(pad, pad + length) for pad, length in zip(self.padding, shape[len(shape) - axes :], strict=True)
        )
        return whole[(..., *inner)]  # type: ignore[index]

    def _padded(self, x: Tensor, windows: Sequence[int], fill: float) -> Tensor:
        ends: list[int] = []
        rows = zip(self.size, self.stride, self.padding, self.dilation, windows, strict=True)
        for axis, (size, stride, padding, dilation, count) in enumerate(rows):
            needed = (count - 1) * stride + (size - 1) * dilation + 1  # the last window may hang over (ceil mode)
            length = x.shape[len(x.shape) - len(self.size) + axis]
            ends = [padding, max(padding, needed - padding - length), *ends]
        return functional.pad(x, ends, value=fill) if any(ends) else x

    def _taps(self, windows: Sequence[int]) -> list[Any]:
        axes = [
            [slice(tap * dilation, tap * dilation + (count - 1) * stride + 1, stride) for tap in range(size)]
            for size, stride, dilation, count in zip(self.size, self.stride, self.dilation, windows, strict=True)
        ]
        return [(..., *index) for index in product(*axes)]


@dataclass(frozen=True)
class Maximum:
    """A maximum over windows or axes, brought into one form: entries in the last axis, one value each.

    Args:
        values: what the operation gives, from its inputs.
        entries: the entries of every value ``(..., taps)``, from an input.
        back: what belongs to the entries, as a tensor of the shape of the input.
    """

    values: Callable[[Tensor], Tensor]
    entries: Callable[[Tensor], Tensor]
    back: Callable[[Tensor, torch.Size], Tensor]


def shares(entries: Tensor, highest: Tensor, rounding: Tensor) -> Tensor:
    """The part of each entry ``(..., taps)`` in a maximum ``(...)``: equal parts for entries that are equal to it.

    Entries within half the rounding have equal parts, which fall steadily to zero at the whole of it, so that no part
    jumps where numbers change by less.
    """
    gap = (highest[..., None] - entries) / rounding.clamp(min=torch.finfo(entries.dtype).tiny)
    tied = (2 - 2 * gap).clamp(0, 1)
    return tied / tied.sum(-1, keepdim=True)


def rounding_of(*tensors: Tensor) -> Tensor:
    """Below what entries ``(rows, ..., taps)`` count as equal, of each row: ``(rows, 1, ..., 1)``."""
    sizes = [tensor.abs().masked_fill(tensor.isinf(), 0).flatten(1).amax(1) for tensor in tensors]
    largest = torch.stack(sizes).amax(0) * (_ROUNDING * torch.finfo(tensors[0].dtype).eps)
    return largest.view(-1, *[1] * (tensors[0].dim() - 1))


def transferred(x: Tensor, reference: Tensor) -> Tensor:
    """Multipliers ``(..., taps)`` that carry the change of a maximum to the change of the entries that decide it.

    A maximum that grows was raised by the entry that is largest in ``x``; one that falls was lowered by the entry that
    was largest in the reference. The entry's own change is never smaller than that of the maximum.
    """
    after, before = x.amax(-1), reference.amax(-1)
    change, rounding = after - before, rounding_of(x, reference)
    raised, lowered = shares(x, after, rounding), shares(reference, before, rounding)
    part = torch.where((change >= 0)[..., None], raised, lowered)
    moved = x - reference
    # What does not move carries nothing: it passes on the gradient, on which both sides have a say.
    still = moved.abs() <= rounding
    slope = (change[..., None] / torch.where(still, 1, moved)).clamp(0, 1)
    return torch.where(still, raised, part * slope)


def as_maximum(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Maximum | None:
    """What an operation on its first argument is the maximum of; None for operations that are no maximum."""
    options = {name: value for name, value in kwargs.items() if name != "input"}
    given = args[1:] if args else ()
    if function in _POOLING:
        return _pooling(function, *given, **options)
    if function in _ADAPTIVE:
        size = _each(given[0] if given else options["output_size"], 1)
        length = (args[0] if args else kwargs["input"]).shape[-1]
        return None if length % size[0] else _pooling(functional.max_pool1d, length // size[0])
    return _along(*given, **options) if function in _ALONG else None


def _pooling(
    function: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Maximum | None:
    axes = _POOLING[function]
    if return_indices:
        return None
    size = _each(kernel_size, axes)
    windows = Windows(size, _each(stride, axes) if stride else size, _each(padding, axes), _each(dilation, axes))
    pool = _PLAIN_POOLING[axes]

    def values(x: Tensor) -> Tensor:
        return pool(x, size, windows.stride, windows.padding, windows.dilation, ceil_mode)

    def entries(x: Tensor) -> Tensor:
        with torch.no_grad():
            shape = values(x[:1, :1] if x.dim() == axes + 2 else x).shape[-axes:]
        return windows.taken(x, shape, -torch.inf)

    return Maximum(values, entries, windows.returned)


def _along(dim: Any = None, keepdim: bool = False) -> Maximum | None:
    if isinstance(dim, Tensor):
        return None  # the larger of two tensors
    if dim is None:
        return Maximum(torch.amax, lambda x: x.reshape(1, -1), lambda parts, shape: parts.reshape(shape))
    axes = (dim,) if isinstance(dim, int) else tuple(dim)

    def entries(x: Tensor) -> Tensor:
        chosen = [axis % x.dim() for axis in axes]
        last = x.movedim(tuple(chosen), tuple(range(-len(chosen), 0)))
        return last.flatten(-len(chosen))

    def values(x: Tensor) -> Tensor:
        return x.amax(axes, keepdim=keepdim)

    def back(parts: Tensor, shape: torch.Size) -> Tensor:
        chosen = [axis % len(shape) for axis in axes]
        unfolded = parts.reshape(*parts.shape[:-1], *[shape[axis] for axis in chosen])
        return unfolded.movedim(tuple(range(-len(chosen), 0)), tuple(chosen))

    return Maximum(values, entries, back)


def _each(number: Any, axes: int) -> tuple[int, ...]:
    return (number,) * axes if isinstance(number, int) else tuple(number) * (axes if len(number) < axes else 1)


_PLAIN_POOLING: dict[int, Any] = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}
_POOLING = {function: axes for axes in (1, 2, 3) for function in functions(f"max_pool{axes}d", f"_max_pool{axes}d")}
_ADAPTIVE = set(functions("adaptive_max_pool1d", "_adaptive_max_pool1d"))
_ALONG = set(functions("amax", "max"))
MAXIMA = {*_POOLING, *_ADAPTIVE, *_ALONG}
"""The operations that :func:`as_maximum` knows."""
