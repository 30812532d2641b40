"""The rescale rule for every operation: multipliers that carry differences from a reference back, exactly.

A multiplier of an operation is a number m with output - output of the reference = sum of m (input - input of the
reference). Where each operation has such multipliers, the chain rule makes one for the whole network, and what they
carry to the input adds up to the change of the output (Shrikumar, Greenside & Kundaje, 2017, DeepLIFT).

The network runs twice. The first run, on sequences, keeps the inputs of every operation that is not linear. The second
one, on references, has each of these operations matched with the same one of the first run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from palindra.interpretation.attribution.averaged import integrated, product
from palindra.interpretation.attribution.backward import ruled, with_indices
from palindra.interpretation.attribution.choices import CHOOSING, choice, chosen_from
from palindra.interpretation.attribution.followed import Followed, followed_tensors, functions, plain
from palindra.interpretation.attribution.linear_operations import LINEAR
from palindra.interpretation.attribution.lstm import lstm_in_steps
from palindra.interpretation.attribution.maxima import MAXIMA, as_maximum, transferred
from palindra.interpretation.attribution.pair import Pair, Step
from palindra.interpretation.attribution.slopes import POINTWISE, QUOTIENTS, divided, quotient, sloped

_OTHER_STEPS = (
    "the network takes other steps for a reference than for the sequence, so they cannot be compared: networks that "
    "decide by numbers what to compute have no DeepLIFT attributions."
)


@dataclass
class Rescale:
    """Follows a network on sequences and then, as often as wanted, on references of the same number."""

    copies: bool = False
    steps: list[Step] = field(default_factory=list)
    recording: bool = True
    position: int = 0

    @property
    def rewritten(self) -> Mapping[Any, Callable[..., Any]]:
        """Operations that are combinations of others."""
        return _REWRITTEN

    @property
    def overwritten(self) -> bool:
        """Whether the network changed, in place, what an earlier operation had read."""
        return any(
            tensor._version != version
            for step in self.steps
            for tensor, version in zip(step.inputs, step.versions, strict=True)
        )

    def compute(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One operation: kept in the first run, ruled in the others."""
        given = followed_tensors((args, kwargs))
        if (
            function in LINEAR
            or (function in _PRODUCTS and len(given) == 1)
            or (function in QUOTIENTS and not isinstance(divided(function, args)[1], Followed))
            or (function in CHOOSING and not isinstance(chosen_from(function, args)[0], Followed))
        ):
            return function(*args, **kwargs)
        if self.recording:
            inputs = [plain(tensor).detach() for tensor in given]
            found = function(*args, **kwargs)
            self.steps.append(Step(function, inputs, [tensor._version for tensor in inputs], found))
            return found
        step = self._next(function, given)
        rule = _RULES.get(function, integrated)
        return rule(Pair(function, args, kwargs, given, step))

    def again(self) -> None:
        """Start a run on references."""
        self.recording, self.position = False, 0

    def finish(self) -> None:
        """End a run on references.

        Raises:
            ValueError: if the run on sequences had more operations.
        """
        if self.position < len(self.steps):
            raise ValueError(_OTHER_STEPS)

    def _next(self, function: Any, given: list[Followed]) -> Step:
        if self.position >= len(self.steps) or self.steps[self.position].function is not function:
            raise ValueError(_OTHER_STEPS)
        self.position += 1
        return self.steps[self.position - 1]


def _maximal(pair: Pair) -> Any:
    maximum = as_maximum(pair.function, pair.args, pair.kwargs) if len(pair.given) == 1 else None
    if maximum is None:
        return integrated(pair)
    x, reference = pair.step.inputs[0], plain(pair.given[0])
    value = maximum.values(reference.detach())

    def multipliers(grad: Tensor) -> tuple[Tensor]:
        entries = maximum.entries(reference.detach())
        part = transferred(maximum.entries(x), entries)
        return (maximum.back(part * grad.reshape(entries.shape[:-1])[..., None], reference.shape),)

    return with_indices(pair.function, ruled(value, multipliers, reference), pair.args, pair.kwargs)


def _larger(one: Any, other: Any) -> Tensor:
    return functional.relu(one - other) + other


def _smaller(one: Any, other: Any) -> Tensor:
    return one - functional.relu(one - other)


def _smallest(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return -torch.amax(-x, *args, **kwargs)


def _leaky(x: Tensor, weight: Tensor) -> Tensor:
    slope = weight.view(-1, *[1] * (x.dim() - 2)) if weight.numel() > 1 and x.dim() > 1 else weight
    return functional.relu(x) - slope * functional.relu(-x)


def _gated(x: Tensor, dim: int = -1) -> Tensor:
    value, gate = x.chunk(2, dim)
    return value * torch.sigmoid(gate)


_PRODUCT_NAMES = """
    mul multiply __mul__ __rmul__ matmul __matmul__ __rmatmul__ bmm mm mv dot einsum linear baddbmm addmm inner outer
    tensordot conv1d conv2d conv3d conv_transpose1d conv_transpose2d bilinear
"""
_PRODUCTS = set(functions(*_PRODUCT_NAMES.split()))
_RULES: dict[Any, Callable[[Pair], Any]] = {
    **dict.fromkeys(POINTWISE, sloped),
    **dict.fromkeys(_PRODUCTS, product),
    **dict.fromkeys(QUOTIENTS, quotient),
    **dict.fromkeys(MAXIMA, _maximal),
    **dict.fromkeys(CHOOSING, choice),
}
_REWRITTEN: dict[Any, Callable[..., Any]] = {
    **dict.fromkeys(functions("maximum"), _larger),
    **dict.fromkeys(functions("minimum"), _smaller),
    **dict.fromkeys(functions("amin"), _smallest),
    **dict.fromkeys(functions("prelu"), _leaky),
    **dict.fromkeys(functions("glu"), _gated),
    torch.lstm: lstm_in_steps,
}
