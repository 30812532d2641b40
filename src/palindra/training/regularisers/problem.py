"""What regularisers need to know of a training: its network, loss and targets; and the place in the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.data.order import integers, uniform

_NUMBERS = 1 << 32  # of one batch and stream


@dataclass(frozen=True)
class Problem:
    """A network and what it learns, as regularisers see it; labels and tracks differ in these functions only.

    Args:
        network: that is trained.
        loss: of outputs and targets, one number per row or one for all.
        explained: outputs -> ``(rows,)``: what attributions explain.
        values: outputs -> ``(rows, values)``: what the Jacobian is of.
        soft: targets as numbers that may be mixed (classes as probabilities).
        positive: targets -> ``(rows,)``: sequences that have something to explain.
        source: the involution on inputs.
        aligned: outputs for reverse complements as those for the sequences; None where that is unknown.
    """

    network: nn.Module
    loss: Callable[[Any, Tensor], Tensor]
    explained: Callable[[Any], Float[Tensor, " rows"]]
    values: Callable[[Any], Float[Tensor, "rows values"]]
    soft: Callable[[Tensor], Tensor]
    positive: Callable[[Tensor], Bool[Tensor, " rows"]]
    source: Any
    aligned: Callable[[Any], Any] | None


@dataclass(frozen=True)
class Moment:
    """A batch of a training, and every random number of it: a function of (seed, epoch, batch, stream).

    The same on every process, and again after a kill.

    Examples:
        >>> Moment(7, 0, 3).integer(50, 0, 10) == Moment(7, 0, 3).integer(50, 0, 10)
        True
    """

    seed: int
    epoch: int
    batch: int

    def uniform(self, stream: int, count: int) -> NDArray[np.float64]:
        """Numbers in [0, 1)."""
        return uniform(self.seed, self.epoch, self.batch * _NUMBERS + np.arange(count), stream)

    def integer(self, stream: int, low: int, high: int) -> int:
        """One number from ``low`` up to ``high`` (excluded)."""
        return int(integers(self.seed, self.epoch, [self.batch * _NUMBERS], stream, low, high)[0])

    def signs(self, stream: int, like: Tensor) -> Tensor:
        """Random -1 and 1 of the shape of a tensor."""
        drawn = np.where(self.uniform(stream, like.numel()) < 0.5, -1.0, 1.0)
        return torch.from_numpy(drawn).to(like).reshape(like.shape)


@contextmanager
def as_it_predicts(network: nn.Module) -> Iterator[None]:
    """The network as it is in prediction: stored batch statistics, no dropout; afterwards as it was.

    In training an answer depends on the other rows of its batch, and so would its gradient; here it is a property of
    the sequence alone. Nothing random is drawn and no statistics are updated.
    """
    training = [module for module in network.modules() if module.training]
    # On GPUs recurrent layers of cuDNN have gradients in training mode only, and no second ones.
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    cudnn = torch.backends.cudnn
    flags = {"benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic, "allow_tf32": cudnn.allow_tf32}
    network.eval()
    try:
        with cudnn.flags(enabled=False, **flags) if recurrent else nullcontext():
            yield
    finally:
        for module in training:
            module.training = True


def attributions(problem: Problem, x: Tensor, *, other_strand: bool = False) -> Float[Tensor, "rows letters length"]:
    """Gradient times input, itself differentiable, of the network as it predicts.

    Args:
        problem: whose network is explained.
        x: inputs.
        other_strand: ``x`` are reverse complements; what is explained are outputs for the sequences themselves.
    """
    x = x.detach().requires_grad_()
    with as_it_predicts(problem.network):
        outputs = problem.network(x)
    if other_strand and problem.aligned is not None:
        outputs = problem.aligned(outputs)
    (gradient,) = torch.autograd.grad(problem.explained(outputs).sum(), x, create_graph=True)
    return (gradient * x.detach()).float()


def profile_explained(logits: Tensor) -> Float[Tensor, " rows"]:
    """Logits of a distribution over the last axis as one number: their deviations from the mean, weighted.

    Adding a number to all logits changes nothing, so their sum has no meaning; weights are the probabilities, taken as
    constants (Tseng et al., 2020).
    """
    logits = logits.float()
    centred = logits - logits.mean(-1, keepdim=True)
    return (centred * logits.softmax(-1).detach()).flatten(1).sum(1)
