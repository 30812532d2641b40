"""Manifold mixup: features of two rows averaged at a random hidden layer, and their targets with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.training.regularisers.mixup import beta_shares, mix
from palindra.training.regularisers.problem import Moment, as_it_predicts

LAYER_STREAM, SHARE_STREAM, CIRCLE_STREAM = 42, 43, 44


def hidden_layers(network: nn.Module, letters: int, length: int) -> list[str]:
    """Names of the layers through which everything passes, in the order in which they are computed.

    Found by trying: where the features of another sequence, put in the place of a layer's own, give exactly the answer
    for that other sequence, nothing goes around the layer. So branches of residual blocks and of several heads are left
    out for any model. Of layers with the same features (dropout after its input, a chain and its last layer) the first
    is named; the layer that gives the answer is none.

    Args:
        network: reads ``(batch, letters, length)``.
        letters: of the alphabet.
        length: of the inputs.

    Raises:
        InputError: if there is no such layer.

    Examples:
        >>> hidden_layers(nn.Sequential(nn.Conv1d(4, 3, 5), nn.ReLU(), nn.Flatten(), nn.Linear(18, 1)), 4, 10)
        ['0', '1', '2']
    """
    codes = torch.randint(0, letters, (2, length), generator=torch.Generator().manual_seed(0))
    x = nn.functional.one_hot(codes, letters).transpose(1, 2).to(next(network.parameters()))
    with torch.no_grad(), as_it_predicts(network):
        _, answer = _recorded(network, x[:1])
        features, wanted = _recorded(network, x[1:])
        if _alike(answer, wanted):
            raise InputError(
                "training.manifold_mixup: the network gives one answer to every sequence, so it cannot mix."
            )
        found: list[str] = []
        kept: list[Tensor] = []
        for name, there in features.items():
            if any(there.shape == part.shape and torch.equal(there, part) for part in [*kept, *wanted]):
                continue
            module = network.get_submodule(name)
            with _output_of(module, lambda _, there=there: there):
                given = _tensors(network(x[:1]))
            if _alike(given, wanted):
                found.append(name)
                kept.append(there)
    if not found:
        raise InputError("training.manifold_mixup: the network has no hidden layer through which everything passes.")
    return found


class ManifoldMixup:
    """Mixing at one of several layers, drawn for every batch.

    One share and one circle of rows for a batch of a process (Verma et al., 2019). Features are of a linear space on
    which the involution acts, so a mixture of them is of their type and an equivariant network stays one. Where a
    network reads both strands at once, both are mixed alike.

    Args:
        network: that is trained.
        alpha: of the Beta distribution of shares.
        layers: to choose from.
        soft: targets as numbers that may be mixed.
    """

    def __init__(self, network: nn.Module, alpha: float, layers: list[str], soft: Callable[[Tensor], Tensor]) -> None:
        self.network, self.alpha, self.layers, self.soft = network, alpha, layers, soft

    @contextmanager
    def __call__(self, rows: int, moment: Moment) -> Iterator[Callable[[Tensor], Tensor]]:
        """In this context the network mixes; what it gives mixes targets alike.

        Args:
            rows: of the batch.
            moment: that decides layer, share and partners.
        """
        circle = np.argsort(moment.uniform(CIRCLE_STREAM, rows), kind="stable")
        chosen = np.empty(rows, dtype=np.int64)
        chosen[circle] = np.roll(circle, -1)
        partner = torch.from_numpy(chosen)
        share = float(beta_shares(self.alpha, moment.uniform(SHARE_STREAM, 1))[0])
        layer = self.layers[moment.integer(LAYER_STREAM, 0, len(self.layers))]

        def mixed_features(features: Tensor) -> Tensor:
            # A network that reads both strands has several blocks of the rows.
            blocks = features.reshape(-1, rows, *features.shape[1:])
            return mix(features, blocks[:, partner.to(features.device)].flatten(0, 1), share)

        def mixed_targets(targets: Tensor) -> Tensor:
            soft = self.soft(targets)
            return mix(soft, soft[partner.to(soft.device)], share)

        with _output_of(self.network.get_submodule(layer), mixed_features):
            yield mixed_targets


@contextmanager
def _output_of(module: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """A module whose output is changed."""
    handle = module.register_forward_hook(lambda _module, _inputs, output: change(output))
    try:
        yield
    finally:
        handle.remove()


def _recorded(network: nn.Module, x: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The output of every layer that is called once and gives one tensor, and the answer."""
    calls: dict[str, list[Any]] = {}
    handles = [
        module.register_forward_hook(lambda _m, _i, output, name=name: calls.setdefault(name, []).append(output))
        for name, module in network.named_modules()
        if name and "parametrizations" not in name
    ]
    try:
        answer = _tensors(network(x))
    finally:
        for handle in handles:
            handle.remove()
    once = {name: outputs[0] for name, outputs in calls.items() if len(outputs) == 1}
    return {name: output for name, output in once.items() if isinstance(output, Tensor)}, answer


def _tensors(outputs: Any) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


def _alike(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(first, second, strict=True))
