"""Operations whose values are given and whose backward pass is one's own, and the followers that use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from palindra.interpretation.attribution.followed import plain
from palindra.interpretation.attribution.maxima import MAXIMA, Maximum, as_maximum, rounding_of, shares

Multipliers = Callable[[Sequence[Tensor | None]], Sequence[Tensor | None]]
"""From what belongs to the results to what belongs to the inputs."""


class _Ruled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, multipliers: Multipliers, count: int, *tensors: Tensor) -> Any:
        ctx.multipliers, ctx.count = multipliers, count
        values = tuple(value.view_as(value) for value in tensors[:count])
        return values if count > 1 else values[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return (None, None, *[None] * ctx.count, *ctx.multipliers(grads))


def ruled(value: Tensor, multipliers: Callable[[Tensor], Sequence[Tensor | None]], *inputs: Tensor) -> Tensor:
    """A value that belongs to its inputs as ``multipliers`` says, from what belongs to the value."""
    return _Ruled.apply(lambda grads: multipliers(grads[0]), 1, value.detach(), *inputs)  # type: ignore[no-untyped-call]


def ruled_together(values: Sequence[Tensor], multipliers: Multipliers, *inputs: Tensor) -> Sequence[Tensor]:
    """Several values of one operation; those that nothing belongs to come with None."""
    found = _Ruled.apply(multipliers, len(values), *[value.detach() for value in values], *inputs)  # type: ignore[no-untyped-call]
    return found if isinstance(found, tuple) else (found,)


def with_indices(function: Any, found: Tensor, args: Any, kwargs: Any) -> Any:
    """The values of a maximum in what the operation itself returns, which may be values and places."""
    with torch.no_grad():
        whole = function(*plain(args), **plain(kwargs)) if function in _WITH_PLACES else None
    return type(whole)((found, whole[1])) if isinstance(whole, tuple) else found


class FairMaxima:
    """The stock backward pass of everything but maxima, whose gradient is shared by equal entries."""

    copies = False
    rewritten: ClassVar[Mapping[Any, Callable[..., Any]]] = {}

    def compute(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One operation; plain tensors where it is a maximum."""
        maximum = as_maximum(function, args, kwargs) if function in MAXIMA else None
        if maximum is None:
            return function(*args, **kwargs)
        x = plain(args[0] if args else kwargs["input"])
        return with_indices(function, _shared(x, maximum), args, kwargs)


def _shared(x: Tensor, maximum: Maximum) -> Tensor:
    values = maximum.values(x).detach()

    def multipliers(grad: Tensor) -> tuple[Tensor]:
        with torch.no_grad():
            entries = maximum.entries(x)
            flat = entries.shape[:-1]
            part = shares(entries, values.reshape(flat), rounding_of(entries))
            return (maximum.back(part * grad.reshape(flat)[..., None], x.shape),)

    return ruled(values, multipliers, x)


_WITH_PLACES = {Tensor.max, torch.max}
