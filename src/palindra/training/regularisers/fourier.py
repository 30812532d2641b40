"""Fourier attribution prior: attributions in stretches as wide as motifs, not in single letters scattered about."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from palindra.training.regularisers.problem import Problem, attributions

SIGMA = 3.0  # of the smoothing, positions
SOFTNESS = 0.2  # how slowly weights fall beyond the limit
SHORTEST_PERIOD = 20 / 3  # letters; the published limits are 150 of 1,000 bp and 200 of 1,346 bp


def fourier_prior(problem: Problem, x: Tensor, targets: Tensor, *, limit: int = 0) -> Float[Tensor, " rows"]:
    """The loss of the prior, one number per row, whose mean is that over the positive rows of the batch.

    Args:
        problem: whose network is explained.
        x: inputs.
        targets: say which rows are positive; the others count nothing.
        limit: number of frequencies with full weight; 0 for one per 20/3 letters.

    Source: Tseng, Shrikumar & Kundaje (2020).
    """
    positive = problem.positive(targets).float()
    share = positive.mean()
    profile = attributions(problem, x).abs().sum(1)
    return high_frequencies(profile, limit) * positive / torch.where(share > 0, share, torch.ones_like(share))


def high_frequencies(profile: Float[Tensor, "rows length"], limit: int = 0) -> Float[Tensor, " rows"]:
    """How much of the spectrum of a profile lies in high frequencies: 0 for none, 1 for all with weight 0.

    The profile is smoothed (normal, sigma 3, cut off at one sigma); magnitudes of its Fourier transform, without
    frequency 0, are divided by their sum; the first ``limit`` have weight 1, those beyond it 1 / (1 + j^0.2) with
    j = 1, 2, ...; the value is 1 minus their weighted sum. Frequency 0, the mean, is left out before dividing, so that
    the number does not depend on it (the published code divides first). A profile of zeros counts 0.

    Args:
        profile: attributions without sign.
        limit: see :func:`fourier_prior`.

    Examples:
        >>> letter, motif = torch.zeros(2, 1, 100)
        >>> letter[0, 50] = motif[0, 44:56] = 1.0
        >>> [round(float(high_frequencies(profile)), 2) for profile in (letter, motif)]
        [0.13, 0.02]
    """
    smooth = functional.conv1d(profile[:, None], _normal(profile)[None, None], padding="same")[:, 0]
    magnitude = _magnitude(torch.fft.rfft(smooth, dim=1))[:, 1:]
    total = magnitude.sum(1, keepdim=True)
    shares = magnitude / torch.where(total > 0, total, torch.ones_like(total))
    number = torch.arange(1, magnitude.shape[1] + 1, device=profile.device)
    beyond = (number - (limit or round(profile.shape[1] / SHORTEST_PERIOD))).clamp(min=0)
    weight = torch.where(beyond > 0, 1 / (1 + beyond.to(profile.dtype) ** SOFTNESS), 1.0)
    return (shares * (1 - weight)).sum(1)


def _normal(like: Tensor) -> Tensor:
    """Weights of the smoothing, which add up to 1."""
    reach = int(SIGMA)
    places = torch.arange(-reach, reach + 1, device=like.device, dtype=like.dtype)
    weights = torch.exp(-0.5 * (places / SIGMA) ** 2)
    return weights / weights.sum()


def _magnitude(z: Tensor) -> Tensor:
    """Absolute value, with the gradient 0 at 0."""
    squared = z.real.square() + z.imag.square()
    here = squared > 0
    return torch.where(here, torch.where(here, squared, torch.ones_like(squared)).sqrt(), torch.zeros_like(squared))
