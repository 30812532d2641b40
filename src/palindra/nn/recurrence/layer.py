"""What recurrent layers share: a state, passes in segments, and parameters that weight decay spares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn.recurrence.chunks import compute_dtype

SEGMENT = 2048  # positions of all rows together that a processor's caches hold: longer ones take up to twice as long
LEAST_SEGMENT = 256
GPU_SEGMENT = 8192  # positions that exist at once where no gradients are asked


class State(NamedTuple):
    """What a layer has read so far: its recurrent state, and the last inputs of its short convolution."""

    memory: Tensor
    tail: Float[Tensor, "batch tail channels"]


class RecurrentLayer(nn.Module, ABC):
    """A causal layer on ``(batch, length, width)`` that can be stopped and continued.

    Subclasses give :meth:`run`. ``forward`` is the same from nothing, without the state; where no gradients are asked
    it goes through long sequences in segments, so that memory beside inputs and outputs does not grow with length. On a
    CPU it always does, because what fits its caches is faster.
    """

    no_weight_decay: ClassVar[tuple[str, ...]] = ("A_log", "dt_bias", "D")
    width: int

    @abstractmethod
    def run(
        self,
        x: Float[Tensor, "batch length width"],
        state: State | None = None,
        *,
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> tuple[Float[Tensor, "batch length width"], State]:
        """Read on from ``state``; reading in parts gives the same as reading at once.

        Args:
            x: inputs.
            state: what was returned for the part before; None at the beginning.
            mask: True at real positions. Others leave the recurrent state as it is, are zeros for the convolution and
                give zeros: padding at either end is as if it were not there.

        Returns:
            Outputs and the state for the part that follows.
        """

    def forward(
        self,
        x: Float[Tensor, "batch length width"],
        state: State | None = None,
        *,
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length width"]:
        segment = segment_of(x)
        if x.shape[1] <= segment:
            return self.run(x, state, mask=mask)[0]
        parts = torch.split(x, segment, dim=1)
        masks = [None] * len(parts) if mask is None else torch.split(mask, segment, dim=1)
        outs = []
        for part, real in zip(parts, masks, strict=True):
            y, state = self.run(part, state, mask=real)
            outs.append(y)
        return torch.cat(outs, dim=1)

    def _check(self, x: Tensor, mask: Tensor | None) -> None:
        if x.dim() != 3 or x.shape[-1] != self.width:
            raise ValueError(f"{type(self).__name__} needs (batch, length, {self.width}), got {tuple(x.shape)}.")
        if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != torch.bool):
            raise ValueError(
                f"the mask must be bool of shape {tuple(x.shape[:2])} (True = real position), got {mask.dtype} of "
                f"shape {tuple(mask.shape)}."
            )

    def _spare_from_decay(self) -> None:
        """Flag the parameters that weight decay must leave alone, as published layers do."""
        for name in self.no_weight_decay:
            if isinstance(parameter := getattr(self, name, None), nn.Parameter):
                parameter._no_weight_decay = True  # type: ignore[attr-defined]


def segment_of(x: Tensor) -> int:
    """Positions of ``(batch, length, width)`` that are read at once."""
    if x.is_cpu:
        return max(LEAST_SEGMENT, SEGMENT // max(1, len(x)))
    return max(1, x.shape[1]) if torch.is_grad_enabled() else GPU_SEGMENT


def kept(x: Tensor, mask: Tensor | None) -> Tensor:
    """``(batch, length, channels)`` with zeros where the mask is False."""
    return x if mask is None else x * mask.unsqueeze(-1)


def normalised(x: Tensor, norm: nn.RMSNorm, groups: int = 1) -> Tensor:
    """Root-mean-square normalisation of groups of the last axis, in float32 at least, whatever the dtype of weights."""
    parts = torch.unflatten(x.to(compute_dtype(x)), -1, (groups, -1))
    return functional.rms_norm(parts, parts.shape[-1:], None, norm.eps).flatten(-2) * norm.weight


def spared_from_decay(model: nn.Module) -> set[str]:
    """Names of the parameters of recurrent layers that weight decay must leave alone.

    Examples:
        >>> from palindra.nn.recurrence import Comba
        >>> sorted(spared_from_decay(nn.Sequential(Comba(8, heads=2, key_size=4))))
        ['0.A_log', '0.D', '0.dt_bias']
    """
    found = set()
    for prefix, layer in model.named_modules():
        if isinstance(layer, RecurrentLayer):
            own = {name for name, _ in layer.named_parameters(recurse=False)}
            found |= {f"{prefix}.{name}".lstrip(".") for name in layer.no_weight_decay if name in own}
    return found
