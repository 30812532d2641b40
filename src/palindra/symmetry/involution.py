"""The other half of the action: what an involution does to positions, and the two halves together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from torch import Tensor

from palindra.symmetry.rep import Rep, lay_out


class Position(Enum):
    """What the involution does to the positions of a tensor; it undoes itself.

    ``REVERSE`` flips the last axis (sequences under reverse complement), ``TRANSPOSE`` swaps the last two (maps over
    pairs), ``IDENTITY`` leaves positions alone (vectors, and everything when no symmetry is wanted).

    Examples:
        >>> import torch
        >>> Position.REVERSE.act(torch.tensor([[[1, 2, 3]]]))
        tensor([[[3, 2, 1]]])
    """

    IDENTITY = "identity"
    REVERSE = "reverse"
    TRANSPOSE = "transpose"

    def act(self, x: Tensor) -> Tensor:
        """Move the positions of ``x`` (or the taps of a kernel, which are positions too)."""
        if self is Position.REVERSE:
            return x.flip(-1)
        if self is Position.TRANSPOSE:
            return x.transpose(-1, -2)
        return x


@dataclass(frozen=True)
class Involution:
    """An action that undoes itself on tensors ``(batch, channels, *positions)``: a type and a position action.

    Examples:
        >>> import torch
        >>> x = torch.eye(4)[None, :, [0, 0, 1]]          # AAC, one-hot in the order ACGT
        >>> DNA_STRAND.act(x)[0].argmax(0).tolist()       # GTT
        [2, 3, 3]
    """

    rep: Rep
    position: Position

    def act(self, x: Tensor) -> Tensor:
        """The same molecule read the other way: channels and positions transformed."""
        return self.rep.act(self.position.act(x), dim=1)


DNA_STRAND = Involution(Rep(regular=2), Position.REVERSE)
"""Reverse complement of one-hot DNA or RNA ``(batch, 4, length)`` in the order ACGT."""


@dataclass(frozen=True)
class Target:
    """What a model predicts and how it changes when the sequence is read from the other strand.

    Declared once; augmentation, averaging over strands, losses and metrics read it from here. ``rep=None`` declares a
    strand-specific target, on which the other strand imposes nothing.

    Args:
        rep: the type of the outputs in the layout ``[regular | even | odd]``, or None.
        position: ``IDENTITY`` for one value per sequence, ``REVERSE`` for tracks ``(batch, outputs, length)``.
        order: the user's own channel numbers in layout order (see :func:`palindra.symmetry.lay_out`), or None when
            the user's order is the layout.

    Examples:
        >>> import torch
        >>> label = Target.invariant(1)
        >>> tracks = Target.paired([1, 0, 3, 2], Position.REVERSE)   # plus, minus, plus, minus
        >>> y = torch.tensor([[[1, 2], [3, 4], [5, 6], [7, 8]]])
        >>> tracks.act(y)[0].tolist()                                 # pairs swapped in the user's own order
        [[4, 3], [2, 1], [8, 7], [6, 5]]
    """

    rep: Rep | None
    position: Position = Position.IDENTITY
    order: tuple[int, ...] | None = None

    @classmethod
    def invariant(cls, outputs: int, position: Position = Position.IDENTITY) -> Target:
        """Every output is the same for both strands (up to reversal of tracks): labels, unstranded coverage."""
        return cls(Rep(even=outputs), position)

    @classmethod
    def strand_specific(cls) -> Target:
        """The given strand matters and nothing is known of the other: splice sites, 5' UTRs, oriented reporters."""
        return cls(None)

    @classmethod
    def paired(cls, partner: Sequence[int], position: Position = Position.IDENTITY) -> Target:
        """The user's channels with, for each, the channel that it becomes on the other strand."""
        rep, order = lay_out(partner)
        return cls(rep, position, None if order == sorted(order) else tuple(order))

    def to_layout(self, y: Tensor) -> Tensor:
        """The user's channels brought into the layout ``[regular | even | odd]``."""
        return y if self.order is None else y[:, list(self.order)]

    def from_layout(self, y: Tensor) -> Tensor:
        """A model's outputs brought back into the user's own order."""
        if self.order is None:
            return y
        return y[:, sorted(range(len(self.order)), key=self.order.__getitem__)]

    def act(self, y: Tensor) -> Tensor:
        """Targets, in the user's order, of the sequences read from the other strand.

        Raises:
            ValueError: for a strand-specific target, whose value on the other strand is unknown.
        """
        if self.rep is None:
            raise ValueError(
                "this target is strand-specific: its value on the other strand is unknown, so sequences cannot be "
                "reverse-complemented or averaged over strands. Declare the target as invariant if it is."
            )
        return self.from_layout(self.rep.act(self.position.act(self.to_layout(y)), dim=1))
