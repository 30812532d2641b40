"""Batches of structures of similar lengths, padded with masks; long ones are cropped; all a function of the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.data.order import epoch_order, integers, uniform
from palindra.data.rna.letters import LETTERS, rna_codes
from palindra.data.rna.structure import Structure

_LENGTH_STREAM, _CROP_STREAM = 221, 222
_JITTER = 0.1  # lengths that differ by less may come into one batch, in other company each epoch


class PairBatch(NamedTuple):
    """Structures of several lengths as tensors of the longest one; everything beyond a sequence is zero."""

    one_hot: Float[Tensor, "batch 5 length"]  # A C G U X
    pairs: Float[Tensor, "batch 1 length length"]  # 1 where bases pair, symmetric
    mask: Bool[Tensor, "batch length"]  # True on bases, False on padding
    lengths: Int[Tensor, " batch"]
    rows: Int[Tensor, " batch"]  # numbers in the list that the batch was made of
    offsets: Int[Tensor, " batch"]  # where in its sequence each crop begins, 0 where nothing was cut

    @property
    def pair_mask(self) -> Bool[Tensor, "batch 1 length length"]:
        """True where both bases of a cell are of the sequence."""
        return (self.mask[:, :, None] & self.mask[:, None, :])[:, None]


def batch_rows(
    lengths: ArrayLike, *, batch_size: int, most_cells: int | None = None, seed: int = 0, epoch: int | None = 0
) -> list[NDArray[np.int64]]:
    """Divide rows into batches of similar lengths, each row once.

    Rows are sorted by length, which is first changed at random by up to a tenth, cut into batches, and the batches
    are shuffled; with (seed, epoch) the same on any machine.

    Args:
        lengths: of the rows, after cropping.
        batch_size: rows of a batch at most.
        most_cells: batch x longest length squared at most, which is what memory goes with; a single row may exceed it.
        seed: of the run.
        epoch: number of the pass, or None for batches in the order of length without chance, as for evaluation.

    Examples:
        >>> [rows.tolist() for rows in batch_rows([50, 9, 10, 52, 11], batch_size=2, epoch=None)]
        [[1, 2], [4, 0], [3]]
        >>> [rows.tolist() for rows in batch_rows([50, 9, 10, 52], batch_size=3, most_cells=5000, epoch=None)]
        [[1, 2], [0], [3]]
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: at least one row is needed.")
    sort_by = sizes.astype(np.float64)
    if epoch is not None:
        sort_by = sort_by * (1 + _JITTER * uniform(seed, epoch, np.arange(len(sizes)), _LENGTH_STREAM))
    batches: list[list[int]] = []
    longest = 0
    for row in np.argsort(sort_by, kind="stable").tolist():
        longest = max(longest, int(sizes[row]))
        full = not batches or len(batches[-1]) == batch_size
        if full or (most_cells is not None and (len(batches[-1]) + 1) * longest**2 > most_cells):
            batches.append([])
            longest = int(sizes[row])
        batches[-1].append(row)
    order = range(len(batches)) if epoch is None else epoch_order(len(batches), seed, epoch).tolist()
    return [np.array(batches[number], dtype=np.int64) for number in order]


def crop_offsets(
    lengths: ArrayLike, crop: int | None, *, rows: ArrayLike | None = None, seed: int = 0, epoch: int | None = 0
) -> NDArray[np.int64]:
    """Where the crop of each row begins; all places are equally likely, both ends of the sequence included.

    Args:
        lengths: of the sequences.
        crop: longest length that is kept, or None to keep all.
        rows: numbers in the whole data set, which the draw goes by; 0, 1, 2, ... by default.
        seed: of the run.
        epoch: number of the pass, or None for the middle of each sequence.

    Examples:
        >>> crop_offsets([5, 9, 20], 8, epoch=None)
        array([0, 0, 6])
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    room = np.zeros_like(sizes) if crop is None else np.maximum(sizes - crop, 0)
    if epoch is None:
        return room // 2
    numbers = np.arange(len(sizes)) if rows is None else np.asarray(rows, dtype=np.int64)
    draws = [integers(seed, epoch, [n], _CROP_STREAM, 0, int(r) + 1)[0] for n, r in zip(numbers, room, strict=True)]
    return np.array(draws, dtype=np.int64)


def pair_batch(
    structures: Sequence[Structure],
    rows: ArrayLike,
    *,
    crop: int | None = None,
    seed: int = 0,
    epoch: int | None = 0,
) -> PairBatch:
    """Structures as one padded batch with its masks; pairs that a crop cuts are left out, their bases stay.

    Args:
        structures: the whole list.
        rows: numbers of those of the batch.
        crop: longest length that is kept, or None to keep all, as evaluation needs it.
        seed: of the run.
        epoch: number of the pass, or None for crops of the middle.

    Examples:
        >>> batch = pair_batch([Structure("a", "GAAAC", [(0, 4)]), Structure("b", "GGAAACC", [(0, 6), (1, 5)])], [0, 1])
        >>> batch.one_hot.shape, batch.mask.sum(1), batch.pairs.sum((1, 2, 3))
        (torch.Size([2, 5, 7]), tensor([5, 7]), tensor([2., 4.]))
    """
    numbers = np.asarray(rows, dtype=np.int64)
    chosen = [structures[row] for row in numbers.tolist()]
    sizes = np.array([len(structure) for structure in chosen], dtype=np.int64)
    offsets = crop_offsets(sizes, crop, rows=numbers, seed=seed, epoch=epoch)
    kept = sizes if crop is None else np.minimum(sizes, crop)
    length = int(kept.max())
    one_hot = np.zeros((len(chosen), len(LETTERS), length), dtype=np.float32)
    pairs = np.zeros((len(chosen), 1, length, length), dtype=np.float32)
    for at, (structure, offset, size) in enumerate(zip(chosen, offsets.tolist(), kept.tolist(), strict=True)):
        codes = rna_codes(structure.sequence[offset : offset + size])
        one_hot[at, codes, np.arange(size)] = 1
        moved = structure.pair_array - offset
        first, second = moved[((moved >= 0) & (moved < size)).all(axis=1)].T
        pairs[at, 0, first, second] = pairs[at, 0, second, first] = 1
    lengths = torch.from_numpy(kept)
    return PairBatch(
        one_hot=torch.from_numpy(one_hot),
        pairs=torch.from_numpy(pairs),
        mask=torch.arange(length) < lengths[:, None],
        lengths=lengths,
        rows=torch.from_numpy(numbers),
        offsets=torch.from_numpy(offsets),
    )
