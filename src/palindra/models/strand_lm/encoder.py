"""From the stems of both readings to features of both strands, which talk to each other over bridges."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from palindra.models.strand_lm.bridge import Bridge
from palindra.models.strand_lm.config import StrandLMConfig
from palindra.models.strand_lm.layer import Branch
from palindra.models.strand_lm.rows import Blocks

Readings = Float[Tensor, "readings rows length width"]


def turned(x: Tensor, rows: Bool[Tensor, " rows"]) -> Tensor:
    """``(rows, length, ...)`` with some rows read from their other end."""
    return torch.where(rows.reshape(-1, *[1] * (x.ndim - 1)), x.flip(1), x)


class TiedStage(nn.Module):
    """One branch for all readings, and one bridge that updates each in its own orientation."""

    def __init__(self, config: StrandLMConfig, depth: int) -> None:
        super().__init__()
        self.branch = Branch(config, depth)
        self.bridge = Bridge(config.width) if config.exchanges else None

    def forward(
        self, x: Readings, mask: Bool[Tensor, "readings rows length"] | None, blocks: Blocks | None
    ) -> Readings:
        """Read all readings, each in its own direction, and let them talk."""
        rows = None if mask is None else mask.flatten(0, 1)
        read = self.branch(x.flatten(0, 1), rows, blocks)
        if self.bridge is not None:
            other = read.unflatten(0, x.shape[:2]).flip(0, 2).flatten(0, 1)
            read = self.bridge(read, other, rows)
        return read.unflatten(0, x.shape[:2])


class UntiedStage(nn.Module):
    """Two branches with their own weights, and a bridge for each direction in an orientation that they share."""

    def __init__(self, config: StrandLMConfig, depth: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Branch(config, depth) for _ in range(2))
        self.bridges = nn.ModuleList(Bridge(config.width) for _ in range(2 if config.exchanges else 0))
        self.exact = config.exact_blocks

    def forward(
        self,
        x: Readings,
        mask: Bool[Tensor, "readings rows length"] | None,
        blocks: Blocks | None,
        backwards: Bool[Tensor, " rows"],
    ) -> Readings:
        """Read by branch; ``backwards`` says in which rows the first branch holds the second strand."""
        masks = (None, None) if mask is None else (mask[0], mask[1])
        a, b = (branch(rows, real, blocks) for branch, rows, real in zip(self.branches, x, masks, strict=True))
        if len(self.bridges):
            # Forward coordinates as published, or those of the strand that the first branch holds.
            turn = backwards & (not self.exact)
            a, b = turned(a, turn), turned(b, ~turn)
            real = None if mask is None else turned(mask[0], turn)
            a, b = self.bridges[0](a, b, real), self.bridges[1](b, a, real)
            a, b = turned(a, turn), turned(b, ~turn)
        return torch.stack([a, b])


class Encoder(nn.Module):
    """Branches and bridges: from both readings of rows to features of each branch in forward coordinates.

    These are the weights that the slow teacher of the agreement loss averages.

    Args:
        config: sizes; the readings are of ``config.mixer``.
    """

    def __init__(self, config: StrandLMConfig) -> None:
        super().__init__()
        self.tied, self.alternating = config.mixer != "untied", config.alternating
        stage = TiedStage if self.tied else UntiedStage
        self.stages = nn.ModuleList(stage(config, depth) for depth in config.stages)
        self.carries, self.block = config.carry_state, config.block

    def forward(
        self,
        forward: Float[Tensor, "batch length width"],
        other: Float[Tensor, "batch length width"] | None,
        mask: Bool[Tensor, "batch length"] | None,
        blocks: Blocks,
    ) -> Readings:
        """Features ``(readings, batch, length, width)`` by branch, from two readings in forward coordinates.

        Args:
            forward: the stem of the given strand.
            other: the stem of the second reading, turned so that a position is the same base pair in both.
            mask: True at letters.
            blocks: where everything starts anew, the same places in both.
        """
        rows = None if self.carries else blocks
        inner = blocks if self.carries else None
        if rows is not None:
            mask = rows.split_mask(mask, forward)
            forward, other = rows.split(forward), None if other is None else rows.split(other)
        if self.tied:
            features = self._tied(forward, other, mask, inner)
        elif other is not None:
            features = self._untied(forward, other, mask, inner, blocks)
        if rows is not None:
            features = torch.stack([rows.join(reading) for reading in features])
        return features

    def _tied(self, forward: Tensor, other: Tensor | None, mask: Tensor | None, blocks: Blocks | None) -> Tensor:
        one = other is None
        x = forward[None] if other is None else torch.stack([forward, other.flip(1)])
        masks = None if mask is None else mask[None] if one else torch.stack([mask, mask.flip(1)])
        for stage in self.stages:
            x = stage(x, masks, blocks)
        return x if one else torch.stack([x[0], x[1].flip(1)])

    def _untied(
        self, forward: Tensor, other: Tensor, mask: Tensor | None, inner: Blocks | None, blocks: Blocks
    ) -> Tensor:
        backwards = torch.zeros(len(forward), dtype=torch.bool, device=forward.device)
        if self.alternating:
            backwards[:] = torch.arange(len(forward), device=forward.device) % blocks.count % 2 == 1
        held = backwards[:, None, None]
        a, b = torch.where(held, other, forward), torch.where(held, forward, other)
        x = torch.stack([turned(a, backwards), turned(b, ~backwards)])
        masks = None if mask is None else torch.stack([turned(mask, backwards), turned(mask, ~backwards)])
        for stage in self.stages:
            x = stage(x, masks, inner, backwards)
        return torch.stack([turned(x[0], backwards), turned(x[1], ~backwards)])
