"""Gradients: plain, times the input, corrected for the simplex of letters, and averaged over noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palindra.interpretation.attribution.explained import Explained
from palindra.interpretation.attribution.references import noise
from palindra.interpretation.attribution.result import Attribution


@dataclass(frozen=True)
class Gradient:
    """The derivative of the explained number after every entry of the one-hot sequence.

    Args:
        corrected: whether the mean over the letters is subtracted at every position. Letters sum to one, so that part
            of a gradient points where no sequence is, and is noise (Majdandzic et al., 2023).
        times_input: whether it is multiplied by the input; else the number of a position is the largest magnitude.

    Hypothetical values are the corrected gradients. Entries of a maximum that are equal share its gradient.
    """

    corrected: bool = False
    times_input: bool = False

    def __call__(self, explained: Explained, one_hot: Tensor, first_row: int) -> Attribution:
        """Attributions of some sequences."""
        weights, outputs = explained.fixed_weights(one_hot)
        _, gradient = explained.gradients(one_hot, weights)
        return self.finished(one_hot, gradient, outputs)

    def finished(self, one_hot: Tensor, gradient: Tensor, outputs: Tensor) -> Attribution:
        """What a gradient, from wherever it comes, is turned into."""
        corrected = gradient - gradient.mean(1, keepdim=True)
        values = corrected if self.corrected else gradient
        values = values * one_hot if self.times_input else values
        positions = values.sum(1) if self.times_input else values.abs().amax(1)
        return Attribution(one_hot, values, corrected, positions, outputs)


SALIENCY = Gradient()
"""The plain gradient (Simonyan, Vedaldi & Zisserman, 2014)."""
INPUT_TIMES_GRADIENT = Gradient(times_input=True)
"""The gradient of the letter that is there (Shrikumar et al., 2016)."""
CORRECTED_GRADIENT = Gradient(corrected=True)
"""The gradient less its mean over letters (Majdandzic et al., 2023)."""


@dataclass(frozen=True)
class SmoothGrad:
    """Gradients averaged over sequences with Gaussian noise on every entry (Smilkov et al., 2017).

    Args:
        gradient: what the averaged gradient is turned into; the input is the one without noise.
        samples: of noise.
        deviation: standard deviation of the noise.
        seed: with the number of the row it fixes the noise.
    """

    gradient: Gradient = CORRECTED_GRADIENT
    samples: int = 50
    deviation: float = 0.1
    seed: int = 0

    def __call__(self, explained: Explained, one_hot: Tensor, first_row: int) -> Attribution:
        """Attributions of some sequences."""
        weights, outputs = explained.fixed_weights(one_hot)
        drawn = noise(one_hot, self.samples, seed=self.seed, first_row=first_row) * self.deviation
        total = torch.zeros_like(one_hot)
        for sample in drawn.unbind(1):
            total += explained.gradients(one_hot + sample, weights)[1]
        return self.gradient.finished(one_hot, total / self.samples, outputs)
