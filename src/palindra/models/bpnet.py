"""BPNet: dilated convolutions at base resolution, for coverage (GOPHER) or for profiles and counts (the original)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.models.activations import activation
from palindra.models.track_config import TrackConfig
from palindra.models.track_heads import ProfileAndCounts, TrackOutput, require_length
from palindra.nn import Conv1d, GlobalAvgPool, Residual, Sequential, VectorHead
from palindra.symmetry import Position, Target


@dataclass(frozen=True)
class BPNetConfig(TrackConfig):
    """Sizes of a :class:`BPNet`; the defaults are those of GOPHER (Toneyan, Tang & Koo, 2022).

    Softplus belongs to a Poisson loss; take ``output="linear"`` for losses on values of any sign and for logits.
    """

    width: int = 256
    stem_size: int = 25
    layers: int = 9  # with dilations 2, 4, ..., 2^layers
    head_size: int = 7  # taps of the single head; the published head of each task is one row of it
    counts: bool = False  # whether there is a head of log-counts, and profiles are logits

    def __post_init__(self) -> None:
        """Check what can be checked without building the model.

        Raises:
            InputError: saying which field to change.
        """
        super().__post_init__()
        if self.binary:
            raise InputError("BPNet gives profiles and has no binary variant: choose another architecture.")
        if self.counts and self.output != "linear":
            raise InputError('profiles next to counts are logits of any sign: use output = "linear".')


@dataclass(frozen=True)
class OriginalBPNetConfig(BPNetConfig):
    """The sizes of the original: 64 channels, wide heads, profile logits and log-counts (Avsec et al., 2021)."""

    output: Literal["softplus", "linear"] = "linear"
    width: int = 64
    head_size: int = 25
    counts: bool = True


class BPNet(nn.Module):
    """A wide convolution, residual dilated convolutions, and a transposed convolution per track.

    A transposed convolution of stride 1 is a convolution with the taps in reverse, so the heads of all tracks are the
    rows of one convolution. A stranded pair of tracks shares a head up to the involution: reading the other strand
    swaps the two profiles and reverses them, and swaps the two counts.

    Args:
        config: sizes and types.

    Inputs are one-hot ``(batch, 4, length)`` of any length with whole bins; outputs ``(batch, tracks, bins)``, or
    :class:`palindra.models.track_heads.ProfileAndCounts` where ``config.counts``.

    Examples:
        >>> import torch
        >>> from palindra.symmetry import Position, Target
        >>> pair = Target.paired([1, 0], Position.REVERSE)
        >>> model = BPNet(OriginalBPNetConfig(length=200, target=pair, outputs=2, width=8, layers=3))
        >>> profile, log_counts = model(torch.zeros(3, 4, 200))
        >>> profile.shape, log_counts.shape
        (torch.Size([3, 2, 200]), torch.Size([3, 2]))
    """

    def __init__(self, config: BPNetConfig) -> None:
        super().__init__()
        self.config = config
        position, hidden = config.position, config.filled(config.width)
        self.trunk = Sequential(
            Conv1d(config.dna, hidden, config.stem_size, padding="same", position=position),
            activation(hidden, config.first_activation),
            *(
                Residual(
                    Sequential(
                        Conv1d(hidden, hidden, 3, dilation=2**layer, padding="same", position=position),
                        activation(hidden, config.activation),
                    )
                )
                for layer in range(1, config.layers + 1)
            ),
        )
        self.profile = TrackOutput(hidden, config, kernel_size=config.head_size, pool=config.bin_size)
        self.pool, self.counts = None, None
        if config.counts:
            target = config.tied_target
            totals = Target(target.rep, Position.IDENTITY, target.order)  # a total has no positions to reverse
            self.pool, self.counts = GlobalAvgPool(hidden), VectorHead(hidden, totals, config.outputs)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Tensor | ProfileAndCounts:
        require_length(x, multiple_of=self.config.bin_size)
        features = self.trunk(x)  # (batch, width, length)
        if self.counts is None or self.pool is None:
            return self.profile(features)
        return ProfileAndCounts(self.profile(features), self.counts(self.pool(features)))
