"""The Comba mixer: short convolutions, a corrected delta rule, a gate."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn.recurrence.chunks import compute_dtype
from palindra.nn.recurrence.delta import delta_rule
from palindra.nn.recurrence.initial import initial_log_rates, initial_steps
from palindra.nn.recurrence.kernels import Backend
from palindra.nn.recurrence.layer import RecurrentLayer, State, kept, normalised
from palindra.nn.recurrence.short_conv import causal_conv


def _unit(x: Tensor) -> Tensor:
    """Of length 1 over the last axis, in float32 at least; zeros stay zeros."""
    wide = x.to(compute_dtype(x))
    return (wide * (wide.square().sum(-1, keepdim=True) + 1e-6).rsqrt()).to(x.dtype)


class Comba(RecurrentLayer):
    """Causal mixer of positions with a memory that forgets and corrects itself, ``(batch, length, width)`` to the same.

    Queries, keys and values are linear maps of the input, short causal convolutions and SiLU. A head reads its memory
    with ``p = sigmoid(decay) k`` before it writes, and with ``q - D p`` after; q, k and p are normalised, so the decay
    acts through q alone. :func:`palindra.nn.recurrence.delta_rule` does the rest; each head is divided by its root mean
    square and gated by the input.

    Args:
        width: of inputs and outputs.
        heads: memories.
        key_size: rows of each memory.
        expand: columns of each memory, in units of ``key_size``.
        conv_width: positions that the short convolutions see, the present one included.
        correction: initial D (0.02 in CrossDNA; 1 in the first description of the layer).
        backend: of the delta rule.

    With K = heads * key_size and V = expand * K it has ``width * (2 K + 3 V + 2 heads) + conv_width * (2 K + V) +
    4 heads + V / heads`` parameters. ``A_log``, ``dt_bias`` and ``D`` are flagged to be spared from weight decay.

    Examples:
        >>> layer = Comba(128)
        >>> sum(p.numel() for p in layer.parameters())
        335968
        >>> x = torch.randn(1, 100, 128)
        >>> first, state = layer.run(x[:, :37])
        >>> rest, state = layer.run(x[:, 37:], state)
        >>> torch.allclose(torch.cat([first, rest], dim=1), layer(x), atol=1e-6)
        True

    Source: Hu et al., 2025 (https://arxiv.org/abs/2506.02475).
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int = 8,
        key_size: int = 64,
        expand: float = 1.0,
        conv_width: int = 4,
        correction: float = 0.02,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        value_size = round(expand * key_size)
        if min(width, heads, key_size, value_size, conv_width) < 1 or value_size != expand * key_size:
            raise ValueError(
                f"width, heads, key_size, conv_width and expand * key_size must be positive whole numbers, got "
                f"{width}, {heads}, {key_size}, {conv_width} and {expand * key_size:g}."
            )
        self.width, self.heads, self.backend = width, heads, backend
        self.sizes = [heads * key_size, heads * key_size, heads * value_size]
        self.qkv = nn.Linear(width, sum(self.sizes), bias=False)
        self.conv = nn.Conv1d(sum(self.sizes), sum(self.sizes), conv_width, groups=sum(self.sizes), bias=False)
        self.forget = nn.Linear(width, heads, bias=False)
        self.write = nn.Linear(width, heads, bias=False)
        self.gate = nn.Linear(width, heads * value_size, bias=False)
        self.norm = nn.RMSNorm(value_size, eps=1e-5)
        self.out = nn.Linear(heads * value_size, width, bias=False)
        self.decay = nn.Parameter(torch.ones(heads))
        self.D = nn.Parameter(torch.full((heads,), float(correction)))
        self.A_log = nn.Parameter(initial_log_rates(heads, 0.0, 16.0))
        self.dt_bias = nn.Parameter(initial_steps(heads))
        self._spare_from_decay()

    def run(
        self,
        x: Float[Tensor, "batch length width"],
        state: State | None = None,
        *,
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> tuple[Float[Tensor, "batch length width"], State]:
        self._check(x, mask)
        mixed, tail = causal_conv(kept(self.qkv(x), mask), self.conv, None if state is None else state.tail)
        q, k, v = (self._by_head(t) for t in torch.split(functional.silu(mixed), self.sizes, dim=-1))
        per_head = (self.heads, 1, 1)
        p = self.decay.sigmoid().view(per_head).to(k.dtype) * k
        q = q - self.D.view(per_head).to(k.dtype) * p
        log_decay, beta = self._gates(x, mask)
        out, memory = delta_rule(
            _unit(q), _unit(k), v, _unit(p), log_decay, beta,
            state=None if state is None else state.memory, backend=self.backend,
        )  # fmt: skip
        gate = self.gate(x).sigmoid()
        gated = normalised(out, self.norm).transpose(1, 2).flatten(2) * gate
        return kept(self.out(gated.to(gate.dtype)), mask), State(memory, tail)

    def _by_head(self, x: Tensor) -> Tensor:
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(1, 2)

    def _gates(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """How much is kept (its logarithm) and how much is written, ``(batch, heads, length)``, in float32 at least."""
        dtype = compute_dtype(x)
        steps = functional.softplus(self.forget(x).to(dtype) + self.dt_bias)
        log_decay, beta = -self.A_log.to(dtype).exp() * steps, self.write(x).to(dtype).sigmoid()
        return kept(log_decay, mask).mT, kept(beta, mask).mT
