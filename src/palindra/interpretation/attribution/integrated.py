"""Integrated gradients: derivatives along a path from a baseline, multiplied by the steps of the path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palindra.errors import InputError
from palindra.interpretation.attribution.explained import Explained
from palindra.interpretation.attribution.references import as_references, uniform
from palindra.interpretation.attribution.result import Attribution, contributions

Path = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]
"""From baseline, sequence and a time from 0 to 1 to the point ``(rows, letters, length)`` and the direction there."""


def straight(baseline: Tensor, one_hot: Tensor, time: float) -> tuple[Tensor, Tensor]:
    """The line, whose direction is the difference.

    Examples:
        >>> straight(torch.zeros(1), torch.ones(1), 0.25)
        (tensor([0.2500]), tensor([1.]))
    """
    return torch.lerp(baseline, one_hot, time), one_hot - baseline


def on_simplex(baseline: Tensor, one_hot: Tensor, time: float) -> tuple[Tensor, Tensor]:
    """The shortest path of probabilities of letters in the metric of Fisher: square roots move on a great circle.

    Every point of it is a distribution over letters. Where one of the two ends is none (N as zeros), and where they are
    the same, the path is the line.

    Source: Bhattacharyya (1946); Amari (1985).
    """
    first, last = baseline.clamp(min=0).sqrt(), one_hot.clamp(min=0).sqrt()
    cosine = (first * last).sum(-2, keepdim=True).clamp(-1, 1)
    angle = cosine.arccos()
    proper = ((baseline.sum(-2) - 1).abs() < 1e-4) & ((one_hot.sum(-2) - 1).abs() < 1e-4)
    curved = proper[..., None, :] & (angle > 1e-3)
    angle = torch.where(curved, angle, 1.0)
    before, after = ((1 - time) * angle).sin() / angle.sin(), (time * angle).sin() / angle.sin()
    slope_before = -angle * ((1 - time) * angle).cos() / angle.sin()
    slope_after = angle * (time * angle).cos() / angle.sin()
    root = before * first + after * last
    direction = 2 * root * (slope_before * first + slope_after * last)
    point, line = straight(baseline, one_hot, time)
    return torch.where(curved, root.square(), point), torch.where(curved, direction, line)


@dataclass(frozen=True)
class IntegratedGradients:
    """Contributions that add up to the change of the output from a baseline (Sundararajan, Taly & Yan, 2017).

    Derivatives are multiplied by the steps of the path and averaged over baselines (expected gradients; Erion et al.,
    2021). ``delta`` says how far the sum is from the change; more steps bring it down.

    Args:
        baselines: from sequences and the number of the first row to ``(rows, baselines, letters, length)``, or that
            tensor; e.g. ``uniform``, ``zeros``, ``DinucleotideShuffles(10)``.
        steps: points of Gauss-Legendre integration along each path.
        path: ``straight``, or ``on_simplex``.
    """

    baselines: Any = uniform
    steps: int = 50
    path: Path = straight

    def __call__(self, explained: Explained, one_hot: Tensor, first_row: int) -> Attribution:
        """Attributions of some sequences."""
        if self.steps < 1:
            raise InputError(f"integrated gradients need at least one step, not {self.steps}.")
        weights, outputs = explained.fixed_weights(one_hot)
        baselines = as_references(self.baselines)(one_hot, first_row).to(one_hot)
        nodes, parts = np.polynomial.legendre.leggauss(self.steps)
        sums = [torch.zeros_like(one_hot) for _ in range(2)]
        delta, before = torch.zeros_like(outputs), torch.zeros_like(outputs)
        for baseline in baselines.unbind(1):
            from_baseline = explained.gradients(baseline, weights)[0]
            values, hypothetical = self._along(explained, one_hot, baseline, weights, (nodes + 1) / 2, parts / 2)
            delta = torch.maximum(delta, (values.sum((1, 2)) - (outputs - from_baseline)).abs())
            before += from_baseline / baselines.shape[1]
            sums[0] += values / baselines.shape[1]
            sums[1] += hypothetical / baselines.shape[1]
        return Attribution(one_hot, sums[0], sums[1], sums[0].sum(1), outputs, before, delta)

    def _along(
        self, explained: Explained, one_hot: Tensor, baseline: Tensor, weights: Tensor, times: Any, parts: Any
    ) -> tuple[Tensor, Tensor]:
        gradient, walked = torch.zeros_like(one_hot), torch.zeros_like(one_hot)
        for time, part in zip(times, parts, strict=True):
            point, direction = self.path(baseline, one_hot, float(time))
            slope = explained.gradients(point, weights)[1] * float(part)
            gradient += slope
            walked += slope * direction
        values, hypothetical = contributions(one_hot, gradient, baseline)
        if self.path is not straight:  # each position's own sum, at the letter that is there
            known = one_hot.sum(1, keepdim=True)
            share = one_hot + (1 - known) / one_hot.shape[1]
            values = share * walked.sum(1, keepdim=True)
        return values, hypothetical
