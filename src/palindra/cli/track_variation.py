"""The variation score of a trained model: how much its predictions change with the place that windows begin at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import integers
from palindra.evaluation.tracks.variation import common_positions, group_deviation
from palindra.models.track_saving import TrackRun
from palindra.training.track_losses import LOSSES
from palindra.training.track_predict import predict_batches

_STREAM = 300  # of random numbers, apart from those of training
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
    offsets = [integers(seed, k, rows, _STREAM, -reach, reach) for k in range(shifts)]
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK)]

    def letters(chunk: slice, k: int) -> Any:
        return lambda shift: data.codes(split, rows[chunk], middle + offsets[k][chunk] + shift, run.length)

    found = predict_batches(
        run.network,
        (letters(chunk, k) for chunk in chunks for k in range(shifts)),
        loss=LOSSES[run.loss],
        bin_size=run.bin_size,
        both_strands=run.target if run.both_strands else None,
    )

    def images(chunk: slice) -> Iterator[NDArray[Any]]:
        for k in range(shifts):
            values = next(found)
            yield np.concatenate(
                [
                    common_positions(
                        values[row : row + 1],
                        bin_size=run.bin_size,
                        offset=int(offset),
                        first=reach,
                        length=run.length - 2 * reach,
                    )
                    for row, offset in enumerate(offsets[k][chunk])
                ]
            )

    scores = np.concatenate([group_deviation(images(chunk)) for chunk in chunks])
    known = ~np.isnan(scores)
    return np.where(known, scores, 0).sum(0) / np.maximum(known.sum(0), 1)
