"""Initial kernels of layers over maps: variance 1 / fan-in of the full kernel, or the article's half Glorot.

Off the diagonal the tied entries of a kernel read independent inputs, so the full kernel of a symmetric layer needs
the same spread as a stock one and nothing has to be halved.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palindra.nn.pair.outer import OuterConv2d, OuterSum
from palindra.symmetry import Tied


def _fans(layer: nn.Module, *, taps: bool = True) -> tuple[float, float]:
    """Numbers that an output reads and that read an input, in the full kernel, with or without the taps."""
    if not isinstance(layer, OuterConv2d | OuterSum | nn.Conv2d):
        raise ValueError(f"{type(layer).__name__} has no kernel over maps: give OuterConv2d, OuterSum or PairConv2d.")
    weight: Tensor = layer.weight
    area = math.prod(weight.shape[2:]) if taps else 1
    outer = isinstance(layer, OuterConv2d | OuterSum)  # these store the half that reads x(s)
    groups = getattr(layer, "groups", 1)
    return weight.shape[1] * area * (2 if outer else 1), weight.shape[0] // groups * area


def _draw(layer: nn.Module, std: float, generator: torch.Generator | None) -> None:
    """Normal numbers in the full kernel: one number per orbit, with the given spread."""
    weight: Tensor = layer.weight  # type: ignore[assignment]
    drawn = torch.empty(weight.shape, dtype=weight.dtype).normal_(0.0, std, generator=generator).to(weight.device)
    with torch.no_grad():
        if parametrize.is_parametrized(layer, "weight"):
            tying: Tied = layer.parametrizations.weight[0]  # type: ignore[index, union-attr, assignment]
            layer.parametrizations.weight.original.copy_(tying.spread_of_stock(drawn))  # type: ignore[union-attr, operator]
        else:
            weight.copy_(drawn)
        bias = getattr(layer, "bias", None)
        if bias is not None:
            for name, parameter in layer.named_parameters():
                if "bias" in name:
                    parameter.zero_()


def fan_in_(layer: nn.Module, *, gain: float = 1.0, generator: torch.Generator | None = None) -> None:
    """Give the full kernel the variance ``gain^2 / fan_in`` and the bias zero; in place.

    The fan-in is ``m C^2`` of a layer that keeps maps and ``2 n C^2`` of one that makes them from sequences, so with
    gain 1 independent inputs of variance 1 give outputs of variance 1 off the diagonal (before a ReLU use
    ``sqrt(2)``).

    Args:
        layer: :class:`OuterConv2d`, :class:`OuterSum`, :class:`PairConv2d` or :class:`palindra.nn.Conv2d`.
        gain: of the activation that follows.
        generator: of the random numbers.
    """
    _draw(layer, gain / math.sqrt(_fans(layer)[0]), generator)


def half_glorot_(layer: nn.Module, *, taps: bool = True, generator: torch.Generator | None = None) -> None:
    """Half of Glorot's normal initialisation (Maduranga et al., 2022) in the full kernel, bias zero; in place.

    The standard deviation is ``sqrt(2 / (fan_in + fan_out)) / 2``: outputs of unit inputs have a variance of about
    1/4 for equal fans, so that deep chains without batch normalisation fade.

    Args:
        layer: as in :func:`fan_in_`.
        taps: count the taps in the fans. The published code does not, which makes the numbers of a 13 x 13 kernel 13
            times larger; ``taps=False`` is for repeating it only.
        generator: of the random numbers.
    """
    _draw(layer, math.sqrt(2 / sum(_fans(layer, taps=taps))) / 2, generator)
