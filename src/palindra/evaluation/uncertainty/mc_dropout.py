"""Monte-Carlo dropout: one trained network read as many, each with some of its features missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.nn import Dropout

MULTIPLIERS = (Dropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Layers that multiply their inputs by a mask."""


@contextmanager
def thinned(model: nn.Module, number: int, *, seed: int = 0) -> Iterator[None]:
    """One of the networks that dropout makes of a model: some features are missing, the same for all sequences.

    The mask of a layer is one for all rows, a function of (seed, number): every pass is one function of a sequence
    alone, whatever the batches, and reads both strands with the same features missing. So a model that is equivariant
    (with :class:`palindra.nn.Dropout`, or by averaging both strands) stays so in every pass. Nothing but dropout
    changes: batch statistics stay those of training, and the random state of torch is left as it was.

    Args:
        model: in evaluation mode.
        number: of the pass.
        seed: of all passes.

    Raises:
        ValueError: if the model has no such layer with p > 0, for all passes would be the same.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, MULTIPLIERS) and layer.p > 0]
    if not layers:
        raise ValueError(
            "the model has no dropout layer with p > 0, so all passes would be the same: train it with dropout, or "
            "use several seeds as an ensemble."
        )
    generator_seed = torch.Generator().manual_seed(seed * 1_000_003 + number)
    seeds = torch.randint(2**62, (len(layers),), generator=generator_seed).tolist()
    handles = [layer.register_forward_hook(_Mask(own)) for layer, own in zip(layers, seeds, strict=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Mask:
    """Multiplies what went into a layer by the layer's own mask for one row of ones."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        x = inputs[0]
        training = layer.training
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(self.seed)
            try:
                layer.training = True
                mask = layer.forward(x.new_ones(1, *x.shape[1:]))
            finally:
                layer.training = training
        return x * mask


@torch.no_grad()
def mc_dropout(
    model: nn.Module,
    one_hot: Float[Tensor, "rows letters length"],
    *,
    passes: int = 30,
    seed: int = 0,
    batch_size: int = 512,
) -> Float[Tensor, "passes rows *outputs"]:
    """Predictions with dropout left on, one set per pass (Gal & Ghahramani, 2016).

    Their variance over passes is epistemic: give them to :func:`palindra.evaluation.uncertainty.combine` as members.

    Args:
        model: whose outputs are tensors; put into evaluation mode and back.
        one_hot: of any dtype.
        passes: 20 to 50 are usual.
        seed: of the masks.
        batch_size: rows at a time; it changes nothing.

    Raises:
        ValueError: if the model has no dropout, or fewer than two passes are asked.
    """
    if passes < 2:
        raise ValueError(f"{passes} passes with dropout: at least 2 are needed to see them differ.")
    weight = next(iter(model.parameters()), torch.zeros(()))
    parts = torch.split(one_hot, batch_size)
    training = [part for part in model.modules() if part.training]
    found = []
    try:
        model.eval()
        for number in range(passes):
            with thinned(model, number, seed=seed):
                found.append(torch.cat([model(p.to(weight.device, weight.dtype)).float().cpu() for p in parts]))
    finally:
        for part in training:
            part.training = True
    return torch.stack(found)
