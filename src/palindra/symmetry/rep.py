"""The type of a set of channels: how many of them swap, stay, or change sign under an involution."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rep:
    """A representation of an involution on channels, given by three counts.

    Channels are laid out ``[regular | even | odd]``. The ``2 * regular`` regular channels are pairs ``(i, 2n-1-i)``
    that swap, even channels stay, odd channels change sign. With this layout one-hot ``ACGT`` is ``Rep(regular=2)``
    and complementation is reversal of the channel axis (A<->T, C<->G).

    Every representation of an involution is a sum of these three (Mallet & Vert, 2021).

    Args:
        regular: number of *pairs* of channels that swap.
        even: number of channels that stay.
        odd: number of channels that change sign.

    Raises:
        ValueError: if a count is negative or all are zero.

    Examples:
        >>> hidden = Rep(regular=8, odd=4)
        >>> print(hidden, "=", hidden.channels, "channels")
        8 regular + 4 odd = 20 channels
        >>> Rep.parse("8 regular + 4 odd") == hidden
        True
        >>> Rep(regular=1, even=1, odd=1).act(torch.tensor([[1., 2., 3., 4.]]))
        tensor([[ 2.,  1.,  3., -4.]])
    """

    regular: int = 0
    even: int = 0
    odd: int = 0

    def __post_init__(self) -> None:
        if min(self.regular, self.even, self.odd) < 0 or self.channels == 0:
            raise ValueError(
                f"Rep(regular={self.regular}, even={self.even}, odd={self.odd}) is not a type of channels: "
                "counts must not be negative and at least one must be positive."
            )

    @property
    def channels(self) -> int:
        """Number of channels: two for each regular pair, one for each even or odd channel."""
        return 2 * self.regular + self.even + self.odd

    @property
    def trace(self) -> int:
        """Trace of the involution on the channels: even minus odd, because a swap contributes nothing."""
        return self.even - self.odd

    @property
    def permutation(self) -> list[int]:
        """Where each channel of the image is read: ``image[c] = sign[c] * channels[permutation[c]]``."""
        pairs = 2 * self.regular
        return [*range(pairs - 1, -1, -1), *range(pairs, self.channels)]

    @property
    def signs(self) -> list[int]:
        """One sign per channel, -1 on the odd ones."""
        return [1] * (2 * self.regular + self.even) + [-1] * self.odd

    @property
    def orbits(self) -> list[int]:
        """For each channel the number of its orbit: both members of a pair share one, all others have their own."""
        pairs = 2 * self.regular
        return [min(c, pairs - 1 - c) if c < pairs else c - self.regular for c in range(self.channels)]

    def act(self, x: Tensor, dim: int = 1) -> Tensor:
        """Apply the involution to the channels along ``dim``; a new tensor of the same shape, dtype and device."""
        if x.shape[dim] != self.channels:
            raise ValueError(
                f"a tensor of shape {tuple(x.shape)} has {x.shape[dim]} channels along dimension {dim}, "
                f"but its type ({self}) has {self.channels}."
            )
        regular, even, odd = torch.split(x, [2 * self.regular, self.even, self.odd], dim=dim)
        return torch.cat([regular.flip(dim), even, -odd], dim=dim)

    def __mul__(self, copies: int) -> Rep:
        """The type with every count multiplied."""
        return Rep(self.regular * copies, self.even * copies, self.odd * copies)

    def __str__(self) -> str:
        named = (("regular", self.regular), ("even", self.even), ("odd", self.odd))
        return " + ".join(f"{count} {name}" for name, count in named if count)

    @classmethod
    def parse(cls, text: str) -> Rep:
        """Read the printed form back, e.g. ``"8 regular + 4 odd"``."""
        counts: dict[str, int] = {}
        for term in text.split("+"):
            match = re.fullmatch(r"\s*(\d+)\s+(regular|even|odd)\s*", term)
            if match is None or match[2] in counts:
                raise ValueError(f"cannot read {text!r} as a type; write for example '8 regular + 4 even + 4 odd'.")
            counts[match[2]] = int(match[1])
        return cls(**counts)


def concat(tensors: Sequence[Tensor], reps: Sequence[Rep], dim: int = 1) -> tuple[Tensor, Rep]:
    """Join tensors along their channels so that the result is laid out ``[regular | even | odd]`` again.

    Plain ``torch.cat`` would break the pairs ``(i, 2n-1-i)`` of every tensor but the outermost; here the first members
    of all pairs come first, the second members follow in mirrored order.

    Examples:
        >>> a, b = torch.tensor([[1., 2.]]), torch.tensor([[3., 4., 5.]])
        >>> joined, rep = concat([a, b], [Rep(regular=1), Rep(regular=1, even=1)])
        >>> print(joined, rep)
        tensor([[1., 3., 4., 2., 5.]]) 2 regular + 1 even
    """
    if len(tensors) != len(reps) or not reps:
        raise ValueError(f"concat needs one type per tensor, got {len(tensors)} tensors and {len(reps)} types.")
    parts = [torch.split(x, [r.regular, r.regular, r.even, r.odd], dim=dim) for x, r in zip(tensors, reps, strict=True)]
    first, second, even, odd = ([part[slot] for part in parts] for slot in range(4))
    joined = torch.cat([*first, *reversed(second), *even, *odd], dim=dim)
    return joined, Rep(sum(r.regular for r in reps), sum(r.even for r in reps), sum(r.odd for r in reps))


def lay_out(partner: Sequence[int]) -> tuple[Rep, list[int]]:
    """Turn a user's own pairing of channels into a type and the order that lays the channels out for it.

    Args:
        partner: for each of the user's channels the number of the channel it becomes on the other strand; itself for
            an unstranded one. Tracks listed plus, minus, plus, minus, coverage have ``[1, 0, 3, 2, 4]``.

    Returns:
        The type, and ``order`` such that ``user_channels[order]`` is laid out ``[regular | even]``.

    Raises:
        ValueError: if the pairing does not undo itself.

    Examples:
        >>> rep, order = lay_out([1, 0, 3, 2, 4])
        >>> print(rep, order)
        2 regular + 1 even [0, 2, 3, 1, 4]
    """
    channels = range(len(partner))
    for channel, other in enumerate(partner):
        if other not in channels or partner[other] != channel:
            raise ValueError(
                f"channel {channel} is paired with {other}, but {other} is not paired with {channel}: "
                "a pairing must undo itself, e.g. [1, 0] for a plus and a minus track."
            )
    first = [c for c in channels if partner[c] > c]
    even = [c for c in channels if partner[c] == c]
    return Rep(regular=len(first), even=len(even)), first + [partner[c] for c in reversed(first)] + even
