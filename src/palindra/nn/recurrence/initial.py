"""How recurrent layers begin: short steps, and memories of different lengths."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def initial_steps(count: int, low: float = 1e-3, high: float = 1e-1, floor: float = 1e-4) -> Tensor:
    """Numbers whose softplus is log-uniform on [low, high], and at least ``floor``."""
    steps = torch.exp(torch.empty(count).uniform_(math.log(low), math.log(high))).clamp_min(floor)
    return steps + (-torch.expm1(-steps)).log()  # the inverse of softplus


def initial_log_rates(count: int, low: float, high: float) -> Tensor:
    """Logarithms of numbers uniform on (low, high)."""
    return torch.empty(count).uniform_(low, high).clamp_min(torch.finfo(torch.float32).tiny).log()
