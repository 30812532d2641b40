"""From features of both strands to the letters of the first: a gate between the strands, one fused feature, logits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.models.strand_lm.config import StrandLMConfig
from palindra.models.strand_lm.layer import SEGMENT
from palindra.models.strand_lm.rows import in_parts

GATE_TEMPERATURE = 2.0  # of the published gate


class Fused(NamedTuple):
    """What a head gives for every position."""

    logits: Float[Tensor, "batch length symbols"]
    hidden: Float[Tensor, "batch length width"]
    gate: Float[Tensor, "batch length gates"]  # logits; sigmoid gives the share of the first branch


def fuse(
    first: Float[Tensor, "*batch width"], second: Float[Tensor, "*batch width"], gate: Float[Tensor, "*batch gates"]
) -> Float[Tensor, "*batch width"]:
    """``LayerNorm(g first + (1 - g) second)`` without affine parameters, with ``g = sigmoid(gate)``.

    Exchanging both and changing the sign of the gate changes nothing, so that this is a feature of the molecule.
    """
    g = torch.sigmoid(gate)
    return functional.layer_norm(g * first + (1 - g) * second, first.shape[-1:])


class _Feature(nn.Module):
    """``F = y + MLP(y)`` with one hidden layer of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, y: Tensor) -> Tensor:
        return y + self.outer(functional.gelu(self.inner(y)))


class TiedHead(nn.Module):
    """Equivariant logits from strand-specific features: ``g W F1 + (1 - g) P W F2``, P exchanging complements.

    The gate ``sigmoid(w . (F1 - F2))`` becomes ``1 - g`` when the strands are exchanged; siamese models average.

    Args:
        config: sizes. ``"bidirectional"`` reads one strand twice, so its letters are not complemented.
    """

    def __init__(self, config: StrandLMConfig) -> None:
        super().__init__()
        width = config.width
        self.feature = _Feature(width)
        self.gate = nn.Linear(width, 1, bias=False) if config.mixer in ("tied", "bidirectional") else None
        self.readout = nn.Linear(width, 4)
        self.complements, self.width = config.mixer != "bidirectional", width

    def forward(
        self,
        strands: Float[Tensor, "readings batch length width"],
        *,
        fixed_gate: bool = False,
        complemented: Bool[Tensor, " length"] | None = None,
    ) -> Fused:
        """Logits, fused features and gate; ``fixed_gate`` weighs both strands alike."""
        joined = in_parts(lambda *y: self._joined(y, fixed_gate), *strands, positions=SEGMENT)
        return Fused(*torch.split(joined, [4, self.width, 1], dim=-1))

    def _joined(self, strands: tuple[Tensor, ...], fixed_gate: bool) -> Tensor:
        features = [self.feature(y) for y in strands]
        first, second = features[0], features[-1]
        zero = first.new_zeros(*first.shape[:-1], 1)
        gate = zero if self.gate is None or fixed_gate else self.gate(first - second)
        logits = self.readout(first)
        if len(features) == 2:
            other, g = self.readout(second), torch.sigmoid(gate)
            logits = g * logits + (1 - g) * (other.flip(-1) if self.complements else other)
        return torch.cat([logits, fuse(first, second, gate), gate], dim=-1)


class UntiedHead(nn.Module):
    """The published head: a feature map for each branch, a gate for each channel, logits of the fused feature.

    Args:
        config: sizes; ``published`` gives five logits, of which the fifth is of N.
    """

    def __init__(self, config: StrandLMConfig) -> None:
        super().__init__()
        width = config.width
        self.features = nn.ModuleList(_Feature(width) for _ in range(2))
        self.gate = nn.Linear(2 * width, width)
        self.readout = nn.Linear(width, 5 if config.published else 4)
        self.width = width

    def forward(
        self,
        strands: Float[Tensor, "readings batch length width"],
        *,
        fixed_gate: bool = False,
        complemented: Bool[Tensor, " length"] | None = None,
    ) -> Fused:
        """Logits, fused features and gate; at ``complemented`` positions the letters are those of the other strand."""
        joined = in_parts(lambda *y: self._joined(y, fixed_gate), *strands, positions=SEGMENT)
        logits, hidden, gate = torch.split(joined, [self.readout.out_features, self.width, self.width], dim=-1)
        logits = logits[..., :4]
        if complemented is not None:
            logits = torch.where(complemented[:, None], logits.flip(-1), logits)
        return Fused(logits, hidden, gate)

    def _joined(self, strands: tuple[Tensor, ...], fixed_gate: bool) -> Tensor:
        first, second = (feature(y) for feature, y in zip(self.features, strands, strict=True))
        gate = self.gate(torch.cat([first, second], dim=-1)) / GATE_TEMPERATURE
        hidden = fuse(first, second, torch.zeros_like(gate) if fixed_gate else gate)
        return torch.cat([self.readout(hidden), hidden, gate], dim=-1)
