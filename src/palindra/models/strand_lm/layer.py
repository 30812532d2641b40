"""One layer and one branch of a model that reads a strand in its own direction: recurrence, attention, feed-forward."""

from __future__ import annotations

from math import sqrt

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from palindra.models.strand_lm.config import StrandLMConfig
from palindra.models.strand_lm.rows import Blocks, packed, unpacked
from palindra.nn.attention import StrandAttention
from palindra.nn.recurrence import Comba, Mamba2

SEGMENT = 8192  # positions that are worked on at once where nothing is differentiated


class SwiGLU(nn.Module):
    """The gated feed-forward ``W3 (silu(W1 x) * W2 x)`` (Shazeer, 2020), without biases."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, 2 * hidden, bias=False)
        self.outer = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
        gate, value = self.inner(x).chunk(2, dim=-1)
        return self.outer(functional.silu(gate) * value)


class Norm(nn.Module):
    """Division by the root mean square, worked out in the type of the weight, also under autocast."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
        return functional.rms_norm(x.to(self.weight.dtype), self.weight.shape, self.weight, eps=1e-5)


class StrandLayer(nn.Module):
    """A recurrence refined by attention in a window and a feed-forward, and a gate between the two (CrossDNA, 2026).

    With ``m = recurrence(x)``, ``h = m + sqrt2 attention(norm(m) / sqrt2)`` and ``t = h + feed_forward(norm(h))`` the
    output is ``LayerNorm(g t + (1 - g) m)``, where ``g = sigmoid(W [m ; t])``. It is causal: a position depends on
    those before it in the direction of reading.
    """

    def __init__(self, config: StrandLMConfig) -> None:
        super().__init__()
        width, hidden = config.width, round(config.feed_forward * config.width)
        self.window = config.window
        self.before = Norm(width) if config.residual else None
        self.recurrence: Comba | Mamba2 = (
            Comba(width, heads=config.heads, key_size=config.key_size)
            if config.recurrence == "comba"
            else Mamba2(width, state_size=config.key_size, head_size=2 * width // config.heads)
        )
        if config.attention:
            self.attention_norm = Norm(width)
            self.attention = StrandAttention(width, config.heads, window=config.window)
        if hidden:
            self.feed_forward_norm = Norm(width)
            self.feed_forward = SwiGLU(width, hidden)
        self.attends, self.feeds = config.attention, hidden > 0
        self.gate = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Float[Tensor, "rows length width"],
        mask: Bool[Tensor, "rows length"] | None = None,
        blocks: Blocks | None = None,
    ) -> Float[Tensor, "rows length width"]:
        """Read packed rows; with ``blocks`` the attention stays inside blocks of the unpacked rows of that mask."""
        segmented = blocks is None and (self.window is not None or not self.attends)
        if torch.is_grad_enabled() or not segmented or x.shape[1] <= SEGMENT:
            m = self.recurrence(x if self.before is None else self.before(x))
            m = m if self.before is None else x + m
            return self._refined(m, m, mask, blocks)
        return self._in_segments(x)

    def _refined(
        self, m: Tensor, seen: Tensor, mask: Tensor | None = None, blocks: Blocks | None = None
    ) -> Float[Tensor, "rows length width"]:
        """What follows the recurrence; ``seen`` is ``m`` with the positions before it that the attention looks at."""
        h = m
        if self.attends:
            seen = self.attention_norm(seen) / sqrt(2)
            attended = self.attention(seen) if blocks is None else self._attended_in_blocks(seen, mask, blocks)
            h = m + sqrt(2) * attended[:, attended.shape[1] - m.shape[1] :]
        t = h + self.feed_forward(self.feed_forward_norm(h)) if self.feeds else h
        g = torch.sigmoid(self.gate(torch.cat([m, t], dim=-1)))
        return self.norm(g * t + (1 - g) * m)

    def _attended_in_blocks(self, x: Tensor, mask: Tensor | None, blocks: Blocks) -> Tensor:
        rows = blocks.split(unpacked(x, mask))
        real = blocks.split_mask(mask, x)
        return packed(blocks.join(unpacked(self.attention(packed(rows, real)), real)), mask)

    def _in_segments(self, x: Tensor) -> Tensor:
        """The same numbers with memory for one segment: the state and the last window are carried on."""
        parts, state, tail = [], None, x[:, :0]
        for start in range(0, x.shape[1], SEGMENT):
            part = x[:, start : start + SEGMENT]
            m, state = self.recurrence.run(part if self.before is None else self.before(part), state)
            m = m if self.before is None else part + m
            seen = torch.cat([tail, m], dim=1)
            parts.append(self._refined(m, seen))
            tail = seen[:, max(seen.shape[1] - (self.window or 1) + 1, 0) :]
        return torch.cat(parts, dim=1)


class Branch(nn.Module):
    """Layers and a closing LayerNorm, on rows in the direction in which their strand is read.

    Args:
        config: sizes.
        depth: number of layers.

    Padding on either side changes nothing at the letters, which are moved to the front of their row first.
    """

    def __init__(self, config: StrandLMConfig, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StrandLayer(config) for _ in range(depth))
        self.norm = nn.LayerNorm(config.width)
        self.checkpointing = False  # keep the inputs of layers alone, and compute the rest again on the way back

    def forward(
        self,
        x: Float[Tensor, "rows length width"],
        mask: Bool[Tensor, "rows length"] | None = None,
        blocks: Blocks | None = None,
    ) -> Float[Tensor, "rows length width"]:
        rows, length = x.shape[:2]
        together = max(1, SEGMENT // length)
        if not torch.is_grad_enabled() and rows > together:  # rows know nothing of each other
            masks = [None] * rows if mask is None else list(torch.split(mask, together))
            parts = zip(torch.split(x, together), masks, strict=False)
            return torch.cat([self._read(part, real, blocks) for part, real in parts])
        return self._read(x, mask, blocks)

    def _read(self, x: Tensor, mask: Tensor | None, blocks: Blocks | None) -> Tensor:
        x = packed(x, mask)
        for layer in self.layers:
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, mask, blocks, use_reentrant=False)
            else:
                x = layer(x, mask, blocks)
        return unpacked(self.norm(x), mask)
