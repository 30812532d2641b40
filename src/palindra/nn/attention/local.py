"""Softmax attention within a window, block by block: exact, in memory and time that grow with length times window."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from palindra.nn.attention.full import Heads, by_offset, hidden_score

SMALLEST_BLOCK = 16
PARTS = 2  # blocks in a window: more compute fewer scores outside it, and copy keys more often
AT_ONCE = 16_384  # positions whose copies exist together when nothing is kept for a backward pass
ALIGNED = 8  # sizes of heads that fused kernels of GPUs want


def local_attention(
    q: Heads,
    k: Heads,
    v: Heads,
    *,
    window: int,
    causal: bool = False,
    mask: Bool[Tensor, "batch length"] | None = None,
    bias: Float[Tensor, "heads offsets"] | None = None,
) -> Heads:
    """Softmax attention of positions less than ``window`` apart, at any length.

    The same numbers as full attention with a mask of the band ``|i - j| < window`` (``0 <= i - j < window`` when
    causal). Queries are cut into blocks, each of which reads its own and the neighbouring blocks of keys in one call of
    ``torch.nn.functional.scaled_dot_product_attention``; no matrix of length x length exists.

    Args:
        q: queries ``(batch, heads, length, size)``.
        k: keys.
        v: values, of the same size.
        window: positions seen to one side, the own one included; 1 sees the own one only.
        causal: see nothing that comes later.
        mask: True at real positions. Others are seen by none, and get zeros.
        bias: added to scores, by the offset ``j - i`` of key and query from ``1 - window`` to ``window - 1``.

    Raises:
        ValueError: for a window below 1, or a bias of another width than ``2 window - 1``.

    Examples:
        >>> q, k, v = torch.randn(3, 1, 2, 100, 4)
        >>> local_attention(q, k, v, window=8).shape
        torch.Size([1, 2, 100, 4])
        >>> torch.equal(local_attention(q, k, v, window=1), v)
        True
    """
    if window < 1:
        raise ValueError(f"a window of {window} sees no position: give 1 (the own position) or more.")
    if bias is not None and bias.shape[-1] != 2 * window - 1:
        raise ValueError(
            f"a bias for a window of {window} has one number for each of the {2 * window - 1} offsets from "
            f"{1 - window} to {window - 1}, but {bias.shape[-1]} are given."
        )
    length = q.shape[2]
    block = max(SMALLEST_BLOCK, -(-window // PARTS))
    before = -(-(window - 1) // block) * block  # keys to the left of a block that it reads, whole blocks of them
    after = 0 if causal else before
    band = _band(q, window, causal, block, before, after, bias)
    hidden = q.new_zeros(1, length) if mask is None else q.new_zeros(1).masked_fill(~mask, hidden_score(q.dtype))
    starts, at_once = [0], length
    if not (torch.is_grad_enabled() or torch.compiler.is_compiling()):
        # The copies of neighbouring keys then exist a piece at a time. A loop would fix the length of an export, and
        # training keeps them all anyhow.
        at_once = max(1, AT_ONCE // block) * block
        starts = list(range(0, length, at_once))
    pieces = []
    for start in starts:
        own, near = slice(start, start + at_once), slice(max(0, start - before), start + at_once + after)
        missing = max(0, before - start)
        pieces.append(_piece(q[:, :, own], k[:, :, near], v[:, :, near], hidden[:, near], band, before, after, missing))
    y = torch.cat(pieces, dim=2) if len(pieces) > 1 else pieces[0]
    return y if mask is None else y * mask[:, None, :, None]


def _piece(q: Heads, k: Heads, v: Heads, hidden: Tensor, band: Tensor, before: int, after: int, missing: int) -> Heads:
    """A run of queries and the keys around it, of which ``missing`` at its left do not exist."""
    batch, heads, length, size = q.shape
    block = band.shape[-2]
    blocks = -(-length // block)
    right = before - missing + blocks * block + after - k.shape[2]
    # One more channel of the keys, met by a one in the queries, hides what is no position. Thus one band serves every
    # block; a mask of all pairs would be as large as the scores of a head, and be kept for the backward pass.
    free = -(size + 1) % ALIGNED
    q = torch.cat([q * size**-0.5, torch.ones_like(q[..., :1])], dim=-1)
    q = functional.pad(q, (0, free, 0, blocks * block - length))
    k = torch.cat([k, hidden[:, None, :, None].expand(batch, heads, -1, -1)], dim=-1)
    beyond = torch.cat([k.new_zeros(size), k.new_full((1,), hidden_score(k.dtype))])
    k = torch.cat([beyond.expand(batch, heads, missing, -1), k, beyond.expand(batch, heads, right, -1)], dim=2)
    near = (before + after) // block + 1
    y = functional.scaled_dot_product_attention(
        q.reshape(batch, heads, blocks, block, -1).transpose(1, 2).flatten(0, 1),  # (batch x blocks, heads, block, ..)
        _neighbours(functional.pad(k, (0, free)), blocks, near),
        _neighbours(functional.pad(v, (0, 1 + free, missing, right)), blocks, near),
        attn_mask=band,
        scale=1.0,
    )
    return y.view(batch, blocks, heads, block, -1).transpose(1, 2).flatten(2, 3)[:, :, :length, :size]


def _neighbours(x: Tensor, blocks: int, near: int) -> Float[Tensor, "rows heads keys size"]:
    """For every block of queries the ``near`` blocks that it may see, one after the other."""
    batch, heads, _, size = x.shape
    cut = x.reshape(batch, heads, blocks + near - 1, -1, size)
    seen = torch.cat([cut[:, :, first : first + blocks] for first in range(near)], dim=3)
    return seen.transpose(1, 2).flatten(0, 1)


def _band(
    like: Tensor, window: int, causal: bool, block: int, before: int, after: int, bias: Tensor | None
) -> Float[Tensor, "1 heads block keys"]:
    """What is added to the scores of one block: the bias inside the window, minus infinity outside."""
    keys = before + block + after
    offset = torch.arange(keys, device=like.device) - torch.arange(block, device=like.device)[:, None] - before
    outside = (offset.abs() >= window) | (causal & (offset > 0))
    inner = like.new_zeros(1, block, keys)
    if bias is not None:
        wide = functional.pad(bias.to(like.dtype), (keys, keys))  # offsets outside read a number that is overwritten
        inner = by_offset(wide, block, keys, window - 1 - before + keys)
    return inner.masked_fill(outside, float("-inf"))[None]
