"""Maps of shifted inputs, brought back into register: how much they vary, and their average."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.data.order import integers
from palindra.errors import InputError
from palindra.symmetry import DNA_STRAND

Attribute = Callable[[Tensor], Tensor]
"""From one-hot ``(batch, 4, length)`` to an attribution map of the same shape."""

_STREAM = 301  # of random numbers, apart from those of other uses


@dataclass(frozen=True, eq=False)
class Realigned:
    """Maps of shifted inputs at the positions that every one of them holds.

    Args:
        mean: averaged over shifts ``(sequences, 4, positions)``: a SmoothGrad whose noise is a change that the
            molecule allows.
        std: population standard deviation over shifts, of the same shape.
        size: mean of |attribution|, of the same shape.
        start: position in the given window at which these maps begin.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    size: NDArray[np.float64]
    start: int

    @property
    def score(self) -> NDArray[np.float64]:
        """Mean deviation relative to the mean size ``(sequences,)``; 0 for maps that move with the sequence.

        NaN where all attributions are 0.
        """
        deviation, size = self.std.mean((1, 2)), self.size.mean((1, 2))
        return np.where(size > 0, deviation / np.where(size > 0, size, 1), np.nan)


def realigned_maps(
    attribute: Attribute,
    windows: Tensor,
    *,
    length: int,
    shifts: int = 20,
    seed: int = 0,
    both_strands: bool = False,
    offsets: ArrayLike | None = None,
    batch_size: int = 16,
) -> Realigned:
    """Attribute inputs that begin at random places of wider windows, and compare the maps letter by letter.

    Args:
        attribute: the method and what it explains, with one map for each sequence.
        windows: one-hot ``(sequences, 4, window)``, wider than ``length`` so that real letters move in.
        length: of the model's input.
        shifts: how many inputs for each window.
        seed: of the places, which depend on the row of the window alone.
        both_strands: attribute the reverse complement of every input as well, and turn its map back.
        offsets: places at which all inputs begin, instead of random ones.
        batch_size: inputs at a time.

    Returns:
        Maps at the positions ``window - length`` to ``length``, which all inputs hold.

    Raises:
        InputError: when the windows leave no room for shifts, no position is held by all, places lie outside, or maps
            have another shape.

    Source: Toneyan, Tang & Koo (2022), Nature Machine Intelligence; Smilkov et al. (2017) for SmoothGrad.

    Examples:
        >>> x = torch.eye(4)[None, :, [0, 1, 2, 3, 0, 1]]
        >>> found = realigned_maps(lambda x: 2 * x, x, length=4, offsets=[0, 1, 2])
        >>> found.start, found.mean[0].argmax(0).tolist(), found.score.tolist()
        (2, [2, 3], [0.0])
    """
    window = windows.shape[-1]
    room = window - length
    if room < 1 or window >= 2 * length:
        raise InputError(
            f"windows of {window} letters for an input of {length}: between {length + 1} and {2 * length - 1} are "
            "needed, so that inputs can move and still have letters in common."
        )
    places = starts(len(windows), room, shifts, seed) if offsets is None else _given(offsets, len(windows), room)
    if len(places) * (1 + both_strands) < 2:
        raise InputError("one map cannot vary: ask for at least two shifts, or for both strands.")
    position = torch.arange(length)
    strands = (False, True) if both_strands else (False,)

    def maps(some: Tensor, begins: NDArray[np.int64]) -> Iterator[Tensor]:
        for begin in begins:
            index = (torch.from_numpy(begin)[:, None] + position)[:, None].to(windows.device)
            inputs = some.take_along_dim(index, -1)
            for turned in strands:
                found = _map(attribute, DNA_STRAND.act(inputs) if turned else inputs)
                yield DNA_STRAND.act(found) if turned else found

    parts = []
    for first in range(0, len(windows), batch_size):
        rows = slice(first, first + batch_size)
        begins = np.repeat(places[:, rows], len(strands), axis=0)
        parts.append(realign(maps(windows[rows], places[:, rows]), begins, room=room))
    mean, std, size = (np.concatenate([getattr(part, name) for part in parts]) for name in ("mean", "std", "size"))
    return Realigned(mean, std, size, room)


def starts(rows: int, room: int, shifts: int, seed: int = 0) -> NDArray[np.int64]:
    """Random places in windows at which inputs begin ``(shifts, rows)``, each of its row and shift alone.

    Args:
        rows: windows.
        room: by how much windows are longer than inputs, which is the last place.
        shifts: inputs for each window.
        seed: of the places.
    """
    drawn = [integers(seed, k, np.arange(rows), _STREAM, 0, room + 1) for k in range(shifts)]
    return np.stack(drawn) if drawn else np.empty((0, rows), dtype=np.int64)


def realign(maps: Iterable[Tensor], begins: NDArray[np.int64], *, room: int) -> Realigned:
    """Maps of inputs that begin at different places of the same windows, compared letter by letter.

    Args:
        maps: ``(sequences, 4, length)`` each, which are read one after the other.
        begins: place of the window at which the input of each map begins ``(maps, sequences)``, 0 to ``room``.
        room: by how much windows are longer than inputs.

    Examples:
        >>> x = torch.eye(4)[None, :, [0, 1, 2, 3, 0, 1]]
        >>> found = realign((x[..., at : at + 4] for at in (0, 2)), np.array([[0], [2]]), room=2)
        >>> found.mean[0].argmax(0).tolist(), found.score.tolist()
        ([2, 3], [0.0])
    """
    total = square = size = np.zeros(())
    for count, (map_, begin) in enumerate(zip(maps, begins, strict=True), start=1):
        held = torch.from_numpy(room - begin)[:, None, None] + torch.arange(map_.shape[-1] - room)
        values = map_.double().cpu().take_along_dim(held, -1).numpy()
        step = values - total
        total = total + step / count
        square = square + step * (values - total)  # Welford: no difference of large numbers
        size = size + (np.abs(values) - size) / count
    return Realigned(total, np.sqrt(square / len(begins)), size, room)


def _given(offsets: ArrayLike, rows: int, room: int) -> NDArray[np.int64]:
    """Places that were asked for, the same for all windows ``(shifts, rows)``."""
    given = np.asarray(offsets, dtype=np.int64)
    if given.ndim != 1 or ((given < 0) | (given > room)).any():
        raise InputError(f"inputs can begin at 0 to {room} in these windows, and {given.tolist()} were asked for.")
    return np.repeat(given[:, None], rows, axis=1)


def _map(attribute: Attribute, inputs: Tensor) -> Tensor:
    with torch.enable_grad():
        found = attribute(inputs).detach()
    if found.shape != inputs.shape:
        raise InputError(
            f"an attribution map of shape {tuple(found.shape)} for inputs of {tuple(inputs.shape)}: the two must be "
            "equal; keep all four letters of a position."
        )
    return found
