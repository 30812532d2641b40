"""What the first filters of a network say at each position, and which letters they see there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.models import Predictor
from palindra.nn import Activation, StrandMean
from palindra.symmetry import Rep

_DRAWS = 8  # of sequences that show a receptive field
_TOLERANCE = 1e-4  # of the largest activation, between a sequence and its reverse complement


class Field(NamedTuple):
    """The letters that a position of a layer sees: position ``i`` sees ``start + i * stride`` and ``size - 1`` more."""

    start: int  # negative where the sequence is padded
    size: int
    stride: int


class FirstLayer(NamedTuple):
    """A layer of filters: a function of one-hot sequences, its receptive field and its type."""

    name: str
    activations: Callable[[Tensor], Tensor]  # (batch, 4, length) -> (batch, channels, positions), on the CPU
    field: Field
    channels: int
    rep: Rep | None  # None where the other strand's activations are no rearrangement of this one's


class _Reached(Exception):
    """The layer gave its output, and the rest of the network need not run."""


@contextmanager
def first_layer(
    model: nn.Module,
    x: Float[Tensor, "batch 4 length"],
    *,
    layer: str | None = None,
    rep: Rep | None = None,
    batch_size: int = 256,
) -> Iterator[FirstLayer]:
    """The first activation of a network, as a function that is cheap because the rest of the network does not run.

    Args:
        model: any network of one-hot DNA; of a ``Predictor`` or a ``StrandMean`` the (first) network inside.
        x: sequences such as will be looked at; a few are enough.
        layer: name of a submodule as in ``model.named_modules()``; the first activation that runs by default.
        rep: how channels change on the other strand; that of the layer by default, where its activations keep to it.
        batch_size: sequences at a time.

    Raises:
        InputError: if there is no such layer, or it has no axis of positions.
        ValueError: if the activations do not keep to a ``rep`` that was given.
    """
    network = innermost(model)
    if x.ndim != 3 or x.shape[1] != 4 or not len(x):
        raise InputError(f"one-hot DNA (sequences, 4, length) is needed, not {tuple(x.shape)}.")
    weight = next((p for p in network.parameters() if p.is_floating_point()), torch.zeros(()))
    in_training = [part for part in network.modules() if part.training]
    network.eval()
    try:
        name, module = _chosen(network, x[:1].to(weight), layer)

        def activations(sequences: Tensor) -> Tensor:
            with torch.no_grad():
                parts = torch.split(sequences, batch_size)
                return torch.cat([_output(network, module, part.to(weight))[1].float().cpu() for part in parts])

        example = activations(x[:1])
        if example.ndim != 3:
            raise InputError(
                f"layer {name!r} gives {tuple(example.shape)}, which has no axis of positions: a layer of filters "
                "gives (batch, channels, positions). Name an earlier one."
            )
        field = _field(network, module, x[:1].to(weight), name)
        kept = _keeps(activations, x[:16], rep or getattr(module, "out_rep", None))
        if rep is not None and kept is None:
            raise ValueError(f"activations of layer {name!r} do not change on the other strand as {rep} says.")
        yield FirstLayer(name, activations, field, example.shape[1], kept)
    finally:
        for part in in_training:
            part.training = True


def innermost(model: nn.Module) -> nn.Module:
    """The network inside a ``Predictor`` (its first member) or a ``StrandMean``."""
    while isinstance(model, Predictor | StrandMean):
        model = model.members[0] if isinstance(model, Predictor) else model.module
    return model


def _chosen(network: nn.Module, x: Tensor, layer: str | None) -> tuple[str, nn.Module]:
    modules = dict(network.named_modules())
    if layer is not None:
        if layer not in modules or not layer:
            known = ", ".join(name for name in modules if name)
            raise InputError(f"the network has no layer {layer!r}; it has {known}.")
        return layer, modules[layer]
    names = {module: name for name, module in modules.items() if _is_activation(module)}
    ran: list[nn.Module] = []
    handles = [module.register_forward_hook(lambda module, *_: ran.append(module)) for module in names]
    try:
        with torch.no_grad():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    if not ran:
        raise InputError(
            "the network has no activation that is a module of its own, so its first one is not known. Name the layer "
            f"of filters: one of {', '.join(name for name in modules if name)}."
        )
    return names[ran[0]], ran[0]


def _is_activation(module: nn.Module) -> bool:
    stock = type(module).__module__ == "torch.nn.modules.activation" and not isinstance(module, nn.MultiheadAttention)
    return stock or isinstance(module, Activation)


def _output(network: nn.Module, module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Input and output of a layer at its first call; the network stops there."""
    caught: list[tuple[Any, Any]] = []

    def stop(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        caught.append((inputs[0] if inputs else None, output))
        raise _Reached

    handle = module.register_forward_hook(stop)
    try:
        network(x)
    except _Reached:
        return caught[0]
    finally:
        handle.remove()
    raise InputError("the layer does not run when the network does. Name another one.")


def _field(network: nn.Module, module: nn.Module, x: Tensor, name: str) -> Field:
    """The receptive field, from which letters the values of two positions in the middle depend on.

    The values are those that go into an activation, which could be flat; letters are shares, not zeros and ones, so
    that products of letters (k-mers) have slopes, and several draws of them show all letters of a pool.
    """
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(_DRAWS, *x.shape[1:], generator=generator).to(x).requires_grad_()
    with torch.enable_grad():
        before, after = _output(network, module, shares)
        values = before if _is_activation(module) else after
        middle = max(values.shape[-1] // 2 - 1, 0)
        seen = []
        for position in dict.fromkeys((middle, min(middle + 1, values.shape[-1] - 1))):
            mixed = values[..., position].pow(2).sum()
            (slope,) = torch.autograd.grad(mixed, shares, retain_graph=True, allow_unused=True)
            where = [] if slope is None else slope.abs().sum(dim=(0, 1)).nonzero().flatten().tolist()
            if not where:
                raise InputError(f"layer {name!r} does not depend on the sequence at position {position}.")
            seen.append((where[0], where[-1] + 1))
    (start, end), stride = seen[0], seen[-1][0] - seen[0][0] or 1
    if end - start == x.shape[-1]:
        raise InputError(
            f"layer {name!r} sees all {end} letters at each position, so there are no sites to align. Name an earlier "
            "layer, or give longer sequences."
        )
    return Field(start - middle * stride, end - start, stride)


def _keeps(activations: Callable[[Tensor], Tensor], x: Tensor, rep: Rep | None) -> Rep | None:
    """The type, if activations on the other strand are what it says."""
    here, there = activations(x), activations(x.flip(1, 2))
    if rep is None or rep.channels != here.shape[1]:
        return None
    error = (rep.act(there).flip(-1) - here).abs().max()
    return rep if error <= _TOLERANCE * here.abs().max() else None
