"""Saturation mutagenesis: what every other letter at every position would change, exactly and without full passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.models.local.model import LocalModel, Reduce
from palindra.models.local.sites import Array

SITES = 24  # positions at a time, whose slices together stay in the cache of a processor


@dataclass(frozen=True)
class Mutagenesis:
    """Outputs of sequences and of all their single-letter mutants.

    Args:
        one_hot: the sequences ``(rows, letters, positions)``, the mutated positions only.
        reference: outputs of the sequences ``(rows, ...)``.
        mutants: outputs with each letter at each position ``(rows, letters, positions, ...)``; the letter that stands
            there already gives the output of the sequence.
    """

    one_hot: Tensor
    reference: Tensor
    mutants: Tensor

    @property
    def difference(self) -> Tensor:
        """Mutant minus sequence ``(rows, letters, positions, ...)``, 0 for the letters of the sequence."""
        return self.mutants - self.reference[:, None, None]

    @property
    def importance(self) -> Tensor:
        """How much the letter that stands at a position is worth ``(rows, positions, ...)``.

        Its output minus the mean over all letters; 0 where the letter is unknown.
        """
        known = self.one_hot.sum(1) == 1
        mean = self.mutants.mean(1)
        worth = self.reference[:, None] - mean
        return worth * known.reshape(*known.shape, *[1] * (worth.ndim - 2))


def saturation_mutagenesis(
    model: nn.Module | LocalModel,
    one_hot: Tensor,
    *,
    start: int = 0,
    end: int | None = None,
    reduce: Reduce | None = None,
    sites: int = SITES,
) -> Mutagenesis:
    """Every mutant of sequences that differs in one letter.

    Mutants of neighbouring positions share the reference activations around them and are computed together, layer by
    layer, in the intervals that a change reaches only (see :class:`palindra.models.local.LocalModel`).

    Args:
        model: any network of one-hot sequences that returns a tensor, in any mode.
        one_hot: ``(rows, letters, length)`` of any dtype; an unknown letter (all zeros) has a mutant for each letter.
        start: first position that is mutated.
        end: the one after the last; None for the end.
        reduce: of the outputs, e.g. a sum over positions of a track.
        sites: positions at a time.

    Raises:
        InputError: if there is no such stretch.

    Examples:
        >>> network = nn.Sequential(nn.Conv1d(4, 1, 1, bias=False), nn.Flatten())
        >>> _ = nn.init.constant_(network[0].weight, 2.0)
        >>> found = saturation_mutagenesis(network, torch.eye(4)[None, :, :3], reduce=lambda y: y.sum(1, keepdim=True))
        >>> found.mutants.shape, found.difference.abs().max().item()
        (torch.Size([1, 4, 3, 1]), 0.0)
    """
    length = one_hot.shape[-1]
    last = length if end is None else end
    if not 0 <= start < last <= length:
        raise InputError(f"positions {start} to {last} are no stretch of a sequence of {length} letters.")
    local = model if isinstance(model, LocalModel) else LocalModel(model)
    rows, letters = one_hot.shape[:2]
    basis = torch.eye(letters)
    with local.reading(one_hot, reduce=reduce) as read:
        shape = read.outputs.shape[1:]
        mutants = read.outputs.new_empty(rows, letters, last - start, *shape)
        mutants.copy_(read.outputs[:, None, None])
        for row in range(rows):
            for positions, alternates in _blocks(one_hot[row], start, last, sites):
                places = np.repeat(row, len(positions))
                changed = basis[alternates.reshape(-1)][:, :, None]
                found = read.replaced(places, positions, changed, alternates=alternates.shape[1])
                at = torch.from_numpy(positions - start)[:, None].expand(alternates.shape)
                mutants[row, alternates, at] = found.view(*alternates.shape, *shape)
        return Mutagenesis(one_hot[..., start:last].cpu(), read.outputs.cpu(), mutants.cpu())


def _blocks(one_hot: Tensor, start: int, end: int, size: int) -> Iterator[tuple[Array, Tensor]]:
    """Positions that have equally many other letters, a block at a time, and those letters."""
    letters = len(one_hot)
    stretch = one_hot[:, start:end].cpu()
    code = torch.where((stretch == 1).sum(0) == 1, stretch.argmax(0), letters)
    for known in (True, False):
        positions = torch.nonzero((code < letters) == known).flatten()
        for block in torch.split(positions, size):
            if not len(block):
                continue
            if known:
                others = (code[block][:, None] + torch.arange(1, letters)) % letters
            else:
                others = torch.arange(letters).expand(len(block), -1)
            yield (block + start).numpy(), others.contiguous()
