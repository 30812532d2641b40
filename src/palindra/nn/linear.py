"""Linear maps between vectors of channels."""

from __future__ import annotations

import torch

from palindra.nn.printed import OneLine
from palindra.symmetry import Position, Rep, moved_entries, tie


class Linear(OneLine, torch.nn.Linear):
    """A linear map ``W`` of channel vectors with ``rho_out W = W rho_in`` and an invariant bias.

    Args:
        in_rep: type of the inputs ``(..., in_channels)``.
        out_rep: type of the outputs ``(..., out_channels)``.
        bias: shared inside a pair, free on even channels, zero on odd ones.

    To an even output only the sums of pairs and the even channels contribute, to an odd one only the differences of
    pairs and the odd channels.

    Examples:
        >>> layer = Linear(Rep(regular=8, odd=2), Rep(even=1))
        >>> sum(p.numel() for p in layer.parameters())      # 8 sums and a bias
        9
    """

    position = Position.IDENTITY

    def __init__(self, in_rep: Rep, out_rep: Rep, *, bias: bool = True) -> None:
        super().__init__(in_rep.channels, out_rep.channels, bias)
        self.in_rep, self.out_rep = in_rep, out_rep
        tie(self, "weight", moved_entries([out_rep, in_rep], [], self.position))
        if bias:
            tie(self, "bias", moved_entries([out_rep], [], self.position))
