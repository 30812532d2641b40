"""From features along a window to declared tracks, to counts, or to logits of the window."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.models.conv_block import ConvBlock
from palindra.models.track_config import TrackConfig
from palindra.nn import Conv1d, GlobalAvgPool, Sequential, TrackHead, VectorHead
from palindra.symmetry import Position, Rep, Target, concat


class ProfileAndCounts(NamedTuple):
    """What a model of profiles gives: the shape of each track, and how much of it there is."""

    profile: Float[Tensor, "batch tracks bins"]  # logits of a multinomial distribution over the bins
    log_counts: Float[Tensor, "batch tracks"]  # logarithm of the total over the window


class TaskHeads(nn.Module):
    """One small network per task on shared features: convolution, batch norm, activation, dropout, linear map.

    A task is a track, or a stranded pair of tracks: the two tracks of a pair are one network whose channels are moved
    with the strand, so that they swap exactly. Each network has ``width`` channels per track.

    Args:
        in_rep: type of the inputs ``(batch, channels, bins)``.
        target: declared tracks.
        config: of the model: gives the number of tracks, the width, the types and the activation.
        kernel_size: taps of the convolution.
        dropout: probability.
    """

    def __init__(
        self, in_rep: Rep, target: Target, config: TrackConfig, *, kernel_size: int = 7, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.in_rep, self.target, self.position = in_rep, target, config.position
        position, tracks = config.position, target.rep
        if tracks is None:  # a strand-specific target: nothing is moved
            in_rep, tracks, position = Rep(even=in_rep.channels), Rep(even=config.outputs), Position.IDENTITY
        self.tasks = [Rep(regular=1)] * tracks.regular + [Rep(even=1)] * tracks.even + [Rep(odd=1)] * tracks.odd
        heads = []
        for task in self.tasks:
            width = config.head_width * task.channels
            hidden = config.filled(width) if position is Position.REVERSE else Rep(even=width)
            heads.append(
                Sequential(
                    ConvBlock(in_rep, hidden, kernel_size, config.activation, dropout=dropout, position=position),
                    Conv1d(hidden, task, 1, position=position),
                )
            )
        self.heads = nn.ModuleList(heads)
        self.out_rep = tracks

    def forward(self, x: Float[Tensor, "batch channels bins"]) -> Float[Tensor, "batch tracks bins"]:
        joined, _ = concat([head(x) for head in self.heads], self.tasks)
        return self.target.from_layout(joined)


class TrackOutput(nn.Module):
    """The head that a configuration asks for, means over bins, and the output function.

    Args:
        in_rep: type of the features ``(batch, channels, positions)``.
        config: of the model.
        kernel_size: taps of the single head.
        pool: positions per bin, averaged after the head (and before softplus).
    """

    def __init__(self, in_rep: Rep, config: TrackConfig, *, kernel_size: int = 1, pool: int = 1) -> None:
        super().__init__()
        target = config.tied_target
        self.in_rep, self.target, self.position = in_rep, target, config.position
        self.head: nn.Module
        if config.head == "task":
            self.head = TaskHeads(in_rep, target, config)
        else:
            self.head = TrackHead(in_rep, target, config.outputs, kernel_size=kernel_size, position=config.position)
        self.out_rep = target.rep or Rep(even=config.outputs)
        self.positive, self.pool = config.output == "softplus", pool

    def forward(self, x: Float[Tensor, "batch channels positions"]) -> Float[Tensor, "batch tracks bins"]:
        y = self.head(x)
        if self.pool > 1:
            y = functional.avg_pool1d(y, self.pool)
        return functional.softplus(y) if self.positive else y


class WindowOutput(nn.Module):
    """Means of features over positions and a linear map to one row of logits per window.

    Args:
        in_rep: type of the features ``(batch, channels, positions)``.
        config: of the model.
    """

    out_position = Position.IDENTITY

    def __init__(self, in_rep: Rep, config: TrackConfig) -> None:
        super().__init__()
        target = config.tied_target
        self.in_rep, self.target, self.position = in_rep, target, config.position
        self.pool = GlobalAvgPool(in_rep)
        self.head = VectorHead(in_rep, target, config.outputs)
        self.out_rep = self.head.out_rep

    def forward(self, x: Float[Tensor, "batch channels positions"]) -> Float[Tensor, "batch outputs"]:
        return self.head(self.pool(x))


def output_layer(in_rep: Rep, config: TrackConfig, *, kernel_size: int = 1, pool: int = 1) -> nn.Module:
    """Tracks, or logits of the window where ``config.binary``."""
    if config.binary:
        return WindowOutput(in_rep, config)
    return TrackOutput(in_rep, config, kernel_size=kernel_size, pool=pool)


def require_length(x: Tensor, *, multiple_of: int = 1, exactly: int | None = None) -> None:
    """Raise unless a window has whole bins, or the one length that a model with dense layers was built for.

    Raises:
        ValueError: saying which length fits.
    """
    length = x.shape[-1]
    if torch.compiler.is_exporting():  # an exported model checks nothing, and its length may be symbolic
        return
    if exactly is not None and length != exactly:
        raise ValueError(f"this network was built for windows of {exactly} letters and got {length}.")
    if length % multiple_of or length < multiple_of:
        raise ValueError(
            f"a window of {length} letters has no whole number of bins of {multiple_of}: crop or pad it to "
            f"{max(length - length % multiple_of, multiple_of)}."
        )
