"""The Mamba block, with the parameter names of its first publication so that weights load."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn.recurrence.chunks import compute_dtype
from palindra.nn.recurrence.initial import initial_steps
from palindra.nn.recurrence.layer import RecurrentLayer, State, kept
from palindra.nn.recurrence.per_channel import channel_scan
from palindra.nn.recurrence.short_conv import causal_conv


class Mamba(RecurrentLayer):
    """Selective state space that keeps ``state_size`` numbers per channel, ``(batch, length, width)`` to the same.

    Args:
        width: of inputs and outputs.
        state_size: numbers kept for every inner channel.
        expand: inner channels, in units of ``width``.
        conv_width: positions that the short convolution sees, the present one included.
        step_rank: rank of the map that gives step sizes; a sixteenth of ``width`` by default.
        bias: of the first and the last linear map.

    Parameters are called ``in_proj``, ``conv1d``, ``x_proj``, ``dt_proj``, ``A_log``, ``D`` and ``out_proj``, so
    ``load_state_dict`` takes published weights as they are. ``A_log`` and ``D`` are flagged to be spared from weight
    decay.

    Examples:
        >>> layer = Mamba(32)
        >>> y, state = layer.run(torch.randn(2, 50, 32))
        >>> y.shape, state.memory.shape
        (torch.Size([2, 50, 32]), torch.Size([2, 64, 16]))

    Source: Gu & Dao, 2023 (https://arxiv.org/abs/2312.00752).
    """

    def __init__(
        self,
        width: int,
        *,
        state_size: int = 16,
        expand: int = 2,
        conv_width: int = 4,
        step_rank: int | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        rank = math.ceil(width / 16) if step_rank is None else step_rank
        if min(width, state_size, expand, conv_width, rank) < 1:
            raise ValueError(
                f"width, state_size, expand, conv_width and step_rank must be positive, got {width}, {state_size}, "
                f"{expand}, {conv_width} and {rank}."
            )
        inner = expand * width
        self.width, self.sizes = width, [rank, state_size, state_size]
        self.in_proj = nn.Linear(width, 2 * inner, bias=bias)
        self.conv1d = nn.Conv1d(inner, inner, conv_width, groups=inner, padding=conv_width - 1)
        self.x_proj = nn.Linear(inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1, state_size + 1).float().log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=bias)
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        with torch.no_grad():
            self.dt_proj.bias.copy_(initial_steps(inner))
        self._spare_from_decay()

    def run(
        self,
        x: Float[Tensor, "batch length width"],
        state: State | None = None,
        *,
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> tuple[Float[Tensor, "batch length width"], State]:
        self._check(x, mask)
        inner, gate = self.in_proj(x).chunk(2, dim=-1)
        mixed, tail = causal_conv(kept(inner, mask), self.conv1d, None if state is None else state.tail)
        mixed = functional.silu(mixed)
        low, b, c = torch.split(self.x_proj(mixed), self.sizes, dim=-1)
        dtype = compute_dtype(x)
        steps = kept(functional.softplus(self.dt_proj(low).to(dtype)), mask)
        y, memory = channel_scan(
            mixed.mT, steps.mT, -self.A_log.to(dtype).exp(), b.mT, c.mT,
            skip=self.D, state=None if state is None else state.memory,
        )  # fmt: skip
        return kept(self.out_proj(y.mT * functional.silu(gate)), mask), State(memory, tail)
