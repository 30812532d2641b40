"""Equivariance for any module: read both strands."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.symmetry import Involution, Position, Rep, Target


class BothStrands(nn.Module):
    """Any sequence module ``f`` made equivariant: ``y = [f(x), R f(R x)]``, a regular type.

    ``f`` may read every channel of both strands, so unlike siamese networks the strands talk to each other.

    Args:
        module: takes ``(batch, in_channels, length)``, gives ``(batch, features, any length)``.
        in_rep: type of the inputs.
        features: channels that ``module`` gives; the output type is ``Rep(regular=features)``.

    Examples:
        >>> layer = BothStrands(nn.Conv1d(4, 3, 5), Rep(regular=2), 3)
        >>> layer(torch.randn(2, 4, 20)).shape
        torch.Size([2, 6, 16])
    """

    position = Position.REVERSE

    def __init__(self, module: nn.Module, in_rep: Rep, features: int) -> None:
        super().__init__()
        self.module = module
        self.in_rep, self.out_rep = in_rep, Rep(regular=features)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch regular out_length"]:
        both = torch.cat([x, self.in_rep.act(x.flip(-1))])
        y = self.module(both)
        given, other = y[: x.shape[0]], y[x.shape[0] :]  # chunk(2) and len(x) make torch.export fix the batch size
        return torch.cat([given, other.flip(1, 2)], dim=1)


class StrandMean(nn.Module):
    """A whole model averaged over both strands: ``(f(x) + R f(R x)) / 2``, right for every declared target.

    Post-hoc conjoining when it wraps a trained model, conjoined training when it is trained (Zhou et al., 2022).

    Args:
        module: the model; its outputs (a tensor) are averaged as they are, e.g. as logits.
        target: how outputs change with the strand.
        source: the involution on inputs; reverse complement of one-hot DNA by default.

    Raises:
        ValueError: for a strand-specific target, which has no average over strands.
    """

    def __init__(self, module: nn.Module, target: Target, source: Any = None) -> None:
        super().__init__()
        if target.rep is None:
            raise ValueError("a strand-specific target has no average over strands; use the model as it is.")
        self.module, self.target = module, target
        self.source = source if source is not None else Involution(Rep(regular=2), Position.REVERSE)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Tensor:
        y = self.module(torch.cat([x, self.source.act(x)]))
        given, other = y[: x.shape[0]], y[x.shape[0] :]  # chunk(2) and len(x) make torch.export fix the batch size
        return (given + self.target.act(other)) / 2
