"""Short causal convolutions that continue where an earlier part of the sequence ended."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.nn.recurrence.chunks import compute_dtype


def causal_conv(
    x: Float[Tensor, "batch length channels"], conv: nn.Conv1d, tail: Float[Tensor, "batch tail channels"] | None = None
) -> tuple[Float[Tensor, "batch length channels"], Float[Tensor, "batch tail channels"]]:
    """Each channel convolved with its own kernel over the present and earlier positions, zeros before the first.

    Args:
        x: inputs.
        conv: holds the weights ``(channels, 1, width)`` and perhaps a bias; its padding is not used.
        tail: the ``width - 1`` inputs before ``x``.

    Returns:
        Outputs, and the tail for what follows ``x``.

    Examples:
        >>> conv = nn.Conv1d(3, 3, 4, groups=3)
        >>> y, tail = causal_conv(torch.randn(2, 10, 3), conv)
        >>> y.shape, tail.shape
        (torch.Size([2, 10, 3]), torch.Size([2, 3, 3]))
    """
    width, length = conv.weight.shape[-1], x.shape[1]
    if tail is None:
        tail = x.new_zeros(len(x), width - 1, x.shape[2])
    elif tail.shape != (len(x), width - 1, x.shape[2]):
        needed = (len(x), width - 1, x.shape[2])
        raise ValueError(f"the tail of the convolution must have shape {needed}, got {tuple(tail.shape)}.")
    known, dtype = torch.cat([tail.to(x.dtype), x], dim=1), compute_dtype(x)
    wide, taps = known.to(dtype), conv.weight[:, 0].to(dtype).unbind(-1)
    # Sums of shifted inputs: forward and backward together take less time than the depth-wise kernels on CPUs.
    y = wide[:, :length] * taps[0]
    for offset, tap in enumerate(taps[1:], start=1):
        y = torch.addcmul(y, wide[:, offset : offset + length], tap)
    return (y if conv.bias is None else y + conv.bias).to(x.dtype), known[:, length:].clone()
