"""A recurrent layer that reads sequences both ways, with or without symmetry."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from palindra.nn.strands import BothStrands
from palindra.symmetry import Position, Rep


class _LSTM(nn.Module):
    """The stock layer on ``(batch, channels, length)``, with one bias per gate instead of two that are only added."""

    def __init__(self, channels: int, features: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.layer = nn.LSTM(channels, features, batch_first=True, bidirectional=bidirectional)
        for name, parameter in self.layer.named_parameters():
            if name.startswith("bias_hh"):
                nn.init.zeros_(parameter)
                parameter.requires_grad_(False)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch features length"]:
        return self.layer(x.transpose(1, 2))[0].transpose(1, 2)


class TwoWayLSTM(nn.Module):
    """Long short-term memory along both directions, ``(batch, channels, length)`` to ``(batch, 2 features, length)``.

    The second direction of a bidirectional layer reads the sequence from its other end. With symmetry it reads what
    the other strand shows there, with the weights of the first: the outputs are a regular type and the layer is exactly
    equivariant with half the parameters (:class:`palindra.nn.BothStrands` of a layer of one direction).

    Args:
        in_rep: type of the inputs.
        features: channels in each direction.
        position: ``Position.REVERSE`` for strands; ``Position.IDENTITY`` is the stock bidirectional layer.

    Examples:
        >>> import torch
        >>> layer = TwoWayLSTM(Rep(regular=3), 5)
        >>> layer(torch.randn(2, 6, 20)).shape
        torch.Size([2, 10, 20])
    """

    def __init__(self, in_rep: Rep, features: int, *, position: Position = Position.REVERSE) -> None:
        super().__init__()
        self.in_rep, self.position = in_rep, position
        reverse = position is Position.REVERSE
        one_way = _LSTM(in_rep.channels, features, bidirectional=not reverse)
        self.layer: nn.Module = BothStrands(one_way, in_rep, features) if reverse else one_way
        self.out_rep = Rep(regular=features) if reverse else Rep(even=2 * features)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch regular length"]:
        return self.layer(x)
