"""Chains and residual branches that compare types when they are built."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from palindra.nn.activation import is_odd
from palindra.nn.printed import printed_name
from palindra.symmetry import Position, Rep

SAFE_POINTWISE: tuple[type[nn.Module], ...] = (
    nn.Identity,
    nn.ReLU,
    nn.GELU,
    nn.SiLU,
    nn.ELU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Softplus,
    nn.Softsign,
    nn.LeakyReLU,
    nn.Hardtanh,
)
"""Stock layers without parameters that act on every entry alone: exact on regular and even channels."""


class Sequential(nn.Sequential):
    """Layers in a row; the types of neighbours are compared once, here, and both layers named when they disagree.

    Point-wise layers of ``torch.nn`` are accepted where they are exact (on regular and even channels; on odd ones only
    if they are odd functions); other stock layers are refused, because they know nothing of the types.

    Raises:
        ValueError: if two neighbours disagree, or a stock layer would break the symmetry.

    Examples:
        >>> from palindra.nn import Conv1d
        >>> Sequential(Conv1d(Rep(regular=2), Rep(regular=4), 3), nn.ReLU(), Conv1d(Rep(regular=4), Rep(even=5), 3))
        ... # doctest: +ELLIPSIS
        Sequential(...)
        >>> Sequential(Conv1d(Rep(regular=2), Rep(regular=4), 3), Conv1d(Rep(even=8), Rep(even=5), 3))
        Traceback (most recent call last):
        ...
        ValueError: layer 0 (Conv1d) gives 4 regular, but layer 1 (Conv1d) takes 8 even.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        typed = [layer for layer in layers if hasattr(layer, "out_rep")]
        if not typed:
            raise ValueError("a Sequential needs at least one layer with types; use torch.nn.Sequential otherwise.")
        current: Rep | None = None
        position: Position | None = None  # None as long as the layers take any
        before = ""
        self.position = None
        for number, layer in enumerate(layers):
            name = f"layer {number} ({printed_name(layer)})"
            if not hasattr(layer, "out_rep"):
                _require_safe(layer, name, current if current is not None else typed[0].in_rep)  # type: ignore[arg-type]
                continue
            in_rep: Any = getattr(layer, "in_rep", None)
            if current is not None and in_rep != current:
                raise ValueError(f"{before} gives {current}, but {name} takes {in_rep}.")
            takes: Any = getattr(layer, "position", None)
            gives: Any = getattr(layer, "out_position", None) or takes
            if None not in (position, takes) and takes is not position:
                raise ValueError(
                    f"{before} gives {_POSITIONS[position]}, but {name} takes {_POSITIONS[takes]}."  # type: ignore[index]
                )
            if position is None:
                self.position = takes
            current, position, before = layer.out_rep, gives or position, name  # type: ignore[assignment]
        self.in_rep, self.out_rep = getattr(typed[0], "in_rep", None), current
        self.out_position = position


_POSITIONS = {
    Position.IDENTITY: "vectors, or positions that stay",
    Position.REVERSE: "sequences whose positions are reversed",
    Position.TRANSPOSE: "maps that are transposed",
}


def _require_safe(layer: nn.Module, name: str, rep: Rep) -> None:
    """Accept a stock layer where it commutes with the involution on ``rep``, else say why not."""
    if not isinstance(layer, SAFE_POINTWISE):
        raise ValueError(
            f"{name} declares no types, so it cannot be known to commute with the involution. Use the layer of the "
            "same name in palindra.nn, or wrap any sequence module in BothStrands."
        )
    if rep.odd and not is_odd(layer):
        raise ValueError(
            f"{name} is not an odd function, but ({rep}) has {rep.odd} odd channels. Use palindra.nn.Activation, which "
            "treats them apart."
        )


class Residual(nn.Module):
    """``x + branch(x)``, with ``x`` cropped equally at both ends when the branch shortens it.

    Args:
        branch: a layer or chain with equal ``in_rep`` and ``out_rep``.

    Raises:
        ValueError: if the types differ, or (when called) if the branch shortens sequences by an odd number.
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        in_rep: Any = branch.in_rep
        out_rep: Any = branch.out_rep
        if in_rep != out_rep:
            raise ValueError(f"a residual branch must keep the type, but this one turns {in_rep} into {out_rep}.")
        self.branch = branch
        self.in_rep = self.out_rep = in_rep
        self.position: Any = getattr(branch, "position", None)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.branch(x)
        lost = x.shape[-1] - y.shape[-1]
        if lost == 0:
            return x + y
        if lost < 0 or lost % 2:
            raise ValueError(
                f"a residual branch turned length {x.shape[-1]} into {y.shape[-1]}: only an even number of positions "
                "can be cropped equally at both ends. Use odd kernels, or padding."
            )
        half = lost // 2
        for axis in range(2, x.dim()):
            x = x.narrow(axis, half, x.shape[axis] - lost)
        return x + y


def count_parameters(module: nn.Module) -> int:
    """Number of independent trainable numbers; a tied weight counts each of its numbers once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
