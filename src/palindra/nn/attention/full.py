"""Softmax attention in which every position may see every other."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

Heads = Float[Tensor, "batch heads length size"]


def full_attention(
    q: Heads,
    k: Heads,
    v: Heads,
    *,
    causal: bool = False,
    mask: Bool[Tensor, "batch length"] | None = None,
    bias: Float[Tensor, "heads offsets"] | None = None,
) -> Heads:
    """Softmax attention of all positions, by ``torch.nn.functional.scaled_dot_product_attention``.

    Scores are ``q . k / sqrt(size) + bias``. Without bias the fused kernels need memory in proportion to the length;
    a bias is laid out for every pair of positions.

    Args:
        q: queries.
        k: keys.
        v: values.
        causal: position i sees j <= i only.
        mask: True at real positions. Others are seen by none, and get zeros.
        bias: of the offset ``j - i`` of key and query from ``1 - length`` to ``length - 1``.

    Examples:
        >>> q, k, v = torch.randn(3, 1, 2, 5, 4)
        >>> full_attention(q, k, v, mask=torch.tensor([[True, True, True, False, False]]))[0, 0, 3:].abs().max().item()
        0.0
    """
    length = q.shape[-2]
    if mask is None and bias is None:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    extra = q.new_zeros(1, 1, 1, length)
    if mask is not None:
        extra = extra.masked_fill(~mask[:, None, None], hidden_score(q.dtype))
    if bias is not None:
        extra = extra + by_offset(bias.to(q.dtype), length, length, length - 1)
    if causal:
        seen = torch.ones(length, length, dtype=torch.bool, device=q.device).tril()
        extra = extra.masked_fill(~seen, float("-inf"))
    y = functional.scaled_dot_product_attention(q, k, v, attn_mask=extra.expand(-1, -1, length, -1))
    return y if mask is None else y * mask[:, None, :, None]


def hidden_score(dtype: torch.dtype) -> float:
    """Added to scores of keys that are no real positions: no weight is left, yet a row of nothing else is not NaN."""
    return torch.finfo(dtype).min / 4


def by_offset(
    bias: Float[Tensor, "heads offsets"], queries: int, keys: int, ahead: int
) -> Float[Tensor, "heads queries keys"]:
    """A bias of offsets laid out for pairs: entry ``(i, j)`` reads the offset number ``j - i + ahead``."""
    device = bias.device
    offset = torch.arange(keys, device=device) - torch.arange(queries, device=device)[:, None] + ahead
    return bias[:, offset.flatten()].view(-1, queries, keys)
