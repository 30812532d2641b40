"""Predictions of tracks over a whole split, batch by batch and in the order of its rows, on any number of devices."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.symmetry import Target
from palindra.training.track_batches import TrackRows, one_hot
from palindra.training.track_losses import Loss
from palindra.training.track_outputs import TrackStrandMean, coverage

Predictions = NDArray[np.float32]  # (rows, tracks, bins), or (rows, tracks) for labels
Letters = Callable[[int], NDArray[np.uint8]]  # the letters (rows, length) of a batch, moved by some positions


def predict_tracks(
    model: nn.Module,
    data: Any,
    split: str,
    *,
    loss: Loss,
    length: int,
    bin_size: int = 1,
    batch_size: int = 64,
    both_strands: Target | None = None,
    shifts: Sequence[int] = (0,),
    devices: Sequence[torch.device | str] = ("cpu",),
) -> Iterator[tuple[slice, Predictions]]:
    """Coverage (or probabilities) predicted for every window of a split, read at its middle, in the order of rows.

    Nothing is kept but a few batches, and order does not depend on devices.

    Args:
        model: a trained network; copied to every device, itself left alone.
        data: a :class:`palindra.data.tracks.TrackData`.
        split: which windows.
        loss: that the model was trained with, which says what its outputs are.
        length: letters that the model reads.
        bin_size: positions of one predicted value.
        batch_size: windows at a time on each device.
        both_strands: average both strands, tracks changing as this target says.
        shifts: average predictions for windows moved by these many positions, each aligned with the window again (see
            :func:`realign`); letters beyond the stored window are read from the genome.
        devices: where to compute; batches go to them in turn.

    Yields:
        The rows, and their predictions ``(rows, tracks, bins)`` or ``(rows, tracks)``.
    """
    rows = TrackRows(data, split, length, bin_size)
    middle = rows.slack // 2
    slices = [slice(start, min(start + batch_size, len(rows))) for start in range(0, len(rows), batch_size)]

    def letters(part: slice) -> Letters:
        numbers = np.arange(part.start, part.stop)
        return lambda shift: rows.codes(numbers, middle + shift)

    batches = (letters(part) for part in slices)
    found = predict_batches(
        model, batches, loss=loss, bin_size=bin_size, both_strands=both_strands, shifts=shifts, devices=devices
    )
    yield from zip(slices, found, strict=True)


def predict_batches(
    model: nn.Module,
    batches: Iterable[Letters],
    *,
    loss: Loss,
    bin_size: int,
    both_strands: Target | None = None,
    shifts: Sequence[int] = (0,),
    devices: Sequence[torch.device | str] = ("cpu",),
) -> Iterator[Predictions]:
    """Predictions for batches of letters in their order; arguments as in :func:`predict_tracks`.

    Strands are averaged over outputs as they are (logits, log counts), shifts over the coverage that outputs stand for.
    """
    if not shifts or not devices:
        raise InputError("at least one shift (0 for the window itself) and one device are needed.")
    model = TrackStrandMean(model, both_strands) if both_strands is not None else model
    models = [copy.deepcopy(model).eval().to(device) for device in devices]

    def run(number: int, letters: Letters) -> Predictions:
        device = devices[number % len(devices)]
        with torch.inference_mode():
            found = []
            for shift in shifts:
                x = torch.from_numpy(one_hot(letters(shift))).to(device)
                found.append(coverage(loss, models[number % len(models)](x)).cpu())
        return average_shifts(found, shifts, bin_size).numpy()

    with ThreadPoolExecutor(len(models)) as pool:
        waiting: deque[Future[Predictions]] = deque()
        try:
            for number, letters in enumerate(batches):
                waiting.append(pool.submit(run, number, letters))
                if len(waiting) > 2 * len(models):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()


def average_shifts(predictions: Sequence[Tensor], shifts: Sequence[int], bin_size: int) -> Tensor:
    """Mean of predictions for shifted windows, every position over the shifts whose window holds it.

    Args:
        predictions: for each shift ``(rows, tracks, bins)``, or ``(rows, outputs)``, which have no positions to align.
        shifts: where each window began, counted from the window itself.
        bin_size: positions of one value.

    Returns:
        Values at the bins of the window itself.

    Raises:
        InputError: if no shifted window holds some bin of the window.
    """
    if predictions[0].ndim == 2:
        return torch.stack(list(predictions)).mean(0)
    total, weight = torch.zeros_like(predictions[0]), torch.zeros(predictions[0].shape[-1])
    for values, shift in zip(predictions, shifts, strict=True):
        moved, share = realign(values, shift, bin_size)
        total, weight = total + moved, weight + share
    if not bool((weight > 0).all()):
        raise InputError(f"windows shifted by {list(shifts)} leave bins without any prediction: add 0 to the shifts.")
    return total / weight


def realign(values: Tensor, shift: int, bin_size: int) -> tuple[Tensor, Tensor]:
    """Predictions for a window moved by ``shift``, brought back to the bins of the window itself.

    A shift by whole bins moves values and changes none. Otherwise a bin overlaps two of the moved window, and its value
    is their mean weighted by the positions shared: what one gets by writing the values out at base resolution, moving
    them and taking means again.

    Args:
        values: ``(rows, tracks, bins)``.
        shift: how many positions later the window began.
        bin_size: positions of one value.

    Returns:
        The values, each times the share of its bin that the moved window holds; and that share, 0 to 1, ``(bins,)``.

    Examples:
        >>> realign(torch.tensor([[[1.0, 2.0, 3.0]]]), 4, bin_size=4)     # began one bin later
        (tensor([[[0., 1., 2.]]]), tensor([0., 1., 1.]))
        >>> realign(torch.tensor([[[1.0, 2.0, 3.0]]]), -1, bin_size=4)[0]
        tensor([[[1.2500, 2.2500, 2.2500]]])
    """
    whole, rest = divmod(shift, bin_size)
    share = rest / bin_size
    ones = torch.ones(values.shape[-1], dtype=values.dtype)
    moved, held = (
        (1 - share) * _moved(part, whole) + share * _moved(part, whole + 1) if rest else _moved(part, whole)
        for part in (values, ones)
    )
    return moved, held


def _moved(values: Tensor, bins: int) -> Tensor:
    """Values some bins further on, zeros where there are none."""
    length = values.shape[-1]
    result = torch.zeros_like(values)
    bins = max(-length, min(length, bins))
    if bins >= 0:
        result[..., bins:] = values[..., : length - bins]
    else:
        result[..., :bins] = values[..., -bins:]
    return result
