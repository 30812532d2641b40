"""Does a map depend on what the model has learned? Maps after weights are replaced by random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.interpretation.reliability.agreement import Maps, pearson, spearman

ModelAttribute = Callable[[nn.Module, Tensor], Tensor]
"""From a model and one-hot ``(batch, 4, length)`` to attribution maps of that shape."""

Order = Literal["cascading", "independent"]


class Randomised(NamedTuple):
    """How alike maps are to those of the trained model after some of its layers lost their weights."""

    layer: str
    order: Order
    pearson: NDArray[np.float64]  # (sequences,)
    spearman: NDArray[np.float64]  # (sequences,), of absolute values

    @classmethod
    def compared(cls, layer: str, order: Order, trained: Maps, maps: Maps) -> Randomised:
        """Maps of the trained model beside those without what some layers learned."""
        return cls(layer, order, pearson(trained, maps), spearman(np.abs(trained), np.abs(maps)))


def layers_in_order(model: nn.Module, one_hot: Tensor) -> list[str]:
    """Names of the modules with weights of their own, in the order in which a pass first calls them.

    Weights that a parametrisation makes belong to the module that uses them. Modules that are never called are left
    out.

    Examples:
        >>> net = nn.Sequential(nn.Conv1d(4, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1))
        >>> layers_in_order(net, torch.zeros(1, 4, 10))
        ['0', '3']
    """
    called: dict[str, None] = {}
    owners = {_owner(name): None for name, _ in model.named_parameters()}
    hooks = [
        model.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: called.setdefault(name))
        for name in owners
    ]
    try:
        with torch.no_grad():
            model(one_hot)
    finally:
        for hook in hooks:
            hook.remove()
    return list(called)


def randomise(model: nn.Module, layers: Sequence[str], seed: int) -> nn.Module:
    """A copy of the model in which the weights of some layers are drawn anew.

    Each tensor of weights keeps its own mean and standard deviation, so that activations keep their size. Weights
    that are made equivariant by a parametrisation are drawn before it, so an equivariant model stays equivariant.
    Running statistics of normalisation stay. Every layer's draws depend on the seed and the layer's name alone.

    Args:
        model: is not changed.
        layers: names of modules, see :func:`layers_in_order`.
        seed: of the weights.

    Raises:
        ValueError: for a layer that has no weights.
    """
    copy = deepcopy(model)
    for layer in layers:
        mine = [(name, weight) for name, weight in copy.named_parameters() if _owner(name) == layer]
        if not mine:
            raise ValueError(f"{layer!r} is no layer with weights of its own in {type(model).__name__}.")
        for name, weight in mine:
            key = int.from_bytes(name.encode(), "little") % (1 << 63)
            random = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, key))))
            values = weight.detach().double()
            spread = float(values.std(correction=0))
            drawn = torch.from_numpy(random.normal(float(values.mean()), spread, size=tuple(weight.shape)))
            with torch.no_grad():
                weight.copy_(drawn)
    return copy


def randomisation_check(
    model: nn.Module,
    attribute: ModelAttribute,
    one_hot: Tensor,
    *,
    orders: Sequence[Order] = ("cascading", "independent"),
    seed: int = 0,
    batch_size: int = 32,
) -> list[Randomised]:
    """Maps after layers lose what they learned, from the output towards the input, beside those of the trained model.

    A map that stays the same says something of the sequence and of the architecture, and nothing of what was learned.
    ``cascading`` keeps the layers above random, so that its last entry is a model that learned nothing;
    ``independent`` randomises one layer at a time.

    Args:
        model: the trained model; it is not changed.
        attribute: the method, e.g. ``lambda model, x: saliency(model, x) * x``.
        one_hot: ``(sequences, 4, length)`` of the model's device and dtype.
        orders: one or both.
        seed: of the random weights.
        batch_size: sequences at a time.

    Returns:
        One entry for each layer and order; correlations of the whole map, and of ranks of its absolute values.

    Raises:
        InputError: for a model without weights.

    Source: Adebayo et al. (2018), NeurIPS.
    """
    trained = deepcopy(model).eval()
    layers = layers_in_order(trained, one_hot[:1])[::-1]
    if not layers:
        raise InputError("the model has no weights that a pass uses: there is nothing to randomise.")
    given = _maps(attribute, trained, one_hot, batch_size)
    found = []
    for order, number, lost in _plans(orders, layers):
        maps = _maps(attribute, randomise(trained, lost, seed), one_hot, batch_size)
        found.append(Randomised.compared(layers[number], order, given, maps))
    return found


def _plans(orders: Sequence[Order], layers: Sequence[str]) -> Iterator[tuple[Order, int, Sequence[str]]]:
    for order in orders:
        for number in range(len(layers)):
            yield order, number, layers[: number + 1] if order == "cascading" else layers[number : number + 1]


def _owner(parameter: str) -> str:
    """The module that uses a parameter: the one above its parametrisations."""
    return parameter.split(".parametrizations.")[0] if ".parametrizations." in parameter else _above(parameter)


def _above(parameter: str) -> str:
    head = parameter.rpartition(".")[0]
    return "" if head.startswith("parametrizations.") else head


def _maps(attribute: ModelAttribute, model: nn.Module, one_hot: Tensor, batch_size: int) -> NDArray[np.float64]:
    parts = []
    for part in torch.split(one_hot, batch_size):
        with torch.enable_grad():
            parts.append(attribute(model, part).detach().double().cpu())
    return torch.cat(parts).numpy()
