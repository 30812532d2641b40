"""How strongly a readout of embeddings depends on each token, as the size of its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from palindra.probing.attribution.entropy import over_bases
from palindra.probing.source import Source
from palindra.sequences import from_one_hot

Head = Callable[[Float[Tensor, "batch width tokens"], Bool[Tensor, "batch tokens"]], Float[Tensor, "batch outputs"]]
"""A differentiable readout of all tokens, given which of them are real: logits, not probabilities."""

Size = Literal["L2", "maximum"]


def gradient_maps(
    source: Source,
    head: Head,
    sequences: Sequence[str],
    *,
    output: int = 0,
    size: Size = "L2",
    batch_size: int = 64,
) -> Float[Tensor, "rows length"]:
    """The size of the gradient of an output with respect to the embedding of every base's token.

    Args:
        source: embeds the sequences; nothing is differentiated through it.
        head: what reads the embedding.
        sequences: of one length.
        output: number of the output that is explained.
        size: "L2", the norm over the channels of the embedding, or "maximum", the largest magnitude.
        batch_size: sequences at a time.

    Returns:
        NaN at bases that no token stands for.

    Source: Tang (2024).
    """
    found = []
    with evaluating(head):
        for start in range(0, len(sequences), batch_size):
            part = sequences[start : start + batch_size]
            embedded = source.embed(part)
            features = embedded.features.detach().mT.clone().requires_grad_()
            with torch.enable_grad():
                outputs = head(features, embedded.mask)
                (gradient,) = torch.autograd.grad(outputs[:, output].sum(), features)
            sizes = gradient.norm(dim=1) if size == "L2" else gradient.abs().amax(1)
            found.append(over_bases(sizes.float().cpu(), embedded.spans.cpu(), len(part[0])))
    return torch.cat(found)


def mean_head(weight: Float[Tensor, "width outputs"], intercept: Float[Tensor, " outputs"]) -> Head:
    """A linear readout of the mean over tokens.

    Examples:
        >>> head = mean_head(torch.ones(2, 1), torch.zeros(1))
        >>> head(torch.tensor([[[1.0, 3.0], [2.0, 9.0]]]), torch.tensor([[True, False]]))
        tensor([[3.]])
    """

    def head(features: Tensor, mask: Tensor) -> Tensor:
        real = mask.to(features.dtype)
        mean = (features * real[:, None]).sum(-1) / real.sum(1).clamp(min=1)[:, None]
        return mean @ weight.to(mean) + intercept.to(mean)

    return head


def source_predictor(source: Source, head: Head) -> Callable[[Tensor], Tensor]:
    """A source and its readout as one function of one-hot sequences, for global importance.

    Args:
        source: embeds the sequences.
        head: reads the embedding.
    """

    def predict(one_hot: Tensor) -> Tensor:
        embedded = source.embed(from_one_hot(one_hot))
        with torch.no_grad(), evaluating(head):
            return head(embedded.features.mT, embedded.mask)

    return predict


@contextmanager
def evaluating(head: Head) -> Iterator[None]:
    """A head that is a module in evaluation mode for the duration of a block; each part gets its mode back."""
    in_training = [part for part in head.modules() if part.training] if isinstance(head, nn.Module) else []
    try:
        for part in in_training:
            part.training = False
        yield
    finally:
        for part in in_training:
            part.training = True
