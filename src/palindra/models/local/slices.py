"""The numbers of alternates inside the intervals in which they differ from their references."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palindra.models.local.sites import Sites, overlaps

FEW = 16  # times as many positions as a gathering reads make it cheaper than a copy with positions outermost


class Reference:
    """A tensor of the reference pass, read in slices along one of its axes.

    Args:
        tensor: ``(references, ...)``.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self._along: dict[int, Tensor] = {}
        self._extremes: dict[tuple[int, bool], tuple[Tensor, Tensor]] = {}

    def along(self, axis: int) -> Tensor:
        """The tensor with an axis moved behind the rows, contiguous: ``(references, length, ...)``."""
        if axis not in self._along:
            self._along[axis] = self.tensor.movedim(axis, 1).contiguous()
        return self._along[axis]

    def slices(self, axis: int, sites: Sites) -> Tensor:
        """The numbers of each interval ``(sites, 1, width, ...)``; beyond the ends those of the last position.

        Evenly spaced intervals of one reference are a view.
        """
        length = self.tensor.shape[axis]
        few = len(sites.rows) * sites.width * FEW < len(self.tensor) * length
        if axis not in self._along and few:  # too little to move a whole axis for
            positions = np.clip(sites.starts[:, None] + np.arange(sites.width), 0, length - 1)
            index = [torch.from_numpy(one).to(self.tensor.device) for one in (sites.rows[:, None], positions)]
            return self.tensor.movedim(axis, 1)[index[0], index[1]].unsqueeze(1)
        source = self.along(axis)
        step = sites.places.step
        if step is not None and sites.inside(length):
            stride = source.stride()
            first = source.storage_offset() + int(sites.rows[0]) * stride[0]
            return source.as_strided(
                (len(sites.rows), 1, sites.width, *source.shape[2:]),
                (step * stride[1], 0, *stride[1:]),
                first + (sites.places.first + sites.offset) * stride[1],
            )
        starts, rows = sites.starts, sites.rows
        positions = np.clip(starts[:, None] + np.arange(sites.width), 0, length - 1) + rows[:, None] * length
        flat = torch.from_numpy(positions.reshape(-1)).to(source.device)
        return source.flatten(0, 1).index_select(0, flat).view(len(starts), 1, sites.width, *source.shape[2:])

    def outside(self, axis: int, sites: Sites, *, largest: bool) -> Tensor:
        """The maxima (or minima) over all positions that are in no interval ``(sites, 1, ...)``."""
        source = self.along(axis)
        length, edge = source.shape[1], torch.full_like(source[:, :1], -torch.inf if largest else torch.inf)
        if (axis, largest) not in self._extremes:
            running = torch.cummax if largest else torch.cummin
            before = torch.cat([edge, running(source, 1).values], 1)
            after = torch.cat([running(source.flip(1), 1).values.flip(1), edge], 1)
            self._extremes[axis, largest] = before, after
        before, after = self._extremes[axis, largest]
        rows = torch.from_numpy(sites.rows).to(source.device)
        first = torch.from_numpy(np.clip(sites.starts, 0, length)).to(source.device)
        last = torch.from_numpy(np.clip(sites.starts + sites.width, 0, length)).to(source.device)
        found = torch.maximum if largest else torch.minimum
        return found(before[rows, first], after[rows, last]).unsqueeze(1)

    def rows(self, sites: Sites) -> Tensor:
        """The whole reference of every alternate ``(alternates, ...)``."""
        rows = torch.from_numpy(np.repeat(sites.rows, sites.alternates)).to(self.tensor.device)
        return self.tensor.index_select(0, rows)


class Slices:
    """What alternates hold inside the intervals of their sites, as differences from the reference or as values.

    Both forms are made from each other when they are asked for, and kept.

    Args:
        reference: of the same tensor.
        axis: of the positions in it.
        sites: the intervals.
        delta: differences ``(alternates, width, ...)``, zero beyond the ends of the sequence.
        value: values of the same shape.
        owned: whether nothing else reads the memory of the values, so that differences may take their place.
    """

    def __init__(
        self,
        reference: Reference,
        axis: int,
        sites: Sites,
        *,
        delta: Tensor | None = None,
        value: Tensor | None = None,
        owned: bool = False,
    ) -> None:
        self.reference, self.axis, self.sites = reference, axis, sites
        self._delta, self._value, self._owned = delta, value, owned

    @property
    def length(self) -> int:
        """Number of positions of the whole tensor."""
        return int(self.reference.tensor.shape[self.axis])

    @property
    def delta(self) -> Tensor:
        """Alternate minus reference ``(alternates, width, ...)``."""
        if self._delta is None:
            value = self._value
            assert value is not None
            self._delta = self._combined(value, torch.sub, value if self._owned else None)
            self._value = None if self._owned else value
        return self._delta

    @property
    def taken(self) -> Tensor | None:
        """The values, where nothing else reads their memory; whoever asks may overwrite it."""
        return self._value if self._owned else None

    @property
    def owned_delta(self) -> bool:
        """Whether nothing else reads the memory of the differences."""
        return self._owned

    @property
    def value(self) -> Tensor:
        """What the alternates hold ``(alternates, width, ...)``."""
        if self._value is None:
            delta = self._delta
            assert delta is not None
            self._value = self._combined(delta, torch.add)
        self._owned = False
        return self._value

    def passing_value(self, scratch: dict[str, Tensor]) -> Tensor:
        """The values, in memory that the next one to ask for them takes again."""
        if self._value is not None or self._delta is None:
            return self.value
        return self._combined(self._delta, torch.add, held(scratch, "value", self._delta, self._delta.shape))

    @property
    def logical(self) -> Tensor:
        """The values with the axis of positions where the whole tensor has it."""
        return self.value.movedim(1, self.axis)

    def _combined(self, data: Tensor, operation: Any, out: Tensor | None = None) -> Tensor:
        sites = self.sites
        shape = (len(sites.rows), sites.alternates, *data.shape[1:])
        there = None if out is None else out.view(shape)
        found: Tensor = operation(data.reshape(shape), self.reference.slices(self.axis, sites), out=there)
        return found.reshape(data.shape)

    def delta_at(self, sites: Sites) -> Tensor:
        """The differences in wider intervals ``(alternates, wider, ...)``, zero where nothing was known to change."""
        if self.sites.same_place(sites):
            return self.delta
        delta = self.delta
        placed = delta.new_zeros(delta.shape[0], sites.width, *delta.shape[2:])
        for rows, given, taken in overlaps(self.sites, sites):
            placed[rows, taken] = delta[rows, given]
        return placed

    @property
    def known_delta(self) -> bool:
        """Whether the differences are there already, so that linear operations need not look at the reference."""
        return self._delta is not None

    def value_at(self, sites: Sites) -> Tensor:
        """The values in wider intervals ``(alternates, wider, ...)``; beyond the ends anything."""
        if self.sites.same_place(sites):
            return self.value
        wide = self.reference.slices(self.axis, sites)
        wide = wide.expand(-1, sites.alternates, *wide.shape[2:]).clone(memory_format=torch.contiguous_format)
        return self._placed(wide.flatten(0, 1), sites)

    def full(self) -> Tensor:
        """The whole tensor for every alternate."""
        whole = self.reference.rows(self.sites)
        self._placed(whole.movedim(self.axis, 1), self.sites.at(np.zeros_like(self.sites.starts), self.length))
        return whole

    def _placed(self, into: Tensor, sites: Sites) -> Tensor:
        value = self.value
        for rows, given, taken in overlaps(self.sites, sites):
            into[rows, taken] = value[rows, given]
        return into


def held(memory: dict[str, Tensor], name: str, like: Tensor, shape: Sequence[int]) -> Tensor:
    """A tensor ``(n, width, ...)`` in memory that is kept and given again, with positions outermost.

    Fresh memory costs as much as the arithmetic on it.
    """
    size = math.prod(shape)
    found = memory.get(name)
    if found is None or found.numel() < size or found.dtype != like.dtype or found.device != like.device:
        found = memory[name] = like.new_empty(size)
    return found[:size].view(shape[1], shape[0], *shape[2:]).transpose(0, 1)


def cleared(delta: Tensor, sites: Sites, length: int) -> Tensor:
    """Differences with those beyond the ends of a sequence set to zero, in place."""
    if sites.inside(length):
        return delta
    valid = torch.from_numpy(sites.valid(length)).to(delta.device)
    shape = (len(sites.rows), 1, sites.width, *[1] * (delta.ndim - 2))
    delta.view(len(sites.rows), sites.alternates, *delta.shape[1:]).masked_fill_(~valid.view(shape), 0.0)
    return delta
