"""Multipliers of functions of one number, and of quotients: slopes of lines through two values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from palindra.interpretation.attribution.averaged import integrated
from palindra.interpretation.attribution.backward import ruled
from palindra.interpretation.attribution.followed import functions, plain
from palindra.interpretation.attribution.pair import Pair
from palindra.lorentz.geometry.radial import SMOOTH

_CLOSE = 1e-7  # inputs nearer than this have the slope of the function between them


def sloped(pair: Pair) -> Any:
    """A function of one number: the slope of the line through its two values."""
    if len(pair.given) > 1 or not pair.given[0].is_floating_point():
        return integrated(pair)
    x, reference = pair.step.inputs[0], plain(pair.given[0])
    value = pair.run([reference.detach()])

    def multipliers(grad: Tensor) -> tuple[Tensor]:
        return (grad * _slope(pair, x, reference.detach(), value),)

    return ruled(value, multipliers, reference)


def _slope(pair: Pair, x: Tensor, reference: Tensor, value: Tensor) -> Tensor:
    if pair.function in _RECTIFIERS:  # exact without more digits: 0, 1, or a quotient of numbers of the same kind
        moved = x - reference
        return torch.where(moved == 0, (x > 0).to(x.dtype), (pair.step.outputs - value) / moved)
    one, other = x.double(), reference.double()
    moved = one - other
    close = ~(moved.abs() > _CLOSE)
    slope = (pair.run([one]) - pair.run([other])) / torch.where(close, 1, moved)
    with torch.enable_grad():
        between = ((one[close] + other[close]) / 2).requires_grad_()
        if between.numel():
            slope[close] = torch.autograd.grad(pair.run([between]).sum(), between)[0].nan_to_num()
    return slope.to(x.dtype)


def quotient(pair: Pair) -> Any:
    """``a / b``: linear in a, and 1 / b has the slope -1 / (b of the sequence times b of the reference)."""
    if pair.kwargs:
        return integrated(pair)
    over, under = divided(pair.function, pair.args)
    sides = iter(pair.step.inputs)
    given = {id(tensor): next(sides) for tensor in pair.given}
    inputs = [plain(tensor) for tensor in pair.given]
    below, x_below = plain(under).detach(), given[id(under)]
    above = plain(over).detach() if isinstance(over, Tensor) else torch.as_tensor(over, dtype=below.dtype)
    inverse = (1 / below + 1 / x_below) / 2
    slope = -(above + given.get(id(over), above)) / 2 / (below * x_below)

    def multipliers(grad: Tensor) -> list[Tensor]:
        return [(grad * (slope if tensor is under else inverse)).sum_to_size(tensor.shape) for tensor in pair.given]

    return ruled(pair.run([tensor.detach() for tensor in inputs]), multipliers, *inputs)


def divided(function: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """What is divided, and by what."""
    return (args[1], args[0]) if function in _TURNED else (args[0], args[1] if len(args) > 1 else None)


_RECTIFIERS = set(functions("relu"))
_NAMES = """
    abs absolute acos acosh asin asinh atan atanh celu clamp clamp_max clamp_min clip cos cosh elu erf erfc exp exp2
    expit expm1 gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log log10 log1p log2 logit logsigmoid mish
    pow __pow__ __rpow__ reciprocal relu relu6 rrelu rsqrt selu sigmoid silu sin sinh softplus softshrink softsign sqrt
    square tan tanh tanhshrink threshold
"""
_QUOTIENT_NAMES = "div divide true_divide __truediv__ __div__ __rdiv__ __rtruediv__"
_TURNED = {Tensor.__rdiv__, Tensor.__rtruediv__}
POINTWISE = {*functions(*_NAMES.split()), *SMOOTH}
QUOTIENTS = set(functions(*_QUOTIENT_NAMES.split()))
