"""The dilated residual block of ResidualBind and of the GOPHER models."""

from __future__ import annotations

from torch import nn

from palindra.models.activations import activation
from palindra.nn import BatchNorm, Conv1d, Dropout, Residual, Sequential
from palindra.symmetry import Position, Rep


def residual_block(
    rep: Rep, layers: int, *, function: str = "relu", dropout: float = 0.1, position: Position = Position.REVERSE
) -> Sequential:
    """``layers`` convolutions of three taps with dilations 1, 2, 4, ..., their input added, and an activation.

    Args:
        rep: type of the channels, unchanged.
        layers: number of convolutions; each but the first follows an activation and dropout.
        function: name of the activation.
        dropout: probability.
        position: the action on positions.

    Examples:
        >>> from palindra.nn import count_parameters
        >>> count_parameters(residual_block(Rep(even=192), 5, position=Position.IDENTITY))
        555840

    Source: Koo et al. (2021), ResidualBind; Toneyan, Tang & Koo (2022), GOPHER.
    """
    branch: list[nn.Module] = []
    for layer in range(layers):
        if layer:
            branch += [activation(rep, function), Dropout(rep, dropout, position=position)]
        branch += [Conv1d(rep, rep, 3, dilation=2**layer, padding="same", position=position), BatchNorm(rep)]
    return Sequential(Residual(Sequential(*branch)), activation(rep, function))
