"""Point-wise functions: any on regular and even channels, odd ones on odd channels, and gates."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.symmetry import Rep

Pointwise = Callable[[Tensor], Tensor]


def is_odd(function: Pointwise) -> bool:
    """Whether ``function(-x) == -function(x)`` on a grid of numbers."""
    x = torch.linspace(-4.0, 4.0, 41, dtype=torch.float64)
    with torch.no_grad():
        return bool(torch.allclose(function(-x), -function(x), atol=1e-9))


class Activation(nn.Module):
    """A point-wise function on regular and even channels, and an odd one on odd channels.

    Args:
        rep: type of the channels, unchanged.
        function: any point-wise function, e.g. ``torch.relu``, ``torch.exp``, ``functional.gelu``; the same on both
            members of a pair.
        odd: function for odd channels; ``torch.tanh`` as in Mallet & Vert (2021).

    Raises:
        ValueError: if ``odd`` is not an odd function and there are odd channels.

    Examples:
        >>> Activation(Rep(even=1, odd=1), torch.relu)(torch.tensor([[-1., -1.]]))
        tensor([[ 0.0000, -0.7616]])
    """

    def __init__(self, rep: Rep, function: Pointwise = torch.relu, *, odd: Pointwise = torch.tanh) -> None:
        super().__init__()
        if rep.odd and not is_odd(odd):
            name = getattr(odd, "__name__", repr(odd))
            raise ValueError(
                f"{name} is not an odd function, so it does not commute with the change of sign of {rep.odd} odd "
                "channels. Use torch.tanh, functional.softsign or another f with f(-x) = -f(x)."
            )
        self.in_rep = self.out_rep = rep
        self.function, self.odd = function, odd

    def forward(self, x: Float[Tensor, "batch channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        if not self.in_rep.odd:
            return self.function(x)
        signless, odd = torch.split(x, [self.in_rep.channels - self.in_rep.odd, self.in_rep.odd], dim=1)
        return torch.cat([self.function(signless), self.odd(odd)], dim=1)

    def extra_repr(self) -> str:
        names = [getattr(f, "__name__", repr(f)) for f in (self.function, self.odd)]
        return f"{names[0]}, odd={names[1]}" if self.in_rep.odd else names[0]


class Gated(nn.Module):
    """Values multiplied by a function of gates: ``value * function(gate)``, exact on every type.

    A pair is gated by a pair, an even or odd channel by an even one, so the inputs have the type
    ``Rep(2 regular, 2 even + odd, odd)`` when the outputs have ``rep``. On odd channels this is the way to a
    non-linearity other than an odd function.

    Args:
        rep: type of the outputs.
        function: of the gates; sigmoid gives the gated linear unit (Dauphin et al., 2017).
    """

    def __init__(self, rep: Rep, function: Pointwise = torch.sigmoid) -> None:
        super().__init__()
        self.out_rep = rep
        self.in_rep = Rep(2 * rep.regular, 2 * rep.even + rep.odd, rep.odd)
        self.function = function

    def forward(self, x: Float[Tensor, "batch in_channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        n, a, b = self.out_rep.regular, self.out_rep.even, self.out_rep.odd
        first, gate_pairs, second, even, gate_single, odd = torch.split(x, [n, 2 * n, n, a, a + b, b], dim=1)
        value = torch.cat([first, second, even, odd], dim=1)
        return value * self.function(torch.cat([gate_pairs, gate_single], dim=1))

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def gelu(x: Tensor) -> Tensor:
    """Gaussian error linear unit in the tanh form, the faster one on CPUs."""
    return functional.gelu(x, approximate="tanh")
