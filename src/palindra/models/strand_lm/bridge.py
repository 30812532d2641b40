"""What one strand tells the other: a context of the giving strand, let in by a gate."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from palindra.models.strand_lm.layer import SEGMENT
from palindra.models.strand_lm.rows import in_parts

DILATIONS = (1, 2, 4, 8, 16)
TAPS = 9


class Bridge(nn.Module):
    """The update of one strand from the other (TokenBridge of CrossDNA, 2026): ``LayerNorm(x + gate * message)``.

    The message is ``W1 (other + context) + W2 mean(other)``, where the context is a 1 x 1 mix of depth-wise
    convolutions of nine taps and dilations 1 to 16, and the gate ``sigmoid(W3 [x ; other ; x - other ; x * other])``.

    Args:
        width: channels of both.

    Both inputs lie in the orientation of the receiving strand; of padding nothing is given.

    Examples:
        >>> bridge = Bridge(8)
        >>> bridge(torch.randn(2, 11, 8), torch.randn(2, 11, 8)).shape
        torch.Size([2, 11, 8])
        >>> 2 * sum(p.numel() for p in Bridge(128).parameters())  # both directions
        373504
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.context = nn.ModuleList(
            nn.Conv1d(width, width, TAPS, padding=dilation * (TAPS // 2), dilation=dilation, groups=width, bias=False)
            for dilation in DILATIONS
        )
        self.mix = nn.Conv1d(len(DILATIONS) * width, width, 1)
        self.near = nn.Linear(width, width)
        self.whole = nn.Linear(width, width)
        self.gate = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Float[Tensor, "rows length width"],
        other: Float[Tensor, "rows length width"],
        mask: Bool[Tensor, "rows length"] | None = None,
    ) -> Float[Tensor, "rows length width"]:
        if mask is None:
            mean = other.mean(1, keepdim=True)
        else:
            other = other.where(mask[:, :, None], 0)
            mean = other.sum(1, keepdim=True) / mask.sum(1).clamp(min=1)[:, None, None]
        halo = max(DILATIONS) * (TAPS // 2)
        return in_parts(self._updated, x, other, self.whole(mean), positions=SEGMENT, halo=halo)

    def _updated(self, x: Tensor, other: Tensor, whole: Tensor) -> Tensor:
        along = other.transpose(1, 2)
        context = self.mix(torch.cat([conv(along) for conv in self.context], dim=1)).transpose(1, 2)
        message = self.near(other + context) + whole
        gate = torch.sigmoid(self.gate(torch.cat([x, other, x - other, x * other], dim=-1)))
        return self.norm(x + gate * message)
