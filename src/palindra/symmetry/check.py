"""Checks that a map commutes with an involution, and that a tied weight misses nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palindra.symmetry.involution import Involution, Position
from palindra.symmetry.rep import Rep


def equivariance_error(
    function: Callable[[Tensor], Tensor], source: Involution | Any, target: Involution | Any, x: Tensor
) -> float:
    """Largest deviation of ``function(source.act(x))`` from ``target.act(function(x))``, relative to the output.

    Args:
        function: the map to check, e.g. a layer or a whole model.
        source: the involution on ``x``; anything with a method ``act``.
        target: the involution on the outputs, e.g. a :class:`palindra.symmetry.Target`.
        x: inputs ``(batch, channels, *positions)``.

    Returns:
        ``max |f(Rx) - R f(x)| / max |f(x)|``: 0 for an equivariant map, of order 1 for one that is not.

    Examples:
        >>> x = torch.randn(2, 4, 9, dtype=torch.float64)
        >>> dna = Involution(Rep(regular=2), Position.REVERSE)
        >>> equivariance_error(torch.relu, dna, dna, x)
        0.0
    """
    with torch.no_grad():
        straight, turned = function(x), function(source.act(x))
        expected = target.act(straight)
        if turned.shape != expected.shape:
            return float("inf")
        scale = straight.abs().max().clamp(min=torch.finfo(straight.dtype).tiny)
        return float((turned - expected).abs().max() / scale)


def assert_equivariant(
    layer: nn.Module,
    *,
    lengths: Sequence[int] = (24, 25),
    batch: int = 3,
    tolerance: float | None = None,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> None:
    """Raise unless a layer commutes with the involution that its ``in_rep``, ``out_rep`` and positions declare.

    The layer itself is left as it is: a copy is run, in the mode of the layer, and in training mode with the same seed
    for an input and its image.

    Args:
        layer: a module with attributes ``in_rep`` and ``out_rep``; ``position`` and ``out_position`` (the same when
            absent) say what happens to positions (default: reversal), ``target`` what happens to declared outputs.
        lengths: lengths to try; of maps over pairs both axes have this length.
        batch: number of random inputs.
        tolerance: largest allowed error; 1e-10 in float64, 1e-5 in float32 by default.
        dtype: of parameters and inputs.
        seed: of the random inputs.

    Raises:
        AssertionError: naming the layer, its types, the length and the error.
    """
    if tolerance is None:
        tolerance = {torch.float64: 1e-10, torch.float32: 1e-5}[dtype]
    in_rep: Any = layer.in_rep
    out_rep: Any = layer.out_rep
    position: Any = getattr(layer, "position", None) or Position.REVERSE
    out_position: Any = getattr(layer, "out_position", None) or position
    target: Any = getattr(layer, "target", None) or Involution(out_rep, out_position)
    axes = {Position.IDENTITY: 0, Position.REVERSE: 1, Position.TRANSPOSE: 2}[position]
    generator = torch.Generator().manual_seed(seed)
    copied = copy.deepcopy(layer).to(dtype)

    def seeded(x: Tensor) -> Tensor:
        torch.manual_seed(seed)
        return copied(x)

    with torch.random.fork_rng():
        for length in lengths:
            x = torch.randn(batch, in_rep.channels, *[length] * axes, generator=generator, dtype=dtype)
            error = equivariance_error(seeded, Involution(in_rep, position), target, x)
            if not error <= tolerance:
                raise AssertionError(
                    f"{layer} ({in_rep} -> {out_rep}) does not commute with the involution at length {length}: "
                    f"relative error {error:.2e}, allowed {tolerance:.0e} in {dtype}."
                )


def null_space_dimension(reps: Sequence[Rep], taps: Sequence[int], position: Position) -> int:
    """Dimension of the space of equivariant weights, by SVD of the constraint on a full weight.

    Independent of :mod:`palindra.symmetry.tying`: the action is applied to a basis of all weights as matrices
    ``rho_out``, ``rho_in`` and a permutation of taps, and the null space of ``W - rho_out reflect(W) rho_in`` counted.
    """
    shape = [rep.channels for rep in reps]
    size = torch.Size([*shape, *taps]).numel()
    image = torch.eye(size, dtype=torch.float64).reshape(size, *shape, *taps)
    image = position.act(image) if taps else image
    for axis, rep in enumerate(reps, start=1):
        matrix = rep.act(torch.eye(rep.channels, dtype=torch.float64), dim=0)
        image = torch.tensordot(matrix, image, dims=([1], [axis])).movedim(0, axis)
    constraint = torch.eye(size, dtype=torch.float64) - image.reshape(size, size)
    return size - int(torch.linalg.matrix_rank(constraint))


def assert_complete(layer: nn.Module) -> None:
    """Raise unless the independent numbers of every tied weight of ``layer`` span all equivariant weights.

    Compares the number of parameters with the dimension of the null space of the constraint (without groups), and
    checks that the map from parameters to weights has full rank.
    """
    in_rep: Any = layer.in_rep
    out_rep: Any = layer.out_rep
    if not isinstance(getattr(layer, "weight", None), Tensor):
        raise ValueError(f"{layer} has no weight of its own: check the layers inside it one by one.")
    position: Any = getattr(layer, "position", None) or Position.REVERSE
    transposed = getattr(layer, "transposed", False)
    for name, axes in (("weight", (in_rep, out_rep) if transposed else (out_rep, in_rep)), ("bias", (out_rep,))):
        full = getattr(layer, name, None)
        if full is None:
            continue
        tied = parametrize.is_parametrized(layer, name)
        stored = getattr(layer.parametrizations, name).original if tied else full
        expected = null_space_dimension(axes, full.shape[len(axes) :], position)
        reached = stored.numel()
        if tied and reached:
            expand = getattr(layer.parametrizations, name)[0]
            basis = torch.stack([expand(e).flatten() for e in torch.eye(reached, dtype=torch.float64)])
            reached = int(torch.linalg.matrix_rank(basis))
        if not stored.numel() == reached == expected:
            raise AssertionError(
                f"{name} of {layer} ({in_rep} -> {out_rep}) has {stored.numel()} parameters that reach {reached} "
                f"dimensions; the space of equivariant weights has {expected}."
            )
