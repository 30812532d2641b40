"""Equivariant weights: let the involution move an index tensor, and store one number per orbit.

A weight W between two types is equivariant if and only if W = rho_out . reflect(W) . rho_in, that is, if a signed
permutation of its own entries leaves it unchanged (Cohen & Welling, 2017; Mallet & Vert, 2021). Entries that are moved
onto each other share one number up to sign, entries moved onto themselves with sign +1 are free, with sign -1 zero.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palindra.symmetry.involution import Position
from palindra.symmetry.rep import Rep


def moved_entries(reps: Sequence[Rep], taps: Sequence[int], position: Position, groups: int = 1) -> Tensor:
    """Number the entries of a weight from 1 and let the involution move them.

    Args:
        reps: the types along the first axes of the weight: ``(out, in)``, ``(out,)`` for a bias. With groups the
            second axis of the weight is ``reps[1].channels // groups`` long.
        taps: the remaining axes of the weight, on which ``position`` acts.
        position: the action on the taps.
        groups: blocks of channels that do not see each other, as in ``torch.nn.Conv1d``.

    Returns:
        A signed int64 tensor of the shape of the weight: entry ``e`` holds ``s * (j + 1)`` when the constraint reads
        ``W[e] = s * W[j]``.

    Raises:
        ValueError: if groups are not moved onto groups.
    """
    shape = [rep.channels for rep in reps]
    if groups > 1:
        shape[1] //= groups
    numbered = torch.arange(1, torch.Size([*shape, *taps]).numel() + 1).reshape(*shape, *taps)
    moved = position.act(_spread(numbered, groups))
    for axis, rep in enumerate(reps):
        moved = rep.act(moved, dim=axis)
    gathered = _gather(moved, groups)
    if (gathered == 0).any():
        raise ValueError(
            f"{groups} groups are not moved onto groups by the involution on {' -> '.join(map(str, reversed(reps)))}: "
            "a group would have to read channels of another one. Use groups=1, one group per channel, or types of "
            "regular channels only."
        )
    return gathered


def _spread(grouped: Tensor, groups: int) -> Tensor:
    """Write the blocks of a grouped weight onto the diagonal of a dense one (zeros elsewhere)."""
    if groups == 1:
        return grouped
    out, fan = grouped.shape[0] // groups, grouped.shape[1]
    dense = grouped.new_zeros(groups, out, groups, fan, *grouped.shape[2:])
    diagonal = torch.arange(groups)
    dense[diagonal, :, diagonal] = grouped.reshape(groups, out, fan, *grouped.shape[2:])
    return dense.reshape(groups * out, groups * fan, *grouped.shape[2:])


def _gather(dense: Tensor, groups: int) -> Tensor:
    """The diagonal blocks of a dense weight: the inverse of :func:`_spread`."""
    if groups == 1:
        return dense
    out, fan = dense.shape[0] // groups, dense.shape[1] // groups
    blocks = dense.reshape(groups, out, groups, fan, *dense.shape[2:])
    diagonal = torch.arange(groups)
    return blocks[diagonal, :, diagonal].reshape(groups * out, fan, *dense.shape[2:])


class Tied(nn.Module):
    """Parametrisation of a weight by one number per orbit.

    Args:
        moved: the signed entries that :func:`moved_entries` returns.

    Attributes:
        free: number of independent parameters, the dimension of the space of equivariant weights.
    """

    source: Tensor
    slot: Tensor

    def __init__(self, moved: Tensor) -> None:
        super().__init__()
        entry = torch.arange(moved.numel())
        partner, sign = moved.flatten().abs() - 1, moved.flatten().sign()
        zero = (partner == entry) & (sign < 0)
        first = torch.minimum(entry, partner)
        source, slot = torch.unique(first[~zero], return_inverse=True)
        self.free = len(source)
        sign = torch.where(entry == first, 1, sign)
        # The numbers are read from [free, -free, 0]: one gather serves signs and zeros as well.
        slots = torch.full_like(entry, 2 * self.free)
        slots[~zero] = slot + self.free * (sign[~zero] < 0)
        # Derived from the types, so neither saved nor trained; buffers, so moved with the layer.
        self.register_buffer("source", source, persistent=False)
        self.register_buffer("slot", slots.reshape(moved.shape), persistent=False)

    def forward(self, free: Tensor) -> Tensor:
        """The full weight from its independent numbers."""
        read = torch.cat([free, -free, free.new_zeros(1)])
        return read.index_select(0, self.slot.flatten()).view(self.slot.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The independent numbers of the equivariant weight nearest to ``weight`` (its Reynolds projection)."""
        flat, slot = weight.flatten(), self.slot.flatten()
        total = flat.new_zeros(2 * self.free + 1).index_add(0, slot, flat)
        members = flat.new_zeros(2 * self.free + 1).index_add(0, slot, torch.ones_like(flat))
        plus, minus = slice(self.free), slice(self.free, 2 * self.free)
        return (total[plus] - total[minus]) / (members[plus] + members[minus])

    def spread_of_stock(self, weight: Tensor, out_axis: int = 0) -> Tensor:
        """The independent numbers read off a stock initialisation so that outputs keep their initial variance.

        One entry per orbit is taken as it is (averaging the members would shrink it), and the weights of outputs in
        which the symmetry forces zeros are scaled up for the inputs that they lost.
        """
        other = [axis for axis in range(weight.dim()) if axis != out_axis]
        alive = (self.slot != 2 * self.free).to(weight.dtype)
        share = alive.mean(other, keepdim=True) if other else torch.ones_like(alive)
        return (weight * share.clamp(min=1e-12).rsqrt()).flatten()[self.source]


def _deepcopy(layer: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A copy with a class of its own.

    The class that parametrisation makes holds one property per tied parameter. Copies of PyTorch share that class, so
    removing the parametrisation of a copy would break the original.
    """
    made = type(layer)
    replica = made.__new__(made)
    memo[id(layer)] = replica
    replica.__dict__ = copy.deepcopy(layer.__dict__, memo)
    replica.__class__ = type(made.__name__, made.__bases__, dict(vars(made)))
    return replica


def tie(layer: nn.Module, name: str, moved: Tensor, *, out_axis: int = 0) -> None:
    """Replace the parameter ``name`` of a stock layer by its independent numbers.

    Nothing is done when the involution ties nothing. ``torch.nn.utils.parametrize.remove_parametrizations`` undoes it
    and leaves the stock layer with the full weight.

    Args:
        layer: a layer with its stock initialisation.
        name: of the parameter.
        moved: its signed entries, from :func:`moved_entries`.
        out_axis: the axis of the weight that counts outputs.
    """
    tied = Tied(moved)
    if tied.free == moved.numel():
        return
    stock = getattr(layer, name).detach().clone()
    parametrize.register_parametrization(layer, name, tied)
    type(layer).__deepcopy__ = _deepcopy  # type: ignore[attr-defined]
    with torch.no_grad():
        independent: nn.Parameter = getattr(layer.parametrizations, name).original
        independent.copy_(tied.spread_of_stock(stock, out_axis))
