"""From features to declared targets."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.nn.conv import Conv1d
from palindra.nn.linear import Linear
from palindra.symmetry import Position, Rep, Target


class InvariantPositions(nn.Module):
    """Features that no longer change with the strand, position by position: ``(x + R x) / 2``, one per orbit.

    Position p is averaged with position p counted from the other end (the "concat" head of Mallet & Vert, 2021), so
    any network may follow. With ``Position.IDENTITY`` and even channels it returns its input.

    Args:
        in_rep: type of the inputs; the output has ``Rep(even=regular + even + odd)``.
        position: the action on positions.
    """

    out_position = Position.IDENTITY

    def __init__(self, in_rep: Rep, *, position: Position = Position.REVERSE) -> None:
        super().__init__()
        self.in_rep, self.position = in_rep, position
        self.out_rep = Rep(even=in_rep.regular + in_rep.even + in_rep.odd)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch orbits length"]:
        mean = (x + self.in_rep.act(self.position.act(x))) / 2
        n = self.in_rep.regular
        return torch.cat([mean[:, :n], mean[:, 2 * n :]], dim=1)


class FlattenHead(nn.Module):
    """One linear map of all channels at all positions, with weights tied by the kernel constraint over the length.

    Args:
        in_rep: type of the inputs ``(batch, channels, length)``.
        length: number of positions, fixed.
        target: declared outputs; a strand-specific one unties the weights.
        position: the action on positions.
    """

    out_position = Position.IDENTITY

    def __init__(self, in_rep: Rep, length: int, target: Target, outputs: int, *, position: Position) -> None:
        super().__init__()
        self.in_rep, self.target, self.position = in_rep, target, position
        _require_position(target, Position.IDENTITY)
        in_rep, out_rep, position = _types(in_rep, target, outputs, position)
        self.out_rep, self.length = out_rep, length
        self.map = Conv1d(in_rep, out_rep, length, position=position)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch outputs"]:
        if x.shape[-1] != self.length:
            raise ValueError(f"this head was built for {self.length} positions and got {x.shape[-1]}.")
        return self.target.from_layout(self.map(x).squeeze(-1))


class VectorHead(nn.Module):
    """A linear map from pooled features to a declared target.

    For an invariant target it reads sums of pairs and even channels; for a pair of outputs (one per orientation) it
    gives both; for a strand-specific target nothing is tied.

    Args:
        in_rep: type of the inputs ``(batch, channels)``.
        target: declared outputs.
        outputs: their number.
    """

    position = Position.IDENTITY

    def __init__(self, in_rep: Rep, target: Target, outputs: int) -> None:
        super().__init__()
        self.in_rep, self.target = in_rep, target
        _require_position(target, Position.IDENTITY)
        in_rep, self.out_rep, _ = _types(in_rep, target, outputs, Position.IDENTITY)
        self.map = Linear(in_rep, self.out_rep)

    def forward(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch outputs"]:
        return self.target.from_layout(self.map(x))


class TrackHead(nn.Module):
    """A convolution from features to declared tracks: even ones, stranded pairs, or strand-specific ones.

    Args:
        in_rep: type of the inputs ``(batch, channels, length)``.
        target: declared tracks.
        outputs: their number.
        kernel_size: taps of the last convolution, odd.
        position: the action on positions.
    """

    def __init__(
        self,
        in_rep: Rep,
        target: Target,
        outputs: int,
        *,
        kernel_size: int = 1,
        position: Position = Position.REVERSE,
    ) -> None:
        super().__init__()
        self.in_rep, self.target, self.position = in_rep, target, position
        if position is not Position.IDENTITY:
            _require_position(target, position)
        in_rep, self.out_rep, position = _types(in_rep, target, outputs, position)
        self.map = Conv1d(in_rep, self.out_rep, kernel_size, padding="same", position=position)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch outputs length"]:
        return self.target.from_layout(self.map(x))


def _require_position(target: Target, given: Position) -> None:
    """Refuse a target whose positions move in another way than those of the head's outputs."""
    if target.rep is not None and target.position is not given:
        raise ValueError(
            f"the target declares Position.{target.position.name} for its positions, but this head gives outputs with "
            f"Position.{given.name}: IDENTITY belongs to one value per sequence, REVERSE to tracks along it."
        )


def _types(in_rep: Rep, target: Target, outputs: int, position: Position) -> tuple[Rep, Rep, Position]:
    """Types of the last map; a strand-specific target is an even one of even features with nothing moved."""
    if target.rep is None:
        return Rep(even=in_rep.channels), Rep(even=outputs), Position.IDENTITY
    if target.rep.channels != outputs:
        raise ValueError(f"the target declares {target.rep.channels} outputs ({target.rep}), but {outputs} are asked.")
    return in_rep, target.rep, position
