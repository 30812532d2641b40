"""The variation score of a trained model: how much its predictions change with the place that windows begin at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palindra.evaluation.consistency import Reading, spread
from palindra.evaluation.robustness import random_shifts
from palindra.models.track_saving import TrackRun
from palindra.training.track_losses import LOSSES
from palindra.training.track_predict import predict_batches

_CHUNK = 32
_MOST = 200  # windows


def variation(run: TrackRun, data: Any, split: str, *, shifts: int, seed: int = 0) -> NDArray[np.float64]:
    """Variation score of each track, mean over (at most 200, evenly spaced) windows; lower is more robust.

    Windows begin at ``shifts`` places drawn from a range of half the model's input, the same for every model, and the
    middle half of the input, which all of them hold, is compared at base resolution. Compare equal bin sizes only.

    Args:
        run: the trained model.
        data: the data set.
        split: whose windows are shifted.
        shifts: how many places.
        seed: of the places.
    """
    windows, reach = data.splits[split], run.length // 4
    rows = np.unique(np.linspace(0, len(windows) - 1, min(len(windows), _MOST)).astype(np.int64))
    middle = (int(windows.length) - run.length) // 2
    transforms = random_shifts(rows, number=shifts, reach=reach, seed=seed)
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK)]

    def letters(chunk: slice, begins: Any) -> Any:
        return lambda shift: data.codes(split, rows[chunk], middle + begins + shift, run.length)

    found = predict_batches(
        run.network,
        (letters(chunk, -change.rows(chunk).shift) for chunk in chunks for change in transforms),
        loss=LOSSES[run.loss],
        bin_size=run.bin_size,
        both_strands=run.target if run.both_strands else None,
    )
    reading = Reading(run.target, axes=1, bin_size=run.bin_size)

    def images(chunk: slice) -> Iterator[Tensor]:
        for change in transforms:
            yield reading.undo(torch.from_numpy(next(found)), change.rows(chunk), reach=reach)

    scores = np.concatenate([spread(images(chunk)).relative for chunk in chunks])
    known = ~np.isnan(scores)
    return np.where(known, scores, 0).sum(0) / np.maximum(known.sum(0), 1)
