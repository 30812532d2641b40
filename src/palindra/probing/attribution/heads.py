"""Fitted readouts as differentiable functions of all tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.probing.attribution.gradients import Head, mean_head
from palindra.probing.readouts import Cnn, LinearReadout


def readout_head(readout: Any, *, tokens: int | None = None) -> Head:
    """The head of a readout that was fitted: a linear one on the mean over tokens, or the CNN on all tokens.

    Args:
        readout: of :func:`palindra.probing.readouts.fit_readout`.
        tokens: to which the CNN fills every row up, with the fill behind the tokens; as it was fitted.

    Raises:
        InputError: for another readout, or a CNN without its number of tokens.

    Examples:
        >>> import numpy as np
        >>> from palindra.probing.readouts.examples import Standardised
        >>> from palindra.probing.readouts.linear import Weights
        >>> standard = Standardised(np.array([1.0]), np.array([2.0]))
        >>> readout = LinearReadout("regression", standard, Weights(np.ones((1, 1)), np.zeros(1)), {}, ())
        >>> readout_head(readout)(torch.tensor([[[1.0, 5.0]]]), torch.ones(1, 2, dtype=torch.bool))
        tensor([[1.]])
    """
    if isinstance(readout, LinearReadout):
        standard, weights = readout.standard, readout.weights
        scaled = weights.weight / standard.spread[:, None]
        return mean_head(torch.from_numpy(scaled), torch.from_numpy(weights.intercept - standard.mean @ scaled))
    module = getattr(readout, "module", None)
    if not isinstance(module, Cnn) or tokens is None:
        raise InputError(
            f"readout {getattr(readout, 'name', type(readout).__name__)}: gradients are taken through the linear "
            "readout, or through the CNN with tokens=, the number of tokens that it was fitted with."
        )
    return _Filled(module, tokens)


class _Filled(nn.Module):
    """The CNN on rows filled up to the number of tokens it was built for."""

    def __init__(self, module: Cnn, tokens: int) -> None:
        super().__init__()
        self.module, self.tokens = module, tokens

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        missing = self.tokens - features.shape[-1]
        if missing < 0:
            raise InputError(f"rows of {features.shape[-1]} tokens, and the readout was fitted with {self.tokens}.")
        filled, real = (nn.functional.pad(part, (0, missing)) for part in (features, mask))
        found: Tensor = self.module(filled, real)
        return found
