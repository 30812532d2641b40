"""Convolution, normalisation, activation, pooling, dropout: the block that most models of windows repeat."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from palindra.models.activations import activation
from palindra.models.residual_block import residual_block
from palindra.nn import BatchNorm, Conv1d, Dropout, Linear, MagnitudePool1d, MaxPool1d, Sequential
from palindra.symmetry import Position, Rep


class ConvBlock(Sequential):
    """Convolution, batch norm, activation, optional residual block, max pooling, dropout, in this order.

    Args:
        in_rep: type of the inputs.
        out_rep: type of the outputs; odd channels are pooled by magnitude.
        kernel_size: taps. Even ones keep the length without symmetry (``"same"``) and lose one position with it, for
            which ``length`` must be given.
        function: name of the activation.
        length: of the inputs where it is fixed: pooling then covers any length, with windows that grow by the
            remainder so that both strands pool alike (without symmetry the remainder is dropped). Where it is None,
            the windows must fit.
        padding: ``"same"`` or ``"valid"``.
        norm: whether there is batch norm.
        residual_layers: convolutions of a residual block before pooling.
        pool: size and stride of the pooling; 1 for none.
        dropout: probability.
        position: the action on positions.

    Attributes:
        out_length: of the outputs where ``length`` was given.

    Raises:
        ValueError: if a fixed length leaves no position.
    """

    def __init__(
        self,
        in_rep: Rep,
        out_rep: Rep,
        kernel_size: int,
        function: str,
        *,
        length: int | None = None,
        padding: Literal["same", "valid"] = "same",
        norm: bool = True,
        residual_layers: int = 0,
        pool: int = 1,
        dropout: float = 0.0,
        position: Position = Position.REVERSE,
    ) -> None:
        symmetric = position is Position.REVERSE
        # Where no length is fixed, positions are bins and none may be lost: the convolution refuses even kernels.
        uneven = padding == "same" and kernel_size % 2 == 0 and not (symmetric and length is None)
        lost = kernel_size - 1 if padding == "valid" else int(uneven and symmetric)
        around = kernel_size // 2 - 1 if uneven else padding
        layers: list[nn.Module] = [Conv1d(in_rep, out_rep, kernel_size, padding=around, position=position)]
        layers += [BatchNorm(out_rep)] if norm else []
        layers += [activation(out_rep, function)]
        layers += [residual_block(out_rep, residual_layers, position=position)] if residual_layers else []
        after = None if length is None else length - lost
        if after is not None and after < pool:
            raise ValueError(
                f"a window of {length} positions leaves no position after {kernel_size} taps and pooling by {pool}: "
                f"use at least {pool + lost}, or smaller pools."
            )
        if pool > 1:
            rest = after % pool if after is not None and symmetric else 0
            pooling = MagnitudePool1d if out_rep.odd else MaxPool1d
            layers.append(pooling(out_rep, pool + rest, stride=pool, position=position))
        layers += [Dropout(out_rep, dropout, position=position)] if dropout else []
        super().__init__(*layers)
        self.out_length = None if after is None else after // pool
        # Without symmetry an even kernel takes the missing position at the end. The convolution's own way ("same")
        # would pad and copy with a warning.
        self.extra = 1 if uneven and not symmetric else 0

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (0, self.extra)) if self.extra else x
        return super().forward(x)  # type: ignore[no-untyped-call]


class DenseBlock(Sequential):
    """Linear map of vectors, batch norm, activation, dropout, in this order.

    Args:
        in_rep: type of the inputs.
        out_rep: type of the outputs.
        function: name of the activation.
        norm: whether there is batch norm.
        dropout: probability.
    """

    def __init__(self, in_rep: Rep, out_rep: Rep, function: str, *, norm: bool = True, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = [Linear(in_rep, out_rep)]
        layers += [BatchNorm(out_rep)] if norm else []
        layers += [activation(out_rep, function)]
        layers += [Dropout(out_rep, dropout, position=Position.IDENTITY)] if dropout else []
        super().__init__(*layers)


def initialise(layer: nn.Module, gain_over: Literal["fan_in", "fan_mean"]) -> None:
    """Draw the weight of a convolution or linear map from a normal distribution, tied weights with the same spread.

    Args:
        layer: with a parameter ``weight``, tied or not.
        gain_over: ``"fan_in"`` for variance 2 / inputs (He et al., 2015), ``"fan_mean"`` for 2 / (inputs + outputs)
            (Glorot & Bengio, 2010).
    """
    weight: Tensor = layer.weight  # type: ignore[assignment]
    drawn = torch.empty_like(weight)
    if gain_over == "fan_in":
        nn.init.kaiming_normal_(drawn, nonlinearity="relu")
    else:
        nn.init.xavier_normal_(drawn)
    with torch.no_grad():
        if parametrize.is_parametrized(layer, "weight"):
            tied = layer.parametrizations.weight  # type: ignore[union-attr]
            tied.original.copy_(tied[0].spread_of_stock(drawn))  # type: ignore[union-attr, operator, index]
        else:
            weight.copy_(drawn)
