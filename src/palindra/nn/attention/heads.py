"""How channels of a type become heads that attend, and how their outputs become channels of that type again.

The reverse complement may act on attention in two ways. It may leave every head in its place, turning its channels:
then a head is a type of its own (:class:`ClosedHeads`). Or it may exchange heads, each of which reads one strand
(:class:`StrandHeads`).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.nn.conv import Conv1d
from palindra.symmetry import Position, Rep

Queries = tuple[Tensor, Tensor, Tensor]


def default_head(rep: Rep, heads: int, *, rotary: bool = True, position: Position = Position.REVERSE) -> Rep:
    """The type of each of ``heads`` heads of a layer: its share of the channels where they can be shared out.

    Where they cannot, or where rotary planes would not fit, heads are regular pairs of about as many channels; linear
    maps make pairs from any type, and one even and one odd channel are a pair in another basis.

    Examples:
        >>> print(default_head(Rep(regular=16), 4), "/", default_head(Rep(even=8, odd=8), 4))
        4 regular / 2 even + 2 odd
        >>> print(default_head(Rep(even=24, odd=8), 4), "/", default_head(Rep(even=24, odd=8), 4, rotary=False))
        4 regular / 6 even + 2 odd
    """
    counts = (rep.regular, rep.even, rep.odd)
    if heads < 1:
        raise ValueError(f"attention needs at least one head, not {heads}.")
    if all(count % heads == 0 for count in counts):
        share = Rep(*(count // heads for count in counts))
        if not rotary or _turnable(share, position):
            return share
    planes = max(1, -(-rep.channels // (2 * heads)))
    return Rep(regular=planes) if position is Position.REVERSE else Rep(even=2 * planes)


def _turnable(head: Rep, position: Position) -> bool:
    """Whether the channels of a head are planes on which the other strand turns rotary angles the other way round.

    Under reversal the planes must be reflected: one regular pair each, or one even and one odd channel. Where positions
    stay, they must not be.
    """
    if position is Position.REVERSE:
        return head.even == head.odd
    return not head.regular and not head.odd and head.even % 2 == 0


def require_planes(head: Rep, position: Position) -> None:
    """Refuse a type of heads on which rotary positions break the symmetry.

    Raises:
        ValueError: saying which planes are needed.
    """
    if _turnable(head, position):
        return
    if position is Position.REVERSE:
        raise ValueError(
            f"rotary positions turn planes of two channels, and on the other strand they turn the other way round: "
            f"each plane must be one regular pair, or one even and one odd channel. A head of ({head}) would have "
            f"planes of {abs(head.even - head.odd)} {'even' if head.even > head.odd else 'odd'} channels alone. Use "
            f"as many even as odd channels in a head, e.g. Rep(regular={max(1, head.channels // 2)}), or "
            'positions="alibi".'
        )
    raise ValueError(f"where positions stay, rotary heads have an even number of even channels, not ({head}).")


def plane_order(head: Rep, heads: int) -> list[int]:
    """Channels of ``head * heads`` head by head, so that ``(i, i + size / 2)`` is a pair, or an even and an odd one.

    Examples:
        >>> plane_order(Rep(regular=2), 2)     # pairs are (0, 7), (1, 6), (2, 5), (3, 4)
        [0, 1, 7, 6, 2, 3, 5, 4]
        >>> plane_order(Rep(regular=1, even=1, odd=1), 1)
        [0, 2, 1, 3]
    """
    all_heads = head * heads
    pairs, singles = 2 * all_heads.regular, all_heads.even
    order = []
    for number in range(heads):
        first = range(number * head.regular, (number + 1) * head.regular)
        even = range(pairs + number * head.even, pairs + (number + 1) * head.even)
        odd = range(pairs + singles + number * head.odd, pairs + singles + (number + 1) * head.odd)
        order += [*first, *even, *(pairs - 1 - channel for channel in first), *odd]
    return order


class ClosedHeads(nn.Module):
    """Heads that are types of their own: a union of whole pairs, even and odd channels each.

    Queries, keys and values are equivariant maps of the channels, so products of queries and keys, the sum over pairs
    plus that over even plus that over odd channels, are invariants, and values keep their type.

    Args:
        rep: type of the channels.
        head: type of each head.
        heads: their number.
        position: the action on positions.
    """

    order: Tensor
    back: Tensor
    turns: Tensor

    def __init__(self, rep: Rep, head: Rep, heads: int, position: Position) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = Conv1d(rep, head * (3 * heads), 1, bias=False, position=position)
        self.out = Conv1d(head * heads, rep, 1, bias=False, position=position)
        self.register_buffer("order", torch.tensor(plane_order(head, 3 * heads)), persistent=False)
        self.register_buffer("back", torch.tensor(plane_order(head, heads)).argsort(), persistent=False)
        self.register_buffer("turns", torch.ones(heads, 1), persistent=False)

    def split(self, x: Float[Tensor, "batch channels length"]) -> Queries:
        """Queries, keys and values ``(batch, heads, length, size)``."""
        typed = self.query_key_value(x).index_select(1, self.order)
        q, k, v = typed.unflatten(1, (3, self.heads, -1)).transpose(-1, -2).unbind(1)
        return q, k, v

    def join(self, y: Float[Tensor, "batch heads length size"]) -> Float[Tensor, "batch channels length"]:
        """Outputs of the heads as channels of the layer."""
        return self.out(y.transpose(-1, -2).flatten(1, 2).index_select(1, self.back))


class StrandHeads(nn.Module):
    """Heads that read one strand each and are exchanged by the other reading, with one set of weights for both.

    Half of the heads attend within their strand; with a second set of weights the other half have queries of one strand
    and keys and values of the other one, at the same positions. Each strand counts positions from its own 5' end, so
    rotary angles turn one way on the first and the other way on the second.

    Args:
        rep: type of the channels, regular.
        heads: number of heads of each strand within the strand, and across.

    Raises:
        ValueError: for even or odd channels, which belong to no strand, or pairs that cannot be shared out.
    """

    turns: Tensor

    def __init__(self, rep: Rep, heads: int) -> None:
        super().__init__()
        if rep.even or rep.odd:
            raise ValueError(
                f"attention across strands needs features of each strand, but ({rep}) has channels of none: use "
                f"Rep(regular={max(1, rep.channels // 2)})."
            )
        if heads < 1 or rep.regular % (2 * heads):
            raise ValueError(
                f"{rep.regular} channels of each strand cannot be shared out as planes of two among {heads} heads: "
                f"use a multiple of {max(2, 2 * heads)} pairs."
            )
        self.heads = heads
        # Weight sets first (within, across), then queries, keys and values.
        self.query_key_value = nn.Linear(rep.regular, 2 * 3 * rep.regular, bias=False)
        self.out = nn.Linear(2 * rep.regular, rep.regular, bias=False)
        # In the order of `split`: weight set, strand, head. One way on strand 1, the other way on strand 2.
        turns = torch.tensor([1.0, -1.0]).repeat_interleave(heads).repeat(2)
        self.register_buffer("turns", turns[:, None], persistent=False)

    def split(self, x: Float[Tensor, "batch regular length"]) -> Queries:
        """Queries, keys and values ``(batch, 4 heads, length, size)``: within the strands, then across them."""
        first, second = x.chunk(2, dim=1)
        strands = torch.stack([first, second.flip(1)], dim=1).transpose(-1, -2)  # (batch, strand, length, pairs)
        typed = self.query_key_value(strands).unflatten(-1, (2, 3, self.heads, -1))
        typed = typed.permute(4, 0, 3, 1, 5, 2, 6)  # (q k v, batch, set, strand, head, length, size)
        q, within_k, within_v = typed.unbind(0)
        k, v = (
            torch.stack([both[:, 0], both[:, 1].flip(1)], dim=1)  # of the other strand in the second set
            for both in (within_k, within_v)
        )
        return q.flatten(1, 3), k.flatten(1, 3), v.flatten(1, 3)

    def join(self, y: Float[Tensor, "batch heads length size"]) -> Float[Tensor, "batch regular length"]:
        """Outputs of the heads as channels of the layer."""
        batch, _, length, size = y.shape
        sets = y.reshape(batch, 2, 2, self.heads, length, size)  # (batch, set, strand, head, length, size)
        sets = sets.permute(0, 2, 4, 1, 3, 5)  # (batch, strand, length, set, head, size)
        first, second = self.out(sets.flatten(3)).transpose(-1, -2).unbind(1)
        return torch.cat([first, second.flip(1)], dim=1)
