"""Where a position enters attention: rotations of planes of queries and keys, or a penalty that grows with distance."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor


def rotary(
    x: Float[Tensor, "*batch length size"], positions: Num[Tensor, "*heads length"], base: float = 1e4
) -> Float[Tensor, "*batch length size"]:
    """Queries or keys with each plane of two channels turned by an angle that grows with the position.

    The planes are the channels ``(i, i + size / 2)`` and plane i turns by ``base ** (-2 i / size)`` radians a position,
    so that products of queries and keys depend on positions by their differences only.

    Args:
        x: queries or keys.
        positions: of the rows of ``x``; with leading axes where heads have positions of their own. Angles are computed
            in their precision: float32 is off by a hundredth of a turn at a million, so give float64 for long inputs.
        base: of the wavelengths, which grow from 2 pi to 2 pi ``base`` positions.

    Raises:
        ValueError: for an odd number of channels, which has no planes.

    Examples:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> rotary(x, torch.tensor([0, 1]))
        tensor([[1.0000, 0.0000],
                [0.5403, 0.8415]])

    Source: Su et al. (2021), RoFormer.
    """
    size = x.shape[-1]
    if size % 2:
        raise ValueError(f"rotary positions turn planes of two channels, but heads have {size} channels: give 2 n.")
    if not positions.is_floating_point():
        positions = positions.double()
    speed = base ** -(torch.arange(0, size, 2, device=x.device, dtype=positions.dtype) / size)
    angle = positions[..., None] * speed  # (*heads, length, size / 2)
    exact = torch.promote_types(x.dtype, torch.float32)  # bfloat16 has no room for both a feature and an angle
    cosine, sine = angle.cos().to(exact), angle.sin().to(exact)
    first, second = x.to(exact).chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1).to(x.dtype)


def centred_positions(length: int, device: torch.device) -> Float[Tensor, " length"]:
    """Positions counted from the middle, so that those of the other strand are the same numbers with the other sign."""
    exact = torch.float32 if device.type == "mps" else torch.float64  # that device has no float64
    return torch.arange(length, device=device, dtype=exact) - (length - 1) / 2


def alibi_slopes(heads: int) -> Float[Tensor, " heads"]:
    """How much each head's scores fall with every position of distance: ``2 ** (-8 h / heads)`` for head h = 1, 2, ...

    Examples:
        >>> alibi_slopes(4).tolist()
        [0.25, 0.0625, 0.015625, 0.00390625]

    Source: Press, Smith & Lewis (2022), whose numbers for other than powers of two are a mixture of two such series.
    """
    if heads < 1:
        raise ValueError(f"slopes are for at least one head, not {heads}.")
    return 2.0 ** (-8.0 / heads * torch.arange(1, heads + 1))


def alibi_bias(slopes: Float[Tensor, " heads"], reach: int) -> Float[Tensor, "heads offsets"]:
    """``-slope |j - i|`` for the offsets ``j - i = 1 - reach, ..., reach - 1``: even in them, so the strands agree."""
    exact = torch.promote_types(slopes.dtype, torch.float32)  # bfloat16 counts to 256
    distance = torch.arange(1 - reach, reach, device=slopes.device).abs()
    return -slopes.to(exact)[:, None] * distance.to(exact)
