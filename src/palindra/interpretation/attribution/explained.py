"""A network in the state that attributions need: evaluation mode, one number per sequence, inputs where it lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palindra.interpretation.attribution.backward import FairMaxima
from palindra.interpretation.attribution.followed import follow, plain


@dataclass(frozen=True)
class Explained:
    """What is explained.

    Args:
        network: gives the outputs that count.
        weights: from outputs of sequences to the weights that make one number of them.
        batch_size: sequences at a time.
    """

    network: nn.Module
    weights: Any
    batch_size: int

    def fixed_weights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The weights for some sequences, and their numbers ``(rows,)``."""
        with torch.no_grad():
            outputs = self.network(x)
            weights = self.weights(outputs).to(outputs)
            return weights, score(outputs, weights)

    def gradients(self, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The numbers ``(rows,)`` and their derivatives ``(rows, letters, length)``."""
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            numbers = plain(score(self.network(follow(leaf, FairMaxima())), weights))
            return numbers.detach(), torch.autograd.grad(numbers.sum(), leaf)[0]


def score(outputs: Tensor, weights: Tensor) -> Tensor:
    """Outputs ``(rows, ...)`` as one number per row.

    In double precision where the device has it: a sum over a track is large beside the change that is explained.
    """
    wide = outputs.dtype if outputs.device.type == "mps" else torch.float64
    return (outputs.to(wide) * weights.to(wide)).flatten(1).sum(1)


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[tuple[torch.device, torch.dtype]]:
    """Where a network lives and in which type, with every part of it in evaluation mode for the duration.

    Recurrent layers have no backward pass in the evaluation mode of cuDNN, so it is not used for them. Tied weights are
    put together once and not for every pass.
    """
    weight = next((p for p in [*network.parameters(), *network.buffers()] if p.is_floating_point()), torch.zeros(()))
    training = [part for part in network.modules() if part.training]
    recurrent = any(isinstance(part, nn.RNNBase) for part in network.modules())
    cudnn = torch.backends.cudnn.enabled
    try:
        network.eval()
        with (
            torch.inference_mode(False),
            torch.backends.cudnn.flags(enabled=cudnn and not recurrent),
            parametrize.cached(),
        ):
            yield weight.device, weight.dtype
    finally:
        for part in training:
            part.training = True
