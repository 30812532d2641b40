"""Chains, branches and residuals of layers over maps that hand the lengths of a padded batch along."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from palindra.nn.activation import Activation
from palindra.nn.container import SAFE_POINTWISE, Sequential
from palindra.nn.dropout import Dropout
from palindra.nn.pair.maps import zero_outside
from palindra.symmetry import Position, concat


def keeps_zeros(layer: nn.Module) -> bool:
    """Whether zeros stay zeros, so that padding need not be cleared behind this layer."""
    if isinstance(layer, Dropout):
        return True
    if isinstance(layer, Activation):
        return bool((layer.function(torch.zeros(1)) == 0).all())
    return isinstance(layer, SAFE_POINTWISE) and bool((layer(torch.zeros(1)) == 0).all())


class PairSequential(Sequential):
    """:class:`palindra.nn.Sequential` for maps over pairs, called with the lengths of a padded batch.

    Layers with ``takes_lengths`` are given them and keep what lies outside the valid squares zero; behind any other
    layer that does not keep zeros it is cleared. So each sequence of a padded batch gives what it gives alone.

    Args:
        layers: as in :class:`palindra.nn.Sequential`.

    Examples:
        >>> from palindra.nn.pair import OuterConv2d, PairBatchNorm, PairConv2d
        >>> from palindra.symmetry import Rep
        >>> hidden = Rep(even=8)
        >>> model = PairSequential(
        ...     OuterConv2d(5, hidden), PairBatchNorm(hidden), nn.ReLU(), PairConv2d(hidden, Rep(even=1), 3)
        ... )
        >>> model(torch.randn(2, 5, 12), torch.tensor([12, 7])).shape
        torch.Size([2, 1, 12, 12])
    """

    takes_lengths: ClassVar[bool] = True

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self._clear = [not keeps_zeros(layer) for layer in layers]

    def out_lengths(self, lengths: Tensor) -> Tensor:
        """Lengths of the valid squares behind the last layer."""
        for layer in self:
            lengths = _out_lengths(layer, lengths)
        return lengths

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        for layer, clear in zip(self, self._clear, strict=True):
            if not getattr(layer, "takes_lengths", False):
                x = layer(x)
                x = zero_outside(x, lengths) if clear else x
                continue
            x = layer(x, lengths)
            lengths = None if lengths is None else _out_lengths(layer, lengths)
        return x


def _out_lengths(layer: Any, lengths: Tensor) -> Tensor:
    """What becomes of the lengths; most layers keep them."""
    return layer.out_lengths(lengths) if hasattr(layer, "out_lengths") else lengths


def _call(layer: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
    return layer(x, lengths) if getattr(layer, "takes_lengths", False) else layer(x)


class PairBranches(nn.Module):
    """Several layers side by side on the same map, e.g. kernels of several sizes, their channels joined by type.

    Args:
        layers: with one common ``in_rep`` that keep the length.

    Raises:
        ValueError: if the inputs differ in type.
    """

    takes_lengths: ClassVar[bool] = True

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.in_reps: list[Any] = [layer.in_rep for layer in layers]
        self.out_reps: list[Any] = [layer.out_rep for layer in layers]
        if len(set(self.in_reps)) != 1:
            raise ValueError(f"branches must take one type, got {', '.join(map(str, self.in_reps))}.")
        self.in_rep = self.in_reps[0]
        self.position: Any = getattr(layers[0], "position", Position.TRANSPOSE)
        self.out_position: Any = getattr(layers[0], "out_position", None) or self.position
        total: Any = concat([torch.empty(1, rep.channels) for rep in self.out_reps], self.out_reps)[1]
        self.out_rep = total

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return concat([_call(layer, x, lengths) for layer in self.layers], self.out_reps)[0]


class PairResidual(nn.Module):
    """``x + branch(x)`` for a branch that keeps type and length; padding stays zero.

    Raises:
        ValueError: if the branch changes the type or, when called, the length.
    """

    takes_lengths: ClassVar[bool] = True
    position = Position.TRANSPOSE

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        in_rep: Any = branch.in_rep
        out_rep: Any = branch.out_rep
        if in_rep != out_rep:
            raise ValueError(f"a residual branch must keep the type, but this one turns {in_rep} into {out_rep}.")
        self.branch, self.in_rep, self.out_rep = branch, in_rep, out_rep

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = _call(self.branch, x, lengths)
        if y.shape[-1] != x.shape[-1]:
            raise ValueError(
                f"a residual branch of maps must keep the length, but {x.shape[-1]} became {y.shape[-1]}: use "
                'padding="same".'
            )
        return x + zero_outside(y, lengths)
