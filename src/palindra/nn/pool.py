"""Pooling: windows that fit, maxima only where no channel changes sign."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn.conv import Conv1d
from palindra.nn.fit import require_fit
from palindra.symmetry import Position, Rep

_SLOPE = 8  # of pooling by magnitude between two entries of opposite sign that are nearly as large


def _max_pool(x: Tensor, size: int, stride: int, padding: int) -> Tensor:
    # Through two dimensions: max_pool1d makes torch.export fix the length, and ONNX export do so without a word.
    return functional.max_pool2d(x.unsqueeze(-2), (1, size), (1, stride), (0, padding)).squeeze(-2)


class _Pool1d(nn.Module):
    """What the windowed poolings share: sizes, the type, and the check that windows fit."""

    def __init__(
        self,
        rep: Rep,
        size: int,
        *,
        stride: int | None = None,
        padding: int = 0,
        position: Position = Position.REVERSE,
    ) -> None:
        super().__init__()
        self.in_rep = self.out_rep = rep
        self.size, self.stride, self.padding, self.position = size, stride or size, padding, position

    def _require_fit(self, x: Tensor, what: str) -> None:
        require_fit(
            what,
            x.shape[-1],
            extent=self.size,
            stride=self.stride,
            padding=self.padding,
            position=self.position,
        )

    def extra_repr(self) -> str:
        return f"{self.size}, stride={self.stride}" + (f", padding={self.padding}" if self.padding else "")


class AvgPool1d(_Pool1d):
    """Means of windows of ``size`` positions every ``stride`` ones (``size`` by default); any type."""

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch channels windows"]:
        self._require_fit(x, "average pooling")
        return functional.avg_pool1d(x, self.size, self.stride, self.padding)


class MaxPool1d(_Pool1d):
    """Maxima of windows of ``size`` positions every ``stride`` ones; regular and even channels only.

    Raises:
        ValueError: for odd channels, because ``max(-x)`` is not ``-max(x)``, and for lengths that windows do not fit.
    """

    def __init__(
        self,
        rep: Rep,
        size: int,
        *,
        stride: int | None = None,
        padding: int = 0,
        position: Position = Position.REVERSE,
    ) -> None:
        super().__init__(rep, size, stride=stride, padding=padding, position=position)
        if rep.odd:
            raise ValueError(
                f"max pooling does not commute with the change of sign of the {rep.odd} odd channels of ({rep}). Use "
                "AvgPool1d, or MagnitudePool1d, which keeps the entry of largest magnitude with its sign."
            )

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch channels windows"]:
        self._require_fit(x, "max pooling")
        return _max_pool(x, self.size, self.stride, self.padding)


class MagnitudePool1d(_Pool1d):
    """The entry of largest magnitude of each window, with its sign; any type.

    Where the largest and the smallest entry are within an eighth of each other in magnitude, the value goes over from
    one to the other in a straight line, and +a with -a give zero. Without that a window that reads the same on both
    strands, whose odd entries are +a and -a up to rounding, would be given one of the two signs by chance.
    """

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch channels windows"]:
        self._require_fit(x, "magnitude pooling")
        if self.padding:
            x = functional.pad(x, (self.padding, self.padding))
        high, low = _max_pool(x, self.size, self.stride, 0), _max_pool(-x, self.size, self.stride, 0)
        between = _SLOPE * (high - low)
        return torch.where(between > high, high, torch.where(-between > low, -low, between))


class AttentionPool1d(nn.Module):
    """Weighted means of windows, with weights from a softmax over each window's own features (Avsec et al., 2021).

    Every channel has its own weights. The scores are a linear map to a pair for a pair and to an even channel for any
    other, so that the weights of an odd channel do not change sign.

    Args:
        rep: type of the channels, unchanged.
        size: positions per window, which must divide the length; None pools the whole sequence to one vector
            ``(batch, channels)``.
        temperature: initial scale of the scores: 0 starts as a mean, large values as a maximum of scores.
        position: the action on positions.
    """

    def __init__(
        self, rep: Rep, size: int | None = None, *, temperature: float = 1.0, position: Position = Position.REVERSE
    ) -> None:
        super().__init__()
        self.in_rep = self.out_rep = rep
        self.size, self.position = size, position
        self.out_position = position if size else Position.IDENTITY
        self.scores = Conv1d(rep, Rep(rep.regular, rep.even + rep.odd), 1, bias=False, position=position)
        with torch.no_grad():
            for parameter in self.scores.parameters():
                parameter.mul_(temperature)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch channels *windows"]:
        scores = self.scores(x)
        if self.size is None:
            return (x * scores.softmax(-1)).sum(-1)
        require_fit(
            "attention pooling", x.shape[-1], extent=self.size, stride=self.size, padding=0, position=self.position
        )
        windows = (*x.shape[:2], -1, self.size)
        return (x.reshape(windows) * scores.reshape(windows).softmax(-1)).sum(-1)


class GlobalAvgPool(nn.Module):
    """Mean over all positions, ``(batch, channels, *positions)`` to ``(batch, channels)``; any type.

    A mask ``(batch, 1, *positions)`` of ones and zeros leaves padded positions out.
    """

    out_position = Position.IDENTITY

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.in_rep = self.out_rep = rep

    def forward(
        self, x: Float[Tensor, "batch channels *positions"], mask: Tensor | None = None
    ) -> Float[Tensor, "batch channels"]:
        flat = x.flatten(2)
        if mask is None:
            return flat.mean(-1)
        weights = mask.flatten(2).to(x.dtype)
        return (flat * weights).sum(-1) / weights.sum(-1).clamp(min=1)


class GlobalMaxPool(nn.Module):
    """Maximum over all positions, ``(batch, channels, *positions)`` to ``(batch, channels)``; no odd channels.

    A mask ``(batch, 1, *positions)`` of ones and zeros leaves padded positions out.
    """

    out_position = Position.IDENTITY

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        if rep.odd:
            raise ValueError(
                f"a maximum does not commute with the change of sign of the {rep.odd} odd channels of ({rep}). Use "
                "GlobalAvgPool or AttentionPool1d."
            )
        self.in_rep = self.out_rep = rep

    def forward(
        self, x: Float[Tensor, "batch channels *positions"], mask: Tensor | None = None
    ) -> Float[Tensor, "batch channels"]:
        if mask is not None:
            x = x.masked_fill(mask == 0, float("-inf"))
        return x.flatten(2).amax(-1)
