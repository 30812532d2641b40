"""Attention inside one strand, read from its 5' end: for mixers that run on each strand by itself."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from palindra.nn.attention.full import full_attention
from palindra.nn.attention.local import local_attention
from palindra.nn.attention.positions import centred_positions, rotary


class StrandAttention(nn.Module):
    """Rotary softmax attention ``(batch, length, width)`` to the same, of one strand in its own 5' to 3' direction.

    On its own it is not equivariant: a direction is what it has. A model becomes so by running it with the same
    weights on both strands, as :class:`palindra.nn.BothStrands` does. Normalisation stays outside.

    Args:
        width: channels, a multiple of ``2 heads``.
        heads: number of heads.
        window: positions seen to one side, the own one included; all by default.
        causal: see nothing that comes later.
        rotary_base: of the wavelengths.

    Raises:
        ValueError: if the width has no whole number of planes for each head, or the window is below 1.

    Examples:
        >>> import torch
        >>> layer = StrandAttention(16, 4, window=5)
        >>> layer(torch.randn(2, 30, 16)).shape, sum(p.numel() for p in layer.parameters())
        (torch.Size([2, 30, 16]), 1024)
    """

    def __init__(
        self, width: int, heads: int, *, window: int | None = None, causal: bool = True, rotary_base: float = 1e4
    ) -> None:
        super().__init__()
        if heads < 1 or width < 1 or width % (2 * heads):
            raise ValueError(
                f"{width} channels cannot be shared out as planes of two among {heads} heads: give a width that is a "
                f"multiple of {max(2, 2 * heads)}."
            )
        require_window(window)
        self.heads, self.window, self.causal, self.rotary_base = heads, window, causal, rotary_base
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self, x: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, "batch length width"]:
        together = self.query_key_value(x).unflatten(-1, (3, self.heads, -1))  # (batch, length, 3, heads, size)
        q, k, v = together.permute(2, 0, 3, 1, 4).unbind(0)
        positions = centred_positions(x.shape[1], x.device)
        q, k = rotary(q, positions, self.rotary_base), rotary(k, positions, self.rotary_base)
        if self.window is None:
            y = full_attention(q, k, v, causal=self.causal, mask=mask)
        else:
            y = local_attention(q, k, v, window=self.window, causal=self.causal, mask=mask)
        return self.out(y.transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        return f"heads={self.heads}, window={self.window}, causal={self.causal}"


def require_window(window: int | None) -> None:
    """Refuse a window in which nothing is seen."""
    if window is not None and window < 1:
        raise ValueError(f"a window of {window} sees no position: give 1 (the own position) or more, or None for all.")
