"""The Mamba-2 block, with the parameter names of its first publication so that weights load."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn.recurrence.chunks import compute_dtype
from palindra.nn.recurrence.initial import initial_log_rates, initial_steps
from palindra.nn.recurrence.layer import RecurrentLayer, State, kept, normalised
from palindra.nn.recurrence.per_head import selective_scan
from palindra.nn.recurrence.short_conv import causal_conv


class Mamba2(RecurrentLayer):
    """Selective state space whose heads each forget at one rate, ``(batch, length, width)`` to the same.

    Args:
        width: of inputs and outputs.
        state_size: rows of each state.
        head_size: columns of each state; there are ``expand * width / head_size`` heads.
        expand: inner channels, in units of ``width``.
        conv_width: positions that the short convolution sees, the present one included.
        groups: of heads that share how they write and read, and are normalised together.
        bias: of the first and the last linear map.

    Parameters are called ``in_proj``, ``conv1d``, ``dt_bias``, ``A_log``, ``D``, ``norm.weight`` and ``out_proj``, so
    ``load_state_dict`` takes published weights as they are. ``A_log``, ``dt_bias`` and ``D`` are flagged to be spared
    from weight decay.

    Examples:
        >>> layer = Mamba2(32, head_size=16)
        >>> y, state = layer.run(torch.randn(2, 50, 32))
        >>> y.shape, state.memory.shape
        (torch.Size([2, 50, 32]), torch.Size([2, 4, 64, 16]))

    Source: Dao & Gu, 2024 (https://arxiv.org/abs/2405.21060).
    """

    def __init__(
        self,
        width: int,
        *,
        state_size: int = 64,
        head_size: int = 64,
        expand: int = 2,
        conv_width: int = 4,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if min(width, state_size, head_size, expand, conv_width, groups) < 1:
            raise ValueError(
                f"width, state_size, head_size, expand, conv_width and groups must be positive, got {width}, "
                f"{state_size}, {head_size}, {expand}, {conv_width} and {groups}."
            )
        inner = expand * width
        heads, rest = divmod(inner, head_size)
        if rest or heads % groups:
            raise ValueError(
                f"{inner} inner channels (expand * width) must fall into heads of {head_size}, and heads into {groups} "
                f"groups of equal size: choose head_size and groups that divide them."
            )
        self.width, self.heads, self.groups, shared = width, heads, groups, groups * state_size
        self.sizes = [inner, shared, shared]
        self.in_proj = nn.Linear(width, inner + sum(self.sizes) + heads, bias=bias)
        mixed = sum(self.sizes)
        self.conv1d = nn.Conv1d(mixed, mixed, conv_width, groups=mixed, padding=conv_width - 1)
        self.dt_bias = nn.Parameter(initial_steps(heads))
        self.A_log = nn.Parameter(initial_log_rates(heads, 1.0, 16.0))
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = nn.RMSNorm(inner, eps=1e-5)
        self.out_proj = nn.Linear(inner, width, bias=bias)
        self._spare_from_decay()

    def run(
        self,
        x: Float[Tensor, "batch length width"],
        state: State | None = None,
        *,
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> tuple[Float[Tensor, "batch length width"], State]:
        self._check(x, mask)
        gate, inputs, steps = torch.split(self.in_proj(x), [self.sizes[0], sum(self.sizes), self.heads], dim=-1)
        mixed, tail = causal_conv(kept(inputs, mask), self.conv1d, None if state is None else state.tail)
        inner, b, c = torch.split(functional.silu(mixed), self.sizes, dim=-1)
        dtype = compute_dtype(x)
        steps = kept(functional.softplus(steps.to(dtype) + self.dt_bias), mask)
        y, memory = selective_scan(
            _parts(inner, self.heads), steps.mT, -self.A_log.to(dtype).exp(),
            _parts(b, self.groups), _parts(c, self.groups),
            skip=self.D, state=None if state is None else state.memory,
        )  # fmt: skip
        gated = normalised(y.transpose(1, 2).flatten(2) * functional.silu(gate.to(dtype)), self.norm, self.groups)
        return kept(self.out_proj(gated.to(gate.dtype)), mask), State(memory, tail)


def _parts(x: Tensor, count: int) -> Tensor:
    """``(batch, length, count * size)`` to ``(batch, count, length, size)``."""
    return torch.unflatten(x, -1, (count, -1)).transpose(1, 2)
