"""Windows that step along a sequence must end where it ends, or the two strands lose different bases."""

from __future__ import annotations

import torch

from palindra.symmetry import Position


def require_fit(what: str, length: int, *, extent: int, stride: int, padding: int, position: Position) -> None:
    """Raise unless windows cover a padded sequence exactly: ``(length + 2 padding - extent) % stride == 0``.

    Args:
        what: the operation, for the message.
        length: of the input.
        extent: of one window, ``dilation * (size - 1) + 1``.
        stride: between windows.
        padding: at each end.
        position: the action on positions; only reversal asks for the fit.

    Raises:
        ValueError: naming the nearest lengths that fit.
    """
    if position is not Position.REVERSE or stride == 1 or torch.compiler.is_exporting():
        return
    room = length + 2 * padding - extent
    if room % stride:
        shorter, smallest = length - room % stride, extent - 2 * padding
        fits = sorted({str(n) for n in (shorter, max(shorter + stride, smallest)) if n >= max(smallest, 1)}, key=int)
        raise ValueError(
            f"{what} with windows of {extent} every {stride} positions does not fit length {length}: the last window "
            f"would be cut on one strand only. Crop or pad to length {' or '.join(fits)}."
        )
